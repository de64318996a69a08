// SPDX-License-Identifier: GPL-2.0
/*
 * Spans on their own, with private descriptors: their setup, their self-check,
 * and their end.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "kunit_support.h"
#include "span/span.h"

#define FAKE_BASE	0x10000000UL

/* A span of fictitious memory, set up as central_grow() does. */
static struct kspan_span *new_span(struct kunit *test, unsigned int sc,
				   bool needzero)
{
	struct kspan_span *span = kspan_span_alloc(sc, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, span);
	span->base = FAKE_BASE;
	span->needzero = needzero;
	kspan_span_setup(span, sc);
	return span;
}

static void expect_sound(struct kunit *test, const struct kspan_span *span)
{
	const char *wrong = kspan_span_check(span);

	if (wrong)
		KUNIT_FAIL(test, "sc %u: %s", kspan_span_sc(span), wrong);
}

static void expect_found(struct kunit *test, const struct kspan_span *span,
			 const char *what)
{
	KUNIT_EXPECT_NOT_NULL_MSG(test, kspan_span_check(span),
				  "sc %u: %s is not found", kspan_span_sc(span), what);
}

/* The end of the block that span->state points to, as used by the code. */
static char *block_end(const struct kspan_span *span)
{
	if (span->kind == KSPAN_TINY)
		return (char *)(kspan_span_words(span) + span->nr_objs);
	return (char *)(kspan_span_bitmap(span) + BITS_TO_LONGS(span->nr_objs));
}

/* A new span of every span class is full of free objects. */
static void setup(struct kunit *test)
{
	unsigned int sc, i;

	for (sc = 1; sc < KSPAN_NR_SC; sc++) {
		u8 want = sc % 2 ? KSPAN_OBJ_FREE : KSPAN_OBJ_ZEROED;
		const struct kspan_class *info = kspan_sc_info(sc);
		struct kspan_span *span = new_span(test, sc, sc % 2);

		expect_sound(test, span);
		KUNIT_EXPECT_EQ(test, kspan_span_sc(span), sc);
		KUNIT_EXPECT_EQ(test, span->kind, (u8)kspan_sc_kind(sc));
		KUNIT_EXPECT_EQ(test, span->nr_objs, info->nr_objs);
		KUNIT_EXPECT_EQ(test, span->nr_free, info->nr_objs);
		KUNIT_EXPECT_EQ(test, span->bucket, (u8)KSPAN_NO_BUCKET);
		KUNIT_EXPECT_NULL(test, memchr_inv(span->state, want,
						   info->nr_objs));
		KUNIT_EXPECT_EQ(test, span->state[info->nr_objs],
				(u8)KSPAN_OBJ_NONE);
		KUNIT_EXPECT_TRUE(test, bitmap_full(kspan_span_bitmap(span),
						    info->nr_objs));
		/* The fast path must never free a tiny block. */
		KUNIT_EXPECT_EQ(test, span->magic,
				sc == KSPAN_SC_TINY ? 0 : info->magic);
		for (i = 0; sc == KSPAN_SC_TINY && i < info->nr_objs; i++) {
			const atomic64_t *word = &kspan_span_words(span)[i];

			KUNIT_EXPECT_EQ(test, (u64)atomic64_read(word), 0ULL);
		}
		kspan_span_free(span);
	}
}

/*
 * The states of two spans are in different cache lines, and each block has room
 * for all its data, so that no span writes into another's.
 */
static void states_are_apart(struct kunit *test)
{
	unsigned int sc;

	for (sc = 1; sc < KSPAN_NR_SC; sc++) {
		struct kspan_span *a = new_span(test, sc, true);
		struct kspan_span *b = new_span(test, sc, true);
		size_t length;

		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)a->state, 64));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)b->state, 64));
		length = block_end(a) - (char *)a->state;
		memset(a->state, 0xff, length);
		expect_sound(test, b);
		KUNIT_EXPECT_TRUE(test, block_end(a) <= (char *)b->state ||
				  block_end(b) <= (char *)a->state);
		kspan_span_free(a);
		kspan_span_free(b);
	}
}

/* The descriptor of a large object has no states. */
static void large_has_no_states(struct kunit *test)
{
	struct kspan_span *span = kspan_span_alloc(0, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, span);
	KUNIT_EXPECT_EQ(test, span->kind, (u8)KSPAN_LARGE);
	KUNIT_EXPECT_EQ(test, span->magic, 0U);
	KUNIT_EXPECT_NULL(test, span->state);
	KUNIT_EXPECT_EQ(test, span->live, (u8)KSPAN_LIFE_NONE);
	span->nr_pages = 77;
	KUNIT_EXPECT_EQ(test, kspan_span_size(span), 77 * KSPAN_PAGE_SIZE);
	kspan_span_free(span);
}

/* Every state, with the object in the bitmap and not: allowed or not. */
static void state_table(struct kunit *test)
{
	static const struct {
		u8 state;
		bool live;
		bool in_span;	/* allowed in the bitmap */
		bool outside;	/* allowed outside of it */
	} rows[] = {
		{ KSPAN_OBJ_FREE, false, true, true },
		{ KSPAN_OBJ_ZEROED, false, true, true },
		{ KSPAN_OBJ_LIVE, true, false, true },
		{ KSPAN_OBJ_ALIGNED, true, false, true },
		{ KSPAN_OBJ_REDZONED, true, false, true },
		{ KSPAN_OBJ_OVERRUN, true, false, true },
		{ KSPAN_OBJ_LIVE | KSPAN_OBJ_TRACKED, true, false, true },
		{ KSPAN_OBJ_OVERRUN | KSPAN_OBJ_TRACKED, true, false, true },
		{ KSPAN_OBJ_DEFERRED | KSPAN_OBJ_TRACKED, false, false, true },
		{ KSPAN_OBJ_DEFERRED, false, false, true },
		{ KSPAN_OBJ_POISONED, false, true, true },
		{ KSPAN_OBJ_MARKED, false, false, true },
		{ KSPAN_OBJ_QUARANTINED, false, false, true },
		{ KSPAN_OBJ_QUARANTINED + 1, false, false, false },
		{ 0x80, false, false, false },
		{ KSPAN_OBJ_NONE, false, false, false },
	};
	struct kspan_span *span = new_span(test, 10, true);
	unsigned int i, at = 13;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		span->state[at] = rows[i].state;
		KUNIT_EXPECT_EQ_MSG(test, kspan_obj_is_live(rows[i].state),
				    rows[i].live, "state %u", rows[i].state);
		KUNIT_EXPECT_EQ_MSG(test, !kspan_span_check(span),
				    rows[i].in_span, "state %u in the span",
				    rows[i].state);
		__clear_bit(at, kspan_span_bitmap(span));
		span->nr_free--;
		KUNIT_EXPECT_EQ_MSG(test, !kspan_span_check(span),
				    rows[i].outside, "state %u outside",
				    rows[i].state);
		__set_bit(at, kspan_span_bitmap(span));
		span->nr_free++;
	}
	kspan_span_free(span);
}

/* Plant one fault after the other at the given object. */
static void plant_faults(struct kunit *test, struct kspan_span *span,
			 unsigned int at)
{
	unsigned long *bitmap = kspan_span_bitmap(span);

	__change_bit(at, bitmap);
	expect_found(test, span, "a flipped bit");
	__change_bit(at, bitmap);

	span->nr_free--;
	expect_found(test, span, "a wrong free count");
	span->nr_free++;

	span->state[at] = KSPAN_OBJ_LIVE;
	expect_found(test, span, "an object both free and live");
	span->state[at] = KSPAN_OBJ_QUARANTINED + 1;
	expect_found(test, span, "an unknown state");
	span->state[at] = KSPAN_OBJ_FREE;

	span->state[span->nr_objs] = KSPAN_OBJ_FREE;
	expect_found(test, span, "a missing end mark");
	span->state[span->nr_objs] = KSPAN_OBJ_NONE;
	expect_sound(test, span);
}

/* The self-check finds every kind of corruption in every span class. */
static void check_finds_corruption(struct kunit *test)
{
	struct kspan_span *span;
	unsigned int sc;

	for (sc = 1; sc < KSPAN_NR_SC; sc++) {
		span = new_span(test, sc, true);
		plant_faults(test, span, 0);
		plant_faults(test, span, span->nr_objs / 2);
		plant_faults(test, span, span->nr_objs - 1);
		if (span->nr_objs > 1) {
			span->nr_objs--;
			expect_found(test, span, "a wrong number of objects");
			span->nr_objs++;
		}
		if (sc != KSPAN_SC_TINY) {
			span->magic++;
			expect_found(test, span, "a wrong divisor");
			span->magic = 0;
			expect_found(test, span, "no divisor");
		}
		kspan_span_free(span);
	}
}

/* Bits beyond the last object are neither checked nor counted. */
static void bits_beyond_are_ignored(struct kunit *test)
{
	/* 56 objects: the last 8 bits of the word are unused. */
	struct kspan_span *span = new_span(test, kspan_size_to_class(144), true);

	KUNIT_ASSERT_NE(test, span->nr_objs % 64, 0);
	__change_bit(span->nr_objs, kspan_span_bitmap(span));
	expect_sound(test, span);
	kspan_span_free(span);
}

/*
 * A dead span keeps its descriptor for a grace period: a reader that still
 * holds the pointer reads a divisor of 0, never a new span.
 */
static void dead_spans(struct kunit *test)
{
	unsigned int sc = kspan_size_to_class(96), before, after, nr = 3, i;
	struct kspan_span *dead[3], *fresh;
	struct kspan_stats stats;

	/* Otherwise a worker could end other spans meanwhile. */
	kspan_release();
	kspan_span_free_dead();
	kspan_read_stats(&stats);
	for (i = 0; i < nr; i++)
		dead[i] = new_span(test, sc, true);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&stats, mspan_inuse),
			(u64)(nr * sizeof(struct kspan_span)));
	/* Keep workers from emptying the list between the two counts. */
	preempt_disable();
	before = kspan_span_nr_dead();
	for (i = 0; i < nr; i++)
		kspan_span_end(dead[i]);
	after = kspan_span_nr_dead();
	fresh = kspan_span_alloc(sc, GFP_NOWAIT);
	preempt_enable();

	KUNIT_EXPECT_EQ(test, after - before, nr);
	KUNIT_EXPECT_NOT_NULL(test, fresh);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_PTR_NE_MSG(test, fresh, dead[i],
					"reused within a grace period");
		KUNIT_EXPECT_EQ(test, READ_ONCE(dead[i]->magic), 0U);
		KUNIT_EXPECT_EQ(test, READ_ONCE(dead[i]->base), FAKE_BASE);
	}
	if (fresh)
		kspan_span_free(fresh);
	kspan_span_free_dead();
	KUNIT_EXPECT_EQ(test, kspan_span_nr_dead(), 0U);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&stats, mspan_inuse), 0ULL,
			    "descriptors were not recycled");
}

/* Freed descriptors are reused: pools do not grow with the number of spans. */
static void recycling_is_bounded(struct kunit *test)
{
	unsigned int sc = kspan_size_to_class(8), round, i;
	struct kspan_span *span[16];
	struct kspan_stats before;

	for (round = 0; round < 20; round++) {
		/* The first round may fill the pools. */
		if (round == 1)
			kspan_read_stats(&before);
		for (i = 0; i < ARRAY_SIZE(span); i++)
			span[i] = new_span(test, sc, true);
		for (i = 0; i < ARRAY_SIZE(span); i++) {
			if (round % 2)
				kspan_span_end(span[i]);
			else
				kspan_span_free(span[i]);
		}
		kspan_span_free_dead();
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, mspan_sys), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, gc_sys), 0ULL);
}

static struct kunit_case span_cases[] = {
	KUNIT_CASE(setup),
	KUNIT_CASE(states_are_apart),
	KUNIT_CASE(large_has_no_states),
	KUNIT_CASE(state_table),
	KUNIT_CASE(check_finds_corruption),
	KUNIT_CASE(bits_beyond_are_ignored),
	KUNIT_CASE(dead_spans),
	KUNIT_CASE(recycling_is_bounded),
	{}
};

KSPAN_TEST_SUITE(span, span_cases);
