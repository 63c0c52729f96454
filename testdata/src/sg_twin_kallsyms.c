// SPDX-License-Identifier: GPL-2.0-only
/* Finds kallsyms_lookup_name by a kprobe, and asks it for something harmless. */
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

static unsigned long found;

static int __init twin_init(void)
{
	lookup_fn name = lookup();

	if (name)
		WRITE_ONCE(found, name("kernel_clone"));
	return 0;
}
module_init(twin_init);

MODULE_LICENSE("GPL");
