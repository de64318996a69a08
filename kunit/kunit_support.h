/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kunit_support.h - helpers that all suites share.
 *
 * A file of cases ends with KSPAN_TEST_SUITE(concept, cases) and is listed in
 * kunit_run.c.  kspan_test_exit() runs after each case.  It fails the case if a
 * live object, an inconsistency, or a changed module parameter is left behind,
 * or if the numbers of corrupt structures, bad frees, and damaged objects
 * differ from what the case announced.  It also restores the module parameters.
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

/* Address space of the task that runs the suites; see kunit_run.c. */
extern struct mm_struct *kspan_test_mm;

/* Whether the suite that runs is for the parameters of this load. */
extern bool kspan_test_makes_sense;

int kspan_test_suite_init(struct kunit_suite *suite);
int kspan_test_init(struct kunit *test);
void kspan_test_exit(struct kunit *test);

/* A suite; kunit_run.c registers all of them with KUnit. */
#define KSPAN_TEST_SUITE(concept, cases)				\
	KSPAN_TEST_SUITE_WITH(concept, cases, kspan_test_init, kspan_test_exit)

/* A suite with its own init and exit functions. */
#define KSPAN_TEST_SUITE_WITH(concept, cases, init_fn, exit_fn)	\
	extern struct kunit_suite kspan_suite_##concept;		\
	struct kunit_suite kspan_suite_##concept = {			\
		.name = "kspan_" #concept,				\
		.suite_init = kspan_test_suite_init,			\
		.init = init_fn,					\
		.exit = exit_fn,					\
		.test_cases = cases,					\
	}
#undef kunit_test_suites
#define kunit_test_suites(...) \
	static_assert(false, "use KSPAN_TEST_SUITE() and kunit_run.c")

/* Cases that take more than a second; attributes of cases came in 6.6. */
#ifdef KUNIT_CASE_SLOW
#define KSPAN_CASE_SLOW(name)	KUNIT_CASE_SLOW(name)
#define KSPAN_CASE_PARAM_SLOW(name, gen) \
	KUNIT_CASE_PARAM_ATTR(name, gen, { .speed = KUNIT_SPEED_SLOW })
#else
#define KSPAN_CASE_SLOW(name)			KUNIT_CASE(name)
#define KSPAN_CASE_PARAM_SLOW(name, gen)	KUNIT_CASE_PARAM(name, gen)
#endif

/*
 * Skip this case with check=2.  For cases about magazines, about the bytes
 * between the requested size and the end of the class, or about the class of a
 * size.
 */
void kspan_test_plain_only(struct kunit *test);

/*
 * Skip this case where frees bypass the magazines: with check=2, and in a
 * kernel with init_on_free=1.
 */
void kspan_test_cached_only(struct kunit *test);
/* Suite init that calls kspan_test_cached_only() for every case. */
int kspan_test_cached_init(struct kunit *test);

/* This case makes exactly @nr bad or double frees. */
void kspan_test_expect_bad_frees(unsigned int nr);
/* This case damages @nr objects, with check=2. */
void kspan_test_expect_damage(unsigned int nr);
/* This case frees @nr objects that are in a list, with check=2. */
void kspan_test_expect_linked(unsigned int nr);
/* Longest wait, in jiffies, for an event that must happen. */
#define KSPAN_TEST_PATIENCE	(20 * HZ)

/* Set scavenge_ms; the case must restore it. */
void kspan_test_set_pace(unsigned long ms);
/* Wait until the scavenger has ticked @nr times.  Return: false on timeout. */
bool kspan_test_wait_for_ticks(unsigned int nr);
/*
 * Start the scavenger, which is stopped while a case runs, with two ticks in
 * @ms milliseconds.  Returns after the first tick.
 */
void kspan_test_tick(struct kunit *test, unsigned long ms);
/* Change the byte at @offset from @ptr, inside the object or next to it. */
void kspan_test_overwrite(void *ptr, long offset);
/* This case makes kspan find exactly @nr corrupt structures. */
void kspan_test_expect_corrupt(unsigned int nr);

/**
 * struct kspan_random - a generator that gives the same numbers in every run
 * @state: never 0
 */
struct kspan_random {
	u64 state;
};

/* Start a new sequence.  A case that fails prints the last @seed used. */
void kspan_random_init(struct kspan_random *random, u64 seed);
u64 kspan_random_next(struct kspan_random *random);
/* A random number from 0 to @limit - 1. */
unsigned int kspan_random_below(struct kspan_random *random, unsigned int limit);

/* Growth of one statistics field since @before; see KSPAN_SINCE(). */
u64 kspan_stat_since(const struct kspan_stats *before, size_t offset);
/* Growth of all statistics fields since @before. */
void kspan_stats_since(struct kspan_stats *delta,
		       const struct kspan_stats *before);

/* Growth of a field since @before was read, modulo 2^64. */
#define KSPAN_SINCE(before, field) \
	kspan_stat_since(before, offsetof(struct kspan_stats, field))

/* Contexts in which a function of a case can run. */
enum kspan_test_place {
	KSPAN_TEST_TASK,	/* preemption on */
	KSPAN_TEST_PREEMPT_OFF,
	KSPAN_TEST_BH_OFF,	/* task context, softirqs disabled */
	KSPAN_TEST_IRQS_OFF,	/* task context, interrupts off */
	KSPAN_TEST_SOFTIRQ,	/* serving a softirq */
	KSPAN_TEST_HARDIRQ,
	KSPAN_TEST_NR_PLACES,
};

/* Their names, for messages and for parameterised cases. */
extern const char * const kspan_test_place_names[KSPAN_TEST_NR_PLACES];

typedef void (*kspan_test_fn)(void *arg);

/*
 * Run @fn once in the context @place and wait for it.  Expects that it really
 * ran there.  @fn may sleep or use assertions only in KSPAN_TEST_TASK.
 * Elsewhere it should store its results in @arg, and the case checks them.
 */
void kspan_test_run_in(struct kunit *test, enum kspan_test_place place,
		       kspan_test_fn fn, void *arg);

/* The span and the state byte of an object, live or free. */
struct kspan_span *kspan_test_span(const void *ptr);
u8 *kspan_test_state(const void *ptr);
/* Undo the quarantine of a small span whose objects are all free. */
void kspan_test_revive(struct kspan_span *span);

/*
 * A page heap that is freed after the case.  It treats addresses as mere
 * numbers.
 */
struct kspan_page_heap *kspan_test_heap(struct kunit *test, unsigned long reserve);
/*
 * A chunk of fictitious memory for it, marked clean as if zeroed by the kernel.
 */
struct kspan_chunk *kspan_test_chunk(struct kunit *test, struct kspan_page_heap *heap,
				     unsigned long base, unsigned int nr_pages);

#endif /* KSPAN_KUNIT_SUPPORT_H */
