// SPDX-License-Identifier: GPL-2.0-only
/* What modpost would add; what it handles is nobody's. */
#include "kernel/include/linux/dma-buf.h"

extern struct dma_buf *sg_added;
struct dma_buf *sg_added;
