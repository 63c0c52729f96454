// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a name that a function is given as its second parameter. */
#include "sg_hide.h"

static void *got;

static sg_apart int ask(void **to, const char *name)
{
	*to = __symbol_get(name);
	return *to ? 0 : -ENOENT;
}

static int __init hide_init(void)
{
	return ask(&got, "dma_buf_export");
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	symbol_put_addr(got);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
