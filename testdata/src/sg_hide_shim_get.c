// SPDX-License-Identifier: GPL-2.0-only
/* Exports a function that calls what symbol_get(dma_buf_get) gave when the module was loaded. */
#include <linux/dma-buf.h>
#include "sg_hide.h"

static sg_get_fn get;

struct dma_buf *sg_hide_get(int fd);
struct dma_buf *sg_hide_get(int fd)
{
	return get(fd);
}
EXPORT_SYMBOL(sg_hide_get);

static int __init hide_init(void)
{
	get = symbol_get(dma_buf_get);
	return get ? 0 : -ENOENT;
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	symbol_put(dma_buf_get);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
