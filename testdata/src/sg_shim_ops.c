// SPDX-License-Identifier: GPL-2.0-only
/* Exports nothing but a table, whose function goes to the shim. */
#include "symgate_test.h"
#include "sg_shim.h"

static struct dma_buf *get(int fd)
{
	return sg_shim_get(fd);
}

const struct sg_shim_ops sg_shim_ops = { .get = get };
EXPORT_SYMBOL(sg_shim_ops);

MODULE_LICENSE("GPL");
