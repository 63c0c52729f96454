/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SG_SHIM_H
#define SG_SHIM_H

struct dma_buf;

struct sg_shim_ops {
	struct dma_buf *(*get)(int fd);
};

struct dma_buf *sg_shim_get(int fd);
int sg_shim_version(void);
extern const struct sg_shim_ops sg_shim_ops;
const struct sg_shim_ops *sg_shim_default_ops(void);

#endif
