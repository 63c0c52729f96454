// SPDX-License-Identifier: GPL-2.0-only
/* Hides what follows from the kernel; 7.2 refuses to compile it. */
#include "symgate_test.h"

MODULE_LICENSE("GPL\0 for the loader only");
