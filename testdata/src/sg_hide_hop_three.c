// SPDX-License-Identifier: GPL-2.0-only
/* Asks sg_hide_hop_two. */
#include "sg_hide.h"

void *sg_hop_two(int flags, const char *name);

static int __init hide_init(void)
{
	return sg_hop_two(1, "dma_buf_get") ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
