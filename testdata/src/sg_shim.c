// SPDX-License-Identifier: GPL-2.0-only
/* Wraps a symbol of DMA-BUF in a plain export, for whoever wants it; and has one that is harmless. */
#include <linux/dma-buf.h>
#include "symgate_test.h"
#include "sg_shim.h"

struct dma_buf *sg_shim_get(int fd)
{
	return dma_buf_get(fd);
}
EXPORT_SYMBOL(sg_shim_get);

int sg_shim_version(void)
{
	return 1;
}
EXPORT_SYMBOL(sg_shim_version);

IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
