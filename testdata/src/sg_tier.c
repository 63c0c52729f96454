// SPDX-License-Identifier: GPL-2.0-only
/* Exports a function and a table to modules that have an open userspace, with symgate's header. */
#include "symgate_test.h"
#include "export_userspace_gpl.h"

struct sg_tier_ops {
	int (*share)(int fd);
};

int sg_tier_share(int fd)
{
	return fd + 1;
}
EXPORT_SYMBOL_USERSPACE_GPL(sg_tier_share);

const struct sg_tier_ops sg_tier_table = { .share = sg_tier_share };
EXPORT_SYMBOL_USERSPACE_GPL(sg_tier_table);

/* One that is for all stays so. */
int sg_tier_version(void)
{
	return 1;
}
EXPORT_SYMBOL(sg_tier_version);

MODULE_LICENSE("GPL");
