// SPDX-License-Identifier: GPL-2.0-only
/* Exports what sg_hide_hop_one does, with a parameter before the name. */
#include "sg_hide.h"

void *sg_hop_one(const char *name);
void *sg_hop_two(int flags, const char *name);
noinline void *sg_hop_two(int flags, const char *name)
{
	if (flags & 4)
		pr_info("asked\n");
	return sg_hop_one(name);
}
EXPORT_SYMBOL_GPL(sg_hop_two);

MODULE_LICENSE("GPL");
