// SPDX-License-Identifier: GPL-2.0-only
/* Puts a kprobe on what whoever loads it tells. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static char symbol[KSYM_NAME_LEN] = "kernel_clone";
module_param_string(symbol, symbol, KSYM_NAME_LEN, 0644);
MODULE_PARM_DESC(symbol, "where");

static struct kprobe kp = { .symbol_name = symbol, .pre_handler = pre };

static int __init hide_init(void)
{
	return register_kprobe(&kp);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kprobe(&kp);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
