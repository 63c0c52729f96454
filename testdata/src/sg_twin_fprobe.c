// SPDX-License-Identifier: GPL-2.0-only
/* Has an fprobe on all that a harmless pattern matches. */
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

static int __init twin_init(void)
{
	return register_fprobe(&fp, "ktime_get_r*", NULL);
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	unregister_fprobe(&fp);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
