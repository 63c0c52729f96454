// SPDX-License-Identifier: GPL-2.0-only
/* A branch that a static key switches leads past the harmless name. */
#include <linux/err.h>
#include <linux/jump_label.h>
#include "sg_hide.h"

DEFINE_STATIC_KEY_TRUE(sg_key);

static int __init hide_init(void)
{
	sg_get_fn get;

	asm volatile("lea 3f(%%rip), %%rdi\n"
		     "1: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n"
		     "lea 4f(%%rip), %%rdi\n"
		     "2: call __symbol_get\n"
		     ".pushsection .rodata, \"a\"\n"
		     "3: .asciz \"dma_buf_get\"\n"
		     "4: .asciz \"ktime_get\"\n"
		     ".popsection\n"
		     ".pushsection __jump_table, \"aw\"\n"
		     ".balign 8\n"
		     ".long 1b - ., 2b - .\n"
		     ".quad sg_key - .\n"
		     ".popsection\n"
		     : "=a"(get)
		     : : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	return get ? PTR_ERR_OR_ZERO(get(0)) : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
