// SPDX-License-Identifier: GPL-2.0-only
/* Takes a DMA-BUF, honestly declared, registered nowhere. */
#include "symgate_test.h"
#include "get_body.h"

IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
