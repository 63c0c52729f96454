// SPDX-License-Identifier: GPL-2.0-only
/* Has two licence tags, of which modpost reads both and the loader the first. */
#include "symgate_test.h"

MODULE_LICENSE("GPL");
MODULE_LICENSE("Proprietary");
