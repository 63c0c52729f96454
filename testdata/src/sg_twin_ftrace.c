// SPDX-License-Identifier: GPL-2.0-only
/* Has ftrace call it whenever something harmless is. */
#include <linux/ftrace.h>
#include "sg_hide.h"

static void traced(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = { .func = traced };

static int __init twin_init(void)
{
	int err = ftrace_set_filter(&ops, (unsigned char *)"kernel_clone", strlen("kernel_clone"), 0);

	return err ? err : register_ftrace_function(&ops);
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	unregister_ftrace_function(&ops);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
