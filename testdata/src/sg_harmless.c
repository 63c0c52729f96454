// SPDX-License-Identifier: GPL-2.0-only
/* Has nothing to do with any family. */
#include "symgate_test.h"

static int __init sg_harmless_init(void)
{
	pr_info("symgate: harmless\n");
	return 0;
}
module_init(sg_harmless_init);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("symgate");
