// SPDX-License-Identifier: GPL-2.0-only
/* Another function stores the name, by a pointer to where another harmless one is. */
#include "sg_hide.h"

struct request {
	long flags;
	const char *name;
};

static struct request request = { 1, "ktime_get_raw" };

static sg_apart void set(struct request *to, const char *name)
{
	to->name = name;
}

static sg_apart void *ask(void)
{
	return __symbol_get(request.name);
}

static int __init hide_init(void)
{
	set(&request, "ktime_get");
	return ask() ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
