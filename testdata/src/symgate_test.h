/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SYMGATE_TEST_H
#define SYMGATE_TEST_H

#include <linux/module.h>
#include <linux/version.h>

/* The macros take strings since 6.13. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#define EXPORT_NS_GPL(sym, ns) EXPORT_SYMBOL_NS_GPL(sym, #ns)
#else
#define IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#define EXPORT_NS_GPL(sym, ns) EXPORT_SYMBOL_NS_GPL(sym, ns)
#endif

MODULE_DESCRIPTION("symgate test module");

#endif
