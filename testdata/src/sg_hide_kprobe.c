// SPDX-License-Identifier: GPL-2.0-only
/* Has a kprobe tell where dma_buf_get is, and calls it. */
#include <linux/err.h>
#include <linux/kprobes.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe kp = { .symbol_name = "dma_buf_get", .pre_handler = pre };

static int __init hide_init(void)
{
	int err = register_kprobe(&kp);

	if (err)
		return err;
	return PTR_ERR_OR_ZERO(((sg_get_fn)kp.addr)(0));
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kprobe(&kp);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
