// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: what may be called where.  An NMI is simulated: preempt_count()
 * says so, with interrupts off, and that is all kspan looks at.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "free.h"
#include "kunit_support.h"

static const size_t sizes[] = {
	1, 8, 100, 1024, 1100, 4096, 20000, 32768, 32769, SZ_64K,
};

#define NR_SIZES	ARRAY_SIZE(sizes)
#define MAX_OBJS	700U

/* Atomic, and a failure is no surprise. */
#define QUIET		(GFP_ATOMIC | __GFP_NOWARN)

/* What a function in another context works on; one case at a time. */
static struct {
	void *objs[MAX_OBJS];
	unsigned int nr;
	unsigned int wrong;
} work;

/* --- every context ---------------------------------------------------------- */

/* One object of every size by every way; what is missing counts as wrong. */
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

/* From each context to each: allocate here, free there, nothing is lost. */
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
		/* The next one begins without anything in caches. */
		kspan_release();
	}
}

/* Under spinlocks of both kinds, straight from the page heap. */
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
	raw_spin_unlock_irqrestore(&raw_lock, flags);
	KUNIT_EXPECT_EQ(test, work.wrong, 0U);

	kspan_release();
	raw_spin_lock_irqsave(&raw_lock, flags);
	alloc_everything(NULL);
	raw_spin_unlock_irqrestore(&raw_lock, flags);
	spin_lock(&lock);
	free_everything(NULL);
	spin_unlock(&lock);
	KUNIT_EXPECT_EQ(test, work.wrong, 0U);
}

/* A caller within a scope, or with flags, that forbids I/O: it may sleep. */
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

/* What kspan cannot do it refuses, in every function. */
static void refused_flags(struct kunit *test)
{
	static const gfp_t flags[] = {
		__GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_MOVABLE,
		__GFP_ACCOUNT,
	};
	struct kspan_stats before;
	unsigned int i, k;

	/* Objects at hand are no reason to be generous. */
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

/* --- NMI ---------------------------------------------------------------------- */

static unsigned long nmi_begin(void)
{
	unsigned long flags;

	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	return flags;
}

static void nmi_end(unsigned long flags)
{
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
}

/* NULL, whatever is at hand. */
static void nmi_allocates_nothing(struct kunit *test)
{
	void *got[8] = {};
	unsigned long flags;
	size_t bulk;
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		size_t size = sizes[i];

		kspan_free(kspan_alloc(size, GFP_KERNEL));
		kspan_free(kspan_alloc_data(size, GFP_KERNEL));
		kspan_free(kspan_alloc_tiny(size, GFP_KERNEL));
		flags = nmi_begin();
		got[0] = kspan_alloc(size, QUIET);
		got[1] = kspan_zalloc(size, QUIET);
		got[2] = kspan_alloc_data(size, QUIET);
		got[3] = kspan_alloc_aligned(size, 64, QUIET);
		got[4] = kspan_alloc_tiny(size, QUIET);
		got[5] = kspan_alloc_node(size, QUIET, 0);
		bulk = kspan_alloc_bulk(size, QUIET, 2, &got[6]);
		nmi_end(flags);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(got, 0, 6 * sizeof(got[0])),
				      "%zu bytes", size);
		KUNIT_EXPECT_EQ(test, bulk, (size_t)0);
	}
}

/* Whatever was there at the same time is freed a moment later, once. */
static void nmi_frees_later(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, owned = 0;
	unsigned long flags;

	kspan_test_expect_bad_frees(2);
	memset(&work, 0, sizeof(work));
	kspan_read_stats(&before);
	alloc_everything(NULL);
	work.objs[work.nr++] = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, work.wrong, 0U);

	flags = nmi_begin();
	for (i = 0; i < work.nr; i++)
		kspan_free(work.objs[i]);
	for (i = 0; i < work.nr; i++)
		owned += kspan_owns(work.objs[i]);
	kspan_free(work.objs[0]);
	nmi_end(flags);
	KUNIT_EXPECT_EQ(test, owned, 0U);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);

	/* That may still be so, and is a double free all the same. */
	kspan_free(work.objs[work.nr - 1]);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
	kspan_free_exit();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
}

/* An object on its way back is nobody's until it has arrived. */
static void nmi_defers(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags;
	u8 state, *ptr, *large;
	int live;

	ptr = kspan_alloc(300, GFP_KERNEL);
	large = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_ASSERT_NOT_NULL(test, large);
	kspan_read_stats(&before);
	flags = nmi_begin();
	kspan_free(ptr);
	kspan_free_sized(large, SZ_64K);
	state = *kspan_test_state(ptr);
	live = kspan_test_span(large)->live;
	nmi_end(flags);
	KUNIT_EXPECT_EQ(test, (int)state, (int)KSPAN_OBJ_DEFERRED);
	KUNIT_EXPECT_EQ(test, live, (int)KSPAN_LIFE_DEFERRED);
	kspan_free_exit();
	KUNIT_EXPECT_TRUE(test, kspan_obj_is_free(*kspan_test_state(ptr)));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
}

/* --- the reserve -------------------------------------------------------------- */

/* Take all there is, a heap page at a time. */
static void drain_heap(void *arg)
{
	while (work.nr < MAX_OBJS) {
		void *ptr = kspan_alloc(KSPAN_PAGE_SIZE, QUIET);

		if (!ptr)
			break;
		work.objs[work.nr++] = ptr;
	}
}

/* All of the reserve and no more; and it comes back while all of it is held. */
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
	/* With interrupts off on this CPU nobody asks for a refill. */
	kspan_test_run_in(test, KSPAN_TEST_IRQS_OFF, drain_heap, NULL);
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

/* Who may sleep leaves the reserve to those who may not. */
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
	KUNIT_CASE(under_spinlocks),
	KUNIT_CASE(without_io),
	KUNIT_CASE(refused_flags),
	KUNIT_CASE(nmi_allocates_nothing),
	KUNIT_CASE(nmi_frees_later),
	KUNIT_CASE(nmi_defers),
	KUNIT_CASE(reserve_serves_atomic_callers),
	KUNIT_CASE(reserve_is_for_them_alone),
	{}
};

KSPAN_TEST_SUITE(context, context_cases);
