// SPDX-License-Identifier: GPL-2.0-only
/* Takes from sg_tier what is for all. */
#include "symgate_test.h"

int sg_tier_version(void);

static int __init sg_tier_version_init(void)
{
	return sg_tier_version();
}
module_init(sg_tier_version_init);

MODULE_LICENSE("GPL");
