// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a harmless name that stands in a struct, of which a function is given the address. */
#include "sg_hide.h"

struct wanted {
	int number;
	const char *name;
};

static const struct wanted wanted = { .number = 1, .name = "ktime_get" };
static void *got;

static sg_apart int ask(const struct wanted *s)
{
	got = __symbol_get(s->name);
	return got ? 0 : -ENOENT;
}

static int __init twin_init(void)
{
	return ask(&wanted);
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	symbol_put_addr(got);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
