// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds of objects: pointer objects, data objects, and tiny blocks never share
 * a span.
 */
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kunit_support.h"

/* Of each kind, more objects than a span of any class holds. */
#define MAX_OBJS	1100U

/* Shared by the cases, which run one at a time. */
static void *ptrs[MAX_OBJS];
static void *data[MAX_OBJS];

static enum kspan_kind kind_of(const void *ptr)
{
	return kspan_test_span(ptr)->kind;
}

/* Expect that no data object lies in the span of the pointer object @ptr. */
static void expect_apart(struct kunit *test, const void *ptr, unsigned int nr)
{
	const struct kspan_span *span = kspan_test_span(ptr);
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (kspan_test_span(data[i]) == span)
			break;
	KUNIT_EXPECT_EQ_MSG(test, i, nr, "class %u: two kinds in a span",
			    kspan_sc_class(kspan_span_sc(span)));
}

/* Alternate the kinds, with enough objects for several spans of each. */
static void kinds_share_no_span(struct kunit *test)
{
	unsigned int class, nr, i;

	kspan_test_plain_only(test);
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];

		nr = info->nr_objs + 4;
		KUNIT_ASSERT_LE(test, nr, MAX_OBJS);
		for (i = 0; i < nr; i++) {
			ptrs[i] = kspan_alloc(info->size, GFP_KERNEL);
			data[i] = kspan_alloc_data(info->size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptrs[i]);
			KUNIT_ASSERT_NOT_NULL(test, data[i]);
			KUNIT_EXPECT_EQ(test, (int)kind_of(ptrs[i]),
					(int)KSPAN_PTR);
			KUNIT_EXPECT_EQ(test, (int)kind_of(data[i]),
					(int)KSPAN_DATA);
			KUNIT_EXPECT_EQ(test, kspan_size(data[i]),
					(size_t)info->size);
		}
		expect_apart(test, ptrs[0], nr);
		expect_apart(test, ptrs[nr - 1], nr);
		kspan_free_bulk(nr, ptrs);
		kspan_free_bulk(nr, data);
	}
}

/*
 * Memory freed by one kind is not given to the other while the span lives.  A
 * few objects keep the spans alive.
 */
static void frees_stay_with_their_kind(struct kunit *test)
{
	unsigned int i, k;

	kspan_test_plain_only(test);
	for (i = 0; i < 200; i++) {
		data[i] = kspan_alloc_data(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, data[i]);
	}
	for (i = 0; i < 200; i++)
		if (i % 20)
			kspan_free(data[i]);
	for (i = 0; i < 200; i++) {
		ptrs[i] = kspan_alloc(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptrs[i]);
		for (k = 0; k < 200; k++)
			KUNIT_EXPECT_PTR_NE(test, ptrs[i], data[k]);
	}
	kspan_free_bulk(200, ptrs);
	for (i = 0; i < 200; i += 20)
		kspan_free(data[i]);
}

/* Tiny blocks have spans of their own, apart from data of the same class. */
static void tiny_is_apart(struct kunit *test)
{
	unsigned int i;

	kspan_test_plain_only(test);
	for (i = 0; i < 600; i++) {
		ptrs[i] = kspan_alloc_tiny(15, GFP_KERNEL);
		data[i] = kspan_alloc_data(16, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptrs[i]);
		KUNIT_ASSERT_NOT_NULL(test, data[i]);
		KUNIT_EXPECT_EQ(test, (int)kind_of(ptrs[i]), (int)KSPAN_TINY);
		KUNIT_EXPECT_EQ(test, (int)kind_of(data[i]), (int)KSPAN_DATA);
	}
	expect_apart(test, ptrs[0], 600);
	expect_apart(test, ptrs[599], 600);
	kspan_free_bulk(600, ptrs);
	kspan_free_bulk(600, data);
}

/* A copied string is data; a copy of unknown memory may hold pointers. */
static void copies_have_their_kind(struct kunit *test)
{
	ptrs[0] = kspan_strdup("a string of more than a few bytes", GFP_KERNEL);
	ptrs[1] = kspan_strndup("a string of more than a few bytes", 20,
				GFP_KERNEL);
	ptrs[2] = kspan_memdup(ptrs, sizeof(ptrs[0]), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptrs[0]);
	KUNIT_ASSERT_NOT_NULL(test, ptrs[1]);
	KUNIT_ASSERT_NOT_NULL(test, ptrs[2]);
	KUNIT_EXPECT_EQ(test, (int)kind_of(ptrs[0]), (int)KSPAN_DATA);
	KUNIT_EXPECT_EQ(test, (int)kind_of(ptrs[1]), (int)KSPAN_DATA);
	KUNIT_EXPECT_EQ(test, (int)kind_of(ptrs[2]), (int)KSPAN_PTR);
	kspan_free_bulk(3, ptrs);
}

/*
 * Size 0 never gives an object, whatever the caches hold.  In the tables the
 * last class of one kind precedes the first class of the next.
 */
static void size_zero(struct kunit *test)
{
	struct kspan_stats before;
	char *nothing = ZERO_SIZE_PTR;
	gfp_t gfp;
	int zero;

	kspan_free(kspan_alloc(KSPAN_SMALL_MAX, GFP_KERNEL));
	kspan_free(kspan_alloc_data(KSPAN_SMALL_MAX, GFP_KERNEL));
	kspan_read_stats(&before);
	for (zero = 0; zero < 2; zero++) {
		gfp = zero ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL;
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(0, gfp), (void *)nothing);
		KUNIT_EXPECT_PTR_EQ(test, kspan_zalloc(0, gfp), (void *)nothing);
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_data(0, gfp),
				    (void *)nothing);
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_tiny(0, gfp),
				    (void *)nothing);
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_node(0, gfp, 0),
				    (void *)nothing);
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_aligned(0, 64, gfp),
				    (void *)nothing);
	}
	KUNIT_EXPECT_EQ(test, kspan_size_roundup(0), (size_t)0);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);

	kspan_free(nothing);
	kspan_free_sized(nothing, 0);
	kspan_free_sensitive(nothing);
	kspan_free(NULL);
	kspan_free_sized(NULL, 0);
	kspan_free_sensitive(NULL);
	KUNIT_EXPECT_EQ(test, kspan_size(nothing), (size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_size(NULL), (size_t)0);
	KUNIT_EXPECT_FALSE(test, kspan_owns(nothing));
	KUNIT_EXPECT_FALSE(test, kspan_owns(NULL));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
}

/*
 * A power of two up to 8 KiB is aligned to itself, a larger size to a page of 4
 * KiB, and every other size to 8 bytes.
 */
static void natural_alignment(struct kunit *test)
{
	unsigned int i;
	size_t size;

	for (size = 8; size <= KSPAN_SMALL_MAX; size += size < 1024 ? 8 : 128) {
		size_t align = size > SZ_8K ? SZ_4K :
			       is_power_of_2(size) ? size : 8;

		for (i = 0; i < 3; i++) {
			ptrs[i] = kspan_alloc(size, GFP_KERNEL);
			data[i] = kspan_alloc_data(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptrs[i]);
			KUNIT_ASSERT_NOT_NULL(test, data[i]);
			KUNIT_EXPECT_EQ_MSG(test, (unsigned long)ptrs[i] % align,
					    0UL, "%zu bytes", size);
			KUNIT_EXPECT_EQ_MSG(test, (unsigned long)data[i] % align,
					    0UL, "%zu bytes", size);
		}
		kspan_free_bulk(3, ptrs);
		kspan_free_bulk(3, data);
	}
}

static struct kunit_case data_cases[] = {
	KUNIT_CASE(kinds_share_no_span),
	KUNIT_CASE(frees_stay_with_their_kind),
	KUNIT_CASE(tiny_is_apart),
	KUNIT_CASE(copies_have_their_kind),
	KUNIT_CASE(size_zero),
	KUNIT_CASE(natural_alignment),
	{}
};

KSPAN_TEST_SUITE(data, data_cases);
