// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_keep: keeps objects while it is loaded, so that the heap profile has
 * content.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#define NR_MAX	100000U

static unsigned int nr = 10000;
module_param(nr, uint, 0444);
MODULE_PARM_DESC(nr, "objects to keep (10000)");

static unsigned int size = 200;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes of each (200)");

static void *objs[NR_MAX];

/* Not in the init function, whose name is gone when it has run. */
static noinline int keep_object(unsigned int i)
{
	objs[i] = kspan_alloc(size, GFP_KERNEL);
	return objs[i] ? 0 : -ENOMEM;
}

static void free_all(void)
{
	unsigned int i;

	for (i = 0; i < NR_MAX; i++)
		kspan_free(objs[i]);
}

static int __init keep_init(void)
{
	unsigned int i;

	for (i = 0; i < nr && i < NR_MAX; i++) {
		if (keep_object(i)) {
			free_all();
			return -ENOMEM;
		}
	}
	return 0;
}

static void __exit keep_exit(void)
{
	free_all();
}

module_init(keep_init);
module_exit(keep_exit);

MODULE_DESCRIPTION("Client of kspan that keeps objects");
MODULE_LICENSE("GPL");
