// SPDX-License-Identifier: GPL-2.0-only
/* As sg_hide_klp_rela, to a symbol that is harmless. */
#include "sg_hide.h"

#ifdef CONFIG_ARM64
#define JUMP "b"
#define TRAP "brk #1"
#else
#define JUMP "jmp"
#define TRAP "int3"
#endif

struct dma_buf *sg_twin_klp(int fd);
asm(".pushsection .text\n.globl sg_twin_klp\n.type sg_twin_klp,%function\nsg_twin_klp:\n"
    JUMP " \".klp.sym.vmlinux.kernel_clone,0\"\n" TRAP "\n.size sg_twin_klp,.-sg_twin_klp\n.popsection");

static int __init twin_init(void)
{
	return sg_twin_klp(0) ? 0 : -ENOENT;
}
module_init(twin_init);

MODULE_INFO(livepatch, "Y");
MODULE_LICENSE("GPL");
