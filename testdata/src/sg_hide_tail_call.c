// SPDX-License-Identifier: GPL-2.0-only
/* The name is what the last call of a function gives back. */
#include <linux/jiffies.h>
#include "sg_hide.h"

static sg_apart const char *other(int index)
{
	return index > 3 ? "dma_buf_get" : "dma_buf_put";
}

static sg_apart const char *pick(int index)
{
	if (index)
		return "ktime_get";
	return other(index + 4);
}

static int __init hide_init(void)
{
	return __symbol_get(pick(jiffies & 1)) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
