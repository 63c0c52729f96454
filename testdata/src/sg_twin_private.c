// SPDX-License-Identifier: GPL-2.0-only
/*
 * Includes what tells of DMA-BUF, and uses nothing of it: takes a file, and calls through its own table. Its debug
 * info is kept.
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include "sg_hide.h"

struct own_ops {
	int (*begin)(void *own, enum dma_data_direction direction);
};

struct own {
	const struct own_ops *ops;
};

static sg_apart int use(struct own *own)
{
	if (!own->ops->begin)
		return 0;
	return own->ops->begin(own, DMA_FROM_DEVICE);
}

int sg_twin_private(int fd);
int sg_twin_private(int fd)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;
	err = use(file->private_data);
	fput(file);
	return err;
}

MODULE_LICENSE("GPL");
