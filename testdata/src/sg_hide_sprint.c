// SPDX-License-Identifier: GPL-2.0-only
/* Has the kernel tell the names of one address after another until it is the one it looks for. */
#include <linux/err.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>
#include "sg_hide.h"

static sg_get_fn search(void)
{
	char name[KSYM_SYMBOL_LEN];
	unsigned long address = (unsigned long)_printk & PAGE_MASK;
	unsigned long end = address + (16 << 20);

	for (; address < end; address += 16) {
		sprint_symbol(name, address);
		if (!strncmp(name, "dma_buf_get+0x0", 15))
			return (sg_get_fn)address;
	}
	return NULL;
}

static int __init hide_init(void)
{
	sg_get_fn get = search();

	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
