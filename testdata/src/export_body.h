/* SPDX-License-Identifier: GPL-2.0-only */
/* A module that exports a DMA-BUF. */
#include <linux/dma-buf.h>

struct dma_buf *take_out(const struct dma_buf_export_info *info);

struct dma_buf *take_out(const struct dma_buf_export_info *info)
{
	return dma_buf_export(info);
}
