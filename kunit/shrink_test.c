// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: it counts what it can give back, gives back about as much as is
 * requested, and touches neither live objects nor the reserve.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "heap/chunk.h"
#include "heap/large_cache.h"
#include "kunit_support.h"
#include "reclaim/shrink.h"
#include "show/verify.h"

#define CHUNK		(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE)
#define OBJ_SIZE	SZ_8K
#define NR_OBJS		(8 * CHUNK / OBJ_SIZE)

static void **objs;

static int allocate(struct kunit *test)
{
	unsigned int i;

	kspan_release();
	objs = kvcalloc(NR_OBJS, sizeof(*objs), GFP_KERNEL);
	if (!objs)
		return -ENOMEM;
	for (i = 0; i < NR_OBJS; i++)
		objs[i] = kspan_alloc(OBJ_SIZE, GFP_KERNEL);
	return objs[NR_OBJS - 1] ? 0 : -ENOMEM;
}

/* Free every @nth object.  They are in address order, so whole chunks empty. */
static void free_every(unsigned int nth)
{
	unsigned int i;

	for (i = 0; i < NR_OBJS; i += nth) {
		kspan_free(objs[i]);
		objs[i] = NULL;
	}
}

static void free_rest(void)
{
	free_every(1);
	kvfree(objs);
	objs = NULL;
}

/* It gives back all idle memory and no more; the reserve remains. */
static void gives_all_but_the_reserve(struct kunit *test)
{
	struct kspan_stats before, now;
	unsigned long bytes;

	KUNIT_ASSERT_EQ(test, allocate(test), 0);
	free_rest();
	kspan_read_stats(&before);
	KUNIT_EXPECT_GE(test, kspan_shrink_count(), 4 * CHUNK);
	bytes = kspan_shrink(LONG_MAX);
	kspan_read_stats(&now);
	/* The rest of it is metadata. */
	KUNIT_EXPECT_LE(test, now.heap_released - before.heap_released, (u64)bytes);
	KUNIT_EXPECT_EQ(test, before.heap_sys - now.heap_sys,
			now.heap_released - before.heap_released);
	KUNIT_EXPECT_GE(test, before.sys - now.sys, (u64)bytes);
	KUNIT_EXPECT_GE(test, bytes, 4 * CHUNK);
	KUNIT_EXPECT_GE(test, now.heap_idle, now.reserve);
	/*
	 * The chunks of objects in this CPU's cache, and those of the reserve,
	 * stay.
	 */
	KUNIT_EXPECT_LE(test, kspan_shrink_count(), 2 * CHUNK);
	KUNIT_EXPECT_EQ(test, kspan_shrink(LONG_MAX), 0UL);
	KUNIT_EXPECT_NULL(test, kspan_verify());
}

/* It gives in proportion, so that a little pressure costs little. */
static void gives_about_what_is_asked(struct kunit *test)
{
	unsigned long bytes, before;

	KUNIT_ASSERT_EQ(test, allocate(test), 0);
	free_rest();
	/* Move the depots' objects to the spans, so that their chunks idle. */
	kspan_shrink(CHUNK);
	before = kspan_shrink_count();
	KUNIT_ASSERT_GE(test, before, 3 * CHUNK);
	bytes = kspan_shrink(PAGE_SIZE);
	KUNIT_EXPECT_GE(test, bytes, PAGE_SIZE);
	KUNIT_EXPECT_LE(test, bytes, CHUNK);
	bytes = kspan_shrink(CHUNK + PAGE_SIZE);
	KUNIT_EXPECT_GE(test, bytes, CHUNK + PAGE_SIZE);
	KUNIT_EXPECT_LE(test, bytes, 2 * CHUNK);
	KUNIT_EXPECT_EQ(test, kspan_shrink(0), 0UL);
}

/*
 * Cached large spans are returned after chunks, and only as many as are needed.
 */
static void kept_spans_go_second(struct kunit *test)
{
	void *ptr[4];
	unsigned int i;
	long idle;

	kspan_release();
	for (i = 0; i < ARRAY_SIZE(ptr); i++)
		ptr[i] = kspan_alloc(SZ_2M, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(ptr); i++)
		kspan_free(ptr[i]);
	idle = atomic_long_read(&kspan_region_idle);
	KUNIT_ASSERT_GE(test, idle, 4L * SZ_2M);
	KUNIT_EXPECT_GE(test, kspan_shrink_count(), (unsigned long)idle);

	KUNIT_EXPECT_GE(test, kspan_shrink(SZ_2M), (unsigned long)SZ_2M);
	KUNIT_EXPECT_LE(test, atomic_long_read(&kspan_region_idle), 3 * idle / 4);
	KUNIT_EXPECT_GE(test, atomic_long_read(&kspan_region_idle), 2 * idle / 4);
	kspan_shrink(LONG_MAX);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
}

/* Live objects keep their place and their content. */
static void live_objects_stay(struct kunit *test)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, allocate(test), 0);
	for (i = 0; i < NR_OBJS; i++)
		*(unsigned int *)objs[i] = i;
	free_every(3);
	kspan_shrink(LONG_MAX);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	for (i = 0; i < NR_OBJS; i++)
		if (objs[i])
			KUNIT_EXPECT_EQ(test, *(unsigned int *)objs[i], i);
	free_rest();
}

static struct kunit_case shrink_cases[] = {
	KUNIT_CASE(gives_all_but_the_reserve),
	KUNIT_CASE(gives_about_what_is_asked),
	KUNIT_CASE(kept_spans_go_second),
	KUNIT_CASE(live_objects_stay),
	{}
};

KSPAN_TEST_SUITE(shrink, shrink_cases);
