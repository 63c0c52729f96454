// SPDX-License-Identifier: GPL-2.0-only
/* A live patch that puts a function of its own in the place of dma_buf_get. */
#include <linux/err.h>
#include <linux/livepatch.h>
#include "sg_hide.h"

static struct dma_buf *instead(int fd)
{
	return ERR_PTR(-EBADF);
}

static struct klp_func funcs[] = { { .old_name = "dma_buf_get", .new_func = instead }, { } };
static struct klp_object objs[] = { { .funcs = funcs }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int __init hide_init(void)
{
	return klp_enable_patch(&patch);
}
module_init(hide_init);

/* The kernel wants one of a patch that can be taken back. */
static void __exit hide_exit(void)
{
}
module_exit(hide_exit);

MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
