/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sg_hide_* and sg_twin_* have in common. */
#ifndef SG_HIDE_H
#define SG_HIDE_H

#include "symgate_test.h"

struct dma_buf;

typedef struct dma_buf *(*sg_get_fn)(int fd);
typedef u64 (*sg_time_fn)(void);

/* Stays a function of its own, whose callers and parameters the compiler takes no advantage of. */
#define sg_apart noinline __attribute__((__noipa__))

#endif
