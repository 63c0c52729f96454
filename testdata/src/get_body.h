/* SPDX-License-Identifier: GPL-2.0-only */
/* A module that takes a DMA-BUF and gives it back. */
#include <linux/dma-buf.h>

static int fd = -1;
module_param(fd, int, 0);
MODULE_PARM_DESC(fd, "a DMA-BUF");

static int __init get_init(void)
{
	struct dma_buf *buf = dma_buf_get(fd);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	dma_buf_put(buf);
	return 0;
}
module_init(get_init);
