// SPDX-License-Identifier: GPL-2.0-only
/* The kernel replaces the instruction that takes the harmless name. */
#include <linux/err.h>
#include <asm/alternative.h>
#include "sg_hide.h"

static const char harmless[] = "ktime_get", name[] = "dma_buf_get";

static int __init hide_init(void)
{
	const char *told;
	sg_get_fn get;

	asm volatile(ALTERNATIVE("mov %1, %0", "mov %2, %0", X86_FEATURE_ALWAYS)
		     : "=r"(told) : "i"(harmless), "i"(name));
	get = __symbol_get(told);
	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
