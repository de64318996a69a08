// SPDX-License-Identifier: GPL-2.0
/*
 * Self-checks of the page heap: walks, the check behind `verify`, and a chunk
 * that is inconsistent.  They use private heaps with fictitious chunks.
 */
#include <linux/bitmap.h>
#include <linux/list.h>

#include "heap/page_heap.h"
#include "kunit_support.h"

#define MANY	100U

static void expect_sound(struct kunit *test, struct kspan_page_heap *heap)
{
	const char *wrong = kspan_page_heap_check(heap);

	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
}

/* The check finds each figure that disagrees with the bitmap. */
static void check_finds_wrong_figures(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_chunk *chunk = kspan_test_chunk(test, heap, 0x10000000, 32);
	struct kspan_run run;

	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 5, 1, true, &run));
	expect_sound(test, heap);
	__clear_bit(2, chunk->map);
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	__set_bit(2, chunk->map);
	chunk->used--;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	chunk->used++;
	chunk->longest++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	chunk->longest--;
	chunk->bucket ^= 1;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	chunk->bucket ^= 1;
	heap->nr_chunks++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	heap->nr_chunks--;
	heap->free_pages++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	heap->free_pages--;
	heap->used_pages--;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	heap->used_pages++;
	expect_sound(test, heap);
}

static void add_base(const struct kspan_chunk *chunk, void *arg)
{
	unsigned long *sum = arg;

	*sum += chunk->base;
}

/* A walk visits each chunk once, although it releases the lock now and then. */
static void walk_visits_all(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	unsigned long sum = 0, want = 0, base = 0;
	unsigned int i;

	kspan_page_heap_walk(heap, add_base, &sum);
	KUNIT_EXPECT_EQ(test, sum, 0UL);
	for (i = 1; i <= MANY; i++) {
		base += 0x1000000;
		kspan_test_chunk(test, heap, base, 32);
		want += base;
	}
	kspan_page_heap_walk(heap, add_base, &sum);
	KUNIT_EXPECT_EQ(test, sum, want);
	expect_sound(test, heap);
	heap->free_pages++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_page_heap_check(heap));
	heap->free_pages--;
}

/* A walk during which chunks are removed. */
struct lossy_walk {
	struct kspan_page_heap *heap;
	unsigned int nr;
};

static void lose_next(const struct kspan_chunk *chunk, void *arg)
{
	struct lossy_walk *walk = arg;

	walk->nr++;
	if (!list_is_last(&chunk->all, &walk->heap->chunks))
		kspan_page_heap_remove_locked(walk->heap,
					      list_next_entry((struct kspan_chunk *)chunk,
							      all));
}

/* The walk continues behind the removed chunks. */
static void walk_survives_a_loss(struct kunit *test)
{
	struct lossy_walk walk = { .heap = kspan_test_heap(test, 0) };
	unsigned int i;

	for (i = 1; i <= MANY; i++)
		kspan_test_chunk(test, walk.heap, 0x1000000UL * i, 32);
	kspan_page_heap_walk(walk.heap, lose_next, &walk);
	KUNIT_EXPECT_EQ(test, walk.nr, MANY / 2);
	KUNIT_EXPECT_EQ(test, walk.heap->nr_chunks, MANY / 2UL);
	KUNIT_EXPECT_EQ(test, walk.heap->free_pages, MANY / 2 * 32UL);
	expect_sound(test, walk.heap);
}

/*
 * A chunk whose longest run is shorter than recorded is found out when that run
 * is requested.  This is counted once, and the chunk serves no more requests,
 * but its pages in use can still be freed.
 */
static void lying_chunk_is_quarantined(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_test_heap(test, 0);
	struct kspan_chunk *bad, *good;
	struct kspan_run out, run;

	kspan_test_expect_corrupt(1);
	bad = kspan_test_chunk(test, heap, 0x10000000, 16);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 8, 1, true, &out));
	good = kspan_test_chunk(test, heap, 0x20000000, 32);
	__set_bit(12, bad->map);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 8, 1, true, &run));
	KUNIT_EXPECT_PTR_EQ(test, run.chunk, good);
	kspan_page_heap_free(heap, run.chunk, run.addr, 8);
	KUNIT_EXPECT_EQ(test, heap->free_pages, 32UL);
	expect_sound(test, heap);
	kspan_page_heap_free(heap, out.chunk, out.addr, 8);
	KUNIT_EXPECT_EQ(test, heap->free_pages, 32UL);
	KUNIT_EXPECT_EQ(test, heap->used_pages, 0UL);
	expect_sound(test, heap);
	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 2, 1, true, &run));
	KUNIT_EXPECT_PTR_EQ(test, run.chunk, good);
	kspan_page_heap_free(heap, run.chunk, run.addr, 2);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(check_finds_wrong_figures),
	KUNIT_CASE(walk_visits_all),
	KUNIT_CASE(walk_survives_a_loss),
	KUNIT_CASE(lying_chunk_is_quarantined),
	{}
};

KSPAN_TEST_SUITE(page_heap_check, cases);
