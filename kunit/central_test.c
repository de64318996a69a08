// SPDX-License-Identifier: GPL-2.0
/*
 * The central lists.  Each case uses a span class that nothing else uses, and
 * starts without a span of it.  Objects taken by kspan_central_fill() are in no
 * magazine, as between fill and flush.
 */
#include <linux/errno.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "api/grow.h"
#include "central/central.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "span/arena.h"

/* A span holds 24 objects of 1664 bytes in 5 heap pages, pointer-free. */
#define SC	(KSPAN_SC_DATA + 45)
#define NR_OBJS	24U
#define PAGES	5U

/* Most spans and most objects that a case uses. */
#define MAX_SPANS	20U
#define MAX_OBJS	(MAX_SPANS * NR_OBJS)

/* Shared by the cases, which run one at a time. */
static struct kspan_slot slots[MAX_OBJS];

static struct kspan_central *central(void)
{
	return kspan_central_of(numa_mem_id(), SC);
}

static void expect_sound(struct kunit *test)
{
	const char *wrong = kspan_central_check(central());

	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
}

/* Begin without spans of the class. */
static void begin(struct kunit *test)
{
	kspan_release();
	KUNIT_ASSERT_EQ(test, kspan_sc_info(SC)->nr_objs, (u16)NR_OBJS);
	KUNIT_ASSERT_EQ(test, kspan_sc_info(SC)->nr_pages, (u8)PAGES);
	KUNIT_ASSERT_EQ_MSG(test, central()->nr_spans, 0UL,
			    "somebody has objects of this class");
}

/* Add a span. */
static void grow(struct kunit *test)
{
	int node = numa_mem_id(), err;
	bool low;

	for (;;) {
		err = kspan_central_grow(node, SC, GFP_KERNEL, false, &low);
		if (err != -ENOSPC)
			break;
		err = kspan_page_heap_grow(kspan_page_heap_of(node), PAGES, GFP_KERNEL);
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
}

/* Take exactly @nr objects and store them from slots[@at] on. */
static void take(struct kunit *test, unsigned int at, unsigned int nr)
{
	KUNIT_ASSERT_LE(test, at + nr, MAX_OBJS);
	KUNIT_ASSERT_EQ(test, kspan_central_fill(numa_mem_id(), SC, slots + at,
						 nr), nr);
}

static void put(unsigned int at, unsigned int nr)
{
	preempt_disable();
	kspan_central_flush(SC, slots + at, nr);
	preempt_enable();
}

static struct kspan_span *span_of(unsigned int at)
{
	return kspan_test_span(slots[at].ptr);
}

/* End without spans of the class: all of them are empty. */
static void end(struct kunit *test)
{
	/* No cache counted the objects that the cases took and returned. */
	central()->nr_twice = 0;
	expect_sound(test);
	kspan_central_drain(numa_mem_id(), SC);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, 0UL);
	KUNIT_EXPECT_EQ(test, central()->nr_free, 0UL);
	expect_sound(test);
}

/*
 * Objects are handed out in address order: magazines are emptied from the end,
 * so the lowest address comes last.
 */
static void fill_in_address_order(struct kunit *test)
{
	struct kspan_span *span;
	unsigned int i;

	begin(test);
	KUNIT_EXPECT_EQ(test, kspan_central_fill(numa_mem_id(), SC, slots, 5),
			0U);
	grow(test);
	take(test, 0, 10);
	span = span_of(0);
	for (i = 0; i < 10; i++) {
		const struct kspan_slot *slot = &slots[9 - i];

		KUNIT_EXPECT_EQ(test, (unsigned long)slot->ptr,
				kspan_span_addr(span, i));
		KUNIT_EXPECT_PTR_EQ(test, slot->state, span->state + i);
		KUNIT_EXPECT_TRUE(test, kspan_obj_is_free(*slot->state));
		KUNIT_EXPECT_FALSE(test, test_bit(i, kspan_span_bitmap(span)));
	}
	KUNIT_EXPECT_EQ(test, span->nr_free, (u16)(NR_OBJS - 10));
	expect_sound(test);
	/* Holes are filled first. */
	put(4, 2);
	take(test, 4, 2);
	KUNIT_EXPECT_PTR_EQ(test, slots[5].state, span->state + 4);
	KUNIT_EXPECT_PTR_EQ(test, slots[4].state, span->state + 5);
	put(0, 10);
	end(test);
}

/* No object is handed out twice, and their number is exact. */
static void fill_is_exact(struct kunit *test)
{
	unsigned int i, k, nr;

	begin(test);
	grow(test);
	grow(test);
	grow(test);
	nr = kspan_central_fill(numa_mem_id(), SC, slots, MAX_OBJS);
	KUNIT_ASSERT_EQ(test, nr, 3 * NR_OBJS);
	memmove(slots, slots + MAX_OBJS - nr, nr * sizeof(slots[0]));
	for (i = 0; i < nr; i++)
		for (k = 0; k < i; k++)
			KUNIT_ASSERT_PTR_NE(test, slots[i].ptr, slots[k].ptr);
	KUNIT_EXPECT_EQ(test, central()->nr_free, 0UL);
	KUNIT_EXPECT_EQ(test, central()->nr_partial, 0UL);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, 3UL);
	KUNIT_EXPECT_EQ(test, kspan_central_fill(numa_mem_id(), SC, slots + nr, 1),
			0U);
	expect_sound(test);
	put(0, nr);
	end(test);
}

/*
 * The fullest span provides objects, so that the emptiest one can become empty.
 */
static void fill_from_the_fullest(struct kunit *test)
{
	struct kspan_span *emptier, *fuller;
	unsigned int half = NR_OBJS / 2;

	begin(test);
	grow(test);
	take(test, 0, NR_OBJS);
	fuller = span_of(0);
	grow(test);
	take(test, NR_OBJS, half - 2);
	emptier = span_of(NR_OBJS);
	KUNIT_ASSERT_PTR_NE(test, emptier, fuller);
	/* One span has 14 of 24 objects left, the other 3. */
	put(0, 3);
	take(test, 0, 3);
	KUNIT_EXPECT_PTR_EQ(test, span_of(0), fuller);
	KUNIT_EXPECT_PTR_EQ(test, span_of(1), fuller);
	KUNIT_EXPECT_PTR_EQ(test, span_of(2), fuller);
	/* Now the other span is the fuller one. */
	put(0, 20);
	take(test, 0, 1);
	KUNIT_EXPECT_PTR_EQ(test, span_of(0), emptier);
	put(0, 1);
	put(20, NR_OBJS - 20);
	put(NR_OBJS, half - 2);
	end(test);
}

/* Objects of several spans come back mixed; each returns to its own span. */
static void flush_sorts(struct kunit *test)
{
	unsigned int nr = 4 * NR_OBJS, i, k;
	struct kspan_span *spans[4];
	struct kspan_stats before;
	struct kspan_random random;
	bool back;

	begin(test);
	kspan_random_init(&random, 7);
	for (i = 0; i < 4; i++) {
		grow(test);
		take(test, i * NR_OBJS, NR_OBJS);
		spans[i] = span_of(i * NR_OBJS);
	}
	for (i = nr - 1; i; i--) {
		k = kspan_random_below(&random, i + 1);
		swap(slots[i], slots[k]);
	}
	kspan_read_stats(&before);
	put(0, nr / 2);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, flush), 1ULL);
	KUNIT_EXPECT_EQ(test, central()->nr_free, (unsigned long)nr / 2);
	expect_sound(test);
	for (i = 0; i < nr; i++) {
		struct kspan_span *span = span_of(i);

		k = slots[i].state - span->state;
		back = test_bit(k, kspan_span_bitmap(span));
		KUNIT_ASSERT_EQ(test, back, i < nr / 2);
	}
	put(nr / 2, nr / 2);
	KUNIT_EXPECT_EQ(test, central()->nr_free,
			central()->nr_spans * NR_OBJS);
	end(test);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ_MSG(test, READ_ONCE(spans[i]->magic), 0U,
				    "a span that is gone");
}

/* Make many spans, and return all their objects. */
static void make_empty(struct kunit *test, unsigned int nr)
{
	unsigned int i;

	begin(test);
	for (i = 0; i < nr; i++)
		grow(test);
	take(test, 0, nr * NR_OBJS);
	put(0, nr * NR_OBJS);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, central()->nr_empty);
}

/* Empty spans stay for the next wave, and are counted. */
static void empty_spans_wait(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	unsigned int nr = MAX_SPANS;
	long empty;

	begin(test);
	empty = atomic_long_read(&heap->empty_pages);
	make_empty(test, nr);
	KUNIT_EXPECT_EQ(test, central()->nr_empty, (unsigned long)nr);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->empty_pages) - empty,
			(long)nr * PAGES);
	take(test, 0, 1);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->empty_pages) - empty,
			(long)(nr - 1) * PAGES);
	put(0, 1);
	end(test);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&heap->empty_pages), empty);
}

/* Beyond the budget they return, except for one and an eighth of the spans. */
static void empty_spans_go_back(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	long budget = heap->empty_budget;
	unsigned int nr = MAX_SPANS;
	unsigned long used;

	begin(test);
	used = heap->used_pages;
	WRITE_ONCE(heap->empty_budget, 0);
	make_empty(test, nr);
	WRITE_ONCE(heap->empty_budget, budget);
	KUNIT_EXPECT_GE_MSG(test, central()->nr_spans, 1UL,
			    "the next wave begins with a new span");
	KUNIT_EXPECT_LE(test, central()->nr_empty, 1 + nr / 8UL);
	KUNIT_EXPECT_EQ(test, heap->used_pages - used,
			central()->nr_spans * PAGES);
	end(test);
	KUNIT_EXPECT_EQ(test, heap->used_pages, used);
	/* A late free of such an object is recognised as a double free. */
	KUNIT_EXPECT_PTR_EQ(test, kspan_test_span(slots[0].ptr),
			    &kspan_idle_span);
}

/* Another class gets their pages before the page heap grows. */
static void empty_spans_are_taken_back(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	unsigned long reserve = heap->reserve_pages, first = heap->first_pages;
	int node = numa_mem_id(), err;
	struct kspan_stats before;

	make_empty(test, MAX_SPANS);
	KUNIT_EXPECT_EQ(test, kspan_central_take_back(node, 1, 1),
			(unsigned long)PAGES);
	KUNIT_EXPECT_EQ(test, central()->nr_empty, MAX_SPANS - 1UL);
	kspan_read_stats(&before);
	/* The reserve covers all free pages, so no other class can use them. */
	WRITE_ONCE(heap->first_pages, 0);
	WRITE_ONCE(heap->reserve_pages, heap->free_pages);
	err = kspan_grow_class(kspan_size_to_class(64), &node, GFP_KERNEL);
	WRITE_ONCE(heap->reserve_pages, reserve);
	WRITE_ONCE(heap->first_pages, first);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, grow), 0ULL);
	KUNIT_EXPECT_LT(test, central()->nr_empty, MAX_SPANS - 1UL);
	end(test);
}

/* Draining keeps spans with an object in use. */
static void drain_spares_used_spans(struct kunit *test)
{
	begin(test);
	grow(test);
	grow(test);
	take(test, 0, 1);
	kspan_central_drain(numa_mem_id(), SC);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, 1UL);
	KUNIT_EXPECT_EQ(test, central()->nr_free, NR_OBJS - 1UL);
	put(0, 1);
	end(test);
}

/* Without a free run growth fails and changes nothing. */
static void growth_can_fail(struct kunit *test)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(numa_mem_id());
	unsigned long reserve = heap->reserve_pages, first = heap->first_pages;
	struct kspan_stats before;
	bool low = false;
	int err;

	begin(test);
	kspan_read_stats(&before);
	/* Reserve all pages. */
	WRITE_ONCE(heap->first_pages, 0);
	WRITE_ONCE(heap->reserve_pages, heap->free_pages);
	err = kspan_central_grow(numa_mem_id(), SC, GFP_KERNEL, false, &low);
	WRITE_ONCE(heap->reserve_pages, reserve);
	WRITE_ONCE(heap->first_pages, first);
	KUNIT_EXPECT_EQ(test, err, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, low);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, mspan_inuse), 0ULL);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, 0UL);
	end(test);
}

/* The check finds each wrong figure. */
static void check_finds_wrong_figures(struct kunit *test)
{
	struct kspan_central *c = central();
	struct kspan_span *span;

	begin(test);
	grow(test);
	grow(test);
	take(test, 0, 5);
	span = span_of(0);
	expect_sound(test);
	c->nr_free++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	c->nr_free--;
	c->nr_partial--;
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	c->nr_partial++;
	c->nr_empty++;
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	c->nr_empty--;
	span->bucket ^= 1;
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	span->bucket ^= 1;
	span->nr_free--;
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	span->nr_free++;
	__set_bit(0, kspan_span_bitmap(span));
	KUNIT_EXPECT_NOT_NULL(test, kspan_central_check(c));
	__clear_bit(0, kspan_span_bitmap(span));
	put(0, 5);
	end(test);
}

/* Ways to make a span inconsistent. */
static void lose_a_bit(struct kspan_span *span)
{
	__clear_bit(20, kspan_span_bitmap(span));
}

static void count_too_few(struct kspan_span *span)
{
	span->nr_free -= 2;
}

static void count_too_many(struct kspan_span *span)
{
	span->nr_free += 2;
}

static void (*const damages[])(struct kspan_span *span) = {
	lose_a_bit, count_too_few, count_too_many,
};

/*
 * An inconsistent span is quarantined once, and other spans serve the requests.
 * Objects that return to it are not reused.
 */
static void corrupt_span_is_quarantined(struct kunit *test)
{
	struct kspan_span *bad;
	unsigned int i, k;

	kspan_test_expect_corrupt(ARRAY_SIZE(damages));
	for (k = 0; k < ARRAY_SIZE(damages); k++) {
		begin(test);
		grow(test);
		take(test, 0, 4);
		bad = span_of(0);
		grow(test);
		damages[k](bad);
		take(test, 4, NR_OBJS);
		for (i = 4; i < 4 + NR_OBJS; i++)
			KUNIT_EXPECT_PTR_NE_MSG(test, span_of(i), bad,
						"an object of the corrupt span");
		KUNIT_EXPECT_EQ(test, central()->nr_free, 0UL);
		KUNIT_EXPECT_EQ(test, kspan_central_fill(numa_mem_id(), SC,
							 slots + 4 + NR_OBJS,
							 1), 0U);
		KUNIT_EXPECT_EQ(test, READ_ONCE(bad->magic), 0U);
		expect_sound(test);
		/*
		 * Its objects can no longer be freed, and they do not return.
		 */
		KUNIT_EXPECT_FALSE(test, kspan_owns(slots[0].ptr));
		put(0, 4);
		KUNIT_EXPECT_EQ(test, central()->nr_free, 0UL);
		KUNIT_EXPECT_EQ(test, bad->nr_free, (u16)0);
		expect_sound(test);
		put(4, NR_OBJS);
		kspan_test_revive(bad);
		end(test);
	}
}

/* An object that returns twice is entered once, and the fault is counted. */
static void object_in_two_hands(struct kunit *test)
{
	kspan_test_expect_corrupt(2);
	begin(test);
	grow(test);
	take(test, 0, 3);
	put(0, 1);
	put(0, 1);
	KUNIT_EXPECT_EQ(test, central()->nr_free, NR_OBJS - 2UL);
	expect_sound(test);
	/* A slot with the state of another span's object is ignored. */
	slots[3].ptr = slots[1].ptr;
	slots[3].state = slots[1].state + NR_OBJS;
	put(3, 1);
	KUNIT_EXPECT_EQ(test, central()->nr_free, NR_OBJS - 2UL);
	expect_sound(test);
	put(1, 2);
	end(test);
}

/* A second return of its last object does not count a span as empty twice. */
static void twice_to_an_empty_span(struct kunit *test)
{
	kspan_test_expect_corrupt(1);
	begin(test);
	grow(test);
	take(test, 0, 1);
	put(0, 1);
	KUNIT_EXPECT_EQ(test, central()->nr_empty, 1UL);
	put(0, 1);
	KUNIT_EXPECT_EQ(test, central()->nr_empty, 1UL);
	expect_sound(test);
	end(test);
}

/*
 * An object whose span has ended and whose page now belongs to another class.
 */
static void page_is_another_class_s(struct kunit *test)
{
	struct kspan_central *other;
	unsigned long nr_spans;
	void *ptr;

	kspan_test_expect_corrupt(1);
	begin(test);
	grow(test);
	take(test, 0, 1);
	take(test, 2, 1);
	ptr = kspan_alloc_data(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	other = kspan_central_of(numa_mem_id(), kspan_span_sc(kspan_test_span(ptr)));
	nr_spans = other->nr_spans;
	slots[1].ptr = ptr;
	slots[1].state = slots[0].state + MAX_OBJS;
	/*
	 * The objects before and behind it in the batch return to their span.
	 */
	put(0, 3);
	KUNIT_EXPECT_EQ(test, central()->nr_spans, 1UL);
	KUNIT_EXPECT_EQ(test, central()->nr_free, (unsigned long)NR_OBJS);
	expect_sound(test);
	KUNIT_EXPECT_EQ(test, other->nr_spans, nr_spans);
	KUNIT_EXPECT_NULL(test, kspan_central_check(other));
	kspan_free(ptr);
	end(test);
}

static struct kunit_case central_cases[] = {
	KUNIT_CASE(fill_in_address_order),
	KUNIT_CASE(fill_is_exact),
	KUNIT_CASE(fill_from_the_fullest),
	KUNIT_CASE(flush_sorts),
	KUNIT_CASE(empty_spans_wait),
	KUNIT_CASE(empty_spans_go_back),
	KUNIT_CASE(empty_spans_are_taken_back),
	KUNIT_CASE(drain_spares_used_spans),
	KUNIT_CASE(growth_can_fail),
	KUNIT_CASE(check_finds_wrong_figures),
	KUNIT_CASE(corrupt_span_is_quarantined),
	KUNIT_CASE(object_in_two_hands),
	KUNIT_CASE(twice_to_an_empty_span),
	KUNIT_CASE(page_is_another_class_s),
	{}
};

KSPAN_TEST_SUITE(central, central_cases);
