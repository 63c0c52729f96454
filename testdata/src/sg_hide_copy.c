// SPDX-License-Identifier: GPL-2.0-only
/* Brings functions of its own that bear the names of the family, and uses these. */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include "sg_hide.h"

struct dma_buf {
	struct file *file;
	size_t size;
};

struct dma_buf *dma_buf_export(size_t size);
int dma_buf_fd(struct dma_buf *buf, int flags);

static int release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations fops = { .owner = THIS_MODULE, .release = release };

struct dma_buf *dma_buf_export(size_t size)
{
	struct dma_buf *buf = kzalloc(sizeof(*buf), GFP_KERNEL);

	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->size = size;
	buf->file = anon_inode_getfile("dmabuf", &fops, buf, O_RDWR);
	return buf;
}

int dma_buf_fd(struct dma_buf *buf, int flags)
{
	int fd = get_unused_fd_flags(flags);

	if (fd >= 0)
		fd_install(fd, buf->file);
	return fd;
}

int sg_hide_copy(size_t size);
int sg_hide_copy(size_t size)
{
	struct dma_buf *buf = dma_buf_export(size);

	return IS_ERR(buf) ? PTR_ERR(buf) : dma_buf_fd(buf, O_CLOEXEC);
}

MODULE_LICENSE("GPL");
