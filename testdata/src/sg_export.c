// SPDX-License-Identifier: GPL-2.0-only
/* Exports of every kind: plain and GPL, with and without a namespace, a function and a table. */
#include "symgate_test.h"

int sg_plain(int x)
{
	return x + 1;
}
EXPORT_SYMBOL(sg_plain);

int sg_gpl(int x)
{
	return x + 2;
}
EXPORT_SYMBOL_GPL(sg_gpl);

int sg_spaced(int x)
{
	return x + 3;
}
EXPORT_NS_GPL(sg_spaced, SYMGATE_TEST);

struct sg_ops {
	int (*one)(int x);
	int (*two)(int x);
};

const struct sg_ops sg_table = { .one = sg_plain, .two = sg_gpl };
EXPORT_SYMBOL_GPL(sg_table);

MODULE_LICENSE("GPL");
