// SPDX-License-Identifier: GPL-2.0-only
/* Lets a DMA-BUF go that somebody else took: uses a family, gets at nothing. */
#include "symgate_test.h"
#include <linux/dma-buf.h>

static struct dma_buf *buf;

static void __exit sg_put_exit(void)
{
	if (buf)
		dma_buf_put(buf);
}
module_exit(sg_put_exit);

IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
