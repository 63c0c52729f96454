// SPDX-License-Identifier: GPL-2.0-only
/* A kprobe on what finds symbols within the kernel, which is called with the name. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static struct kprobe kp = { .symbol_name = "kprobe_lookup_name" };

static int __init hide_init(void)
{
	void *(*find)(const char *name, unsigned int offset);

	if (register_kprobe(&kp))
		return -ENOENT;
	find = (void *)kp.addr;
	unregister_kprobe(&kp);
	return find("dma_buf_get", 0) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
