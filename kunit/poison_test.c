// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: writes to free objects are found by the next check of the object.
 */
#include <linux/sizes.h>
#include <linux/string.h>

#include "cache/quarantine.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

#define MAX_OBJS	1100U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

/* Classes with several objects in a span, and with one. */
static const size_t few_sizes[] = { 1, 16, 60, 64, 1000, 2000, 32761, 65536 };

/* A freed object, in a span that another object, @keeper, keeps alive. */
static void *get_freed(struct kunit *test, size_t size, void **keeper)
{
	unsigned int i;

	/* The first objects may fill up spans that hold quarantined objects. */
	for (i = 0; i < 20; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		if (i && (kspan_test_span(objs[i])->kind == KSPAN_LARGE ||
			  kspan_test_span(objs[i]) == kspan_test_span(objs[i - 1])))
			break;
	}
	KUNIT_ASSERT_LT(test, i, 20U);
	*keeper = objs[i - 1];
	kspan_free(objs[i]);
	kspan_free_bulk(i - 1, objs);
	return objs[i];
}

/* Allocate objects until the whole span of @ptr has been handed out. */
static unsigned int take_span(struct kunit *test, const void *ptr, size_t size)
{
	const struct kspan_span *span = kspan_test_span(ptr);
	unsigned int nr = 1, i;

	if (span->kind != KSPAN_LARGE)
		nr = 2 * span->nr_objs;
	KUNIT_ASSERT_LE(test, nr, MAX_OBJS);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		KUNIT_EXPECT_PTR_NE(test, objs[i], ptr);
	}
	return nr;
}

/*
 * Writes to the first byte, the middle and the last byte of the slot are found
 * when the slot is used next.
 */
static void written_after_free(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, where, nr;
	void *victim, *keeper;
	unsigned long slot;

	if (kspan_quarantine_on())
		kunit_skip(test, "freed objects wait");
	kspan_test_expect_damage(3 * ARRAY_SIZE(few_sizes));
	for (i = 0; i < ARRAY_SIZE(few_sizes); i++) {
		for (where = 0; where < 3; where++) {
			victim = get_freed(test, few_sizes[i], &keeper);
			slot = kspan_span_size(kspan_test_span(victim));
			kspan_test_overwrite(victim, where * (slot - 1) / 2);
			kspan_read_stats(&before);
			nr = take_span(test, victim, few_sizes[i]);
			KUNIT_EXPECT_EQ_MSG(test,
					    KSPAN_SINCE(&before, use_after_free),
					    1ULL, "%zu bytes, place %u",
					    few_sizes[i], where);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc),
					(u64)nr);
			kspan_free_bulk(nr, objs);
			kspan_free(keeper);
		}
	}
}

/* verify finds the write, reports it once and then says ok again. */
static void verify_finds_it(struct kunit *test)
{
	struct kspan_stats before;
	void *victim, *keeper;
	unsigned int i;

	kspan_test_expect_damage(ARRAY_SIZE(few_sizes));
	for (i = 0; i < ARRAY_SIZE(few_sizes); i++) {
		victim = get_freed(test, few_sizes[i], &keeper);
		KUNIT_EXPECT_NULL(test, kspan_verify());
		kspan_test_overwrite(victim, 0);
		kspan_read_stats(&before);
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok",
				   "redzone: a free object was written to");
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
		kspan_free(keeper);
	}
}

/* The objects of a span are checked before its pages are given back. */
static void found_before_the_span_ends(struct kunit *test)
{
	struct kspan_stats before;
	struct kspan_span *span;
	void *victim;

	kspan_test_expect_damage(1);
	kspan_release();
	victim = kspan_alloc(700, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, victim);
	span = kspan_test_span(victim);
	kspan_free(victim);
	kspan_test_overwrite(victim, 699);
	kspan_read_stats(&before);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
	KUNIT_EXPECT_PTR_EQ_MSG(test, kspan_test_span(victim), span,
				"the span is gone");
}

/* verify checks cached regions and leaves them available for reuse. */
static void verify_keeps_large_spans(struct kunit *test)
{
	void *ptr = kspan_alloc(SZ_4M, GFP_KERNEL);
	struct kspan_stats before;

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	kspan_read_stats(&before);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(SZ_4M, GFP_KERNEL), ptr);
	kspan_free(ptr);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(verify_keeps_large_spans),
	KUNIT_CASE(written_after_free),
	KUNIT_CASE(verify_finds_it),
	KUNIT_CASE(found_before_the_span_ends),
	{}
};

KSPAN_TEST_SUITE(poison, cases);
