// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a name that stands in it only in a cipher. */
#include "sg_hide.h"

static char name[] = {
	'd' ^ 0x55, 'm' ^ 0x55, 'a' ^ 0x55, '_' ^ 0x55, 'b' ^ 0x55, 'u' ^ 0x55, 'f' ^ 0x55, '_' ^ 0x55,
	'g' ^ 0x55, 'e' ^ 0x55, 't' ^ 0x55, 0,
};
static void *got;

static int __init hide_init(void)
{
	char *letter;

	for (letter = name; *letter; letter++)
		*letter ^= 0x55;
	got = __symbol_get(name);
	return got ? 0 : -ENOENT;
}
module_init(hide_init);

static void __exit hide_exit(void)
{
	symbol_put_addr(got);
}
module_exit(hide_exit);

MODULE_LICENSE("GPL");
