// SPDX-License-Identifier: GPL-2.0-only
/* Puts a kprobe on something harmless; what stands in the text that it prints is not asked for. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static struct kprobe kp = { .symbol_name = "kernel_clone", .pre_handler = pre };

static sg_apart void say(void)
{
	pr_info("%s\n", "dma_buf_get");
}

static int __init twin_init(void)
{
	say();
	return register_kprobe(&kp);
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	unregister_kprobe(&kp);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
