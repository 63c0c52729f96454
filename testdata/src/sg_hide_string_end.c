// SPDX-License-Identifier: GPL-2.0-only
/* The name is the end of another, from a place on that a parameter tells. */
#include <linux/moduleparam.h>
#include "sg_hide.h"

static int skip = 2;
module_param(skip, int, 0);

static int __init hide_init(void)
{
	return __symbol_get("x_dma_buf_get" + skip) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
