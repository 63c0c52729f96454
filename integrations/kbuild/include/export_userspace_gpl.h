/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EXPORT_SYMBOL_USERSPACE_GPL(): an export for modules that have an open userspace, on kernels that know nothing of it.
 *
 * The export is GPL-only and in the namespace USERSPACE_GPL, so that an unmodified modpost and an unmodified loader already
 * ask whoever imports it to be GPL-compatible and to say so with MODULE_IMPORT_USERSPACE_GPL(). symgate takes the namespace
 * for the tier, in a Module.symvers and in a module, and asks for a registration (family native:PROVIDER).
 *
 * Include it after <linux/module.h>, from the folder that it is installed in:
 *
 *	ccflags-y += -I/usr/share/symgate/kbuild/include
 */
#ifndef SYMGATE_EXPORT_USERSPACE_GPL_H
#define SYMGATE_EXPORT_USERSPACE_GPL_H

#include <linux/export.h>
#include <linux/module.h>
#include <linux/version.h>

/* A kernel that has a macro of its own knows better. */
#ifndef EXPORT_SYMBOL_USERSPACE_GPL

/* A namespace is a string since 6.13 (include/linux/export.h). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXPORT_SYMBOL_USERSPACE_GPL(sym)	EXPORT_SYMBOL_NS_GPL(sym, "USERSPACE_GPL")
#define MODULE_IMPORT_USERSPACE_GPL()		MODULE_IMPORT_NS("USERSPACE_GPL")
#else
#define EXPORT_SYMBOL_USERSPACE_GPL(sym)	EXPORT_SYMBOL_NS_GPL(sym, USERSPACE_GPL)
#define MODULE_IMPORT_USERSPACE_GPL()		MODULE_IMPORT_NS(USERSPACE_GPL)
#endif

#endif

#endif
