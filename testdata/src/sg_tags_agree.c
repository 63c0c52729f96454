// SPDX-License-Identifier: GPL-2.0-only
/* Has several licence tags that agree, as many stock modules do. */
#include "symgate_test.h"

MODULE_LICENSE("GPL");
MODULE_LICENSE("Dual BSD/GPL");
