// SPDX-License-Identifier: GPL-2.0-only
/* Has ftrace call it whenever dma_buf_get is. */
#include <linux/ftrace.h>
#include "sg_hide.h"

static void traced(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = { .func = traced };

static int __init hide_init(void)
{
	int err = ftrace_set_filter(&ops, (unsigned char *)"dma_buf_get", strlen("dma_buf_get"), 0);

	return err ? err : register_ftrace_function(&ops);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_ftrace_function(&ops);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
