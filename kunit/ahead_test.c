// SPDX-License-Identifier: GPL-2.0
/*
 * Growth ahead of need: a worker adds the next chunk while callers still have pages
 * left, and the first pages come from the reserve.
 */
#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "base/node.h"
#include "base/params.h"
#include "heap/backing.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"

#define OBJ_BYTES	SZ_4K
/* As many as ten chunks hold. */
#define NR_OBJS	(10 * KSPAN_CHUNK_PAGES * (unsigned int)(KSPAN_PAGE_SIZE / OBJ_BYTES))

/* The objects of a case, linked through themselves. */
static void *live;

static bool allocate(void)
{
	void **obj = kspan_alloc(OBJ_BYTES, GFP_KERNEL);

	if (!obj)
		return false;
	*obj = live;
	live = obj;
	return true;
}

static void free_all(void)
{
	void *next;

	for (; live; live = next) {
		next = *(void **)live;
		kspan_free(live);
	}
}

static struct kspan_page_heap *the_heap(struct kunit *test)
{
	if (kspan_nr_nodes > 1)
		kunit_skip(test, "allocations may come from any node");
	return kspan_page_heap_of(kspan_first_node);
}

/* Whether a caller gets the longest span without growing the heap. */
static bool has_left(struct kspan_page_heap *heap)
{
	unsigned long flags;
	bool left;

	raw_spin_lock_irqsave(&heap->lock, flags);
	left = kspan_page_heap_near(heap) >= kspan_page_heap_reserve(heap) +
					     kspan_page_heap_longest_span();
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return left;
}

/* If the worker has time, only the first callers grow the heap. */
static void callers_find_pages(struct kunit *test)
{
	struct kspan_page_heap *heap = the_heap(test);
	unsigned int i, nr_without = 0;

	kspan_release();
	for (i = 0; i < NR_OBJS; i++) {
		if (!allocate())
			break;
		kspan_scavenge_settle();
		if (heap->used_pages > heap->first_pages && !has_left(heap))
			nr_without++;
	}
	KUNIT_EXPECT_EQ(test, i, NR_OBJS);
	KUNIT_EXPECT_EQ(test, nr_without, 0U);
	/* They did not use the reserve. */
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);
	KUNIT_EXPECT_GE(test, kspan_page_heap_near(heap), heap->reserve_pages);
	free_all();
}

/* What a heap had before make_it_want(). */
struct wish {
	unsigned long first_pages;
	unsigned long ahead_pages;
};

/* Let a heap want a chunk, whatever it has. */
static struct wish make_it_want(struct kspan_page_heap *heap)
{
	struct wish was = { heap->first_pages, heap->ahead_pages };
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->lock, flags);
	heap->first_pages = 0;
	heap->ahead_pages = ULONG_MAX;
	heap->peak_pages = heap->used_pages;
	heap->ahead = true;
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return was;
}

static void restore(struct kspan_page_heap *heap, struct wish was)
{
	heap->first_pages = was.first_pages;
	heap->ahead_pages = was.ahead_pages;
	heap->ahead = false;
}

/* Each request adds one chunk, and without a request there is none. */
static void one_chunk_a_request(struct kunit *test)
{
	struct kspan_page_heap *heap = the_heap(test);
	struct wish was;
	long grown;

	kspan_release();
	grown = atomic_long_read(&kspan_nr_grow);
	was = make_it_want(heap);
	kspan_page_heap_grow_ahead();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_nr_grow), grown + 1);
	KUNIT_EXPECT_FALSE(test, heap->ahead);
	kspan_page_heap_grow_ahead();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_nr_grow), grown + 1);
	restore(heap, was);
	kspan_release();
}

/* Under a memory_limit the heap does not grow ahead. */
static void none_at_a_limit(struct kunit *test)
{
	struct kspan_page_heap *heap = the_heap(test);
	struct wish was;
	long grown;

	kspan_release();
	grown = atomic_long_read(&kspan_nr_grow);
	kspan_params.memory_limit = SZ_1G;
	was = make_it_want(heap);
	kspan_page_heap_grow_ahead();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_nr_grow), grown);
	restore(heap, was);
	kspan_params.memory_limit = 0;
}

/* A release cancels a request that was made before it. */
static void none_after_a_release(struct kunit *test)
{
	struct kspan_page_heap *heap = the_heap(test);
	struct wish was;
	long grown;

	kspan_release();
	grown = atomic_long_read(&kspan_nr_grow);
	was = make_it_want(heap);
	kspan_release();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_nr_grow), grown);
	restore(heap, was);
}

/* The first object of a client comes from the reserve. */
static void first_pages_of_the_reserve(struct kunit *test)
{
	struct kspan_page_heap *heap = the_heap(test);
	long grown;
	void *obj;

	kspan_release();
	if (heap->used_pages >= heap->first_pages / 2)
		kunit_skip(test, "%lu of %lu pages are in use", heap->used_pages,
			   heap->first_pages);
	grown = atomic_long_read(&kspan_nr_grow);
	obj = kspan_alloc(64, GFP_KERNEL);
	kspan_scavenge_settle();
	KUNIT_EXPECT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_nr_grow), grown);
	kspan_free(obj);
	kspan_release();
	KUNIT_EXPECT_EQ(test, kspan_page_heap_lacks(heap), 0U);
}

static struct kunit_case ahead_cases[] = {
	KUNIT_CASE(callers_find_pages),
	KUNIT_CASE(one_chunk_a_request),
	KUNIT_CASE(none_at_a_limit),
	KUNIT_CASE(none_after_a_release),
	KUNIT_CASE(first_pages_of_the_reserve),
	{}
};

KSPAN_TEST_SUITE(ahead, ahead_cases);
