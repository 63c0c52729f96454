// SPDX-License-Identifier: GPL-2.0-only
/* A live patch that puts a function of its own in the place of one that is harmless. */
#include <linux/livepatch.h>
#include <linux/seq_file.h>
#include "sg_hide.h"

static int instead(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", "this has been live patched");
	return 0;
}

static struct klp_func funcs[] = { { .old_name = "cmdline_proc_show", .new_func = instead }, { } };
static struct klp_object objs[] = { { .funcs = funcs }, { } };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int __init twin_init(void)
{
	return klp_enable_patch(&patch);
}
module_init(twin_init);

/* The kernel wants one of a patch that can be taken back. */
static void __exit twin_exit(void)
{
}
module_exit(twin_exit);

MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
