/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of a kernel's header as the debug info of inlined calls needs. */
#include "../uapi/asm-generic/int-ll64.h"

struct dma_buf;
struct dma_buf_attachment;

struct dma_buf_ops {
	int (*attach)(struct dma_buf *buf, struct dma_buf_attachment *attachment);
};

struct dma_buf *dma_buf_get(int fd);
void dma_buf_put(struct dma_buf *buf);

static inline __s32 kernel_probe(__s32 fd)
{
	struct dma_buf *buf = dma_buf_get(fd);

	if (!buf)
		return -1;
	dma_buf_put(buf);
	return 0;
}
