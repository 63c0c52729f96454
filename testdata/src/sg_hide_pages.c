// SPDX-License-Identifier: GPL-2.0-only
/* Makes pages of P2PDMA by hand: calls nothing of the family. */
#include <linux/device.h>
#include <linux/memremap.h>
#include "sg_hide.h"

static struct dev_pagemap map = { .type = MEMORY_DEVICE_PCI_P2PDMA, .nr_range = 1 };

void *sg_hide_pages(struct device *dev, u64 start, u64 end);
void *sg_hide_pages(struct device *dev, u64 start, u64 end)
{
	map.range.start = start;
	map.range.end = end;
	return devm_memremap_pages(dev, &map);
}

MODULE_LICENSE("GPL");
