// SPDX-License-Identifier: GPL-2.0
/*
 * Cached large spans: which requests reuse them, and when they are given back.
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

#include "api/deferred.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"
#include "show/verify.h"

#define RUN_BYTES	SZ_64K
#define RUN_PAGES	(RUN_BYTES / KSPAN_PAGE_SIZE)
#define REGION_BYTES	(2 * SZ_2M)
/* A caller that cannot sleep gets a run if no region is cached. */
#define RUN_GFP		(GFP_ATOMIC | __GFP_NOWARN)
/* More runs than are ever cached. */
#define NR_RUNS		(SZ_8M / RUN_BYTES + 50)

/* Shared by the cases, which run one at a time. */
static char *objs[NR_RUNS];

static long idle_bytes(void)
{
	return atomic_long_read(&kspan_run_idle) +
	       atomic_long_read(&kspan_region_idle);
}

/*
 * A freed object counts as idle memory and serves the next request of its size.
 */
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

/*
 * The newest is reused first, as its memory is most likely in the CPU caches.
 */
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

/* A run only serves requests of its length, as the rest would be wasted. */
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

/* Zeroed memory shows nothing of the previous owner's data. */
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

/* A second free of a cached object is a double free, and one owner gets it. */
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
 * A cached region is only reused for an object at the same base address: a late
 * second free of the old object must not find a different object there.
 */
static void region_keeps_its_base(struct kunit *test)
{
	struct kspan_span *span = NULL;
	char *high = NULL, *low, *again;
	unsigned int i, nr;

	kspan_test_plain_only(test);
	kspan_release();
	/* Find one whose aligned base is not the start of its region. */
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
	/*
	 * The region has room for this size, but not behind the aligned base.
	 */
	low = kspan_alloc(kspan_room_bytes(span), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, low);
	KUNIT_EXPECT_PTR_NE(test, kspan_test_span(low), span);
	kspan_free(high);
	KUNIT_EXPECT_TRUE(test, kspan_owns(low));
	KUNIT_EXPECT_NULL(test, kspan_verify());
	/* A request with the same alignment can reuse the region. */
	again = kspan_alloc_aligned(REGION_BYTES, SZ_1M, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, again, high);
	kspan_free(low);
	for (i = 0; i < nr; i++)
		kspan_free(objs[i] == high ? again : objs[i]);
}

/* Runs beyond the budget return to the page heap at once. */
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
		/* Without a run the request would be served by a region. */
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

/* A free that would exceed the budget unmaps regions. */
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

/* Free an object.  Return: the bytes of idle regions right after that. */
static long free_and_look(void *ptr)
{
	kspan_free(ptr);
	return atomic_long_read(&kspan_region_idle);
}

/* The same where the free must not sleep. */
static long free_without_sleep(void *ptr)
{
	long idle;

	preempt_disable();
	idle = free_and_look(ptr);
	preempt_enable();
	return idle;
}

/*
 * With one object of random size at a time, a caller that maps memory for it
 * leaves no more mapped than the budget plus that object.  A free that cannot sleep leaves
 * the surplus, and an object that it would have to fill, to the next caller that
 * maps memory.
 */
static void budget_at_every_moment(struct kunit *test)
{
	/*
	 * User Mode Linux maps each page of vmalloc() by a system call of the
	 * host, which has a limit on them (vm.max_map_count).
	 */
	unsigned int largest = IS_ENABLED(CONFIG_UML) ?
			       min_t(long, region_budget(), SZ_16M) :
			       region_budget();
	struct kspan_stats before;
	struct kspan_random random;
	long idle, limit = 0;
	unsigned int step;
	u64 grown = 0;
	size_t size;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	kspan_random_init(&random, 11);
	for (step = 0; step < 225; step++) {
		size = SZ_64K + kspan_random_below(&random, largest);
		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		/* An object from a cached region maps nothing. */
		if (KSPAN_SINCE(&before, grow) != grown)
			limit = region_budget() + (long)size / 8 * 9 + SZ_2M;
		grown = KSPAN_SINCE(&before, grow);
		KUNIT_EXPECT_LE(test, (long)KSPAN_SINCE(&before, heap_sys),
				limit);
		idle = step % 3 ? free_without_sleep(ptr) : free_and_look(ptr);
		KUNIT_EXPECT_LE(test, idle, region_budget());
	}
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_release();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_surplus), 0L);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
}

/*
 * Memory that a free cannot unmap at once counts as idle until a worker does
 * it.
 */
static void surplus_waits_for_the_worker(struct kunit *test)
{
	struct kspan_stats before;
	size_t size = region_budget() + SZ_64K;
	unsigned int tries = 250;
	long idle, waits;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	ptr = kspan_alloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	preempt_disable();
	kspan_free(ptr);
	idle = atomic_long_read(&kspan_region_idle);
	waits = atomic_long_read(&kspan_region_surplus) +
		atomic_long_read(&kspan_deferred_bytes);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, idle, 0L);
	KUNIT_EXPECT_GE(test, waits, (long)size);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	while (KSPAN_SINCE(&before, heap_sys) && tries--)
		msleep(20);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_surplus), 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_deferred_bytes), 0L);
}

/* The regions that were cached first make room for newer ones. */
static void the_oldest_make_room(struct kunit *test)
{
	size_t size = region_budget() / 4;
	unsigned int i;

	kspan_test_plain_only(test);
	if (!IS_ENABLED(CONFIG_PREEMPT_COUNT))
		kunit_skip(test, "no free knows that it may sleep");
	kspan_release();
	size = ALIGN_DOWN(size - size / 8, SZ_64K);
	for (i = 0; i < 5; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	/* In a different order than they were allocated. */
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

/* Objects that were cached for long are given back, the others stay. */
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
	/*
	 * A worker that is already kicked would trim them as well; wait for it.
	 */
	kspan_scavenge_settle();
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	KUNIT_EXPECT_EQ(test, kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX), 0UL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_run_idle), (long)RUN_BYTES);

	/* A run is given back one tick earlier than a region. */
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

/*
 * Sums near the last address, where vmalloc space may be on 32 bits, do not
 * wrap.
 */
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
	got = kspan_large_cache_take(20, 0, NUMA_NO_NODE, NULL);
	if (got)
		kspan_large_cache_put(span, &gone);
	/* Remove it from the cache again. */
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
	KSPAN_CASE_SLOW(regions_within_budget),
	KUNIT_CASE(budget_at_every_moment),
	KUNIT_CASE(surplus_waits_for_the_worker),
	KUNIT_CASE(the_oldest_make_room),
	KUNIT_CASE(the_oldest_go),
	KUNIT_CASE(end_of_the_address_space),
	{}
};

KSPAN_TEST_SUITE(large_cache, kept_cases);
