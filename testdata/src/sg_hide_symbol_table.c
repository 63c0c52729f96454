// SPDX-License-Identifier: GPL-2.0-only
/* Asks for each name of a table. */
#include "sg_hide.h"

static const char * const names[] = {
	"ktime_get", "ktime_get_coarse_with_offset", "dma_buf_get", "ktime_get_boot_fast_ns", "ktime_get_real_seconds",
	"ktime_get_resolution_ns", "ktime_get_seconds",
};
static void *got[ARRAY_SIZE(names)];

static int __init hide_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		got[i] = __symbol_get(names[i]);
	return 0;
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (got[i])
			__symbol_put(names[i]);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
