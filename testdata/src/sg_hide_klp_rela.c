// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jumps to a symbol that only the kernel's live patching resolves, whether it is exported or not. The recipe makes
 * the symbol and the relocation what live patching knows: kbuild can't.
 */
#include "sg_hide.h"

#ifdef CONFIG_ARM64
#define JUMP "b"
#define TRAP "brk #1"
#else
#define JUMP "jmp"
#define TRAP "int3"
#endif

struct dma_buf *sg_hide_klp(int fd);
asm(".pushsection .text\n.globl sg_hide_klp\n.type sg_hide_klp,%function\nsg_hide_klp:\n"
    JUMP " \".klp.sym.vmlinux.dma_buf_get,0\"\n" TRAP "\n.size sg_hide_klp,.-sg_hide_klp\n.popsection");

static int __init hide_init(void)
{
	return sg_hide_klp(0) ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
