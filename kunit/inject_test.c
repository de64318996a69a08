// SPDX-License-Identifier: GPL-2.0
/*
 * Failures of the kernel while kspan runs.  For each operation the first
 * request to the kernel fails, then the second, and so on until the operation
 * makes no more requests.  The operation succeeds or returns NULL and counts
 * that, and all structures remain consistent. faults.sh checks what a failed
 * load leaves behind.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"
#include "base/sizeclass.h"
#include "central/depot.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

#define MAX_OBJS	1200U
/* No operation makes so many requests. */
#define MAX_REQUESTS	200U

static const gfp_t quiet = GFP_KERNEL | __GFP_NOWARN;

/*
 * Shared by the cases.  Objects that are left in it are freed after each try.
 */
static void *objs[MAX_OBJS];

/* The operations return how often they got NULL. */
static unsigned int fill(unsigned int nr, size_t size, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(size, gfp);
		if (!objs[i])
			return 1;
		memset(objs[i], i, size);
	}
	return 0;
}

static unsigned int op_small(void)
{
	return fill(1, 64, quiet);
}

/* More spans than one slab of descriptors and one chunk can serve. */
static unsigned int op_many(void)
{
	return fill(MAX_OBJS, 8192, quiet);
}

static unsigned int op_classes(void)
{
	unsigned int class;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		objs[class] = kspan_alloc(kspan_classes[class].size, quiet);
		if (!objs[class])
			return 1;
	}
	return 0;
}

static unsigned int count_null(unsigned int nr)
{
	unsigned int i, nr_null = 0;

	for (i = 0; i < nr; i++)
		nr_null += !objs[i];
	return nr_null;
}

static unsigned int op_kinds(void)
{
	objs[0] = kspan_zalloc(300, quiet);
	objs[1] = kspan_alloc_data(300, quiet);
	objs[2] = kspan_alloc_tiny(5, quiet);
	objs[3] = kspan_alloc_aligned(300, 4096, quiet);
	objs[4] = kspan_alloc_node(300, quiet, 0);
	objs[5] = kspan_calloc(3, 100, quiet);
	return count_null(6);
}

/* Sizes below and above the limit for runs. */
static unsigned int op_large(void)
{
	objs[0] = kspan_alloc(100 * 1000, quiet);
	objs[1] = kspan_alloc_aligned(SZ_1M, SZ_1M, quiet);
	objs[2] = kspan_zalloc(SZ_4M + 1, quiet);
	return count_null(3);
}

static unsigned int op_bulk(void)
{
	size_t nr = kspan_alloc_bulk(500, quiet, MAX_OBJS, objs);

	/*
	 * All or nothing; after a failure the content of the array is
	 * unspecified.
	 */
	if (!nr)
		memset(objs, 0, sizeof(objs));
	return nr != MAX_OBJS;
}

/* If a resize fails the old object is unchanged. */
static unsigned int op_realloc(void)
{
	static const size_t steps[] = { 1000, 9000, 70000, SZ_2M, 40 };
	unsigned int i;
	void *new;

	objs[0] = kspan_alloc(100, quiet);
	if (!objs[0])
		return 1;
	memset(objs[0], 0x5c, 100);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		new = kspan_realloc(objs[0], steps[i], quiet);
		if (!new)
			break;
		objs[0] = new;
	}
	if (memchr_inv(objs[0], 0x5c, 40))
		objs[1] = ERR_PTR(-EIO);	/* its free fails the case */
	return i != ARRAY_SIZE(steps);
}

/* Without sleeping, from the reserve, which a worker refills. */
static unsigned int op_atomic(void)
{
	return fill(20, 8192, GFP_ATOMIC | __GFP_NOWARN);
}

struct op {
	const char *name;
	unsigned int (*run)(void);
	/*
	 * It may return NULL.  The other operations manage without the memory.
	 */
	bool may_fail;
};

/* For operations that never fail, the reserve suffices. */
static const struct op ops[] = {
	{ "small", op_small, false },
	{ "many", op_many, true },
	{ "classes", op_classes, false },
	{ "kinds", op_kinds, false },
	{ "large", op_large, true },
	{ "bulk", op_bulk, false },
	{ "realloc", op_realloc, true },
	{ "atomic", op_atomic, false },
};

static void free_all(void)
{
	unsigned int i;

	for (i = 0; i < MAX_OBJS; i++)
		kspan_free(objs[i]);
	memset(objs, 0, sizeof(objs));
}

static void expect_sound(struct kunit *test, const struct op *op,
			 unsigned int n)
{
	const char *wrong = kspan_verify();

	KUNIT_EXPECT_NULL_MSG(test, wrong, "%s, request %u: %s", op->name, n,
			      wrong ?: "");
}

/*
 * Run @op with its @n-th request failing and, if @mode is '+', all later ones.
 * Return: whether the operation made @n requests.
 */
static bool try_nth(struct kunit *test, const struct op *op, char mode,
		    unsigned int n, unsigned int *nr_null)
{
	struct kspan_stats before;
	unsigned int null;
	char plan[20];
	bool hit;

	kspan_release();
	kspan_read_stats(&before);
	snprintf(plan, sizeof(plan), "any%c%u", mode, n);
	KUNIT_ASSERT_EQ(test, kspan_inject_set(plan), 0);
	null = op->run();
	hit = kspan_inject_count();
	kspan_inject_set("off");
	expect_sound(test, op, n);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, oom_fail) +
			    KSPAN_SINCE(&before, atomic_fail), (u64)null,
			    "%s, request %u: failures counted", op->name, n);
	KUNIT_EXPECT_TRUE_MSG(test, !null || hit, "%s fails by itself", op->name);
	free_all();
	kspan_release();
	expect_sound(test, op, n);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, heap_objects), 0ULL,
			    "%s, request %u", op->name, n);
	*nr_null += null;
	return hit;
}

static void op_name(const struct op *op, char *name)
{
	strscpy(name, op->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(op, ops, op_name);

/* Try every @n.  Return: how often @op got NULL in total. */
static unsigned int try_each(struct kunit *test, const struct op *op, char mode)
{
	unsigned int n = 1, nr_null = 0;

	while (n < MAX_REQUESTS && try_nth(test, op, mode, n, &nr_null))
		n++;
	KUNIT_EXPECT_LT(test, n, MAX_REQUESTS);
	return nr_null;
}

/*
 * A caller that may sleep tries again after reclaim, so one failure is
 * harmless.
 */
static void one_request(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, try_each(test, test->param_value, ':'), 0U);
}

static void all_from_one_on(struct kunit *test)
{
	const struct op *op = test->param_value;

	KUNIT_EXPECT_EQ(test, try_each(test, op, '+') != 0, op->may_fail);
}

/* Every request of one place fails; afterwards everything works again. */
static void each_place(struct kunit *test)
{
	unsigned int place, i;
	unsigned long nr;
	char plan[20];

	for (place = 0; place < KSPAN_INJECT_NR_PLACES; place++) {
		nr = 0;
		snprintf(plan, sizeof(plan), "%s/1", kspan_inject_names[place]);
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			kspan_release();
			KUNIT_ASSERT_EQ(test, kspan_inject_set(plan), 0);
			ops[i].run();
			nr += kspan_inject_count();
			kspan_inject_set("off");
			expect_sound(test, &ops[i], place);
			free_all();
			/* Refill the reserve for the next operation. */
			kspan_release();
			KUNIT_EXPECT_EQ_MSG(test, ops[i].run(), 0U,
					    "%s after %s", ops[i].name, plan);
			free_all();
		}
		/*
		 * Existing metadata is reused, and the other places serve only
		 * the load.
		 */
		if (place == KSPAN_INJECT_ANY || place == KSPAN_INJECT_CHUNK)
			KUNIT_EXPECT_GT_MSG(test, nr, 0UL, "%s", plan);
	}
}

/* With __GFP_NOFAIL no allocation returns NULL. */
static void nofail(struct kunit *test)
{
	unsigned long nr;
	unsigned int i;

	kspan_release();
	KUNIT_ASSERT_EQ(test, kspan_inject_set("any/2"), 0);
	for (i = 0; i < 100; i++) {
		objs[i] = kspan_alloc(i * 1000 + 1, quiet | __GFP_NOFAIL);
		KUNIT_EXPECT_NOT_NULL(test, objs[i]);
	}
	nr = kspan_inject_count();
	kspan_inject_set("off");
	free_all();
	if (!nr)
		kunit_skip(test, "nothing was asked for that may fail");
}

/* --- requests that fail while objects are freed, and others ----------------- */

/* Any class will do, since all classes share the pool of magazines. */
#define SC	8U

/* Take all magazines, so that there are none until they are returned. */
static struct kspan_mag *hoard_mags(void)
{
	struct kspan_mag *mag, *hoard = NULL;

	kspan_inject_set("slab/1");
	while ((mag = kspan_mag_alloc(SC, GFP_NOWAIT)))
		kspan_mag_push(&hoard, mag, SC);
	return hoard;
}

static void return_mags(struct kspan_mag *hoard)
{
	kspan_inject_set("off");
	while (hoard)
		kspan_mag_free(kspan_mag_pop(&hoard, SC));
}

/* Small and tiny objects, and a large one. */
static void alloc_mixed(struct kunit *test)
{
	static const size_t sizes[] = { 64, 5, 3000, 8192, 700 };
	unsigned int i;

	for (i = 0; i < 500; i++)
		objs[i] = kspan_alloc_tiny(sizes[i % 5], GFP_KERNEL);
	objs[i] = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, count_null(501), 0U);
}

static void free_mixed(void *arg)
{
	kspan_free_bulk(250, objs + 250);
	memset(objs + 250, 0, 250 * sizeof(*objs));
	free_all();
}

/* Whether caches ask the kernel for magazines; see meta.c. */
static bool asks_for_mags(void)
{
	return !kspan_redzone_on() && !want_init_on_free() && !KSPAN_RT_RULES;
}

/* No free needs memory, in any context. */
static void frees_without_magazines(struct kunit *test)
{
	enum kspan_test_place place;
	struct kspan_stats before;
	struct kspan_mag *hoard;
	unsigned long nr;

	kspan_read_stats(&before);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		alloc_mixed(test);
		kspan_release();
		hoard = hoard_mags();
		nr = kspan_inject_count();
		kspan_test_run_in(test, place, free_mixed, NULL);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, heap_objects),
				    0ULL, "%s", kspan_test_place_names[place]);
		if (asks_for_mags())
			KUNIT_EXPECT_GT_MSG(test, kspan_inject_count(), nr, "%s",
					    kspan_test_place_names[place]);
		KUNIT_EXPECT_NULL(test, kspan_verify());
		return_mags(hoard);
	}
}

/* An allocation needs no magazine either while a span has free objects. */
static void allocs_without_magazines(struct kunit *test)
{
	struct kspan_mag *hoard;

	kspan_release();
	KUNIT_ASSERT_EQ(test, fill(1, 64, GFP_KERNEL), 0U);
	objs[40] = objs[0];
	/* The caches have lost their magazines and get no new ones. */
	kspan_release();
	hoard = hoard_mags();
	KUNIT_EXPECT_EQ(test, fill(40, 64, GFP_ATOMIC | __GFP_NOWARN), 0U);
	return_mags(hoard);
	free_all();
}

/*
 * A caller that holds a raw spinlock with interrupts on needs no magazine
 * either.  Lockdep would report a call of the page allocator or of kmemleak.
 */
static void under_a_raw_spinlock(struct kunit *test)
{
	static DEFINE_RAW_SPINLOCK(lock);
	struct kspan_mag *hoard;
	unsigned int failed;

	kspan_release();
	hoard = hoard_mags();
	kspan_inject_set("off");
	raw_spin_lock(&lock);
	failed = fill(40, 64, GFP_ATOMIC | __GFP_NOWARN);
	free_all();
	failed += fill(2, SZ_64K, GFP_ATOMIC | __GFP_NOWARN);
	free_all();
	raw_spin_unlock(&lock);
	return_mags(hoard);
	KUNIT_EXPECT_EQ(test, failed, 0U);
}

/* Release, verify and statistics work without memory from the kernel. */
static void control_functions(struct kunit *test)
{
	struct kspan_stats before, after;
	u64 bytes;

	KUNIT_ASSERT_EQ(test, fill(MAX_OBJS, 8192, GFP_KERNEL), 0U);
	objs[0] = kspan_realloc(objs[0], SZ_2M, GFP_KERNEL);
	free_all();
	kspan_read_stats(&before);
	KUNIT_ASSERT_EQ(test, kspan_inject_set("any/1"), 0);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	bytes = kspan_release();
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_read_stats(&after);
	kspan_inject_set("off");
	KUNIT_EXPECT_GT(test, bytes, (u64)SZ_8M);
	/* A worker may have released memory as well. */
	KUNIT_EXPECT_GE(test, after.heap_released - before.heap_released, bytes);
	KUNIT_EXPECT_GE(test, before.heap_sys - after.heap_sys, bytes);
}

/*
 * Take all descriptors for a size.  The pools stay empty while injection is on.
 */
static void hoard_spans(struct list_head *hoard, size_t size)
{
	struct kspan_span *span;
	unsigned int sc = 0;

	if (size <= KSPAN_SMALL_MAX)
		sc = kspan_redzone_on() ? kspan_redzone_class(size, 0) :
					  kspan_size_to_class(size);
	kspan_inject_set("slab/1");
	while ((span = kspan_span_alloc(sc, GFP_NOWAIT)))
		list_add(&span->list, hoard);
}

static void return_spans(struct list_head *hoard)
{
	struct kspan_span *span, *next;

	list_for_each_entry_safe(span, next, hoard, list)
		kspan_span_free(span);
}

/*
 * An atomic caller for whom the kernel has no memory, as always on PREEMPT_RT.
 */
static void *alloc_without_slabs(size_t size)
{
	void *ptr;

	kspan_inject_set("slab/1");
	ptr = kspan_alloc(size, GFP_ATOMIC | __GFP_NOWARN);
	kspan_inject_set("off");
	return ptr;
}

/*
 * An atomic allocation without a descriptor fails; a worker provides new ones.
 */
static void atomic_metadata_is_refilled(struct kunit *test)
{
	static const size_t sizes[] = { 1600, 200, SZ_64K };
	struct kspan_stats before;
	unsigned int i, tries;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		LIST_HEAD(hoard);

		/* Free the spans of the class and the cached runs too. */
		kspan_release();
		hoard_spans(&hoard, sizes[i]);
		kspan_read_stats(&before);
		ptr = alloc_without_slabs(sizes[i]);
		KUNIT_EXPECT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
		for (tries = 0; tries < 100 && !ptr; tries++) {
			msleep(20);
			ptr = alloc_without_slabs(sizes[i]);
		}
		KUNIT_EXPECT_NOT_NULL_MSG(test, ptr, "%zu bytes", sizes[i]);
		kspan_free(ptr);
		return_spans(&hoard);
	}
}

static struct kunit_case cases[] = {
	KSPAN_CASE_PARAM_SLOW(one_request, op_gen_params),
	KSPAN_CASE_PARAM_SLOW(all_from_one_on, op_gen_params),
	KUNIT_CASE(each_place),
	KUNIT_CASE(nofail),
	KUNIT_CASE(frees_without_magazines),
	KUNIT_CASE(allocs_without_magazines),
	KUNIT_CASE(under_a_raw_spinlock),
	KUNIT_CASE(control_functions),
	KUNIT_CASE(atomic_metadata_is_refilled),
	{}
};

KSPAN_TEST_SUITE(inject, cases);
