// SPDX-License-Identifier: GPL-2.0-only
/* Has an fprobe on each name of a list. */
#include <linux/fprobe.h>
#include "sg_hide.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
static int entered(struct fprobe *fp, unsigned long ip, unsigned long ret, struct ftrace_regs *regs, void *data)
{
	return 0;
}
#else
static void entered(struct fprobe *fp, unsigned long ip, struct pt_regs *regs)
{
}
#endif

static struct fprobe fp = { .entry_handler = entered };

static const char *names[] = { "kernel_clone", "dma_buf_get" };

static int __init hide_init(void)
{
	return register_fprobe_syms(&fp, names, ARRAY_SIZE(names));
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_fprobe(&fp);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
