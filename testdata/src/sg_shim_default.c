// SPDX-License-Identifier: GPL-2.0-only
/* Hands out another module's table. */
#include "symgate_test.h"
#include "sg_shim.h"

const struct sg_shim_ops *sg_shim_default_ops(void)
{
	return &sg_shim_ops;
}
EXPORT_SYMBOL(sg_shim_default_ops);

MODULE_LICENSE("GPL");
