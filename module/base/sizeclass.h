/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sizeclass.h - size classes, and the figures of the static span classes.
 *
 * A size class is a number from 1 to KSPAN_NR_CLASSES; 0 means "no class".
 * A span class is a size class and a kind, since objects of two kinds never
 * share a span; see spanclass.h.
 */
#ifndef KSPAN_SIZECLASS_H
#define KSPAN_SIZECLASS_H

#include <linux/types.h>

#include "base/sizeclass_table.h"

/* Heap pages are 8 KiB whatever PAGE_SIZE is, as in the Go runtime. */
#define KSPAN_PAGE_SHIFT	13
#define KSPAN_PAGE_SIZE		(1UL << KSPAN_PAGE_SHIFT)

#define KSPAN_SIZE8_MAX		1024UL	/* table with steps of 8 up to here */
#define KSPAN_SMALL_MAX		32768UL	/* table with steps of 128 up to here */

#define KSPAN_TINY_MAX		16UL	/* bytes of a tiny block */
#define KSPAN_TINY_CLASS	2	/* the class of 16 bytes */

enum kspan_kind {
	KSPAN_PTR,	/* objects that may hold pointers */
	KSPAN_DATA,	/* pointer-free: the Go runtime's noscan */
	KSPAN_TINY,	/* blocks cut by the tiny allocator */
	KSPAN_LARGE,	/* one object above KSPAN_SMALL_MAX */
	KSPAN_GUARD,	/* one object with guard pages; not in the arena map */
	KSPAN_NONE,	/* no span: the marker spans of the arena map */
};

/* The kinds' names, for reports and debugfs. */
extern const char * const kspan_kind_names[KSPAN_NONE + 1];

#define KSPAN_SC_DATA		KSPAN_NR_CLASSES
#define KSPAN_SC_TINY		(2 * KSPAN_NR_CLASSES + 1)
#define KSPAN_NR_SC		(KSPAN_SC_TINY + 1)

/**
 * struct kspan_class - the figures of a size class
 * @size: bytes of an object
 * @magic: ceil(2^32 / @size), to divide by multiplying
 * @nr_objs: objects of a span
 * @nr_pages: heap pages of a span
 * @mag_cap: objects of a full magazine
 */
struct kspan_class {
	u32 size;
	u32 magic;
	u16 nr_objs;
	u8 nr_pages;
	u8 mag_cap;
};

/* By static span class; so also by size class. */
extern const struct kspan_class kspan_classes[KSPAN_NR_SC];

/*
 * Twice the class of a size in steps of 8 bytes, and above 1024 in steps of
 * 128: an index into a cache's array of tops (cache.h), which has two for
 * each span class.  Scaled here so that the fast path need not.
 */
extern const u8 kspan_index8[KSPAN_SIZE8_MAX / 8 + 1];
extern const u8 kspan_index128[(KSPAN_SMALL_MAX - KSPAN_SIZE8_MAX) / 128 + 1];

/**
 * kspan_size_to_class - the smallest class that holds @size bytes
 * @size: bytes, at most KSPAN_SMALL_MAX
 *
 * Return: a class, or 0 for 0 bytes.
 */
static inline unsigned int kspan_size_to_class(size_t size)
{
	if (size <= KSPAN_SIZE8_MAX)
		return kspan_index8[(size + 7) >> 3] / 2;
	return kspan_index128[(size - KSPAN_SIZE8_MAX + 127) >> 7] / 2;
}

#endif /* KSPAN_SIZECLASS_H */
