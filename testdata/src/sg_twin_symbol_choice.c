// SPDX-License-Identifier: GPL-2.0-only
/* Asks for one of two names, both harmless. */
#include "sg_hide.h"

static bool flag;
module_param(flag, bool, 0);
MODULE_PARM_DESC(flag, "which it is");

static void *got;

static int __init twin_init(void)
{
	got = __symbol_get(flag ? "ktime_get" : "ktime_get_raw");
	return got ? 0 : -ENOENT;
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	if (got)
		__symbol_put(flag ? "ktime_get" : "ktime_get_raw");
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
