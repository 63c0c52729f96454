// SPDX-License-Identifier: GPL-2.0-only
/* Has a function of its own whose name begins like the family's. */
#include "sg_hide.h"

static sg_apart int dma_buf_helper_own(int number)
{
	return number + 1;
}

int sg_twin_copy(int number);
int sg_twin_copy(int number)
{
	return dma_buf_helper_own(number) * 2;
}

MODULE_LICENSE("GPL");
