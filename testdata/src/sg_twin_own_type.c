// SPDX-License-Identifier: GPL-2.0-only
/* Has a struct dma_buf of its own, and a function dma_buf_get() of its own. */
#include "sg_hide.h"

struct device_memory {
	void *start;
};

static sg_apart void *dma_buf_get(struct device_memory *of)
{
	return of->start;
}

static int __init hide_init(void)
{
	static struct device_memory memory;

	return dma_buf_get(&memory) ? -EBUSY : 0;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
