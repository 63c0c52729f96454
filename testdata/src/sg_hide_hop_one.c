// SPDX-License-Identifier: GPL-2.0-only
/* Exports __symbol_get. */
#include "sg_hide.h"

void *sg_hop_one(const char *name);
noinline void *sg_hop_one(const char *name)
{
	return __symbol_get(name);
}
EXPORT_SYMBOL_GPL(sg_hop_one);

MODULE_LICENSE("GPL");
