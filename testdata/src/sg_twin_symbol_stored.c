// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a harmless name to which another function had a pointer set. */
#include "sg_hide.h"

static const char *name;
static void *got;

static int ask(const char *value, const struct kernel_param *param)
{
	got = __symbol_get(name);
	return got ? 0 : -ENOENT;
}

static const struct kernel_param_ops ops = { .set = ask };
module_param_cb(ask, &ops, NULL, 0200);
MODULE_PARM_DESC(ask, "asks");

static int __init twin_init(void)
{
	name = "ktime_get";
	return 0;
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	if (got)
		symbol_put_addr(got);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
