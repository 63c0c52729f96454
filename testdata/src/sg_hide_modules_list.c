// SPDX-License-Identifier: GPL-2.0-only
/* Goes through all modules from its own place in the kernel's list of them, and looks for what one exports. */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/string.h>
#include "sg_hide.h"

/* As the kernel's own, which not all kernels show. */
struct exported {
	int value;
	int name;
	int namespace;
};

static sg_get_fn search(const struct module *mod)
{
	const struct exported *symbol = (const void *)mod->syms;
	unsigned int i;

	for (i = 0; i < mod->num_syms; i++, symbol++)
		if (!strcmp((const char *)&symbol->name + symbol->name, "drm_gem_prime_fd_to_handle"))
			return (sg_get_fn)((unsigned long)&symbol->value + symbol->value);
	return NULL;
}

static int __init hide_init(void)
{
	struct module *mod;
	sg_get_fn get = NULL;

	list_for_each_entry(mod, &THIS_MODULE->list, list)
		if (!strcmp(mod->name, "drm"))
			get = search(mod);
	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
