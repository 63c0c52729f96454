// SPDX-License-Identifier: GPL-2.0-only
/* The kernel sorts the names: the first was the second. */
#include <linux/err.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "sg_hide.h"

static const char *names[] = { "ktime_get", "dma_buf_get" };

static int compare(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static int __init hide_init(void)
{
	sg_get_fn get;

	sort(names, ARRAY_SIZE(names), sizeof(names[0]), compare, NULL);
	get = __symbol_get(names[0]);
	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
