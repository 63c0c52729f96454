// SPDX-License-Identifier: GPL-2.0-only
/* Uses what nothing exports, once strongly and once weakly (KBUILD_MODPOST_WARN). */
#include "symgate_test.h"

int sg_nobody(void);
int sg_nobody_weak(void) __attribute__((weak));

static int __init sg_undefined_init(void)
{
	if (sg_nobody_weak)
		return sg_nobody_weak();
	return sg_nobody();
}
module_init(sg_undefined_init);

MODULE_LICENSE("GPL");
