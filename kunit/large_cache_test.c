// SPDX-License-Identifier: GPL-2.0
/*
 * Freed large spans that are kept: who gets them, who does not, and when they
 * go.
 */
#include <linux/align.h>
#include <linux/delay.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"
#include "show/verify.h"

#define RUN_BYTES	SZ_64K
#define RUN_PAGES	(RUN_BYTES / KSPAN_PAGE_SIZE)
#define REGION_BYTES	(2 * SZ_2M)
/* Who cannot sleep gets a run if no region is kept. */
#define RUN_GFP		(GFP_ATOMIC | __GFP_NOWARN)
/* More runs than are ever kept. */
#define NR_RUNS		(SZ_8M / RUN_BYTES + 50)

/* One case at a time. */
static char *objs[NR_RUNS];

static long idle_bytes(void)
{
	return atomic_long_read(&kspan_run_idle) +
	       atomic_long_read(&kspan_region_idle);
}

/* An object just freed is idle memory, and the next of its size. */
static void freed_is_idle_and_first(struct kunit *test)
{
	static const size_t sizes[] = { RUN_BYTES, REGION_BYTES };
	static const gfp_t gfps[] = { RUN_GFP, GFP_KERNEL };
	struct kspan_stats before;
	unsigned int i;
	void *ptr;

	kspan_release();
	KUNIT_EXPECT_EQ(test, idle_bytes(), 0L);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], gfps[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, idle_bytes(), 0L);
		kspan_free(ptr);
		KUNIT_EXPECT_GE(test, idle_bytes(), (long)sizes[i]);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
		KUNIT_EXPECT_NULL(test, kspan_verify());
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(sizes[i], gfps[i]), ptr);
		KUNIT_EXPECT_EQ(test, idle_bytes(), 0L);
		kspan_free(ptr);
		kspan_release();
		KUNIT_EXPECT_EQ(test, idle_bytes(), 0L);
	}
}

/* The newest is taken: its memory is the likeliest to be in a cache. */
static void newest_first(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		objs[i] = kspan_alloc(RUN_BYTES, RUN_GFP);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	for (i = 0; i < 3; i++)
		kspan_free(objs[i]);
	while (i-- > 0)
		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(RUN_BYTES, RUN_GFP),
				    (void *)objs[i]);
	for (i = 0; i < 3; i++)
		kspan_free(objs[i]);
}

/* A run serves its own length only: what is left over would be lost. */
static void run_of_exact_length(struct kunit *test)
{
	static const size_t others[] = {
		RUN_BYTES - KSPAN_PAGE_SIZE, RUN_BYTES + 1, 2 * RUN_BYTES,
	};
	unsigned int i;
	char *ptr;

	kspan_test_plain_only(test);
	kspan_release();
	ptr = kspan_alloc(RUN_BYTES, RUN_GFP);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_EQ(test, kspan_test_span(ptr)->region_pages, 0U);
	kspan_free(ptr);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		objs[i] = kspan_alloc(others[i], RUN_GFP);
		KUNIT_EXPECT_PTR_NE_MSG(test, objs[i], ptr, "%zu bytes",
					others[i]);
	}
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(RUN_BYTES - 1, RUN_GFP),
			    (void *)ptr);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		kspan_free(objs[i]);
	kspan_free(ptr);
}

/* What the last owner wrote does not show in zeroed memory. */
static void zeroed_when_reused(struct kunit *test)
{
	static const size_t sizes[] = { RUN_BYTES, REGION_BYTES };
	static const gfp_t gfps[] = { RUN_GFP, GFP_KERNEL };
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], gfps[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0xa5, sizes[i]);
		kspan_free(ptr);
		KUNIT_EXPECT_PTR_EQ(test, kspan_zalloc(sizes[i], gfps[i]), ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, sizes[i]));
		kspan_free(ptr);
	}
}

/* A kept object freed again is a double free, and goes to one owner only. */
static void freed_twice(struct kunit *test)
{
	static const size_t sizes[] = { RUN_BYTES, REGION_BYTES };
	static const gfp_t gfps[] = { RUN_GFP, GFP_KERNEL };
	struct kspan_stats before;
	unsigned int i;

	kspan_test_expect_bad_frees(ARRAY_SIZE(sizes));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *one, *two, *ptr = kspan_alloc(sizes[i], gfps[i]);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_scavenge_settle();
		kspan_free(ptr);
		kspan_free(ptr);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), i + 1ULL);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
		one = kspan_alloc(sizes[i], gfps[i]);
		two = kspan_alloc(sizes[i], gfps[i]);
		KUNIT_EXPECT_PTR_EQ(test, one, ptr);
		KUNIT_EXPECT_PTR_NE(test, two, ptr);
		kspan_free(one);
		kspan_free(two);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
}

/*
 * Where a kept region begins, the next object in it does: a second free that
 * comes late must not find another object where its own was.
 */
static void region_keeps_its_base(struct kunit *test)
{
	struct kspan_span *span = NULL;
	char *high = NULL, *low, *again;
	unsigned int i, nr;

	kspan_test_plain_only(test);
	kspan_release();
	/* One of them does not happen to begin at its alignment. */
	for (nr = 0; nr < 4; nr++) {
		objs[nr] = kspan_alloc_aligned(REGION_BYTES, SZ_1M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[nr]);
		if ((unsigned long)kspan_test_span(objs[nr])->mem !=
		    (unsigned long)objs[nr])
			high = objs[nr];
	}
	if (!high) {
		for (i = 0; i < nr; i++)
			kspan_free(objs[i]);
		kunit_skip(test, "vmalloc() aligned them all");
	}
	kspan_test_expect_bad_frees(1);
	span = kspan_test_span(high);
	kspan_free(high);
	/* The region has room for it, but not behind the aligned base. */
	low = kspan_alloc(kspan_room_bytes(span), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, low);
	KUNIT_EXPECT_PTR_NE(test, kspan_test_span(low), span);
	kspan_free(high);
	KUNIT_EXPECT_TRUE(test, kspan_owns(low));
	KUNIT_EXPECT_NULL(test, kspan_verify());
	/* It fits an aligned request as before. */
	again = kspan_alloc_aligned(REGION_BYTES, SZ_1M, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, again, high);
	kspan_free(low);
	for (i = 0; i < nr; i++)
		kspan_free(objs[i] == high ? again : objs[i]);
}

/* Runs beyond the budget are the page heap's at once. */
static void runs_within_budget(struct kunit *test)
{
	long budget = min_t(unsigned long, SZ_8M,
			    totalram_pages() / 32 * PAGE_SIZE);
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	struct kspan_stats before;
	unsigned int i;

	kspan_release();
	kspan_read_stats(&before);
	for (i = 0; i < NR_RUNS; i++) {
		/* What has no run becomes a region. */
		if (!kspan_page_heap_has_run(heap, RUN_PAGES))
			KUNIT_ASSERT_EQ(test, kspan_page_heap_grow(heap, RUN_PAGES,
								   GFP_KERNEL), 0);
		objs[i] = kspan_alloc(RUN_BYTES, RUN_GFP);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	for (i = 0; i < NR_RUNS; i++)
		kspan_free(objs[i]);
	KUNIT_EXPECT_LE(test, atomic_long_read(&kspan_run_idle), budget);
	KUNIT_EXPECT_GT(test, atomic_long_read(&kspan_run_idle), budget / 2);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
}

static long region_budget(void)
{
	return min_t(unsigned long, SZ_256M, totalram_pages() / 16 * PAGE_SIZE);
}

/* Regions beyond the budget are unmapped by the free that would exceed it. */
static void regions_within_budget(struct kunit *test)
{
	unsigned int i, nr = region_budget() / REGION_BYTES + 3;

	KUNIT_ASSERT_LE(test, nr, (unsigned int)NR_RUNS);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(REGION_BYTES, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	for (i = 0; i < nr; i++) {
		kspan_free(objs[i]);
		KUNIT_EXPECT_LE(test, atomic_long_read(&kspan_region_idle),
				region_budget());
	}
	KUNIT_EXPECT_GT(test, atomic_long_read(&kspan_region_idle),
			region_budget() / 2);
}

/*
 * One object at a time, of any size: never is more mapped than the budget and
 * it, whoever frees.  Who may not sleep leaves what is too much to the next who
 * maps something.
 */
static void budget_at_every_moment(struct kunit *test)
{
	struct kspan_stats before;
	struct kspan_random random;
	unsigned int step;
	size_t size;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	kspan_random_init(&random, 11);
	for (step = 0; step < 225; step++) {
		size = SZ_64K + kspan_random_below(&random, region_budget());
		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_LE(test, (long)KSPAN_SINCE(&before, heap_sys),
				region_budget() + (long)size / 8 * 9 + SZ_2M);
		if (step % 3)
			preempt_disable();
		kspan_free(ptr);
		KUNIT_EXPECT_LE(test, atomic_long_read(&kspan_region_idle),
				region_budget());
		if (step % 3)
			preempt_enable();
	}
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_release();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_surplus), 0L);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
}

/* What a free cannot unmap where it is waits, counted as idle, for a worker. */
static void surplus_waits_for_the_worker(struct kunit *test)
{
	struct kspan_stats before;
	size_t size = region_budget() + SZ_64K;
	unsigned int tries = 250;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	ptr = kspan_alloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	preempt_disable();
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
	KUNIT_EXPECT_GE(test, atomic_long_read(&kspan_region_surplus), (long)size);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	while (KSPAN_SINCE(&before, heap_sys) && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_surplus), 0L);
}

/* Whoever makes room for a younger one is the oldest. */
static void the_oldest_make_room(struct kunit *test)
{
	size_t size = region_budget() / 4;
	unsigned int i;

	kspan_test_plain_only(test);
	kspan_release();
	size = ALIGN_DOWN(size - size / 8, SZ_64K);
	for (i = 0; i < 5; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	/* In another order than they were allocated in. */
	kspan_free(objs[2]);
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	kspan_free(objs[4]);
	KUNIT_EXPECT_PTR_NE(test, kspan_test_span(objs[2]), &kspan_null_span);
	kspan_free(objs[3]);
	KUNIT_EXPECT_PTR_EQ(test, kspan_test_span(objs[2]), &kspan_null_span);
	for (i = 0; i < 5; i++)
		if (i != 2)
			KUNIT_EXPECT_PTR_NE(test, kspan_test_span(objs[i]),
					    &kspan_null_span);
}

/* Those that idled for long go, the others stay. */
static void the_oldest_go(struct kunit *test)
{
	kspan_test_plain_only(test);
	kspan_release();
	objs[0] = kspan_alloc(RUN_BYTES, RUN_GFP);
	objs[1] = kspan_alloc(REGION_BYTES, GFP_KERNEL);
	objs[2] = kspan_alloc(RUN_BYTES, RUN_GFP);
	KUNIT_ASSERT_NOT_NULL(test, objs[0]);
	KUNIT_ASSERT_NOT_NULL(test, objs[1]);
	KUNIT_ASSERT_NOT_NULL(test, objs[2]);
	/* A worker who was told of so much would trim them as well. */
	kspan_scavenge_settle();
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	KUNIT_EXPECT_EQ(test, kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX), 0UL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_run_idle), (long)RUN_BYTES);

	/* A run goes one tick before a region. */
	kspan_large_cache_age();
	KUNIT_EXPECT_EQ(test, kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX), 0UL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_run_idle), 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle),
			(long)REGION_BYTES);
	kspan_large_cache_age();
	kspan_free(objs[2]);
	KUNIT_EXPECT_GE(test, kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX),
			(unsigned long)REGION_BYTES);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_run_idle), (long)RUN_BYTES);
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(RUN_BYTES, RUN_GFP),
			    (void *)objs[2]);
	kspan_free(objs[2]);
}

/* Near the last address no sum must wrap; as on 32 bits, where vmalloc() is. */
static void end_of_the_address_space(struct kunit *test)
{
	static struct kspan_large fake;
	struct kspan_span *got, *span = &fake.span;
	HLIST_HEAD(gone);

	fake = (struct kspan_large){
		.span = {
			.base = -(16UL << KSPAN_PAGE_SHIFT) - KSPAN_PAGE_SIZE,
			.kind = KSPAN_LARGE,
			.region_pages = 16,
			.nr_pages = 16,
			.node = numa_mem_id(),
		},
		.fit_pages = 16,
	};
	span->mem = (void *)span->base;
	INIT_LIST_HEAD(&fake.lru);
	kspan_release();
	KUNIT_ASSERT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
	preempt_disable();
	kspan_large_cache_add_region(span);
	kspan_large_cache_put(span, &gone);
	got = kspan_large_cache_take(20, 0, NUMA_NO_NODE);
	if (got)
		kspan_large_cache_put(span, &gone);
	/* It is no more. */
	kspan_large_cache_collect(0, ULONG_MAX, &gone);
	preempt_enable();
	KUNIT_EXPECT_NULL(test, got);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
}

static struct kunit_case kept_cases[] = {
	KUNIT_CASE(freed_is_idle_and_first),
	KUNIT_CASE(newest_first),
	KUNIT_CASE(run_of_exact_length),
	KUNIT_CASE(zeroed_when_reused),
	KUNIT_CASE(freed_twice),
	KUNIT_CASE(region_keeps_its_base),
	KUNIT_CASE(runs_within_budget),
	KUNIT_CASE(regions_within_budget),
	KUNIT_CASE(budget_at_every_moment),
	KUNIT_CASE(surplus_waits_for_the_worker),
	KUNIT_CASE(the_oldest_make_room),
	KUNIT_CASE(the_oldest_go),
	KUNIT_CASE(end_of_the_address_space),
	{}
};

KSPAN_TEST_SUITE(large_cache, kept_cases);
