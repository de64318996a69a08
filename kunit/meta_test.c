// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata goes back as well: descriptors, object states and magazines of a peak
 * that is over.
 */
#include <linux/sizes.h>

#include "api/callsites.h"
#include "base/params.h"
#include "base/pool.h"
#include "kunit_support.h"
#include "reclaim/shrink.h"

/* Bytes of objects at a peak. */
#define PEAK		SZ_4M
/* What the pools may keep: some slabs of 16 KiB with a block in use. */
#define SLACK		SZ_64K

/* Objects of a peak, linked through themselves. */
static void *peak;

/* Bytes of metadata that the kernel gave. */
static u64 meta_bytes(void)
{
	struct kspan_stats stats;

	kspan_read_stats(&stats);
	return stats.mspan_sys + stats.mcache_sys + stats.gc_sys + stats.other_sys;
}

static bool allocate(size_t size)
{
	unsigned long bytes;
	void **obj;

	for (bytes = 0; bytes < PEAK; bytes += size) {
		obj = kspan_alloc(size, GFP_KERNEL);
		if (!obj)
			return false;
		*obj = peak;
		peak = obj;
	}
	return true;
}

static void free_all(void)
{
	void *next;

	for (; peak; peak = next) {
		next = *(void **)peak;
		kspan_free(peak);
	}
}

/* Objects of 8 bytes have the most metadata.  A release returns it. */
static void goes_back(struct kunit *test)
{
	u64 before, most;

	kspan_release();
	before = meta_bytes();
	KUNIT_ASSERT_TRUE(test, allocate(8));
	most = meta_bytes();
	KUNIT_EXPECT_GT(test, most, before + PEAK / 10);
	free_all();
	kspan_release();
	KUNIT_EXPECT_LE(test, meta_bytes(), before + SLACK);
	KUNIT_EXPECT_LE(test, kspan_pools_idle(), (unsigned long)SLACK);
}

/* Peaks of several classes one after the other do not add up. */
static void classes_share(struct kunit *test)
{
	static const size_t sizes[] = { 8, 16, 24, 32, 48, 64 };
	u64 before, most = 0;
	unsigned int i;

	kspan_release();
	before = meta_bytes();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_ASSERT_TRUE(test, allocate(sizes[i]));
		if (!i)
			most = meta_bytes();
		KUNIT_EXPECT_LE(test, meta_bytes(), most + SLACK);
		free_all();
		kspan_release();
	}
	KUNIT_EXPECT_LE(test, meta_bytes(), before + SLACK);
}

/* A block in use keeps its slab, and what is in it. */
static void in_use_stays(struct kunit *test)
{
	u8 *kept[64];
	u64 before;
	int i;

	kspan_release();
	before = meta_bytes();
	KUNIT_ASSERT_TRUE(test, allocate(16));
	for (i = 0; i < 64; i++) {
		kept[i] = kspan_alloc(16, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, kept[i]);
		kept[i][0] = i;
	}
	free_all();
	kspan_release();
	KUNIT_EXPECT_LE(test, meta_bytes(), before + SLACK);
	for (i = 0; i < 64; i++) {
		KUNIT_EXPECT_TRUE(test, kspan_owns(kept[i]));
		KUNIT_EXPECT_EQ(test, kept[i][0], i);
		kspan_free(kept[i]);
	}
}

/* So does the shrinker, which counts them. */
static void shrinker_takes_them(struct kunit *test)
{
	u64 before, most;

	kspan_release();
	before = meta_bytes();
	KUNIT_ASSERT_TRUE(test, allocate(8));
	most = meta_bytes();
	free_all();
	/* Descriptors go to their pools after a grace period. */
	kspan_shrink(ULONG_MAX);
	kspan_span_free_dead();
	KUNIT_EXPECT_GT(test, kspan_pools_idle(), (unsigned long)PEAK / 20);
	KUNIT_EXPECT_GE(test, kspan_shrink_count(), kspan_pools_idle());
	KUNIT_EXPECT_GT(test, kspan_shrink(ULONG_MAX), (unsigned long)PEAK / 20);
	KUNIT_EXPECT_LE(test, meta_bytes(), before + (most - before) / 10 + SLACK);
}

/* And the tick does by itself. */
static void tick_takes_them(struct kunit *test)
{
	unsigned long normal = kspan_params.scavenge_ms;
	unsigned int i;
	u64 before;

	kspan_release();
	before = meta_bytes();
	KUNIT_ASSERT_TRUE(test, allocate(8));
	free_all();
	kspan_test_tick(test, 30);
	for (i = 0; i < 50 && meta_bytes() > before + SLACK; i++)
		kspan_test_wait_for_ticks(1);
	KUNIT_EXPECT_LE(test, meta_bytes(), before + SLACK);
	kspan_test_set_pace(normal);
}

/*
 * Tags of the accounting by call site lie beside the states.  They go with them, and
 * the accounting begins and ends with any slabs.
 */
static void tags_go_too(struct kunit *test)
{
	u64 before, idle, most;

	kspan_release();
	before = meta_bytes();
	KUNIT_ASSERT_EQ(test, kspan_callsites_begin(), 0);
	idle = meta_bytes();
	KUNIT_EXPECT_TRUE(test, allocate(8));
	KUNIT_EXPECT_GT(test, meta_bytes(), idle + PEAK / 4);
	free_all();
	kspan_release();
	KUNIT_EXPECT_LE(test, meta_bytes(), idle + 3 * SLACK);
	KUNIT_EXPECT_TRUE(test, allocate(8));
	most = meta_bytes();
	kspan_callsites_end();
	KUNIT_EXPECT_LE(test, meta_bytes(), most - PEAK / 8);
	KUNIT_ASSERT_EQ(test, kspan_callsites_begin(), 0);
	KUNIT_EXPECT_GT(test, meta_bytes(), idle + PEAK / 4);
	free_all();
	kspan_callsites_end();
	kspan_release();
	KUNIT_EXPECT_LE(test, meta_bytes(), before + SLACK);
}

static struct kunit_case meta_cases[] = {
	KUNIT_CASE(goes_back),
	KUNIT_CASE(classes_share),
	KUNIT_CASE(in_use_stays),
	KUNIT_CASE(shrinker_takes_them),
	KUNIT_CASE(tick_takes_them),
	KUNIT_CASE(tags_go_too),
	{}
};

KSPAN_TEST_SUITE(meta, meta_cases);
