// SPDX-License-Identifier: GPL-2.0
/*
 * Verification: kspan_verify() finds a fault in any structure.  Each fault is
 * planted while nothing else uses kspan, and is removed before any code can
 * trip over it.
 */
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "cache/cache.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/chunk.h"
#include "heap/large.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/arena.h"

/* Nothing else uses data objects of this class. */
#define SIZE	320U
#define SC	(KSPAN_SC_DATA + kspan_size_to_class(SIZE))

static void expect_sound(struct kunit *test)
{
	const char *wrong = kspan_verify();

	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
}

/*
 * Expect a finding that begins with the name of the part. verify compares sums
 * only if nothing changes meanwhile, so wait for the worker if needed.
 */
static void expect_found(struct kunit *test, const char *part)
{
	const char *wrong = kspan_verify();
	unsigned int i;

	for (i = 0; i < 50 && !wrong; i++) {
		msleep(20);
		wrong = kspan_verify();
	}
	KUNIT_EXPECT_NOT_NULL_MSG(test, wrong, "nothing is found");
	if (wrong)
		KUNIT_EXPECT_TRUE_MSG(test, strstarts(wrong, part),
				      "found instead: %s", wrong);
}

static void *new_object(struct kunit *test)
{
	void *ptr = kspan_alloc_data(SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	return ptr;
}

/* No finding, with objects of all kinds and after they are freed. */
static void busy_allocator_is_sound(struct kunit *test)
{
	static const size_t sizes[] = { 8, 100, 1000, 10000, 40000, 3 << 20 };
	void *objs[ARRAY_SIZE(sizes)], *tiny[20], *data;
	unsigned int i;

	expect_sound(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		objs[i] = kspan_alloc(sizes[i], GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(tiny); i++)
		tiny[i] = kspan_alloc_tiny(1 + i % 15, GFP_KERNEL);
	data = new_object(test);
	expect_sound(test);
	kspan_release();
	expect_sound(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		kspan_free(objs[i]);
	for (i = 0; i < ARRAY_SIZE(tiny); i += 2)
		kspan_free(tiny[i]);
	expect_sound(test);
	for (i = 1; i < ARRAY_SIZE(tiny); i += 2)
		kspan_free(tiny[i]);
	kspan_free(data);
	expect_sound(test);
	kspan_release();
	expect_sound(test);
}

/* An inconsistent span, in several ways. */
static void spans(struct kunit *test)
{
	void *ptr = new_object(test);
	struct kspan_span *span = kspan_test_span(ptr);
	unsigned int i = kspan_test_state(ptr) - span->state;

	span->nr_free++;
	expect_found(test, "span:");
	span->nr_free--;
	span->state[span->nr_objs] = KSPAN_OBJ_LIVE;
	expect_found(test, "span:");
	span->state[span->nr_objs] = KSPAN_OBJ_NONE;
	__change_bit(i, kspan_span_bitmap(span));
	expect_found(test, "span:");
	__change_bit(i, kspan_span_bitmap(span));
	span->state[i] = KSPAN_OBJ_QUARANTINED + 1;
	expect_found(test, "span:");
	span->state[i] = KSPAN_OBJ_LIVE;
	kspan_free(ptr);
	expect_sound(test);
}

/* Wrong figures of a central list. */
static void central_lists(struct kunit *test)
{
	struct kspan_central *central = kspan_central_of(numa_mem_id(), SC);

	central->nr_free++;
	expect_found(test, "central:");
	central->nr_free--;
	central->nr_empty--;
	expect_found(test, "central:");
	central->nr_empty++;
	central->nr_partial++;
	expect_found(test, "central:");
	central->nr_partial--;
	expect_sound(test);
}

/* Wrong figures of a chunk and of its page heap. */
static void page_heap(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	void *ptr = new_object(test);
	struct kspan_chunk *chunk = kspan_test_span(ptr)->chunk;

	chunk->used++;
	expect_found(test, "heap:");
	chunk->used--;
	chunk->longest ^= 1;
	expect_found(test, "heap:");
	chunk->longest ^= 1;
	heap->used_pages++;
	expect_found(test, "heap:");
	heap->used_pages--;
	kspan_free(ptr);
	expect_sound(test);
}

/*
 * The page heap is consistent, but pages are lost: allocated for a span that is
 * not in the map.
 */
static void lost_pages(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	struct kspan_run run;

	KUNIT_ASSERT_TRUE(test, kspan_page_heap_alloc(heap, 1, 1, true, &run));
	expect_found(test, "heap:");
	kspan_page_heap_free(heap, run.chunk, run.addr, 1);
	expect_sound(test);
}

/* A page that leads to the wrong span, and one that leads to none. */
static void arena_map(struct kunit *test)
{
	void *ptr = new_object(test), *other = kspan_alloc(64, GFP_KERNEL);
	struct kspan_span *span = kspan_test_span(ptr);

	KUNIT_ASSERT_NOT_NULL(test, other);
	/* Otherwise an object of theirs in a magazine would be found first. */
	kspan_release();
	kspan_arena_set(span->base, 1, kspan_test_span(other));
	expect_found(test, "arena:");
	kspan_arena_set(span->base, 1, &kspan_null_span);
	KUNIT_EXPECT_NOT_NULL(test, kspan_verify());
	kspan_arena_set(span->base, kspan_span_pages(span), span);
	expect_sound(test);
	kspan_free(other);
	kspan_free(ptr);
}

/* A live object in a magazine. */
static void magazines(struct kunit *test)
{
	void *ptr = new_object(test);
	u8 *state = kspan_test_state(ptr);

	kspan_free(ptr);
	*state = KSPAN_OBJ_LIVE;
	KUNIT_EXPECT_NOT_NULL(test, kspan_verify());
	*state = KSPAN_OBJ_FREE;
	expect_sound(test);
}

/* The same in a magazine that is in a depot. */
static void depots(struct kunit *test)
{
	unsigned int cap = kspan_sc_info(SC)->mag_cap, i, nr = 4 * cap;
	int node = numa_mem_id();
	struct kspan_slot *slot;
	struct kspan_mag *mag, *empty;
	void **objs;

	kspan_test_cached_only(test);
	objs = kunit_kmalloc_array(test, nr, sizeof(*objs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs);
	for (i = 0; i < nr; i++)
		objs[i] = new_object(test);
	for (i = 0; i < nr; i++)
		kspan_free(objs[i]);
	mag = kspan_depot_get(node, SC, NULL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	slot = &mag->slot[KSPAN_MAG_SLOTS - 1];
	KUNIT_EXPECT_TRUE(test, kspan_depot_put(node, SC, mag, &empty));
	if (empty)
		kspan_mag_free(empty);
	expect_sound(test);
	*slot->state = KSPAN_OBJ_LIVE;
	expect_found(test, "depot:");
	*slot->state = KSPAN_OBJ_FREE;
	/* Corrupt the sentinel, which marks the end of a magazine. */
	slot -= cap;
	slot->state = kspan_test_state(objs[0]);
	expect_found(test, "depot:");
	slot->state = &kspan_none_state;
	expect_sound(test);
}

/* An object that is not live by its state but by the counts. */
static void counts(struct kunit *test)
{
	void *ptr = new_object(test);
	u8 *state = kspan_test_state(ptr);

	*state = KSPAN_OBJ_FREE;
	expect_found(test, "stats:");
	*state = KSPAN_OBJ_LIVE;
	expect_sound(test);
	kspan_free(ptr);
}

/* The same for large objects, as runs and as regions. */
static void large_counts(struct kunit *test)
{
	static const size_t sizes[] = { 40000, 3 << 20 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		struct kspan_span *span = kspan_test_span(ptr);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		span->live = KSPAN_LIFE_NONE;
		expect_found(test, "stats:");
		span->live = KSPAN_LIFE_LIVE;
		atomic_long_inc(&kspan_large_nfree);
		expect_found(test, "stats:");
		atomic_long_dec(&kspan_large_nfree);
		expect_sound(test);
		kspan_free(ptr);
	}
}

static struct kunit_case verify_cases[] = {
	KUNIT_CASE(busy_allocator_is_sound),
	KUNIT_CASE(spans),
	KUNIT_CASE(central_lists),
	KUNIT_CASE(page_heap),
	KUNIT_CASE(lost_pages),
	KUNIT_CASE(arena_map),
	KUNIT_CASE(magazines),
	KUNIT_CASE(depots),
	KUNIT_CASE(counts),
	KUNIT_CASE(large_counts),
	{}
};

KSPAN_TEST_SUITE(verify, verify_cases);
