// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs, which may have interrupted any code: an allocation gets an object from
 * a stash or NULL, and a free takes effect a moment later.  The cases simulate
 * an NMI by setting preempt_count() with interrupts off, which is all that
 * kspan checks.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "api/nmi_alloc.h"
#include "base/params.h"
#include "cache/stash.h"
#include "heap/large_cache.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

static const size_t sizes[] = {
	1, 8, 100, 1024, 1100, 4096, 20000, 32768, 32769, SZ_64K,
};

#define NR_SIZES	ARRAY_SIZE(sizes)
#define MAX_OBJS	100U

/* Atomic, and without a warning, since failures are expected. */
#define QUIET		(GFP_ATOMIC | __GFP_NOWARN)

/* Shared by the cases, which run one at a time. */
static struct {
	void *objs[MAX_OBJS];
	unsigned int nr;
	unsigned int wrong;
} work;

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

/*
 * As long as there is no stash, allocations return NULL even if there is
 * memory.
 */
static void expect_nothing(struct kunit *test, size_t size)
{
	struct kspan_stats before;
	void *got[12] = {};
	unsigned long flags;
	size_t bulk;

	kspan_read_stats(&before);
	flags = nmi_begin();
	got[0] = kspan_alloc(size, QUIET);
	got[1] = kspan_zalloc(size, QUIET);
	got[2] = kspan_alloc_data(size, QUIET);
	got[3] = kspan_alloc_aligned(size, 64, QUIET);
	got[4] = kspan_alloc_tiny(size, QUIET);
	got[5] = kspan_alloc_node(size, QUIET, 0);
	got[6] = kspan_alloc_array(size, 1, QUIET);
	got[7] = kspan_calloc(size, 1, QUIET);
	got[8] = kspan_realloc(NULL, size, QUIET);
	got[9] = kspan_realloc_array(ZERO_SIZE_PTR, 1, size, QUIET);
	got[10] = kspan_memdup(work.objs, size % 1000 + 1, QUIET);
	got[11] = kspan_strdup("a", QUIET);
	bulk = kspan_alloc_bulk(size, QUIET, 2, &work.objs[0]);
	nmi_end(flags);
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(got, 0, sizeof(got)),
			      "%zu bytes", size);
	KUNIT_EXPECT_EQ(test, bulk, (size_t)0);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
	/* From now on there is a stash for small sizes. */
	kspan_nmi_settle();
	if (size <= KSPAN_STASH_MAX && !kspan_redzone_on())
		return;
	flags = nmi_begin();
	got[0] = kspan_alloc(size, QUIET);
	nmi_end(flags);
	KUNIT_EXPECT_NULL_MSG(test, got[0], "%zu bytes", size);
}

static void allocates_nothing(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		kspan_release();
		expect_nothing(test, sizes[i]);
	}
	for (i = 0; i < NR_SIZES; i++) {
		size_t size = sizes[i];

		kspan_release();
		kspan_free(kspan_alloc(size, GFP_KERNEL));
		kspan_free(kspan_alloc_data(size, GFP_KERNEL));
		kspan_free(kspan_alloc_tiny(size, GFP_KERNEL));
		expect_nothing(test, size);
	}
	kspan_release();
}

/*
 * Allocate in one NMI until an allocation fails.  Return: the number of
 * objects.
 */
static unsigned int alloc_all_in_nmi(size_t size, bool zero)
{
	unsigned long flags = nmi_begin();
	unsigned int nr;

	for (nr = 0; nr < MAX_OBJS; nr++) {
		work.objs[nr] = zero ? kspan_zalloc(size, QUIET) :
				       kspan_alloc(size, QUIET);
		if (!work.objs[nr])
			break;
	}
	nmi_end(flags);
	return nr;
}

/* Each of @nr objects is a live object of its own. */
static void expect_objects(struct kunit *test, unsigned int nr, size_t size)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, kspan_owns(work.objs[i]));
		KUNIT_EXPECT_EQ(test, kspan_size(work.objs[i]),
				kspan_size_roundup(size));
		memset(work.objs[i], 0x5a, size);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, work.objs[i], work.objs[j]);
	}
}

/*
 * The first allocation of a size in NMI returns NULL.  Later ones get the
 * objects in the stash of their CPU, which is filled after each NMI.  The
 * objects count only when they are allocated.
 */
static void allocates_from_stash(struct kunit *test)
{
	static const size_t small[] = { 1, 100, 1024, KSPAN_STASH_MAX };
	struct kspan_stats before;
	unsigned int i, round;

	if (kspan_redzone_on())
		kunit_skip(test, "objects have redzones");
	kspan_release();
	for (i = 0; i < ARRAY_SIZE(small); i++) {
		KUNIT_EXPECT_EQ(test, alloc_all_in_nmi(small[i], false), 0U);
		kspan_nmi_settle();
		for (round = 0; round < 3; round++) {
			kspan_read_stats(&before);
			KUNIT_EXPECT_EQ(test, alloc_all_in_nmi(small[i], false),
					KSPAN_STASH_OBJS);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects),
					(u64)KSPAN_STASH_OBJS);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc),
					(u64)KSPAN_STASH_OBJS *
					kspan_size_roundup(small[i]));
			expect_objects(test, KSPAN_STASH_OBJS, small[i]);
			kspan_free_bulk(KSPAN_STASH_OBJS, work.objs);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects),
					0ULL);
			kspan_nmi_settle();
			KUNIT_EXPECT_NULL(test, kspan_verify());
		}
		KUNIT_EXPECT_EQ(test, alloc_all_in_nmi(small[i], true),
				KSPAN_STASH_OBJS);
		for (round = 0; round < KSPAN_STASH_OBJS; round++)
			KUNIT_EXPECT_NULL(test, memchr_inv(work.objs[round], 0,
							   small[i]));
		kspan_free_bulk(KSPAN_STASH_OBJS, work.objs);
	}
	kspan_release();
}

/* A release empties the stash, and no memory is left. */
static void release_ends_stash(struct kunit *test)
{
	struct kspan_stats before;

	kspan_release();
	kspan_read_stats(&before);
	alloc_all_in_nmi(1000, false);
	kspan_nmi_settle();
	if (!kspan_redzone_on())
		KUNIT_EXPECT_NE(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	KUNIT_EXPECT_EQ(test, alloc_all_in_nmi(1000, false), 0U);
	kspan_release();
}

/* The tick empties stashes that NMIs do not use any more. */
static void idle_stash_is_emptied(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms, end;
	struct kspan_stats before;

	if (kspan_redzone_on())
		kunit_skip(test, "objects have redzones");
	kspan_release();
	kspan_read_stats(&before);
	kspan_test_tick(test, 30);
	alloc_all_in_nmi(1000, false);
	kspan_nmi_settle();
	KUNIT_EXPECT_FALSE(test, kspan_stash_is_idle());
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (kspan_stash_is_idle() && !KSPAN_SINCE(&before, heap_inuse))
			break;
	KUNIT_EXPECT_TRUE(test, kspan_stash_is_idle());
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	kspan_test_set_pace(normal);
}

/* A resize that would have to move the object fails; one to size 0 frees it. */
static void moves_nothing(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags;
	void *moved, *ended;
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		void *ptr = kspan_alloc(sizes[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x5a, sizes[i]);
		kspan_read_stats(&before);
		flags = nmi_begin();
		moved = kspan_realloc(ptr, 3 * sizes[i] + 20000, QUIET);
		nmi_end(flags);
		KUNIT_EXPECT_NULL(test, moved);
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x5a, sizes[i]));
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);

		flags = nmi_begin();
		ended = kspan_realloc(ptr, 0, QUIET);
		nmi_end(flags);
		KUNIT_EXPECT_PTR_EQ(test, ended, ZERO_SIZE_PTR);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
		kspan_deferred_exit();
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), -1ULL);
	}
}

/*
 * One object of every size from every function; a missing one counts as wrong.
 */
static void alloc_everything(void)
{
	void **objs = work.objs;
	unsigned int i;

	for (i = 0; i < NR_SIZES; i++) {
		*objs++ = kspan_alloc(sizes[i], GFP_KERNEL);
		*objs++ = kspan_zalloc(sizes[i], GFP_KERNEL);
		*objs++ = kspan_alloc_data(sizes[i], GFP_ATOMIC);
		*objs++ = kspan_alloc_aligned(sizes[i], 64, GFP_KERNEL);
		*objs++ = kspan_alloc_tiny(1 + i, GFP_KERNEL);
	}
	*objs++ = kspan_alloc(SZ_2M, GFP_KERNEL);
	work.nr = objs - work.objs;
	for (i = 0; i < work.nr; i++)
		work.wrong += !kspan_owns(work.objs[i]);
}

/* Each function that frees. */
static void free_some_way(unsigned int i)
{
	if (i % 4 == 0)
		kspan_free_sized(work.objs[i], kspan_size(work.objs[i]));
	else if (i % 4 == 1)
		kspan_free_sensitive(work.objs[i]);
	else if (i % 4 == 2)
		kspan_free(work.objs[i]);
	else
		kspan_free_bulk(1, &work.objs[i]);
}

/* Objects of every kind freed in an NMI are released once, a moment later. */
static void frees_later(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, owned = 0;
	unsigned long flags;

	kspan_test_expect_bad_frees(2);
	memset(&work, 0, sizeof(work));
	kspan_read_stats(&before);
	alloc_everything();
	KUNIT_ASSERT_EQ(test, work.wrong, 0U);

	flags = nmi_begin();
	for (i = 0; i < work.nr; i++)
		free_some_way(i);
	for (i = 0; i < work.nr; i++)
		owned += kspan_owns(work.objs[i]);
	kspan_free(work.objs[0]);
	nmi_end(flags);
	KUNIT_EXPECT_EQ(test, owned, 0U);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);

	/* The free may still be pending, yet this is a double free. */
	kspan_free(work.objs[work.nr - 1]);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
	kspan_deferred_exit();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
}

/*
 * Bad and double frees of every kind of object: in the same NMI, in a later
 * one, and in one after the object was freed in a task.
 */
static void finds_bad_frees(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, nr = 0;
	unsigned long flags;

	kspan_test_expect_bad_frees(5 * 6 + 1);
	memset(&work, 0, sizeof(work));
	work.objs[nr++] = kspan_alloc(300, GFP_KERNEL);
	work.objs[nr++] = kspan_alloc_data(300, GFP_KERNEL);
	work.objs[nr++] = kspan_alloc_tiny(9, GFP_KERNEL);
	work.objs[nr++] = kspan_alloc_aligned(300, 4096, GFP_KERNEL);
	work.objs[nr++] = kspan_alloc(SZ_64K, GFP_ATOMIC);
	work.objs[nr++] = kspan_alloc(SZ_2M, GFP_KERNEL);
	kspan_read_stats(&before);
	flags = nmi_begin();
	for (i = 0; i < nr; i++)
		kspan_free((char *)work.objs[i] + 4);
	kspan_free(&before);
	nmi_end(flags);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), nr + 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);

	flags = nmi_begin();
	kspan_free_bulk(nr, work.objs);
	kspan_free_bulk(nr, work.objs);
	nmi_end(flags);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL * nr);
	flags = nmi_begin();
	for (i = 0; i < nr; i++)
		kspan_free(work.objs[i]);
	nmi_end(flags);
	kspan_deferred_exit();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL * nr);
	flags = nmi_begin();
	for (i = 0; i < nr; i++)
		kspan_free_sized(work.objs[i], 9);
	kspan_free_sensitive(work.objs[0]);
	nmi_end(flags);
	kspan_free_bulk(nr - 1, work.objs + 1);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 4ULL * nr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), nr + 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL * nr);
}

/* An object whose free is deferred is not live, and counts as freed later. */
static void defers(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags;
	u8 state, *ptr, *large;
	long idle_before, idle;
	int live;

	ptr = kspan_alloc(300, GFP_KERNEL);
	large = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_ASSERT_NOT_NULL(test, large);
	kspan_read_stats(&before);
	flags = nmi_begin();
	kspan_free(ptr);
	idle_before = atomic_long_read(&kspan_region_idle);
	kspan_free_sized(large, SZ_64K);
	idle = atomic_long_read(&kspan_region_idle);
	state = *kspan_test_state(ptr);
	live = kspan_test_span(large)->live;
	nmi_end(flags);
	KUNIT_EXPECT_EQ_MSG(test, idle, idle_before, "kept for the next one");
	KUNIT_EXPECT_EQ(test, (int)state, (int)KSPAN_OBJ_DEFERRED);
	KUNIT_EXPECT_EQ(test, live, (int)KSPAN_LIFE_DEFERRED);
	kspan_deferred_exit();
	/* Its span may have ended, so the state byte is not read any more. */
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), -2ULL);
}

/* A write to a large object whose free is deferred breaks no list. */
static void late_write_is_harmless(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags;
	u8 *large[2];
	unsigned int i;

	large[0] = kspan_alloc(SZ_64K, GFP_KERNEL);
	large[1] = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, large[0]);
	KUNIT_ASSERT_NOT_NULL(test, large[1]);
	kspan_read_stats(&before);
	/* Keep the worker from freeing it meanwhile. */
	preempt_disable();
	flags = nmi_begin();
	kspan_free(large[0]);
	kspan_free(large[1]);
	nmi_end(flags);
	for (i = 0; i < sizeof(void *); i++)
		kspan_test_overwrite(large[1], i);
	preempt_enable();
	kspan_deferred_exit();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), -2ULL);
}

/*
 * A write to a small object whose free is deferred breaks the list.  The object
 * itself is freed; those freed before it are lost, which is counted.
 */
static void broken_list_ends(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags, nmi;
	u8 was, *first, *last;
	unsigned int i;

	kspan_test_expect_corrupt(1);
	first = kspan_alloc(300, GFP_KERNEL);
	last = kspan_alloc(300, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, last);
	was = *kspan_test_state(first);
	kspan_read_stats(&before);
	/* Keep the irq_work from running in between. */
	local_irq_save(flags);
	nmi = nmi_begin();
	kspan_free(first);
	kspan_free(last);
	nmi_end(nmi);
	for (i = 0; i < sizeof(void *); i++)
		kspan_test_overwrite(last, i);
	local_irq_restore(flags);
	kspan_deferred_flush();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, corrupt), 1ULL);
	KUNIT_EXPECT_EQ(test, (int)*kspan_test_state(first),
			(int)KSPAN_OBJ_DEFERRED);

	/* Later frees work, of tiny blocks too.  Then free the lost object. */
	last = kspan_alloc_tiny(15, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, last);
	nmi = nmi_begin();
	kspan_free(last);
	nmi_end(nmi);
	kspan_deferred_flush();
	WRITE_ONCE(*kspan_test_state(first), was);
	kspan_free(first);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), -2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, corrupt), 1ULL);
}

/* A release includes memory that was freed in an NMI just before it. */
static void release_waits(struct kunit *test)
{
	struct kspan_stats before;
	unsigned long flags;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	ptr = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	flags = nmi_begin();
	kspan_free(ptr);
	nmi_end(flags);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(allocates_nothing),
	KUNIT_CASE(allocates_from_stash),
	KUNIT_CASE(release_ends_stash),
	KUNIT_CASE(idle_stash_is_emptied),
	KUNIT_CASE(moves_nothing),
	KUNIT_CASE(frees_later),
	KUNIT_CASE(defers),
	KUNIT_CASE(late_write_is_harmless),
	KUNIT_CASE(broken_list_ends),
	KUNIT_CASE(release_waits),
	KUNIT_CASE(finds_bad_frees),
	{}
};

KSPAN_TEST_SUITE(nmi, cases);
