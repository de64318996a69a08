// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the content of the magazines, the counts, and the ways of
 * objects to depots and spans.  Cases that depend on the exact content of a
 * cache run with preemption off, so that the scavenger cannot drain it.
 */
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/params.h"
#include "cache/cache.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "show/stats.h"
#include "show/verify.h"

/* A span holds 128 objects of 64 bytes, a magazine 63. */
#define SIZE	64U
#define SC	8U
#define CAP	63U
/* Another class. */
#define OTHER_SIZE	1024U
#define OTHER_SC	kspan_size_to_class(OTHER_SIZE)

/* Shared by most cases, which run one at a time. */
static struct {
	void *obj[16 * CAP];
	void *other[16 * CAP];
	unsigned int nr;
	unsigned long swap[3];
	unsigned long refill[3];
	unsigned long flush[3];
	unsigned int depot[3];
	unsigned long held;
} work;

static void begin(struct kunit *test)
{
	kspan_release();
	memset(&work, 0, sizeof(work));
	KUNIT_ASSERT_EQ(test, kspan_size_to_class(SIZE), SC);
	KUNIT_ASSERT_EQ(test, kspan_classes[SC].mag_cap, (u8)CAP);
}

/* Record the counters of swaps and exchanges as number @i of this case. */
static void note(unsigned int i)
{
	work.swap[i] = kspan_depot_swaps();
	work.refill[i] = atomic_long_read(&kspan_nr_refill);
	work.flush[i] = atomic_long_read(&kspan_nr_flush);
	work.depot[i] = kspan_depot_count(numa_mem_id(), SC);
}

/* Allocate without sleeping.  Return: the number of objects. */
static unsigned int take(void **objs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(SIZE, GFP_ATOMIC);
		if (!objs[i])
			break;
	}
	return i;
}

static void put(void **objs, unsigned int nr)
{
	while (nr--)
		kspan_free(*objs++);
}

/* Objects of all span classes in magazines. */
static unsigned long held_anywhere(void)
{
	unsigned long held = 0;
	unsigned int sc;

	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		held += kspan_cache_held(sc);
	return held;
}

static void fill_and_free(void *arg)
{
	work.nr = take(work.obj, CAP);
	put(work.obj, work.nr);
	take(work.other, work.nr);
	put(work.other, work.nr);
}

/* The object freed last, which is cache-hot, is allocated first. */
static void last_freed_is_first_allocated(struct kunit *test)
{
	unsigned int i;

	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, fill_and_free, NULL);
	KUNIT_ASSERT_EQ(test, work.nr, CAP);
	for (i = 0; i < CAP; i++)
		KUNIT_EXPECT_PTR_EQ(test, work.other[i], work.obj[CAP - 1 - i]);
}

static void churn(void *arg)
{
	unsigned int burst, i;

	take(work.obj, CAP);
	put(work.obj, CAP);
	note(0);
	for (burst = 1; burst <= CAP / 2; burst++) {
		for (i = 0; i < 20; i++) {
			take(work.obj, burst);
			put(work.obj, burst);
		}
	}
	note(1);
}

/*
 * A caller that frees what it allocates, in bursts of up to half a magazine,
 * needs only its cache.
 */
static void bursts_stay_in_the_cache(struct kunit *test)
{
	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, churn, NULL);
	KUNIT_EXPECT_EQ(test, work.refill[1], work.refill[0]);
	KUNIT_EXPECT_EQ(test, work.flush[1], work.flush[0]);
	KUNIT_EXPECT_EQ(test, work.swap[1], work.swap[0]);
}

/* Magazines of the class that a CPU keeps: A, F and the spares. */
#define OWN_MAGS	(2 + KSPAN_SPARE_BYTES / (SIZE * CAP))

static void swing(void *arg)
{
	take(work.obj, 4 * CAP);
	note(0);
	put(work.obj, 4 * CAP);
	note(1);
	work.held = kspan_cache_held(SC);
	work.nr = take(work.obj, 4 * CAP);
	note(2);
	put(work.obj, work.nr);
}

/* Full magazines become spares of their CPU until there are enough. */
static void spares_come_first(struct kunit *test)
{
	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, swing, NULL);
	KUNIT_EXPECT_EQ(test, work.nr, 4 * CAP);
	KUNIT_EXPECT_GE(test, work.held, 4UL * CAP);
	KUNIT_EXPECT_EQ(test, work.swap[2], work.swap[0]);
	KUNIT_EXPECT_EQ(test, work.refill[2], work.refill[0]);
	KUNIT_EXPECT_EQ(test, work.flush[2], work.flush[0]);
}

static void exchange(void *arg)
{
	take(work.obj, (OWN_MAGS + 4) * CAP);
	note(0);
	put(work.obj, (OWN_MAGS + 4) * CAP);
	note(1);
	work.nr = take(work.obj, (OWN_MAGS + 4) * CAP);
	note(2);
	put(work.obj, work.nr);
}

/* More full magazines go to the depot and come back from there. */
static void full_magazines_are_exchanged(struct kunit *test)
{
	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, exchange, NULL);
	KUNIT_EXPECT_EQ(test, work.nr, (OWN_MAGS + 4) * CAP);
	/* The cache may keep one magazine more or less. */
	KUNIT_EXPECT_GE(test, work.depot[1], 2U);
	KUNIT_EXPECT_EQ(test, work.swap[1] - work.swap[0],
			(unsigned long)work.depot[1]);
	KUNIT_EXPECT_EQ(test, work.flush[1], work.flush[0]);
	KUNIT_EXPECT_EQ_MSG(test, work.refill[2], work.refill[1],
			    "spans were asked while the depot had some");
	KUNIT_EXPECT_EQ(test, work.depot[2], 0U);
	KUNIT_EXPECT_EQ(test, work.swap[2] - work.swap[1],
			(unsigned long)work.depot[1]);
}

/*
 * A full magazine is taken in exchange for an empty one, which the next full
 * magazine put there returns.
 */
static void depot_swaps_empty_for_full(struct kunit *test)
{
	int node = numa_mem_id();
	struct kspan_mag *full[2], *empty, *back;
	unsigned int i;

	begin(test);
	/* All objects go to one CPU, which cannot keep so many magazines. */
	migrate_disable();
	work.nr = take(work.obj, (OWN_MAGS + 4) * CAP);
	put(work.obj, work.nr);
	migrate_enable();
	for (i = 0; i < 2; i++) {
		full[i] = kspan_depot_get(node, SC, NULL);
		KUNIT_ASSERT_NOT_NULL(test, full[i]);
	}
	empty = kspan_mag_alloc(SC, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, empty);
	/* The depot has no empty magazine yet. */
	KUNIT_EXPECT_TRUE(test, kspan_depot_put(node, SC, full[0], &back));
	KUNIT_EXPECT_NULL(test, back);
	KUNIT_EXPECT_PTR_EQ(test, kspan_depot_get(node, SC, empty), full[0]);
	KUNIT_EXPECT_TRUE(test, kspan_depot_put(node, SC, full[0], &back));
	KUNIT_EXPECT_PTR_EQ(test, back, empty);
	KUNIT_EXPECT_TRUE(test, kspan_depot_put(node, SC, full[1], &back));
	KUNIT_EXPECT_NULL(test, back);
	kspan_mag_free(empty);
}

/* When the depot has no room, the objects return to their spans. */
static void surplus_goes_to_the_spans(struct kunit *test)
{
	/* For 2048 bytes a magazine holds 8 objects, a depot about 256 KiB. */
	unsigned int nr = 400, sc = kspan_size_to_class(2048), i, in_depot;
	const struct kspan_page_heap *heap;
	struct kspan_stats before;
	void **objs = work.obj;
	unsigned long held;

	begin(test);
	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(2048, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, objs[i]);
	}
	kspan_read_stats(&before);
	put(objs, nr);
	in_depot = kspan_depot_count(numa_mem_id(), sc) *
		   kspan_classes[sc].mag_cap;
	held = kspan_cache_held(sc);
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, flush), 0ULL);
	KUNIT_EXPECT_GT(test, in_depot, 0U);
	KUNIT_EXPECT_LE(test, in_depot * 2048UL, 256UL << 10);
	KUNIT_EXPECT_LE(test, held * 2048, KSPAN_SPARE_BYTES +
			2UL * kspan_classes[sc].mag_cap * 2048);
	/* Empty spans stay within their budget; a release returns them. */
	heap = kspan_page_heap_of(numa_mem_id());
	KUNIT_EXPECT_LE(test, atomic_long_read(&heap->empty_pages),
			(long)heap->empty_budget);
	kspan_release();
	KUNIT_EXPECT_LT(test, kspan_central_of(numa_mem_id(), sc)->nr_spans,
			nr / 4UL);
}

static void drain_own(void *arg)
{
	kspan_cache_drain_local();
	work.held = held_anywhere();
}

static void drain_as_dead(void *arg)
{
	kspan_cache_drain_dead(smp_processor_id());
	work.held = held_anywhere();
}

static void traffic(void *arg)
{
	work.nr = take(work.obj, 3 * CAP);
	put(work.obj, work.nr);
}

/* After a drain no magazine of this CPU holds an object, in any context. */
static void drain_leaves_nothing(struct kunit *test)
{
	static const kspan_test_fn drains[] = { drain_own, drain_as_dead };
	u64 nmalloc[2], nfree[2];
	unsigned int i, place;

	if (num_possible_cpus() > 1)
		kunit_skip(test, "other CPUs hold objects, too");
	begin(test);
	for (i = 0; i < ARRAY_SIZE(drains); i++) {
		for (place = 0; place < KSPAN_TEST_NR_PLACES; place++)
			kspan_test_run_in(test, place, traffic, NULL);
		KUNIT_EXPECT_GT(test, kspan_cache_held(SC), 0UL);
		kspan_cache_count(SC, &nmalloc[0], &nfree[0]);
		kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, drains[i], NULL);
		KUNIT_EXPECT_EQ(test, work.held, 0UL);
		kspan_cache_count(SC, &nmalloc[1], &nfree[1]);
		KUNIT_EXPECT_EQ(test, nmalloc[1], nmalloc[0]);
		KUNIT_EXPECT_EQ(test, nfree[1], nfree[0]);
	}
}

static void drain_marked(void *arg)
{
	kspan_cache_drain_marked();
}

/* Whether the task cache of this CPU is marked to drain a class. */
static bool is_marked(unsigned int sc)
{
	return this_cpu_ptr(kspan_cache_cpus)->aging[KSPAN_CTX_TASK][sc].marked;
}

static void idle(void *arg)
{
	bool *seen = arg;
	unsigned int cpu = smp_processor_id(), i;
	void *other;

	take(work.obj, CAP);
	put(work.obj, CAP);
	kspan_free(kspan_alloc(OTHER_SIZE, GFP_NOWAIT));
	kspan_cache_mark_idle(cpu);
	seen[0] = is_marked(SC);
	/* The tops are at the same places again, but A and F have swapped. */
	for (i = 0; i < 2 * CAP; i++)
		kspan_free(kspan_alloc(SIZE, GFP_NOWAIT));
	kspan_free(kspan_alloc(OTHER_SIZE, GFP_NOWAIT));
	kspan_cache_mark_idle(cpu);
	seen[1] = is_marked(SC);
	other = kspan_alloc(OTHER_SIZE, GFP_NOWAIT);
	kspan_cache_mark_idle(cpu);
	kspan_free(other);
	seen[2] = is_marked(SC);
	seen[3] = is_marked(OTHER_SC);
	kspan_cache_drain_marked();
	seen[4] = kspan_cache_held(SC);
	seen[5] = kspan_cache_held(OTHER_SC);
	kspan_cache_mark_all(cpu);
	seen[6] = is_marked(OTHER_SC);
	kspan_cache_drain_marked();
	seen[7] = kspan_cache_holds(cpu);
}

/*
 * A class is idle if it was not used since the last check, even if its CPU is
 * busy with other classes.
 */
static void idle_classes_are_known(struct kunit *test)
{
	static const bool expected[] = { false, false, true, false,
					 false, true, true, false };
	bool seen[ARRAY_SIZE(expected)];
	unsigned int i;

	if (num_possible_cpus() > 1)
		kunit_skip(test, "other CPUs hold objects, too");
	begin(test);
	KUNIT_ASSERT_NE(test, OTHER_SC, SC);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, idle, seen);
	for (i = 0; i < ARRAY_SIZE(expected); i++)
		KUNIT_EXPECT_EQ_MSG(test, seen[i], expected[i], "look %u", i);
}

/* The caches of interrupts become idle by the same rule. */
static void idle_interrupts_are_known(struct kunit *test)
{
	struct kspan_cache_cpu *cc = this_cpu_ptr(kspan_cache_cpus);
	struct kspan_ctx_cache c;
	unsigned int ctx;

	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_SOFTIRQ, traffic, NULL);
	kspan_test_run_in(test, KSPAN_TEST_HARDIRQ, traffic, NULL);
	kspan_cache_mark_idle(smp_processor_id());
	kspan_cache_mark_idle(smp_processor_id());
	for (ctx = KSPAN_CTX_SOFTIRQ; ctx < KSPAN_NR_CTX; ctx++)
		KUNIT_EXPECT_TRUE(test, cc->aging[ctx][SC].marked);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, drain_marked, NULL);
	for (ctx = KSPAN_CTX_SOFTIRQ; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(smp_processor_id(), ctx);
		KUNIT_EXPECT_TRUE(test, kspan_is_bare(&c, SC));
	}
}

static int compare_pointers(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* With randomize=1 the same objects are handed out in another order. */
static void randomize_permutes(struct kunit *test)
{
	unsigned long normal = kspan_params.randomize;
	unsigned int i, ascending = 0;

	begin(test);
	kspan_params.randomize = 0;
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, fill_and_free, NULL);
	KUNIT_ASSERT_EQ(test, work.nr, CAP);
	for (i = 1; i < CAP; i++)
		KUNIT_EXPECT_EQ_MSG(test, work.obj[i] - work.obj[i - 1],
				    (long)SIZE, "not in address order");
	kspan_release();
	kspan_params.randomize = 1;
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, fill_and_free, NULL);
	kspan_params.randomize = normal;
	KUNIT_ASSERT_EQ(test, work.nr, CAP);
	/* About 31 of the 62 steps go upwards; a sorted order is ruled out. */
	for (i = 1; i < CAP; i++)
		ascending += work.obj[i] > work.obj[i - 1];
	KUNIT_EXPECT_LT(test, ascending, 55U);
	sort(work.obj, CAP, sizeof(work.obj[0]), compare_pointers, NULL);
	for (i = 1; i < CAP; i++)
		KUNIT_EXPECT_EQ_MSG(test, work.obj[i] - work.obj[i - 1],
				    (long)SIZE, "not a permutation");
}

static void free_into_two_magazines(void *arg)
{
	u8 *state;

	take(work.obj, CAP);
	state = kspan_test_state(work.obj[3]);
	put(work.obj, CAP / 2);
	/* As if a concurrent free had also passed the check of the state. */
	*state = KSPAN_OBJ_LIVE;
	work.nr = kspan_cache_push(KSPAN_F_INDEX(SC), work.obj[3], state);
	put(work.obj + CAP / 2, CAP - CAP / 2);
}

static void free_twice_and_take(void *arg)
{
	free_into_two_magazines(NULL);
	take(work.other, 2 * CAP);
}

/* An object that got into two magazines is handed out once. */
static void duplicate_is_given_once(struct kunit *test)
{
	unsigned int i, k;

	kspan_test_expect_corrupt(1);
	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, free_twice_and_take, NULL);
	KUNIT_EXPECT_EQ_MSG(test, work.nr, 1U, "it was not planted");
	for (i = 0; i < 2 * CAP; i++)
		for (k = 0; k < i; k++)
			KUNIT_EXPECT_PTR_NE(test, work.other[i], work.other[k]);
	put(work.other, 2 * CAP);
}

/* An object that returns from two magazines is counted once. */
static void duplicate_is_counted_once(struct kunit *test)
{
	struct kspan_class_stats before, after;

	kspan_test_expect_corrupt(1);
	begin(test);
	kspan_read_sc(SC, &before);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, free_into_two_magazines,
			  NULL);
	kspan_release();
	kspan_read_sc(SC, &after);
	KUNIT_EXPECT_EQ(test, after.nmalloc - before.nmalloc, (u64)CAP);
	KUNIT_EXPECT_EQ(test, after.nfree - before.nfree, (u64)CAP);
	KUNIT_EXPECT_NULL(test, kspan_verify());
}

static void plant(void *arg)
{
	const char **wrong = arg;
	struct kspan_slot *top, saved;
	struct kspan_span *span;
	unsigned int index;

	take(work.obj, CAP);
	put(work.obj, CAP);
	top = __this_cpu_read(kspan_tops[KSPAN_F_INDEX(SC)]) - 1;
	span = kspan_test_span(top->ptr);
	index = kspan_span_index(span, (unsigned long)top->ptr);
	saved = *top;
	wrong[0] = kspan_cache_check_local();
	*top->state = KSPAN_OBJ_LIVE;
	wrong[1] = kspan_cache_check_local();
	*top->state = KSPAN_OBJ_FREE;
	top->state--;
	wrong[2] = kspan_cache_check_local();
	*top = saved;
	top->ptr += 8;
	wrong[3] = kspan_cache_check_local();
	*top = saved;
	__set_bit(index, kspan_span_bitmap(span));
	wrong[4] = kspan_cache_check_local();
	__clear_bit(index, kspan_span_bitmap(span));
	top -= CAP;
	saved = *top;
	top->state = kspan_test_state(work.obj[0]);
	wrong[5] = kspan_cache_check_local();
	*top = saved;
	wrong[6] = kspan_cache_check_local();
}

/* The check finds slots that do not belong into a magazine. */
static void check_finds_wrong_slots(struct kunit *test)
{
	const char *wrong[7] = {};
	unsigned int i;

	begin(test);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, plant, wrong);
	KUNIT_EXPECT_NULL(test, wrong[0]);
	for (i = 1; i < 6; i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, wrong[i], "fault %u", i);
	KUNIT_EXPECT_NULL(test, wrong[6]);
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE(last_freed_is_first_allocated),
	KUNIT_CASE(bursts_stay_in_the_cache),
	KUNIT_CASE(spares_come_first),
	KUNIT_CASE(full_magazines_are_exchanged),
	KUNIT_CASE(depot_swaps_empty_for_full),
	KUNIT_CASE(surplus_goes_to_the_spans),
	KUNIT_CASE(drain_leaves_nothing),
	KUNIT_CASE(idle_classes_are_known),
	KUNIT_CASE(idle_interrupts_are_known),
	KUNIT_CASE(randomize_permutes),
	KUNIT_CASE(duplicate_is_given_once),
	KUNIT_CASE(duplicate_is_counted_once),
	KUNIT_CASE(check_finds_wrong_slots),
	{}
};

KSPAN_TEST_SUITE_WITH(cache, cache_cases, kspan_test_cached_init,
		      kspan_test_exit);
