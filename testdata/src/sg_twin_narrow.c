// SPDX-License-Identifier: GPL-2.0-only
/* What stands beside the name changes, and its lock is handed to others. */
#include <linux/mutex.h>
#include "sg_hide.h"

static struct {
	struct mutex lock;
	u8 flags;
	const char *name;
	bool is_there;
	u32 times;
} request = { .lock = __MUTEX_INITIALIZER(request.lock), .name = "ktime_get" };

static int __init hide_init(void)
{
	sg_time_fn get;

	mutex_lock(&request.lock);
	request.flags |= 4;
	request.times++;
	get = __symbol_get(request.name);
	request.is_there = get;
	mutex_unlock(&request.lock);
	return get ? 0 : -ENOENT;
}
module_init(hide_init);

MODULE_LICENSE("GPL");
