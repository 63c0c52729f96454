// SPDX-License-Identifier: GPL-2.0-only
/* Calls __symbol_get by a pointer in a section that is named as one of the kernel's own tables. */
#include "sg_hide.h"

static void *(*ask)(const char *name) __used __section(".call_sites") = __symbol_get;

static int __init hide_init(void)
{
	return (*(void *(*volatile *)(const char *))&ask)("dma_buf_get") ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
