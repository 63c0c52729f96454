// SPDX-License-Identifier: GPL-2.0-only
/* Does with its own struct module what all do: holds it, and prints its name. */
#include "sg_hide.h"

static int __init twin_init(void)
{
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	pr_info("%s\n", THIS_MODULE->name);
	module_put(THIS_MODULE);
	return 0;
}
module_init(twin_init);

MODULE_LICENSE("GPL");
