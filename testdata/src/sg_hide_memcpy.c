// SPDX-License-Identifier: GPL-2.0-only
/* The kprobe is copied over a harmless one. */
#include <linux/kprobes.h>
#include <linux/string.h>
#include "sg_hide.h"

static const struct kprobe templates[2] = {
	{ .symbol_name = "ktime_get" },
	{ .symbol_name = "dma_buf_get" },
};
static struct kprobe kp = { .symbol_name = "kernel_clone" };

static int __init hide_init(void)
{
	memcpy(&kp, &templates[1], sizeof(kp));
	barrier();
	return register_kprobe(&kp);
}
module_init(hide_init);

MODULE_LICENSE("GPL");
