// SPDX-License-Identifier: GPL-2.0-only
/* Finds dma_buf_get by a kprobe that is on the stack. */
#include <linux/err.h>
#include <linux/kprobes.h>
#include "sg_hide.h"

static sg_get_fn get;

static int __init hide_init(void)
{
	struct kprobe kp;
	int err;

	memset(&kp, 0, sizeof(kp));
	kp.symbol_name = "dma_buf_get";
	err = register_kprobe(&kp);
	if (err)
		return err;
	get = (sg_get_fn)kp.addr;
	unregister_kprobe(&kp);
	return PTR_ERR_OR_ZERO(get(0));
}
module_init(hide_init);

MODULE_LICENSE("GPL");
