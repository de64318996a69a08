// SPDX-License-Identifier: GPL-2.0
/*
 * Wiping: with init_on_free=1 nothing of an object's content is left after its
 * free, whatever kind it was and however it was freed.  Skipped in kernels
 * without init_on_free=1.
 *
 * With check=2 a freed object is filled with poison instead, which serves as
 * well.
 */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "base/kasan.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define SECRET	0x3c

/* --- objects and their ends ----------------------------------------------------- */

static void *by_aligned(size_t size, gfp_t gfp)
{
	return kspan_alloc_aligned(size, 128, gfp);
}

/* Whole pages; a region has room in front of the object. */
static void *by_pages(size_t size, gfp_t gfp)
{
	return kspan_alloc_aligned(size, SZ_64K, gfp);
}

/* From the page heap, so that large objects are runs. */
static void *by_atomic(size_t size, gfp_t gfp)
{
	return kspan_alloc(size, GFP_ATOMIC);
}

static void *by_bulk(size_t size, gfp_t gfp)
{
	void *obj;

	return kspan_alloc_bulk(size, gfp, 1, &obj) == 1 ? obj : NULL;
}

/* A function that allocates an object. */
static const struct way {
	const char *name;
	void *(*alloc)(size_t size, gfp_t gfp);
} ways[] = {
	{ "alloc", kspan_alloc },
	{ "alloc_data", kspan_alloc_data },
	{ "alloc_tiny", kspan_alloc_tiny },
	{ "alloc_aligned", by_aligned },
	{ "alloc_pages", by_pages },
	{ "alloc_atomic", by_atomic },
	{ "alloc_bulk", by_bulk },
};

static void way_name(const struct way *way, char *name)
{
	strscpy(name, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_name);

static void end_free(void *ptr, size_t size)
{
	kspan_free(ptr);
}

static void end_sized(void *ptr, size_t size)
{
	kspan_free_sized(ptr, size);
}

static void end_bulk(void *ptr, size_t size)
{
	kspan_free_bulk(1, &ptr);
}

static void end_resize(void *ptr, size_t size)
{
	if (kspan_realloc(ptr, 0, GFP_KERNEL) != ZERO_SIZE_PTR)
		kspan_free(ptr);
}

/* Resize with a move; the new object is a copy. */
static void end_move(void *ptr, size_t size)
{
	kspan_free(kspan_realloc(ptr, 2 * size + KSPAN_PAGE_SIZE, GFP_KERNEL));
}

static void end_in_nmi(void *ptr, size_t size)
{
	unsigned long flags;

	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	kspan_free(ptr);
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
	kspan_deferred_exit();
}

/* Functions that free an object. */
static void (* const ends[])(void *ptr, size_t size) = {
	end_free, end_sized, end_bulk, end_resize, end_move, end_in_nmi,
};

/*
 * Not inlined, so that the compiler does not check against the requested size.
 */
static noinline void fill(void *ptr)
{
	memset(ptr, SECRET, kspan_size(ptr));
}

/* Whether no byte is left.  Not inlined, as the object has been freed. */
static noinline bool is_wiped(const void *ptr, size_t size)
{
	bool wiped;

	kspan_kasan_pause();
	wiped = !memchr(ptr, SECRET, size);
	kspan_kasan_resume();
	return wiped;
}

static int wipe_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (!err && !want_init_on_free())
		kunit_skip(test, "a kernel without init_on_free=1");
	return err;
}

/* --- cases -------------------------------------------------------------------- */

static void every_way(struct kunit *test)
{
	static const size_t sizes[] = {
		1, 5, 8, 15, 16, 100, 1000, 4000, 9000, 32760, SZ_64K, 100000,
	};
	const struct way *way = test->param_value;
	unsigned int i, k;
	size_t usable;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* Fill the reserve for callers that cannot sleep. */
		kspan_release();
		for (k = 0; k < ARRAY_SIZE(ends); k++) {
			ptr = way->alloc(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptr);
			usable = kspan_size(ptr);
			fill(ptr);
			ends[k](ptr, sizes[i]);
			KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
			KUNIT_EXPECT_TRUE_MSG(test, is_wiped(ptr, usable),
					      "%zu bytes, end %u", sizes[i], k);
		}
	}
}

static void every_class(struct kunit *test)
{
	unsigned int class, i;
	void *objs[3];
	size_t size;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		size = kspan_classes[class].size;
		for (i = 0; i < 3; i++) {
			objs[i] = kspan_alloc(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			fill(objs[i]);
		}
		kspan_free(objs[1]);
		KUNIT_EXPECT_TRUE_MSG(test, is_wiped(objs[1], size), "class %u",
				      class);
		/* The neighbours are unchanged. */
		KUNIT_EXPECT_NULL(test, memchr_inv(objs[0], SECRET, size));
		KUNIT_EXPECT_NULL(test, memchr_inv(objs[2], SECRET, size));
		kspan_free(objs[0]);
		kspan_free(objs[2]);
	}
}

static void free_it(void *ptr)
{
	kspan_free(ptr);
}

static void every_context(struct kunit *test)
{
	/* With its redzone, no object is so long that a worker has to fill it. */
	static const size_t sizes[] = { 7, 200, SZ_64K - KSPAN_REDZONE_MIN };
	enum kspan_test_place place;
	unsigned int i;
	void *ptr;

	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			ptr = kspan_alloc_tiny(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptr);
			fill(ptr);
			kspan_test_run_in(test, place, free_it, ptr);
			KUNIT_EXPECT_TRUE_MSG(test, is_wiped(ptr, sizes[i]),
					      "%zu bytes, %s", sizes[i],
					      kspan_test_place_names[place]);
		}
	}
}

/* A tiny object is wiped when it is freed, and its neighbours are not. */
static void tiny_parts(struct kunit *test)
{
	static void *objs[40];
	unsigned int i;
	size_t size;

	for (size = 1; size < KSPAN_TINY_MAX; size++) {
		for (i = 0; i < ARRAY_SIZE(objs); i++) {
			objs[i] = kspan_alloc_tiny(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			memset(objs[i], SECRET, size);
		}
		for (i = 0; i < ARRAY_SIZE(objs); i += 2) {
			kspan_free(objs[i]);
			KUNIT_EXPECT_TRUE_MSG(test, is_wiped(objs[i], size),
					      "%zu bytes", size);
		}
		for (i = 1; i < ARRAY_SIZE(objs); i += 2) {
			KUNIT_EXPECT_NULL(test, memchr_inv(objs[i], SECRET, size));
			kspan_free(objs[i]);
		}
	}
}

/* --- long ones -------------------------------------------------------------- */

/* A large object, and its state right after its free. */
static struct {
	void *ptr;
	struct kspan_span *span;
	u8 live;
	bool again;
} large;

static void free_large(void *arg)
{
	kspan_free(large.ptr);
	large.live = READ_ONCE(large.span->live);
	large.again = kspan_owns(large.ptr);
}

/* With preemption off a free does not wipe a large object; a worker does. */
static void long_fill_is_a_workers(struct kunit *test)
{
	bool waits;
	int place;

	if (num_online_cpus() > 1 || !IS_ENABLED(CONFIG_PREEMPT_COUNT))
		kunit_skip(test, "a worker could be done already, or is for all");
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		large.ptr = kspan_alloc(SZ_1M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, large.ptr);
		large.span = kspan_test_span(large.ptr);
		kspan_test_run_in(test, place, free_large, NULL);
		waits = place != KSPAN_TEST_TASK;
		KUNIT_EXPECT_EQ_MSG(test, large.live == KSPAN_LIFE_DEFERRED,
				    waits, "%s", kspan_test_place_names[place]);
		KUNIT_EXPECT_FALSE(test, large.again);
		kspan_deferred_flush();
		KUNIT_EXPECT_EQ(test, READ_ONCE(large.span->live),
				(u8)KSPAN_LIFE_NONE);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(long_fill_is_a_workers),
	KUNIT_CASE_PARAM(every_way, way_gen_params),
	KUNIT_CASE(every_class),
	KUNIT_CASE(every_context),
	KUNIT_CASE(tiny_parts),
	{}
};

KSPAN_TEST_SUITE_WITH(wipe, cases, wipe_init, kspan_test_exit);
