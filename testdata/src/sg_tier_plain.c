// SPDX-License-Identifier: GPL-2.0-only
/* Puts a plain export into the tier's namespace: whoever declares the namespace has it, whatever its licence. */
#include "symgate_test.h"

int sg_tier_open(int fd)
{
	return fd;
}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
EXPORT_SYMBOL_NS(sg_tier_open, "USERSPACE_GPL");
#else
EXPORT_SYMBOL_NS(sg_tier_open, USERSPACE_GPL);
#endif

MODULE_LICENSE("GPL");
