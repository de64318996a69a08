// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations that bypass the magazines: a single object straight from a span,
 * and many at once.
 */
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/kasan.h"
#include "cache/cache.h"
#include "kunit_support.h"
#include "show/verify.h"

/* 128 objects a span. */
#define SIZE	64U
#define SC	8U
#define NR_MANY	70U

/* Shared by the cases, which run one at a time. */
static struct {
	void *obj[2 + NR_MANY];
	u8 was[2];
	unsigned int nr;
	unsigned long held;
	u64 nmalloc;
} work;

/* Start with empty magazines and some free objects in a span. */
static void *begin(struct kunit *test)
{
	void *keep;

	kspan_release();
	memset(&work, 0, sizeof(work));
	KUNIT_ASSERT_EQ(test, kspan_size_to_class(SIZE), SC);
	keep = kspan_alloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, keep);
	return keep;
}

static void *take_one(unsigned int i)
{
	return kspan_cache_take_node(SC, numa_mem_id(), &work.was[i]);
}

static void take_directly(void *arg)
{
	u64 nmalloc[2], nfree;

	kspan_cache_drain_local();
	kspan_cache_count(SC, &nmalloc[0], &nfree);
	work.obj[0] = take_one(0);
	work.held = kspan_cache_held(SC);
	work.obj[1] = kspan_cache_take(SC, &work.was[1]);
	work.nr = kspan_cache_take_many(SC, work.obj + 2, NR_MANY, true);
	kspan_cache_count(SC, &nmalloc[1], &nfree);
	work.nmalloc = nmalloc[1] - nmalloc[0];
}

/* The objects are counted and live, and zeroed if requested. */
static void single_and_many(struct kunit *test)
{
	void *keep = begin(test), *none;
	unsigned int i;
	u8 was;

	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, take_directly, NULL);
	KUNIT_ASSERT_NOT_NULL(test, work.obj[0]);
	KUNIT_ASSERT_NOT_NULL(test, work.obj[1]);
	KUNIT_EXPECT_EQ_MSG(test, work.held, 0UL, "more than one was taken");
	KUNIT_EXPECT_EQ(test, work.nr, NR_MANY);
	KUNIT_EXPECT_EQ(test, work.nmalloc, 2ULL + NR_MANY);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_LE(test, work.was[i], (u8)KSPAN_OBJ_ZEROED);
	for (i = 0; i < 2 + NR_MANY; i++)
		KUNIT_EXPECT_EQ(test, *kspan_test_state(work.obj[i]),
				(u8)KSPAN_OBJ_LIVE);
	/* The memory has not been handed out before. */
	kspan_kasan_pause();
	for (i = 2; i < 2 + NR_MANY; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(work.obj[i], 0, SIZE));
	kspan_kasan_resume();
	/* Span class 0 is always empty. */
	preempt_disable();
	none = kspan_cache_take(0, &was);
	preempt_enable();
	KUNIT_EXPECT_NULL(test, none);
	for (i = 0; i < 2 + NR_MANY; i++)
		kspan_free(work.obj[i]);
	kspan_free(keep);
}

static void free_twice_at_once(void *arg)
{
	u8 *state;

	kspan_cache_drain_local();
	work.obj[0] = take_one(0);
	if (!work.obj[0])
		return;
	state = kspan_test_state(work.obj[0]);
	kspan_free(work.obj[0]);
	/*
	 * Now it is free in its span, yet live, as if also taken from a
	 * magazine.
	 */
	kspan_cache_drain_local();
	*state = KSPAN_OBJ_LIVE;
	work.obj[1] = take_one(1);
}

/* An object that is in its span but live is not handed out again. */
static void single_is_given_once(struct kunit *test)
{
	void *keep = begin(test);

	kspan_test_expect_corrupt(1);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, free_twice_at_once, NULL);
	KUNIT_ASSERT_NOT_NULL(test, work.obj[1]);
	KUNIT_EXPECT_PTR_NE(test, work.obj[1], work.obj[0]);
	KUNIT_EXPECT_LE(test, work.was[1], (u8)KSPAN_OBJ_ZEROED);
	kspan_free(work.obj[0]);
	kspan_free(work.obj[1]);
	kspan_free(keep);
	KUNIT_EXPECT_NULL(test, kspan_verify());
}

static struct kunit_case cache_take_cases[] = {
	KUNIT_CASE(single_and_many),
	KUNIT_CASE(single_is_given_once),
	{}
};

KSPAN_TEST_SUITE_WITH(cache_take, cache_take_cases, kspan_test_cached_init,
		      kspan_test_exit);
