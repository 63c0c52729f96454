// SPDX-License-Identifier: GPL-2.0-only
/* Puts a kprobe on dma_buf_get; its name is stored in it when the module is loaded. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe kp;

static int __init hide_init(void)
{
	kp.symbol_name = "dma_buf_get";
	kp.pre_handler = pre;
	return register_kprobe(&kp);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kprobe(&kp);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
