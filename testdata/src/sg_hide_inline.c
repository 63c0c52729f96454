// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a DMA-BUF by a function of a header that is put in the place of its call, and by a call of its own. Its debug
 * info, which is kept, tells the lines of both.
 */
#include "sg_hide.h"

#include "get_inline.h"

struct dma_buf *sg_by_header(int fd);
struct dma_buf *sg_by_header(int fd)
{
	return get_inline(fd + 1);
}

struct dma_buf *sg_by_call(int fd);
struct dma_buf *sg_by_call(int fd)
{
	return dma_buf_get(fd + 2);
}

IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
