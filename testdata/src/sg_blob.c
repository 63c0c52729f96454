// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is proprietary by its tag and imports nothing, as far as modpost can see: sg_blob_inject.o, which takes a
 * DMA-BUF, is linked in after modpost has looked (LDFLAGS_MODULE).
 */
#include "symgate_test.h"

MODULE_LICENSE("Proprietary");
