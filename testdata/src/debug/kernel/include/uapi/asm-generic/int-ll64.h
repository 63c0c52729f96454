/* SPDX-License-Identifier: GPL-2.0-only */
/* By a header of this path a kernel's source is told. */
typedef int __s32;
