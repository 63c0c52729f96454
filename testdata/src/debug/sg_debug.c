// SPDX-License-Identifier: GPL-2.0-only
/* A source whose debug info has what is looked for there; build.sh builds it. */
#include "kernel/include/linux/dma-buf.h"
#include "sg_debug.h"

typedef struct dma_buf *buffer;

int sg_attach(struct dma_buf *buf, struct dma_buf_attachment *attachment);
int sg_probe(int fd);
int sg_hold(struct sg_object *object);
extern const struct dma_buf_ops *sg_ops[2];

static int attach(struct dma_buf *buf, struct dma_buf_attachment *attachment)
{
	return buf && attachment;
}

static const struct dma_buf_ops ops = { .attach = attach };
const struct dma_buf_ops *sg_ops[2] = { &ops };

static inline __attribute__((always_inline)) int take(int fd)
{
	buffer mine = dma_buf_get(fd);

	return mine ? kernel_probe(fd + 1) : 0;
}

/* It handles none of them itself. */
int sg_probe(int fd)
{
	return kernel_probe(fd);
}

__attribute__((section(".init.text"))) int sg_hold(struct sg_object *object)
{
	return take(object->id);
}
