// SPDX-License-Identifier: GPL-2.0-only
/* Uses all that sg_export offers, and declares the namespace. */
#include "symgate_test.h"

int sg_plain(int x);
int sg_gpl(int x);
int sg_spaced(int x);

static int __init sg_user_init(void)
{
	return sg_plain(sg_gpl(sg_spaced(0))) ? 0 : -EINVAL;
}
module_init(sg_user_init);

IMPORT_NS(SYMGATE_TEST);
MODULE_LICENSE("GPL v2");
