// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a name that it puts together. */
#include "sg_hide.h"

static void *got;

static int __init hide_init(void)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%s_%s", "dma", "buf", "get");
	got = __symbol_get(name);
	return got ? 0 : -ENOENT;
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	symbol_put_addr(got);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
