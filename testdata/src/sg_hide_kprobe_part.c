// SPDX-License-Identifier: GPL-2.0-only
/* Has a kprobe tell where a part of dma_buf_get is. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static struct kprobe kp = { .symbol_name = "dma_buf_get.cold" };

static int __init hide_init(void)
{
	return register_kprobe(&kp);
}
module_init(hide_init);

MODULE_LICENSE("GPL");
