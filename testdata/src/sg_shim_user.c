// SPDX-License-Identifier: GPL-2.0-only
/* The end of the chain: takes a DMA-BUF by the table that it is handed. */
#include "symgate_test.h"
#include "sg_shim.h"

static int fd = -1;
module_param(fd, int, 0);
MODULE_PARM_DESC(fd, "a DMA-BUF");

static int __init user_init(void)
{
	return sg_shim_default_ops()->get(fd) ? 0 : -EINVAL;
}
module_init(user_init);

MODULE_LICENSE("Proprietary");
