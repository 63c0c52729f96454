// SPDX-License-Identifier: GPL-2.0-only
/* Exports a function that calls what symbol_get(ktime_get) gave when the module was loaded. */
#include <linux/ktime.h>
#include "sg_hide.h"

static sg_time_fn get;

u64 sg_twin_get(void);
u64 sg_twin_get(void)
{
	return get();
}
EXPORT_SYMBOL(sg_twin_get);

static int __init twin_init(void)
{
	get = (sg_time_fn)symbol_get(ktime_get);
	return get ? 0 : -ENOENT;
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	symbol_put(ktime_get);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
