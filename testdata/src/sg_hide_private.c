// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a DMA-BUF out of a file, and calls through its table: imports nothing of the family. Only its debug
 * info, which is kept, tells the types.
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include "sg_hide.h"

static sg_apart int use(struct dma_buf *buf)
{
	if (!buf->ops->begin_cpu_access)
		return 0;
	return buf->ops->begin_cpu_access(buf, DMA_FROM_DEVICE);
}

int sg_hide_private(int fd);
int sg_hide_private(int fd)
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
