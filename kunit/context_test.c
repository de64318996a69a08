// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: which functions may be called where.  For NMIs see nmi_test.c.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/inject.h"
#include "kunit_support.h"

static const size_t sizes[] = {
	1, 8, 100, 1024, 1100, 4096, 20000, 32768, 32769, SZ_64K,
};

#define NR_SIZES	ARRAY_SIZE(sizes)
#define MAX_OBJS	700U

/* Atomic, and without a warning, since failures are expected. */
#define QUIET		(GFP_ATOMIC | __GFP_NOWARN)

/* For functions that run in another context; one case at a time. */
static struct {
	void *objs[MAX_OBJS];
	unsigned int nr;
	unsigned int wrong;
} work;

/* --- every context ---------------------------------------------------------- */

/*
 * One object of every size from every function; a missing one counts as wrong.
 */
static void alloc_everything(void *arg)
{
	void **objs = work.objs;
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		*objs++ = kspan_alloc(sizes[i], GFP_ATOMIC);
		*objs++ = kspan_zalloc(sizes[i], GFP_NOWAIT);
		*objs++ = kspan_alloc_data(sizes[i], GFP_ATOMIC);
		*objs++ = kspan_alloc_aligned(sizes[i], 64, GFP_ATOMIC);
		*objs++ = kspan_alloc_tiny(1 + i, GFP_ATOMIC);
		*objs++ = kspan_realloc(NULL, sizes[i], GFP_ATOMIC);
		if (kspan_alloc_bulk(sizes[i], GFP_ATOMIC, 2, objs) != 2)
			work.wrong++;
		objs += 2;
	}
	work.nr = objs - work.objs;
	for (i = 0; i < work.nr; i++) {
		if (!kspan_owns(work.objs[i]))
			work.wrong++;
		else
			memset(work.objs[i], i, kspan_size(work.objs[i]));
	}
}

static void free_everything(void *arg)
{
	unsigned int i;

	for (i = 0; i < work.nr; i++) {
		size_t size = kspan_size(work.objs[i]);

		if (!size || memchr_inv(work.objs[i], i, size))
			work.wrong++;
		if (i % 4 == 0)
			kspan_free_sized(work.objs[i], size);
		else if (i % 4 == 1)
			kspan_free_sensitive(work.objs[i]);
		else if (i % 4 == 2)
			kspan_free(work.objs[i]);
		else
			kspan_free_bulk(1, &work.objs[i]);
	}
}

/* Call the other functions, with objects of their own. */
static void call_the_rest(void *arg)
{
	static const char text[] = "longer than a tiny object";
	static struct kspan_stats stats;
	char **objs = (char **)work.objs;
	unsigned int i;

	objs[0] = kspan_alloc_node(300, GFP_ATOMIC, numa_mem_id());
	objs[1] = kspan_alloc_array(3, 100, GFP_ATOMIC);
	objs[2] = kspan_calloc(3, 100, GFP_NOWAIT);
	objs[3] = kspan_memdup(text, sizeof(text), GFP_ATOMIC);
	objs[4] = kspan_strdup(text, GFP_ATOMIC);
	objs[5] = kspan_strndup(text, 5, GFP_ATOMIC);
	for (i = 0; i < 6; i++)
		work.wrong += !kspan_owns(objs[i]);
	if (work.wrong)
		return;
	/* Resize in place, move, move a large object, and resize to nothing. */
	objs[3] = kspan_realloc(objs[3], sizeof(text) - 1, GFP_ATOMIC);
	objs[4] = kspan_realloc(objs[4], 3000, GFP_ATOMIC | __GFP_ZERO);
	objs[1] = kspan_realloc_array(objs[1], 400, 100, GFP_ATOMIC);
	objs[1] = kspan_realloc_array(objs[1], 1000, 100, GFP_ATOMIC);
	objs[2] = kspan_realloc(objs[2], 0, GFP_ATOMIC);
	work.wrong += objs[2] != ZERO_SIZE_PTR || !objs[3] || !objs[4];
	work.wrong += kspan_size(objs[1]) < 100000;
	work.wrong += memcmp(objs[3] ?: "", text, sizeof(text) - 1) != 0;
	work.wrong += strcmp(objs[4] ?: "", text) != 0;
	work.wrong += kspan_size_roundup(300) < 300;
	kspan_read_stats(&stats);
	kspan_free_bulk(6, work.objs);
}

static void rest_in_every_place(struct kunit *test)
{
	enum kspan_test_place place;
	struct kspan_stats before;

	kspan_read_stats(&before);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		memset(&work, 0, sizeof(work));
		kspan_release();
		kspan_test_run_in(test, place, call_the_rest, NULL);
		KUNIT_EXPECT_EQ_MSG(test, work.wrong, 0U, "%s",
				    kspan_test_place_names[place]);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 0ULL);
}

/* Allocate in each context and free in each other one: no object is lost. */
static void anywhere_to_anywhere(struct kunit *test)
{
	enum kspan_test_place from, to;
	struct kspan_stats before;

	for (from = 0; from < KSPAN_TEST_NR_PLACES; from++) {
		for (to = 0; to < KSPAN_TEST_NR_PLACES; to++) {
			memset(&work, 0, sizeof(work));
			kspan_read_stats(&before);
			kspan_test_run_in(test, from, alloc_everything, NULL);
			kspan_test_run_in(test, to, free_everything, NULL);
			KUNIT_EXPECT_EQ_MSG(test, work.wrong, 0U, "%s to %s",
					    kspan_test_place_names[from],
					    kspan_test_place_names[to]);
			KUNIT_EXPECT_EQ(test, work.nr, 8 * NR_SIZES);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects),
					0ULL);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail),
					0ULL);
		}
		/* The next round starts with empty caches. */
		kspan_release();
	}
}

/* Under both kinds of spinlocks, directly from the page heap. */
static void under_spinlocks(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	static DEFINE_RAW_SPINLOCK(raw_lock);
	unsigned long flags;

	memset(&work, 0, sizeof(work));
	kspan_release();
	spin_lock_bh(&lock);
	alloc_everything(NULL);
	spin_unlock_bh(&lock);
	raw_spin_lock_irqsave(&raw_lock, flags);
	free_everything(NULL);
	call_the_rest(NULL);
	raw_spin_unlock_irqrestore(&raw_lock, flags);
	KUNIT_EXPECT_EQ(test, work.wrong, 0U);

	kspan_release();
	raw_spin_lock_irqsave(&raw_lock, flags);
	alloc_everything(NULL);
	raw_spin_unlock_irqrestore(&raw_lock, flags);
	spin_lock(&lock);
	free_everything(NULL);
	call_the_rest(NULL);
	spin_unlock(&lock);
	KUNIT_EXPECT_EQ(test, work.wrong, 0U);
}

/* An RCU reader may be preempted but must not sleep. */
static void in_rcu_read_section(struct kunit *test)
{
	struct kspan_stats before;

	memset(&work, 0, sizeof(work));
	kspan_release();
	kspan_read_stats(&before);
	rcu_read_lock();
	alloc_everything(NULL);
	free_everything(NULL);
	call_the_rest(NULL);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, work.wrong, 0U);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 0ULL);
}

/*
 * Pass GFP_KERNEL where nothing may sleep.  Debug kernels rightly complain, so
 * their checks are off meanwhile.
 */
static void call_misled(void *arg)
{
	lockdep_off();
	oops_in_progress++;
	work.objs[0] = kspan_alloc(100, GFP_KERNEL);
	work.objs[1] = kspan_zalloc(5000, GFP_KERNEL);
	work.objs[2] = kspan_alloc_tiny(7, GFP_KERNEL);
	work.objs[3] = kspan_alloc(SZ_64K, GFP_KERNEL);
	work.objs[4] = kspan_realloc(NULL, 700, GFP_KERNEL);
	work.objs[5] = kspan_alloc_aligned(SZ_32K, SZ_32K, GFP_KERNEL);
	/* The direct map has no block of this size. */
	work.objs[6] = kspan_alloc(SZ_64M, GFP_KERNEL | __GFP_NOWARN);
	oops_in_progress--;
	lockdep_on();
}

/* Such a caller is served like an atomic one. */
static void flags_promise_too_much(struct kunit *test)
{
	enum kspan_test_place place;
	struct kspan_stats before;

	for (place = 1; place < KSPAN_TEST_NR_PLACES; place++) {
		if (place == KSPAN_TEST_PREEMPT_OFF &&
		    !IS_ENABLED(CONFIG_PREEMPT_COUNT))
			continue;	/* such a kernel cannot tell */
		memset(&work, 0, sizeof(work));
		kspan_release();
		kspan_read_stats(&before);
		kspan_test_run_in(test, place, call_misled, NULL);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, heap_objects),
				    6ULL, "%s", kspan_test_place_names[place]);
		KUNIT_EXPECT_NULL(test, work.objs[6]);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, oom_fail), 0ULL);
		kspan_free_bulk(7, work.objs);
	}
}

/* Callers that may sleep but, by scope or flags, not start I/O. */
static void without_io(struct kunit *test)
{
	static const gfp_t flags[] = {
		GFP_NOIO, GFP_NOFS, GFP_KERNEL | __GFP_NORETRY,
		GFP_KERNEL | __GFP_RETRY_MAYFAIL, GFP_USER,
		GFP_KERNEL | __GFP_THISNODE,
	};
	unsigned int i, scope;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		kspan_release();
		ptr = kspan_alloc(SZ_2M, flags[i]);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		ptr = kspan_alloc(100, flags[i]);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
	}
	scope = memalloc_noio_save();
	kspan_release();
	ptr = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	memalloc_noio_restore(scope);
}

/* Every function refuses the flags that kspan does not support. */
static void refused_flags(struct kunit *test)
{
	static const gfp_t flags[] = {
		__GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_MOVABLE,
		__GFP_ACCOUNT,
	};
	struct kspan_stats before;
	unsigned int i, k;

	/* It refuses them also when objects are available. */
	for (k = 0; k < NR_SIZES; k++)
		kspan_free(kspan_alloc(sizes[k], GFP_KERNEL));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | flags[i];

		for (k = 0; k < NR_SIZES; k++) {
			size_t size = sizes[k];

			KUNIT_EXPECT_NULL(test, kspan_alloc(size, gfp));
			KUNIT_EXPECT_NULL(test, kspan_zalloc(size, gfp));
			KUNIT_EXPECT_NULL(test, kspan_alloc_data(size, gfp));
			KUNIT_EXPECT_NULL(test, kspan_alloc_tiny(size, gfp));
			KUNIT_EXPECT_NULL(test, kspan_alloc_node(size, gfp, 0));
			KUNIT_EXPECT_NULL(test, kspan_realloc(NULL, size, gfp));
			KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(size, 64,
								    gfp));
		}
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
}

/* --- the reserve -------------------------------------------------------------- */

/* Allocate all there is, one heap page at a time. */
static void drain_heap(void *arg)
{
	while (work.nr < MAX_OBJS) {
		void *ptr = kspan_alloc(KSPAN_PAGE_SIZE, QUIET);

		if (!ptr)
			break;
		work.objs[work.nr++] = ptr;
	}
}

/*
 * Atomic callers get all of the reserve and no more.  A worker refills it while
 * they hold all of it.
 */
static void reserve_serves_atomic_callers(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, tries;
	void *ptr = NULL;

	kspan_test_plain_only(test);
	memset(&work, 0, sizeof(work));
	kspan_release();
	kspan_read_stats(&before);
	KUNIT_ASSERT_GT(test, MAX_OBJS, (unsigned int)(before.heap_idle >>
						       KSPAN_PAGE_SHIFT));
	/* The worker may run on another CPU meanwhile: let it get no chunk. */
	kspan_inject_set("chunk/1");
	kspan_test_run_in(test, KSPAN_TEST_IRQS_OFF, drain_heap, NULL);
	kspan_inject_set("off");
	KUNIT_EXPECT_EQ(test, (u64)work.nr, before.heap_idle >> KSPAN_PAGE_SHIFT);
	KUNIT_EXPECT_GE(test, work.nr * KSPAN_PAGE_SIZE,
			(unsigned long)before.reserve);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, oom_fail), 0ULL);

	for (tries = 0; tries < 500 && !ptr; tries++) {
		msleep(20);
		ptr = kspan_alloc(KSPAN_PAGE_SIZE, QUIET);
	}
	KUNIT_EXPECT_NOT_NULL_MSG(test, ptr, "the reserve was not refilled");
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, grow), 0ULL);
	kspan_free(ptr);
	for (i = 0; i < work.nr; i++)
		kspan_free(work.objs[i]);
}

/* A caller that may sleep does not use the reserve. */
static void reserve_is_for_them_alone(struct kunit *test)
{
	struct kspan_stats stats;

	memset(&work, 0, sizeof(work));
	kspan_release();
	for (work.nr = 0; work.nr < MAX_OBJS; work.nr++) {
		work.objs[work.nr] = kspan_alloc(KSPAN_PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, work.objs[work.nr]);
		kspan_read_stats(&stats);
		if (stats.heap_idle < stats.reserve)
			break;
	}
	KUNIT_EXPECT_EQ_MSG(test, work.nr, MAX_OBJS, "the reserve was touched");
	kspan_free_bulk(min(work.nr + 1, MAX_OBJS), work.objs);
}

static struct kunit_case context_cases[] = {
	KUNIT_CASE(anywhere_to_anywhere),
	KUNIT_CASE(rest_in_every_place),
	KUNIT_CASE(under_spinlocks),
	KUNIT_CASE(in_rcu_read_section),
	KUNIT_CASE(flags_promise_too_much),
	KUNIT_CASE(without_io),
	KUNIT_CASE(refused_flags),
	KUNIT_CASE(reserve_serves_atomic_callers),
	KUNIT_CASE(reserve_is_for_them_alone),
	{}
};

KSPAN_TEST_SUITE(context, context_cases);
