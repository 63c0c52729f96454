// SPDX-License-Identifier: GPL-2.0-only
/* Asks sg_hide_kallsyms_wrapper for something harmless. */
#include "sg_hide.h"

unsigned long sg_lookup(const char *symbol);

static int __init twin_init(void)
{
	return sg_lookup("kernel_clone") ? 0 : -ENOENT;
}
module_init(twin_init);

MODULE_LICENSE("GPL");
