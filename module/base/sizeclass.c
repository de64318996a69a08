// SPDX-License-Identifier: GPL-2.0
/*
 * Size classes: the tables behind sizeclass.h.  The script
 * scripts/checks/gen-sizeclasses.py computes the numbers and prints the waste of
 * each class.
 */
#include <linux/build_bug.h>

#include "base/sizeclass.h"

/* ceil(2^32 / size) without 64-bit arithmetic */
#define CLASS_MAGIC(size) (0xffffffffU / (size) + 1)

#define CLASS_ROW(sc, bytes, pages, objs, cap)		\
	[sc] = {					\
		.size = (bytes),			\
		.magic = CLASS_MAGIC(bytes),		\
		.nr_objs = (objs),			\
		.nr_pages = (pages),			\
		.mag_cap = (cap),			\
	},

#define DATA_ROW(class, ...) CLASS_ROW(KSPAN_SC_DATA + (class), __VA_ARGS__)

const struct kspan_class kspan_classes[KSPAN_NR_SC] = {
	KSPAN_CLASS_TABLE(CLASS_ROW)
	KSPAN_CLASS_TABLE(DATA_ROW)
	/* The figures of KSPAN_TINY_CLASS. */
	CLASS_ROW(KSPAN_SC_TINY, KSPAN_TINY_MAX, 1,
		  KSPAN_PAGE_SIZE / KSPAN_TINY_MAX, 63)
};

const char * const kspan_kind_names[KSPAN_NONE + 1] = {
	[KSPAN_PTR] = "pointer",
	[KSPAN_DATA] = "data",
	[KSPAN_TINY] = "tiny",
	[KSPAN_LARGE] = "large",
	[KSPAN_GUARD] = "guard",
	[KSPAN_NONE] = "no",
};

#define CLASS_ENTRY(class) (2 * (class))

const u8 kspan_index8[KSPAN_SIZE8_MAX / 8 + 1] = {
	KSPAN_SIZE_TO_CLASS8(CLASS_ENTRY)
};

const u8 kspan_index128[(KSPAN_SMALL_MAX - KSPAN_SIZE8_MAX) / 128 + 1] = {
	KSPAN_SIZE_TO_CLASS128(CLASS_ENTRY)
};

static_assert(2 * KSPAN_NR_CLASSES <= 255);
