// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_forgotten: objects that outlive kspan.
 *
 * This module does not link to kspan.  It looks kspan's functions up and
 * releases them again, so that kspan can be unloaded and loaded while this
 * module still holds objects.  The content of the objects must not change.  A
 * free after kspan was loaded anew must be reported and have no other effect.
 *
 * Loading the module allocates and fills the objects.  After that it is
 * controlled by parameters in sysfs.  Reading "compare" returns "ok" or the
 * byte that has changed.  Writing N to "late_free" frees object N by the kspan
 * that is loaded then.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

enum kind {
	PLAIN,
	DATA,
	TINY,
};

/* Objects of all kinds and sizes.  Some share a block, a span or a chunk. */
static const struct {
	enum kind kind;
	size_t size;
} wanted[] = {
	{ TINY, 1 }, { TINY, 7 }, { TINY, 12 },
	{ PLAIN, 8 }, { PLAIN, 100 }, { PLAIN, 100 }, { PLAIN, SZ_1K },
	{ DATA, 300 }, { DATA, SZ_32K },
	{ PLAIN, SZ_32K + 1 }, { PLAIN, SZ_256K + 5 }, { DATA, SZ_128K },
};

#define NR_OBJECTS	ARRAY_SIZE(wanted)

static u8 *objects[NR_OBJECTS];

typedef void *(*alloc_fn)(size_t size, gfp_t gfp);

/* Pairs with alloc_put().  Return: NULL if kspan is not loaded. */
static alloc_fn alloc_get(enum kind kind)
{
	switch (kind) {
	case DATA:
		return symbol_get(kspan_alloc_data);
	case TINY:
		return symbol_get(kspan_alloc_tiny);
	default:
		return symbol_get(kspan_alloc);
	}
}

static void alloc_put(enum kind kind)
{
	switch (kind) {
	case DATA:
		symbol_put(kspan_alloc_data);
		break;
	case TINY:
		symbol_put(kspan_alloc_tiny);
		break;
	default:
		symbol_put(kspan_alloc);
		break;
	}
}

/* Value of byte @at of object @nr: never poison, and no long rows of zeros. */
static u8 byte_of(unsigned int nr, size_t at)
{
	return nr * 37 + at * 11 + (at >> 8) + 1;
}

static int object_make(unsigned int nr)
{
	enum kind kind = wanted[nr].kind;
	alloc_fn alloc = alloc_get(kind);
	size_t at;

	if (!alloc)
		return -ENOENT;
	objects[nr] = alloc(wanted[nr].size, GFP_KERNEL);
	alloc_put(kind);
	if (!objects[nr])
		return -ENOMEM;
	for (at = 0; at < wanted[nr].size; at++)
		objects[nr][at] = byte_of(nr, at);
	return 0;
}

/* Return: an error if kspan is not loaded. */
static int object_free(unsigned int nr)
{
	void (*free)(const void *ptr) = symbol_get(kspan_free);

	if (!free)
		return -ENOENT;
	free(objects[nr]);
	symbol_put(kspan_free);
	return 0;
}

/* Return: offset of the first byte that has changed, or the object's size. */
static size_t first_changed(unsigned int nr)
{
	size_t at = 0;

	while (at < wanted[nr].size && objects[nr][at] == byte_of(nr, at))
		at++;
	return at;
}

static int get_compare(char *buf, const struct kernel_param *kp)
{
	unsigned int nr;
	size_t at;

	for (nr = 0; nr < NR_OBJECTS; nr++) {
		at = first_changed(nr);
		if (at < wanted[nr].size)
			return sysfs_emit(buf, "object %u of %zu bytes: byte %zu is 0x%02x\n",
					  nr, wanted[nr].size, at,
					  objects[nr][at]);
	}
	return sysfs_emit(buf, "ok\n");
}

static const struct kernel_param_ops compare_ops = {
	.get = get_compare,
};

module_param_cb(compare, &compare_ops, NULL, 0400);
MODULE_PARM_DESC(compare, "says ok, or which byte is not as it was written");

static int set_late_free(const char *val, const struct kernel_param *kp)
{
	unsigned int nr;
	int err = kstrtouint(val, 0, &nr);

	if (err)
		return err;
	/* As a parameter of insmod it is set before the objects exist. */
	if (nr >= NR_OBJECTS || !objects[nr])
		return -EINVAL;
	return object_free(nr);
}

static int get_late_free(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%zu\n", NR_OBJECTS);
}

static const struct kernel_param_ops late_free_ops = {
	.set = set_late_free,
	.get = get_late_free,
};

module_param_cb(late_free, &late_free_ops, NULL, 0600);
MODULE_PARM_DESC(late_free, "write N: free the N-th object; says how many there are");

static int __init forgotten_init(void)
{
	unsigned int nr;
	int err;

	for (nr = 0; nr < NR_OBJECTS; nr++) {
		err = object_make(nr);
		if (err) {
			while (nr--)
				object_free(nr);
			return err;
		}
	}
	return 0;
}

/* After this nothing refers to the objects any more. */
static void __exit forgotten_exit(void)
{
}

module_init(forgotten_init);
module_exit(forgotten_exit);

MODULE_DESCRIPTION("Objects that outlive the kspan allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
