// SPDX-License-Identifier: GPL-2.0-only
/* One byte of the pointer to a harmless name is changed, so that it leads to another. */
#include <linux/err.h>
#include "sg_hide.h"

static const char names[32] __aligned(32) = "ktime_get\0\0\0\0\0\0\0dma_buf_get";
static const char *name = names;

static sg_apart void *ask(void)
{
	return __symbol_get(name);
}

static int __init hide_init(void)
{
	sg_get_fn get;

	*(volatile u8 *)&name |= 16;
	get = ask();
	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
