/* SPDX-License-Identifier: GPL-2.0-only */
struct sg_object {
	int id;
	union {
		struct dma_buf_attachment *const attachment;
		void *other;
	};
};

/* Nobody uses it. */
struct sg_unused {
	struct dma_buf_attachment *attachment;
};
