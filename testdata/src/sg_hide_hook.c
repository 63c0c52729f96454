// SPDX-License-Identifier: GPL-2.0-only
/* Is called where dma_buf_put() is, with the struct dma_buf that that is handed. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static unsigned long seen;

static int pre(struct kprobe *p, struct pt_regs *regs)
{
	seen = regs_get_kernel_argument(regs, 0);
	return 0;
}

static struct kprobe kp = { .symbol_name = "dma_buf_put", .pre_handler = pre };

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
