// SPDX-License-Identifier: GPL-2.0-only
/* Puts several kprobes at once, one of them on dma_buf_get. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe one = { .symbol_name = "kernel_clone", .pre_handler = pre };
static struct kprobe two = { .symbol_name = "dma_buf_get", .pre_handler = pre };
static struct kprobe *probes[] = { &one, &two };

static int __init hide_init(void)
{
	return register_kprobes(probes, ARRAY_SIZE(probes));
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kprobes(probes, ARRAY_SIZE(probes));
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
