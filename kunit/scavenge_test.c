// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger: which memory is given back over time, which on request, and
 * which stays.
 *
 * The cases only check that things do not happen too early.  They wait long
 * enough for what must happen.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/topology.h>

#include "base/params.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/chunk.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"

#define MAX_OBJS	1000U
#define CHUNK_BYTES	(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE)

/* A span holds 128 objects of 64 bytes. */
#define SIZE		64U
#define SC		8U
/* Objects of that size that fill more than a dozen chunks. */
#define NR_SPREAD	(16U * 32768U)

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

static void alloc_some(struct kunit *test, unsigned int nr, size_t size)
{
	KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(size, GFP_KERNEL, nr, objs),
			(size_t)nr);
}

/* Whether no more is left than after a release. */
static bool only_the_reserve(void)
{
	struct kspan_stats stats;

	kspan_read_stats(&stats);
	return stats.heap_inuse == 0 &&
	       stats.heap_sys < stats.reserve + CHUNK_BYTES;
}

/* Small objects, runs and regions are given back without a call. */
static void comes_back_by_itself(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	struct kspan_stats before;
	unsigned long end;

	kspan_test_tick(test, 30);
	alloc_some(test, MAX_OBJS, 4096);
	kspan_free_bulk(MAX_OBJS, objs);
	kspan_free(kspan_alloc(SZ_64K, GFP_KERNEL));
	kspan_free(kspan_alloc(SZ_2M, GFP_KERNEL));
	kspan_read_stats(&before);
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (only_the_reserve())
			break;
	KUNIT_EXPECT_TRUE(test, only_the_reserve());
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, heap_released), 0ULL);
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, scavenge_runs), 0ULL);
	kspan_test_set_pace(normal);
}

/* Memory is not given back before it has idled for scavenge_ms. */
static void stays_for_its_time(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	unsigned long freed, end, gone = 0;
	void *ptr;

	kspan_release();
	kspan_test_tick(test, 300);
	ptr = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	freed = jiffies;
	kspan_free(ptr);
	for (end = freed + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(10)) {
		if (!atomic_long_read(&kspan_region_idle)) {
			gone = jiffies;
			break;
		}
	}
	KUNIT_ASSERT_NE_MSG(test, gone, 0UL, "the region stays for ever");
	KUNIT_EXPECT_GE(test, gone - freed, msecs_to_jiffies(300));
	kspan_test_set_pace(normal);
}

/* The caches of an idle CPU are drained. */
static void idle_caches_are_drained(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	unsigned long end;

	kspan_test_plain_only(test);
	kspan_test_tick(test, 30);
	alloc_some(test, 100, SIZE);
	kspan_free_bulk(100, objs);
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (!kspan_cache_held(SC) &&
		    !kspan_depot_count(numa_mem_id(), SC) &&
		    !kspan_central_of(numa_mem_id(), SC)->nr_spans)
			break;
	KUNIT_EXPECT_EQ(test, kspan_cache_held(SC), 0UL);
	KUNIT_EXPECT_EQ(test, kspan_depot_count(numa_mem_id(), SC), 0U);
	KUNIT_EXPECT_EQ(test, kspan_central_of(numa_mem_id(), SC)->nr_spans, 0UL);
	kspan_test_set_pace(normal);
}

/* So is the current block of tiny objects, even if the caches are empty. */
static void idle_tiny_block_is_drained(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	struct kspan_central *central;
	unsigned long end;

	kspan_test_plain_only(test);
	central = kspan_central_of(numa_mem_id(), KSPAN_SC_TINY);
	kspan_free(kspan_alloc_tiny(5, GFP_KERNEL));
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
	kspan_drain_shared();
	KUNIT_EXPECT_EQ(test, READ_ONCE(central->nr_spans), 1UL);
	kspan_test_tick(test, 30);
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end);
	     msleep(20))
		if (!READ_ONCE(central->nr_spans))
			break;
	KUNIT_EXPECT_EQ(test, READ_ONCE(central->nr_spans), 0UL);
	kspan_test_set_pace(normal);
}

/* Neither a tick nor a release touches live objects. */
static void live_memory_stays(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	unsigned int i;

	kspan_test_tick(test, 20);
	alloc_some(test, MAX_OBJS, 520);
	for (i = 0; i < MAX_OBJS; i++)
		memset(objs[i], i, 520);
	/* Every other one, so that each span keeps a live object. */
	for (i = 0; i < MAX_OBJS; i += 2)
		kspan_free(objs[i]);
	for (i = 0; i < 4; i++) {
		/* Otherwise the tick may stop for lack of work. */
		kspan_free(kspan_alloc(SIZE, GFP_KERNEL));
		KUNIT_EXPECT_TRUE(test, kspan_test_wait_for_ticks(1));
	}
	kspan_release();
	for (i = 1; i < MAX_OBJS; i += 2) {
		if (memchr_inv(objs[i], i, 520))
			break;
		kspan_free(objs[i]);
	}
	KUNIT_EXPECT_EQ_MSG(test, i, MAX_OBJS + 1, "a live object was taken");
	kspan_test_set_pace(normal);
}

static bool tick_stops(void)
{
	unsigned long end;

	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (!READ_ONCE(kspan_tick_runs))
			return true;
	return false;
}

/*
 * The tick stops when there is nothing to give back, although objects live.  It
 * starts again when a small or a large object is freed, or when kspan gets
 * memory from the kernel.
 */
static void tick_sleeps_and_wakes(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	void *live[2], *more;

	live[0] = kspan_alloc(SIZE, GFP_KERNEL);
	live[1] = kspan_alloc(SZ_64K, GFP_KERNEL);
	kspan_test_tick(test, 30);
	KUNIT_EXPECT_TRUE(test, tick_stops());
	kspan_free(live[0]);
	KUNIT_EXPECT_TRUE(test, kspan_test_wait_for_ticks(1));
	KUNIT_EXPECT_TRUE(test, tick_stops());
	KUNIT_EXPECT_EQ(test, kspan_cache_held(SC), 0UL);
	kspan_free(live[1]);
	KUNIT_EXPECT_TRUE(test, kspan_test_wait_for_ticks(1));
	KUNIT_EXPECT_TRUE(test, tick_stops());
	KUNIT_EXPECT_TRUE(test, only_the_reserve());
	more = kspan_alloc(SIZE, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, kspan_test_wait_for_ticks(1));
	KUNIT_EXPECT_TRUE(test, tick_stops());
	kspan_free(more);
	kspan_test_set_pace(normal);
}

/*
 * A class in use keeps its magazines, while those of an idle class are drained.
 */
static void busy_class_stays(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms, end;
	unsigned long refills, flushes, ticks;
	unsigned int i;

	kspan_test_cached_only(test);
	alloc_some(test, MAX_OBJS, 4096);
	kspan_free_bulk(MAX_OBJS, objs);
	kspan_free(kspan_alloc(SIZE, GFP_KERNEL));
	kspan_test_set_pace(100);
	kspan_scavenge_start();
	ticks = atomic_long_read(&kspan_nr_scavenge) + 3;
	refills = 0;
	flushes = 0;
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); cond_resched()) {
		for (i = 0; i < 1000; i++)
			kspan_free(kspan_alloc(SIZE, GFP_KERNEL));
		if (!refills && atomic_long_read(&kspan_nr_scavenge) >= ticks &&
		    !kspan_cache_held(kspan_size_to_class(4096))) {
			refills = atomic_long_read(&kspan_nr_refill);
			flushes = atomic_long_read(&kspan_nr_flush);
			ticks = atomic_long_read(&kspan_nr_scavenge) + 6;
		} else if (refills &&
			   atomic_long_read(&kspan_nr_scavenge) >= ticks) {
			break;
		}
	}
	KUNIT_EXPECT_EQ(test, kspan_cache_held(kspan_size_to_class(4096)), 0UL);
	KUNIT_EXPECT_GE(test, (unsigned long)atomic_long_read(&kspan_nr_scavenge), ticks);
	KUNIT_EXPECT_EQ(test, (unsigned long)atomic_long_read(&kspan_nr_refill), refills);
	KUNIT_EXPECT_EQ(test, (unsigned long)atomic_long_read(&kspan_nr_flush), flushes);
	kspan_test_set_pace(normal);
}

/*
 * If a few free objects of a class in use pin one chunk each, they do so only
 * for a while: most of the heap is free then, so the tick gives them back.
 */
static void few_objects_pin_little(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms, end;
	struct kspan_stats stats;
	unsigned int i, nr = 60;
	void **spread;

	kspan_test_cached_only(test);
	/* Of each group one object stays until all the others are freed. */
	spread = kvcalloc(NR_SPREAD, sizeof(*spread), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, spread);
	for (i = 0; i < NR_SPREAD; i++)
		spread[i] = kspan_alloc(SIZE, GFP_KERNEL);
	for (i = 0; i < NR_SPREAD; i++)
		if (i % (NR_SPREAD / nr))
			kspan_free(spread[i]);
	for (i = 0; i < NR_SPREAD; i += NR_SPREAD / nr)
		kspan_free(spread[i]);
	kvfree(spread);
	kspan_read_stats(&stats);
	kspan_test_set_pace(50);
	kspan_scavenge_start();
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(1)) {
		for (i = 0; i < nr; i++)
			objs[i] = kspan_alloc(SIZE, GFP_KERNEL);
		for (i = 0; i < nr; i++)
			kspan_free(objs[i]);
		kspan_read_stats(&stats);
		if (stats.heap_sys <= stats.reserve + 4 * CHUNK_BYTES)
			break;
	}
	KUNIT_EXPECT_LE(test, stats.heap_sys, stats.reserve + 4 * CHUNK_BYTES);
	kspan_test_set_pace(normal);
}

/* A release returns the bytes it gave back, and the next one finds nothing. */
static void release_tells_its_bytes(struct kunit *test)
{
	struct kspan_stats before;
	size_t bytes;

	kspan_release();
	alloc_some(test, MAX_OBJS, 8192);
	kspan_free_bulk(MAX_OBJS, objs);
	kspan_free(kspan_alloc(SZ_2M, GFP_KERNEL));
	kspan_read_stats(&before);
	bytes = kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_released), (u64)bytes);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), -(u64)bytes);
	KUNIT_EXPECT_GE(test, bytes, (size_t)SZ_4M);
	KUNIT_EXPECT_TRUE(test, only_the_reserve());
	KUNIT_EXPECT_EQ(test, kspan_span_nr_dead(), 0U);
	KUNIT_EXPECT_EQ(test, kspan_release(), (size_t)0);
}

/* Reclaim gives back what this CPU's cache holds, without other CPUs. */
static void reclaim_empties_this_cpu(struct kunit *test)
{
	struct kspan_stats before;

	kspan_test_plain_only(test);
	kspan_release();
	migrate_disable();
	alloc_some(test, MAX_OBJS, SIZE);
	kspan_free_bulk(MAX_OBJS, objs);
	kspan_free(kspan_alloc(SZ_2M, GFP_KERNEL));
	kspan_read_stats(&before);
	KUNIT_EXPECT_GT(test, kspan_cache_held(SC), 0UL);
	kspan_reclaim(0);
	KUNIT_EXPECT_EQ(test, kspan_cache_held(SC), 0UL);
	KUNIT_EXPECT_EQ(test, kspan_central_of(numa_mem_id(), SC)->nr_spans, 0UL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
	KUNIT_EXPECT_GE(test, KSPAN_SINCE(&before, heap_released), (u64)SZ_2M);
	migrate_enable();
}

/* A tick keeps a tenth of the recent peak, and less each time. */
static void keeps_a_tenth_of_the_peak(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	unsigned long keep, last, peak;
	unsigned int i;

	kspan_release();
	alloc_some(test, MAX_OBJS, 8192);
	peak = READ_ONCE(heap->used_pages);
	KUNIT_EXPECT_GE(test, peak, (unsigned long)MAX_OBJS);
	kspan_free_bulk(MAX_OBJS, objs);
	last = kspan_page_heap_keep(heap);
	KUNIT_EXPECT_GE(test, last, heap->reserve_pages + peak / 10);
	kspan_release();
	for (i = 0; i < 12; i++) {
		keep = kspan_page_heap_keep(heap);
		KUNIT_EXPECT_LE(test, keep, last);
		last = keep;
	}
	KUNIT_EXPECT_EQ(test, last, heap->reserve_pages);
}

/* Regions above the budget are given back at once, without a tick. */
static void surplus_regions_go_soon(struct kunit *test)
{
	unsigned long budget, end;
	unsigned int i, nr;

	kspan_release();
	budget = min(totalram_pages() / 16, (256UL << 20) / PAGE_SIZE) * PAGE_SIZE;
	nr = budget / SZ_2M + 2;
	KUNIT_ASSERT_LE(test, nr, MAX_OBJS);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(SZ_2M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	kspan_free_bulk(nr, objs);
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end);
	     msleep(10))
		if (atomic_long_read(&kspan_region_idle) <= budget)
			break;
	KUNIT_EXPECT_LE(test, (unsigned long)atomic_long_read(&kspan_region_idle),
			budget);
	/* The regions within the budget stay. */
	KUNIT_EXPECT_GT(test, (unsigned long)atomic_long_read(&kspan_region_idle),
			budget / 2);
}

static struct kunit_case scavenge_cases[] = {
	KSPAN_CASE_SLOW(comes_back_by_itself),
	KUNIT_CASE(stays_for_its_time),
	KUNIT_CASE(idle_caches_are_drained),
	KUNIT_CASE(idle_tiny_block_is_drained),
	KUNIT_CASE(live_memory_stays),
	KUNIT_CASE(tick_sleeps_and_wakes),
	KUNIT_CASE(busy_class_stays),
	KUNIT_CASE(few_objects_pin_little),
	KUNIT_CASE(release_tells_its_bytes),
	KUNIT_CASE(reclaim_empties_this_cpu),
	KUNIT_CASE(keeps_a_tenth_of_the_peak),
	KUNIT_CASE(surplus_regions_go_soon),
	{}
};

KSPAN_TEST_SUITE(scavenge, scavenge_cases);
