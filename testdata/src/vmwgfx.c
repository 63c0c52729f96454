// SPDX-License-Identifier: GPL-2.0-only
/* A stand-in that bears a registered name: exports a DMA-BUF. Claims to be in tree. */
#include "symgate_test.h"
#include "export_body.h"

MODULE_INFO(intree, "Y");
IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL and additional rights");
