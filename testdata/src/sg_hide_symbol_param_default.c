// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a name that whoever loads it may tell, and else for one of its own. */
#include <linux/moduleparam.h>
#include "sg_hide.h"

static char *name = "dma_buf_get";
module_param(name, charp, 0);
MODULE_PARM_DESC(name, "what to ask for");

static void *got;

static int __init hide_init(void)
{
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
