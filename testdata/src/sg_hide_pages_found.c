// SPDX-License-Identifier: GPL-2.0-only
/* Finds devm_memremap_pages() while it runs. */
#include <linux/memremap.h>
#include "sg_hide.h"

static int __init hide_init(void)
{
	return symbol_get(devm_memremap_pages) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
