// SPDX-License-Identifier: GPL-2.0-only
/* Uses nothing of the shim but what is harmless. */
#include "symgate_test.h"
#include "sg_shim.h"

static int __init safe_init(void)
{
	return sg_shim_version() == 1 ? 0 : -EINVAL;
}
module_init(safe_init);

MODULE_LICENSE("Proprietary");
