// SPDX-License-Identifier: GPL-2.0-only
/* Finds kallsyms_lookup_name by a kprobe, asks it for dma_buf_get, and calls that. */
#include <linux/err.h>
#include <linux/kprobes.h>
#include "sg_hide.h"

typedef unsigned long (*lookup_fn)(const char *name);

static lookup_fn lookup(void)
{
	static struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	lookup_fn found;

	if (register_kprobe(&kp))
		return NULL;
	found = (lookup_fn)kp.addr;
	unregister_kprobe(&kp);
	return found;
}

static int __init hide_init(void)
{
	lookup_fn name = lookup();
	sg_get_fn get = name ? (sg_get_fn)name("dma_buf_get") : NULL;

	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
