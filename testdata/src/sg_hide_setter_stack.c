// SPDX-License-Identifier: GPL-2.0-only
/* Another function stores the name, by a pointer to the stack. */
#include "sg_hide.h"

static sg_apart void set(const char **name)
{
	*name = "dma_buf_get";
}

static int __init hide_init(void)
{
	const char *name = "ktime_get";

	set(&name);
	return __symbol_get(name) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
