// SPDX-License-Identifier: GPL-2.0
/*
 * Size classes: all sizes, and every byte of a span of every class.
 */
#include <linux/align.h>
#include <linux/log2.h>

#include "central/depot.h"
#include <linux/string.h>

#include "base/sizeclass.h"
#include "kunit_support.h"

/* Between these sizes a class wastes at most an eighth. */
#define EIGHTH_FROM	57U
#define EIGHTH_TO	8192U

/* Bytes that a span of the class wastes if all its objects have @size. */
static unsigned long span_waste(unsigned int class, size_t size)
{
	const struct kspan_class *info = &kspan_classes[class];

	return info->nr_pages * KSPAN_PAGE_SIZE - info->nr_objs * size;
}

/* Every size gets the smallest class that holds it; size 0 has none. */
static void smallest_class_that_fits(struct kunit *test)
{
	unsigned int class;
	size_t size;

	KUNIT_EXPECT_EQ(test, kspan_size_to_class(0), 0U);
	KUNIT_EXPECT_EQ(test, kspan_classes[0].size, 0U);
	for (size = 1; size <= KSPAN_SMALL_MAX; size++) {
		class = kspan_size_to_class(size);
		KUNIT_ASSERT_LE(test, class, (unsigned int)KSPAN_NR_CLASSES);
		KUNIT_ASSERT_GE_MSG(test, kspan_classes[class].size, size,
				    "does not fit");
		KUNIT_ASSERT_LT_MSG(test, kspan_classes[class - 1].size, size,
				    "a smaller class would do");
	}
	KUNIT_EXPECT_EQ(test, class, (unsigned int)KSPAN_NR_CLASSES);
}

/* The tables of the fast path hold the same classes, doubled. */
static void tops_agree_with_classes(struct kunit *test)
{
	unsigned int top;
	size_t size;

	for (size = 0; size <= KSPAN_SMALL_MAX; size++) {
		if (size <= KSPAN_SIZE8_MAX)
			top = kspan_index8[(size + 7) / 8];
		else
			top = kspan_index128[(size - KSPAN_SIZE8_MAX + 127) / 128];
		KUNIT_ASSERT_EQ_MSG(test, top, 2 * kspan_size_to_class(size),
				    "size %zu", size);
	}
	/* Both tables agree on the sizes that both cover. */
	KUNIT_EXPECT_EQ(test, kspan_index8[KSPAN_SIZE8_MAX / 8], kspan_index128[0]);
}

/* Classes grow, and each one suits the arithmetic that is done with it. */
static void table_is_monotone(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];
		unsigned long bytes = info->nr_pages * KSPAN_PAGE_SIZE;

		KUNIT_EXPECT_GT(test, info->size, info[-1].size);
		KUNIT_EXPECT_EQ(test, info->size % 8, 0U);
		KUNIT_EXPECT_GE(test, info->nr_objs, (u16)1);
		KUNIT_EXPECT_EQ_MSG(test, bytes / info->size,
				    (unsigned long)info->nr_objs,
				    "class %u: objects of a span", class);
		KUNIT_EXPECT_GE(test, info->mag_cap, (u8)1);
		KUNIT_EXPECT_LT_MSG(test, info->mag_cap, KSPAN_MAG_SLOTS,
				    "class %u: no slot for the sentinel", class);
	}
	KUNIT_EXPECT_EQ(test, kspan_classes[KSPAN_NR_CLASSES].size,
			(u32)KSPAN_SMALL_MAX);
	KUNIT_EXPECT_EQ(test, kspan_classes[KSPAN_TINY_CLASS].size,
			(u32)KSPAN_TINY_MAX);
}

/* A span full of objects of one size wastes no more than documented. */
static void waste_is_bounded(struct kunit *test)
{
	size_t size;

	for (size = 1; size <= KSPAN_SMALL_MAX; size++) {
		unsigned int class = kspan_size_to_class(size);
		unsigned long bytes, waste = span_waste(class, size);

		bytes = kspan_classes[class].nr_pages * KSPAN_PAGE_SIZE;
		if (size < EIGHTH_FROM)
			/*
			 * Rounding up to 8 bytes wastes at most 7, and so does
			 * every class here.
			 */
			KUNIT_ASSERT_LT(test, kspan_classes[class].size - size,
					8UL);
		else if (size <= EIGHTH_TO)
			KUNIT_ASSERT_LE_MSG(test, waste * 8, bytes,
					    "size %zu", size);
		else
			KUNIT_ASSERT_LE_MSG(test, waste * 3, bytes,
					    "size %zu", size);
	}
}

/*
 * For every byte of a span the product gives the index of its object, and its
 * lower half is below the divisor only for the first byte of an object.  The
 * byte behind the last object may pass as a first byte: its state is NONE.
 */
static void divisor_is_exact(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];
		u32 bytes = info->nr_pages * KSPAN_PAGE_SIZE, offset;

		/* So no other object could begin behind the last one. */
		KUNIT_ASSERT_LT(test, bytes - info->nr_objs * info->size,
				info->size);
		for (offset = 0; offset < bytes; offset++) {
			u64 prod = (u64)offset * info->magic;
			bool first = offset % info->size == 0;

			if (prod >> 32 == offset / info->size &&
			    ((u32)prod < info->magic) == first)
				continue;
			KUNIT_FAIL(test, "class %u, byte %u: index %llu, %s",
				   class, offset, prod >> 32,
				   first ? "not a first byte" : "a first byte");
			return;
		}
	}
}

/* The inline helpers agree with the arithmetic above. */
static void index_and_address_are_inverse(struct kunit *test)
{
	struct kspan_span span = { .base = 0x12340000, .kind = KSPAN_PTR };
	unsigned int class, i;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];

		span.sc = class;
		KUNIT_ASSERT_EQ(test, kspan_span_size(&span),
				(unsigned long)info->size);
		for (i = 0; i < info->nr_objs; i++) {
			unsigned long addr = kspan_span_addr(&span, i);

			KUNIT_ASSERT_EQ(test, kspan_span_index(&span, addr), i);
			KUNIT_ASSERT_EQ(test, kspan_span_index(&span, addr +
							       info->size - 1), i);
		}
	}
}

/* Objects of a power of two up to a heap page are aligned to their size. */
static void powers_of_two_are_aligned(struct kunit *test)
{
	unsigned int class, i;
	size_t size;

	for (size = 8; size <= KSPAN_PAGE_SIZE; size *= 2) {
		class = kspan_size_to_class(size);
		KUNIT_EXPECT_EQ_MSG(test, kspan_classes[class].size, (u32)size,
				    "no class of its own");
	}
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		size = kspan_classes[class].size;
		if (!is_power_of_2(size) || size > KSPAN_PAGE_SIZE)
			continue;
		for (i = 0; i < 3; i++) {
			void *ptr = kspan_alloc(size, GFP_KERNEL);

			KUNIT_EXPECT_NOT_NULL(test, ptr);
			KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED((unsigned long)ptr,
							       size),
					      "object of %zu bytes", size);
			kspan_free(ptr);
		}
	}
}

/* Each span class stands for one class and one kind, and all exist. */
static void span_classes_are_unique(struct kunit *test)
{
	DECLARE_BITMAP(seen, (KSPAN_TINY + 1) * (KSPAN_NR_CLASSES + 1));
	unsigned int sc, bit;

	bitmap_zero(seen, (KSPAN_TINY + 1) * (KSPAN_NR_CLASSES + 1));
	for (sc = 1; sc < KSPAN_NR_SC; sc++) {
		KUNIT_ASSERT_GE(test, kspan_sc_class(sc), 1U);
		KUNIT_ASSERT_LE(test, kspan_sc_class(sc),
				(unsigned int)KSPAN_NR_CLASSES);
		KUNIT_ASSERT_LE(test, kspan_sc_kind(sc), KSPAN_TINY);
		bit = kspan_sc_kind(sc) * (KSPAN_NR_CLASSES + 1) +
		      kspan_sc_class(sc);
		KUNIT_EXPECT_FALSE_MSG(test, __test_and_set_bit(bit, seen),
				       "sc %u means the same as another", sc);
		KUNIT_EXPECT_EQ(test, 0, memcmp(kspan_sc_info(sc),
						&kspan_classes[kspan_sc_class(sc)],
						sizeof(struct kspan_class)));
	}
	KUNIT_EXPECT_EQ(test, kspan_sc_kind(KSPAN_SC_DATA), KSPAN_PTR);
	KUNIT_EXPECT_EQ(test, kspan_sc_kind(KSPAN_SC_DATA + 1), KSPAN_DATA);
	KUNIT_EXPECT_EQ(test, kspan_sc_kind(KSPAN_SC_TINY), KSPAN_TINY);
}

/* kspan_size_roundup() predicts kspan_size() of a real object. */
static void roundup_is_the_usable_size(struct kunit *test)
{
	static const size_t steps[] = { 1, 7, 8, 9, 31, 129, 1000, 4097 };
	size_t size, step = 0;

	for (size = 1; size < 6 * KSPAN_SMALL_MAX;
	     size += steps[step++ % ARRAY_SIZE(steps)]) {
		void *ptr = kspan_alloc(size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_GE(test, kspan_size(ptr), size);
		KUNIT_EXPECT_EQ_MSG(test, kspan_size(ptr),
				    kspan_size_roundup(size), "size %zu", size);
		kspan_free(ptr);
	}
	KUNIT_EXPECT_EQ(test, kspan_size_roundup(0), (size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_size_roundup(KSPAN_SMALL_MAX),
			(size_t)KSPAN_SMALL_MAX);
	/* Sizes whose rounding would overflow are returned unchanged. */
	KUNIT_EXPECT_EQ(test, kspan_size_roundup(SIZE_MAX), SIZE_MAX);
	KUNIT_EXPECT_GE(test, kspan_size_roundup(SIZE_MAX - KSPAN_PAGE_SIZE),
			SIZE_MAX - KSPAN_PAGE_SIZE);
}

static struct kunit_case sizeclass_cases[] = {
	KUNIT_CASE(smallest_class_that_fits),
	KUNIT_CASE(tops_agree_with_classes),
	KUNIT_CASE(table_is_monotone),
	KUNIT_CASE(waste_is_bounded),
	KUNIT_CASE(divisor_is_exact),
	KUNIT_CASE(index_and_address_are_inverse),
	KUNIT_CASE(powers_of_two_are_aligned),
	KUNIT_CASE(span_classes_are_unique),
	KUNIT_CASE(roundup_is_the_usable_size),
	{}
};

KSPAN_TEST_SUITE(sizeclass, sizeclass_cases);
