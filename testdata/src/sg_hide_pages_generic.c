// SPDX-License-Identifier: GPL-2.0-only
/* Makes pages of a device's memory. */
#include <linux/memremap.h>
#include "sg_hide.h"

static struct dev_pagemap map = { .type = MEMORY_DEVICE_GENERIC, .nr_range = 1 };

void *sg_hide_pages_generic(u64 start, u64 end);
void *sg_hide_pages_generic(u64 start, u64 end)
{
	map.range.start = start;
	map.range.end = end;
	map.owner = THIS_MODULE;
	return memremap_pages(&map, NUMA_NO_NODE);
}

MODULE_LICENSE("GPL");
