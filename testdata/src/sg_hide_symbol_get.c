// SPDX-License-Identifier: GPL-2.0-only
/* Takes dma_buf_get by symbol_get(), and calls what it gets. */
#include <linux/dma-buf.h>
#include "sg_hide.h"

static struct dma_buf *taken;

static int __init hide_init(void)
{
	sg_get_fn get = symbol_get(dma_buf_get);

	if (!get)
		return -ENOENT;
	taken = get(0);
	return PTR_ERR_OR_ZERO(taken);
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	symbol_put(dma_buf_get);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
