// SPDX-License-Identifier: GPL-2.0-only
/* Asks for one of two names; which, tells a parameter. */
#include "sg_hide.h"

static bool flag;
module_param(flag, bool, 0);
MODULE_PARM_DESC(flag, "which it is");

static void *got;

static int __init hide_init(void)
{
	got = __symbol_get(flag ? "ktime_get" : "dma_buf_get");
	return got ? 0 : -ENOENT;
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	if (got)
		__symbol_put(flag ? "ktime_get" : "dma_buf_get");
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
