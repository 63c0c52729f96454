// SPDX-License-Identifier: GPL-2.0-only
/* Takes what sg_tier exports to modules that have an open userspace, and says so. */
#include "symgate_test.h"
#include "export_userspace_gpl.h"

int sg_tier_share(int fd);

static int __init sg_tier_user_init(void)
{
	return sg_tier_share(1);
}
module_init(sg_tier_user_init);

MODULE_IMPORT_USERSPACE_GPL();
MODULE_LICENSE("GPL");
