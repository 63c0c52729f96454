// SPDX-License-Identifier: GPL-2.0-only
/* Puts a kprobe on an address that it reckons from that of another symbol. */
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe kp = { .pre_handler = pre };

static int __init hide_init(void)
{
	kp.addr = (kprobe_opcode_t *)((unsigned long)ktime_get + 0x51230);
	return register_kprobe(&kp);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kprobe(&kp);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
