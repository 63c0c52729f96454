// SPDX-License-Identifier: GPL-2.0-only
/* Takes something harmless by symbol_get(); what stands in the text that it prints is not asked for. */
#include <linux/ktime.h>
#include "sg_hide.h"

static u64 now;

static sg_apart void say(void)
{
	pr_info("%s\n", "dma_buf_get");
}

static int __init twin_init(void)
{
	sg_time_fn get = (sg_time_fn)symbol_get(ktime_get);

	if (!get)
		return -ENOENT;
	now = get();
	say();
	return 0;
}
module_init(twin_init);

static void __exit twin_exit(void)
{
	symbol_put(ktime_get);
}
module_exit(twin_exit);

MODULE_LICENSE("GPL");
