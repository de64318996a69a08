/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kunit_support.h - what the suites share.
 *
 * A file ends with KSPAN_TEST_SUITE(concept, cases) and is listed in
 * kunit_run.c.  After each case kspan_test_exit() fails it if anything is left
 * behind: a live object, an inconsistency, a report of corruption, of a bad free
 * or of a damaged object that the case did not announce, a module parameter that
 * differs (it is put back).
 */
#ifndef KSPAN_KUNIT_SUPPORT_H
#define KSPAN_KUNIT_SUPPORT_H

#include <kunit/test.h>
#include <linux/build_bug.h>
#include <linux/kspan.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "span/span.h"

struct kspan_chunk;
struct kspan_page_heap;
struct mm_struct;

/* The address space of the task that runs the suites; see kunit_run.c. */
extern struct mm_struct *kspan_test_mm;

int kspan_test_init(struct kunit *test);
void kspan_test_exit(struct kunit *test);

/* A suite; see kunit_run.c for why it is not registered with KUnit. */
#define KSPAN_TEST_SUITE(concept, cases)				\
	KSPAN_TEST_SUITE_WITH(concept, cases, kspan_test_init, kspan_test_exit)

/* One with more to do around a case than what the two functions here do. */
#define KSPAN_TEST_SUITE_WITH(concept, cases, init_fn, exit_fn)	\
	extern struct kunit_suite kspan_suite_##concept;		\
	struct kunit_suite kspan_suite_##concept = {			\
		.name = "kspan_" #concept,				\
		.init = init_fn,					\
		.exit = exit_fn,					\
		.test_cases = cases,					\
	}
#undef kunit_test_suites
#define kunit_test_suites(...) \
	static_assert(false, "use KSPAN_TEST_SUITE() and kunit_run.c")

/*
 * Skip this case with check=2: it is about magazines, about bytes between what
 * was asked for and the end of a class, or about which class a size has.
 */
void kspan_test_plain_only(struct kunit *test);

/*
 * Skip this case where frees go past the magazines: with check=2, and in a
 * kernel with init_on_free=1.
 */
void kspan_test_cached_only(struct kunit *test);
/* The init of a suite all of whose cases are like that. */
int kspan_test_cached_init(struct kunit *test);

/* This case makes @nr bad or double frees, no more and no fewer. */
void kspan_test_expect_bad_frees(unsigned int nr);
/* This case damages @nr objects, with check=2. */
void kspan_test_expect_damage(unsigned int nr);
/* Longest wait for something that is sure to come, in jiffies. */
#define KSPAN_TEST_PATIENCE	(20 * HZ)

/* Set scavenge_ms; the case that does sets it back. */
void kspan_test_set_pace(unsigned long ms);
/* Wait for the scavenger to tick @nr times.  Return: false if it does not. */
bool kspan_test_wait_for_ticks(unsigned int nr);
/*
 * Let the scavenger tick, which it does not while a case runs, twice in @ms; one
 * tick has been when this returns.
 */
void kspan_test_tick(struct kunit *test, unsigned long ms);
/* Change a byte of an object, in it or near it. */
void kspan_test_overwrite(void *ptr, long offset);
/* This case makes kspan find @nr structures corrupt. */
void kspan_test_expect_corrupt(unsigned int nr);

/**
 * struct kspan_random - a generator that gives the same numbers in every run
 * @state: never 0
 */
struct kspan_random {
	u64 state;
};

/* Begin anew; a case that fails prints the @seed it used last. */
void kspan_random_init(struct kspan_random *random, u64 seed);
u64 kspan_random_next(struct kspan_random *random);
/* A number from 0 to @limit - 1. */
unsigned int kspan_random_below(struct kspan_random *random, unsigned int limit);

/* By how much a number of the statistics grew; see KSPAN_SINCE(). */
u64 kspan_stat_since(const struct kspan_stats *before, size_t offset);
/* All of them at once. */
void kspan_stats_since(struct kspan_stats *delta,
		       const struct kspan_stats *before);

/* By how much the field grew since @before was read, modulo 2^64. */
#define KSPAN_SINCE(before, field) \
	kspan_stat_since(before, offsetof(struct kspan_stats, field))

/* Where a function of a case may run. */
enum kspan_test_place {
	KSPAN_TEST_TASK,	/* preemption on */
	KSPAN_TEST_PREEMPT_OFF,
	KSPAN_TEST_BH_OFF,	/* task context, softirqs disabled */
	KSPAN_TEST_IRQS_OFF,	/* task context, interrupts off */
	KSPAN_TEST_SOFTIRQ,	/* serving a softirq */
	KSPAN_TEST_HARDIRQ,
	KSPAN_TEST_NR_PLACES,
};

/* Their names, for messages and as names of parameterised cases. */
extern const char * const kspan_test_place_names[KSPAN_TEST_NR_PLACES];

typedef void (*kspan_test_fn)(void *arg);

/*
 * Run @fn once and wait for it.  Expects that it ran where it should.  Only in
 * KSPAN_TEST_TASK may it sleep or fail an assertion; elsewhere it should leave
 * what it found in @arg for the case to look at.
 */
void kspan_test_run_in(struct kunit *test, enum kspan_test_place place,
		       kspan_test_fn fn, void *arg);

/* The span and the state byte of a live or free object that exists. */
struct kspan_span *kspan_test_span(const void *ptr);
u8 *kspan_test_state(const void *ptr);
/* Undo the retirement of a small span all of whose objects are free. */
void kspan_test_revive(struct kspan_span *span);

/* A page heap that ends with the case, and to the heap an address is a number. */
struct kspan_page_heap *kspan_test_heap(struct kunit *test, unsigned long reserve);
/* A chunk of made-up memory for it, clean as if the kernel had zeroed it. */
struct kspan_chunk *kspan_test_chunk(struct kunit *test, struct kspan_page_heap *heap,
				     unsigned long base, unsigned int nr_pages);

#endif /* KSPAN_KUNIT_SUPPORT_H */
