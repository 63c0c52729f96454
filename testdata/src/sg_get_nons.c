// SPDX-License-Identifier: GPL-2.0-only
/* Takes a DMA-BUF without declaring the namespace; modpost is told to only warn (KBUILD_NSDEPS). */
#include "symgate_test.h"
#include "get_body.h"

MODULE_LICENSE("GPL");
