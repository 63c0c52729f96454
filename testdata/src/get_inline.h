/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GET_INLINE_H
#define GET_INLINE_H

#include <linux/dma-buf.h>

static __always_inline struct dma_buf *get_inline(int fd)
{
	if (fd < 0)
		return ERR_PTR(-EBADF);
	return dma_buf_get(fd);
}

#endif
