// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap, mostly on private heaps with fictitious chunks, since the page
 * heap treats addresses as mere numbers.  Cases that give chunks back to the
 * kernel use real ones.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/kasan.h"
#include "base/node.h"
#include "base/params.h"
#include "heap/backing.h"
#include "heap/page_heap.h"
#include "kunit_support.h"

static unsigned int run_index(const struct kspan_run *run)
{
	return (run->addr - run->chunk->base) >> KSPAN_PAGE_SHIFT;
}

/* Allocate and expect success.  Return: the index of the first page. */
static unsigned int take(struct kunit *test, struct kspan_page_heap *heap,
			 unsigned int nr_pages, struct kspan_run *run)
{
	bool done = kspan_page_heap_alloc(heap, nr_pages, 1, true, run);

	KUNIT_ASSERT_TRUE_MSG(test, done, "no run of %u pages", nr_pages);
	return run_index(run);
}

static void put(struct kspan_page_heap *heap, const struct kspan_run *run,
		unsigned int nr_pages)
{
	kspan_page_heap_free(heap, run->chunk, run->addr, nr_pages);
}

static void expect_sound(struct kunit *test, struct kspan_page_heap *heap)
{
	const char *wrong = kspan_page_heap_check(heap);

	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
}

/* Runs are allocated in order, holes are reused, adjacent holes are merged. */
static void split_and_coalesce(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_chunk *chunk = kspan_test_chunk(test, heap, 0x10000000, 16);
	struct kspan_run run[4], other;
	unsigned int i;

	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, take(test, heap, 4, &run[i]), 4 * i);
	KUNIT_EXPECT_EQ(test, chunk->longest, (u16)0);
	put(heap, &run[1], 4);
	KUNIT_EXPECT_EQ(test, chunk->longest, (u16)4);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 5, 1, true, &other));
	KUNIT_EXPECT_EQ(test, take(test, heap, 1, &other), 4U);
	put(heap, &other, 1);
	/* Merge with the left, with the right, and with both neighbours. */
	put(heap, &run[2], 4);
	KUNIT_EXPECT_EQ(test, chunk->longest, (u16)8);
	KUNIT_EXPECT_EQ(test, take(test, heap, 8, &other), 4U);
	put(heap, &other, 8);
	put(heap, &run[0], 4);
	KUNIT_EXPECT_EQ(test, chunk->longest, (u16)12);
	put(heap, &run[3], 4);
	KUNIT_EXPECT_EQ(test, chunk->longest, (u16)16);
	KUNIT_EXPECT_EQ(test, chunk->used, (u16)0);
	KUNIT_EXPECT_EQ(test, take(test, heap, 16, &other), 0U);
	expect_sound(test, heap);
}

/* Allocation fails if the heap is empty, full, or without a long enough run. */
static void exhaustion_is_told(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_run run, last;

	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, true, &run));
	kspan_test_chunk(test, heap, 0x10000000, 8);
	kspan_test_chunk(test, heap, 0x20000000, 8);
	KUNIT_EXPECT_FALSE_MSG(test, kspan_page_heap_alloc(heap, 9, 1, true, &run),
			       "a run lies in one chunk");
	take(test, heap, 8, &run);
	take(test, heap, 7, &last);
	KUNIT_EXPECT_EQ(test, heap->free_pages, 1UL);
	KUNIT_EXPECT_EQ(test, heap->used_pages, 15UL);
	take(test, heap, 1, &last);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, true, &last));
	put(heap, &run, 8);
	KUNIT_EXPECT_EQ(test, heap->free_pages, 8UL);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, KSPAN_CHUNK_MAX + 1, 1,
						       true, &last));
	expect_sound(test, heap);
}

/* The address is aligned, not the offset in the chunk. */
static void runs_are_aligned(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_run run;
	unsigned int align;

	/* The first page is three pages below a multiple of 128. */
	kspan_test_chunk(test, heap, 0x10000000 - 3 * KSPAN_PAGE_SIZE, KSPAN_CHUNK_MAX);
	for (align = 1; align <= 128; align *= 2) {
		KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 2, align, true,
							      &run));
		KUNIT_EXPECT_EQ_MSG(test, run.addr % (align * KSPAN_PAGE_SIZE),
				    0UL, "alignment of %u pages", align);
		KUNIT_EXPECT_EQ(test, run_index(&run),
				align == 1 ? 0U : align == 2 ? 1U : 3U);
		put(heap, &run, 2);
	}
	/* Alignments and lengths that no chunk is sure to hold are refused. */
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 2, 256, true, &run));
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 200, 128, true, &run));
	expect_sound(test, heap);
}

/* An aligned chunk can hold a run without room for alignment. */
static void aligned_without_slack(struct kunit *test)
{
	unsigned long half = KSPAN_CHUNK_MAX / 2;
	struct kspan_page_heap *heap = kspan_test_heap(test, half + 1);
	struct kspan_run run[4];

	/* The first page is three pages below a multiple of 256. */
	kspan_test_chunk(test, heap, 0x10000000 - 3 * KSPAN_PAGE_SIZE, 40);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc_aligned(heap, 37, 256,
							       false, &run[0]));
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc_aligned(heap, 37, 256,
							      true, &run[0]));
	KUNIT_EXPECT_EQ(test, run_index(&run[0]), 3U);
	kspan_test_chunk(test, heap, 0x20000000, KSPAN_CHUNK_MAX);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc_aligned(heap, 2, 256, true,
							       &run[1]) &&
				 run_index(&run[1]));
	put(heap, &run[1], 2);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc_aligned(heap, half, half,
							      false, &run[1]));
	KUNIT_EXPECT_EQ(test, run_index(&run[1]), 0U);
	/* The other half belongs to the reserve. */
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc_aligned(heap, half, half,
							       false, &run[2]));
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc_aligned(heap, half, half,
							      true, &run[2]));
	KUNIT_EXPECT_EQ(test, (unsigned long)run_index(&run[2]), half);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc_aligned(heap, half, half,
							       true, &run[3]));
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc_aligned(heap, 257, 1, true,
							       &run[3]));
	put(heap, &run[0], 37);
	put(heap, &run[1], half);
	put(heap, &run[2], half);
	expect_sound(test, heap);
}

/*
 * Only requests that may use the reserve get its pages, and @low tells when the
 * reserve needs to be refilled.
 */
static void reserve_is_kept(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 10);
	struct kspan_run run, small;

	kspan_test_chunk(test, heap, 0x10000000, 32);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 20, 1, false, &run));
	KUNIT_EXPECT_FALSE(test, run.low);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 3, 1, false, &small));
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 2, 1, false, &small));
	KUNIT_EXPECT_FALSE_MSG(test, small.low, "the reserve is whole");
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, false, &small));
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 1, 1, true, &small));
	KUNIT_EXPECT_TRUE_MSG(test, small.low, "the reserve was opened");
	put(heap, &run, 20);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 19, 1, false, &run));
	KUNIT_EXPECT_FALSE(test, run.low);
	expect_sound(test, heap);
}

/* Enough pages in holes are no reserve without a run for the longest span. */
static void holes_are_no_reserve(struct kunit *test)
{
	unsigned int span = kspan_page_heap_longest_span(), i;
	struct kspan_page_heap *heap = kspan_test_heap(test, 40);
	static struct kspan_run run[100];
	struct kspan_run none;

	kspan_test_chunk(test, heap, 0x100000, 100);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);
	for (i = 0; i < 100; i++)
		take(test, heap, 1, &run[i]);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), span);
	for (i = 0; i < 100; i += 2)
		put(heap, &run[i], 1);
	KUNIT_EXPECT_EQ(test, heap->free_pages, 50UL);
	KUNIT_EXPECT_EQ_MSG(test, kspan_page_heap_lacks(heap), span, "in holes");
	kspan_test_chunk(test, heap, 0x200000, span);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);

	/* A longer run was missing: the reserve should provide it next time. */
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, span + 4, 1, true, &none));
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), span + 4);
	/*
	 * Callers that can sleep do not count, nor lengths above those of a
	 * chunk.
	 */
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, span + 5, 1, false, &none));
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), span + 4);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, KSPAN_CHUNK_MAX, 1, true,
						       &none));
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), KSPAN_CHUNK_PAGES);
	/* The demand decays over time. */
	for (i = 0; i < 9; i++)
		kspan_page_heap_keep(heap);
	KUNIT_EXPECT_EQ(test, heap->reserve_run, span);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);
	expect_sound(test, heap);
}

/*
 * Of two idle chunks, trimming keeps the one that provides the reserve's run.
 */
static void trim_keeps_a_run(struct kunit *test)
{
	unsigned int span = kspan_page_heap_longest_span(), i;
	struct kspan_page_heap *heap = kspan_test_heap(test, 8);
	struct kspan_run run[20];

	kspan_test_chunk(test, heap, 0x100000, 20);
	for (i = 0; i < 20; i++)
		take(test, heap, 1, &run[i]);
	for (i = 0; i < 20; i += 2)
		put(heap, &run[i], 1);
	kspan_test_chunk(test, heap, 0x200000, span);
	/*
	 * Neither may go; fictitious memory could not even be given to vfree().
	 */
	KUNIT_EXPECT_EQ(test, kspan_page_heap_trim(heap, 8, 0), 0UL);
	KUNIT_EXPECT_EQ(test, heap->nr_chunks, 2UL);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_is_settled(heap));
	for (i = 1; i < 20; i += 2)
		put(heap, &run[i], 1);
	KUNIT_EXPECT_FALSE_MSG(test, kspan_page_heap_is_settled(heap),
			       "either chunk could go");
	take(test, heap, span, &run[0]);
	put(heap, &run[0], span);
	expect_sound(test, heap);
}

/* With a memory_limit the reserve is at most half of it. */
static void reserve_obeys_the_limit(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 100);
	struct kspan_run run;

	kspan_test_chunk(test, heap, 0x100000, 60);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_reserve(heap), 100UL);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, false, &run));
	kspan_params.memory_limit = 20 * 2 * KSPAN_PAGE_SIZE * kspan_nr_nodes;
	KUNIT_EXPECT_EQ(test, kspan_page_heap_reserve(heap), 20UL);
	KUNIT_EXPECT_TRUE(test, kspan_page_heap_alloc(heap, 40, 1, false, &run));
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, false, &run));
	kspan_params.memory_limit = 0;
}

/* A run is clean if none of its pages has ever been in a span. */
static void dirty_pages_are_known(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_chunk *chunk = kspan_test_chunk(test, heap, 0x10000000, 16);
	struct kspan_run run, next;

	take(test, heap, 4, &run);
	KUNIT_EXPECT_FALSE(test, run.dirty);
	take(test, heap, 4, &next);
	KUNIT_EXPECT_FALSE(test, next.dirty);
	put(heap, &run, 4);
	take(test, heap, 4, &run);
	KUNIT_EXPECT_TRUE_MSG(test, run.dirty, "used before");
	put(heap, &run, 4);
	put(heap, &next, 4);
	take(test, heap, 9, &run);
	KUNIT_EXPECT_TRUE_MSG(test, run.dirty, "8 of 9 were used before");
	take(test, heap, 7, &next);
	KUNIT_EXPECT_FALSE_MSG(test, next.dirty, "none was used before");
	put(heap, &next, 7);
	/* Only the last page of the run is dirty. */
	bitmap_zero(chunk->dirty, 16);
	__set_bit(15, chunk->dirty);
	take(test, heap, 7, &next);
	KUNIT_EXPECT_TRUE(test, next.dirty);
}

/* The shortest run that fits is used; among equals the fullest chunk. */
static void best_chunk_is_taken(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_chunk *empty, *half, *full, *shorter;
	struct kspan_run run;

	/* Three chunks with a free run of 10 pages each, filled differently. */
	full = kspan_test_chunk(test, heap, 0x30000000, 100);
	take(test, heap, 90, &run);
	half = kspan_test_chunk(test, heap, 0x20000000, 20);
	take(test, heap, 10, &run);
	KUNIT_ASSERT_PTR_EQ(test, run.chunk, full);
	put(heap, &run, 10);
	take(test, heap, 20, &run);
	KUNIT_ASSERT_PTR_EQ(test, run.chunk, half);
	kspan_page_heap_free(heap, half, half->base + 10 * KSPAN_PAGE_SIZE, 10);
	empty = kspan_test_chunk(test, heap, 0x10000000, 10);
	/* And a chunk with a shorter run. */
	shorter = kspan_test_chunk(test, heap, 0x40000000, 9);

	take(test, heap, 9, &run);
	KUNIT_EXPECT_PTR_EQ_MSG(test, run.chunk, shorter, "shortest run first");
	take(test, heap, 10, &run);
	KUNIT_EXPECT_PTR_EQ_MSG(test, run.chunk, full, "fullest chunk first");
	take(test, heap, 10, &run);
	KUNIT_EXPECT_PTR_EQ(test, run.chunk, half);
	take(test, heap, 10, &run);
	KUNIT_EXPECT_PTR_EQ_MSG(test, run.chunk, empty, "a free chunk last");
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, true, &run));
	expect_sound(test, heap);
}

/* The pages to keep follow the peak, which decays towards the use. */
static void peak_decays(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 7);
	struct kspan_run run, rest;

	kspan_test_chunk(test, heap, 0x10000000, 256);
	take(test, heap, 100, &run);
	take(test, heap, 100, &rest);
	put(heap, &run, 100);
	KUNIT_EXPECT_EQ(test, heap->peak_pages, 200UL);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_keep(heap), 7UL + 20);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_keep(heap), 7UL + 15);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_keep(heap), 7UL + 12);
	put(heap, &rest, 100);
	KUNIT_EXPECT_LT(test, kspan_page_heap_keep(heap), 7UL + 12);
}

/* Real chunks are given back when they have idled, except those to keep. */
static void trim_returns_idle_chunks(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	unsigned long bytes, pages, sys;
	struct kspan_chunk *chunk;
	struct kspan_run run;
	unsigned int i;

	sys = atomic_long_read(&kspan_heap_sys);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_EQ(test, kspan_page_heap_grow(heap, 1, GFP_KERNEL), 0);
	KUNIT_EXPECT_EQ(test, heap->nr_chunks, 4UL);
	pages = heap->free_pages / 4;
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_heap_sys) - sys,
			4 * pages * KSPAN_PAGE_SIZE);
	expect_sound(test, heap);
	take(test, heap, 1, &run);
	KUNIT_EXPECT_FALSE_MSG(test, run.low, "there is nothing to be below of");
	chunk = run.chunk;

	KUNIT_EXPECT_EQ_MSG(test, kspan_page_heap_trim(heap, 0, HZ * 3600), 0UL,
			    "they have not idled for an hour");
	bytes = kspan_page_heap_trim(heap, 2 * pages - 1, 0);
	KUNIT_EXPECT_EQ_MSG(test, bytes, 2 * pages * KSPAN_PAGE_SIZE,
			    "two chunks' pages but one were to be kept");
	expect_sound(test, heap);
	bytes = kspan_page_heap_trim(heap, 0, 0);
	KUNIT_EXPECT_EQ(test, bytes, pages * KSPAN_PAGE_SIZE);
	KUNIT_EXPECT_EQ_MSG(test, heap->nr_chunks, 1UL, "one is in use");
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&heap->chunks,
						   struct kspan_chunk, all),
			    chunk);
	put(heap, &run, 1);
	KUNIT_EXPECT_FALSE_MSG(test, kspan_page_heap_is_settled(heap),
			       "without a reserve the last one goes, too");
	/* Older than time_before() can compare. */
	chunk->idle_since = jiffies - (ULONG_MAX / 2 + HZ);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_trim(heap, 0, 0),
			pages * KSPAN_PAGE_SIZE);
	KUNIT_EXPECT_FALSE_MSG(test, kspan_page_heap_is_settled(heap),
			       "a peak that has yet to decay");
	kspan_page_heap_keep(heap);
	KUNIT_EXPECT_TRUE(test, kspan_page_heap_is_settled(heap));
	KUNIT_EXPECT_EQ(test, heap->free_pages, 0UL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_heap_sys), (long)sys);
	KUNIT_EXPECT_FALSE(test, kspan_page_heap_alloc(heap, 1, 1, true, &run));
}

/* Growth provides a run of the requested length and respects the limit. */
static void growth_obeys_the_limit(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	unsigned long limit = kspan_params.memory_limit;
	struct kspan_run run;

	WRITE_ONCE(kspan_params.memory_limit, 1);
	KUNIT_EXPECT_EQ(test, kspan_page_heap_grow(heap, 1, GFP_KERNEL), -EDQUOT);
	WRITE_ONCE(kspan_params.memory_limit, limit);
	KUNIT_EXPECT_EQ(test, heap->nr_chunks, 0UL);
	KUNIT_ASSERT_EQ(test, kspan_page_heap_grow(heap, KSPAN_CHUNK_MAX, GFP_KERNEL),
			0);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, KSPAN_CHUNK_MAX, 1, true,
						      &run));
	KUNIT_EXPECT_EQ(test, run.addr % KSPAN_PAGE_SIZE, 0UL);
	KUNIT_EXPECT_EQ(test, run.chunk->node, (s16)heap->node);
	KUNIT_EXPECT_EQ_MSG(test, run.dirty, !want_init_on_alloc(GFP_KERNEL),
			    "zeroed by the kernel or not");
	/* All of it is mapped and writable. */
	kspan_fill_object((void *)run.addr, 0x55,
			  KSPAN_CHUNK_MAX * KSPAN_PAGE_SIZE);
	put(heap, &run, KSPAN_CHUNK_MAX);
	kspan_page_heap_trim(heap, 0, 0);
	KUNIT_EXPECT_EQ(test, heap->nr_chunks, 0UL);
}

static struct kunit_case heap_cases[] = {
	KUNIT_CASE(split_and_coalesce),
	KUNIT_CASE(exhaustion_is_told),
	KUNIT_CASE(runs_are_aligned),
	KUNIT_CASE(aligned_without_slack),
	KUNIT_CASE(reserve_is_kept),
	KUNIT_CASE(holes_are_no_reserve),
	KUNIT_CASE(trim_keeps_a_run),
	KUNIT_CASE(reserve_obeys_the_limit),
	KUNIT_CASE(dirty_pages_are_known),
	KUNIT_CASE(best_chunk_is_taken),
	KUNIT_CASE(peak_decays),
	KUNIT_CASE(trim_returns_idle_chunks),
	KUNIT_CASE(growth_obeys_the_limit),
	{}
};

KSPAN_TEST_SUITE(page_heap, heap_cases);
