// SPDX-License-Identifier: GPL-2.0-only
/* Finds kallsyms_lookup_name by a kprobe, and asks it for each name of a table. */
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

static const char * const names[] = {
	"kernel_clone", "dma_buf_get", "dma_buf_put", "ktime_get", "vfs_read", "vfs_write", "do_exit",
};
static unsigned long found[ARRAY_SIZE(names)];

static int __init hide_init(void)
{
	lookup_fn name = lookup();
	int i;

	if (!name)
		return -ENOENT;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		found[i] = name(names[i]);
	return found[1] ? PTR_ERR_OR_ZERO(((sg_get_fn)found[1])(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
