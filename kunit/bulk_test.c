// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk calls: they allocate all objects or none, and each object behaves like
 * one from a single call.
 */
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/params.h"
#include "heap/backing.h"
#include "kunit_support.h"

#define MAX_OBJS	1000U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

/* Around a batch, around a magazine, and several of both. */
static const size_t counts[] = { 0, 1, 2, 31, 63, 64, 65, 127, 1000 };

/* Expect distinct live objects of a size: each keeps a number of its own. */
static void expect_objects(struct kunit *test, size_t n, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		*(size_t *)objs[i] = i;
	for (i = 0; i < n; i++) {
		if (*(size_t *)objs[i] != i ||
		    kspan_size(objs[i]) != kspan_size_roundup(size))
			break;
	}
	KUNIT_EXPECT_EQ_MSG(test, i, n, "%zu of %zu bytes", n, size);
}

/* Every count with several sizes: all objects are there, and none is left. */
static void all_of_them(struct kunit *test)
{
	static const size_t sizes[] = { 8, 24, 64, 100, 1024, 2000, 8192, 32768 };
	struct kspan_stats before;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (k = 0; k < ARRAY_SIZE(counts); k++) {
			size_t n = counts[k], size = sizes[i];

			kspan_read_stats(&before);
			KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(size, GFP_KERNEL,
							       n, objs), n);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects),
					(u64)n);
			expect_objects(test, n, size);
			kspan_free_bulk(n, objs);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)n);
		}
	}
}

/* Bulk calls free objects from single calls, and vice versa. */
static void mixes_with_single_calls(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 200; i++) {
		objs[i] = kspan_alloc(48, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	kspan_free_bulk(200, objs);
	KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(48, GFP_KERNEL, 200, objs),
			(size_t)200);
	expect_objects(test, 200, 48);
	for (i = 0; i < 200; i++)
		kspan_free_sized(objs[i], 48);
}

static void zeroed(struct kunit *test)
{
	static const size_t sizes[] = { 8, 200, 4096, 40000 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i] > KSPAN_SMALL_MAX ? 4 : 150;

		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(sizes[i], GFP_KERNEL, n,
						       objs), n);
		for (k = 0; k < n; k++)
			memset(objs[k], 0xff, sizes[i]);
		kspan_free_bulk(n, objs);
		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(sizes[i], GFP_KERNEL |
						       __GFP_ZERO, n, objs), n);
		for (k = 0; k < n; k++)
			KUNIT_EXPECT_NULL(test, memchr_inv(objs[k], 0, sizes[i]));
		kspan_free_bulk(n, objs);
	}
}

/* Objects above 32 KiB, as runs and as regions. */
static void large_objects(struct kunit *test)
{
	static const size_t sizes[] = { 32769, 100000, SZ_2M };
	struct kspan_stats before;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kspan_read_stats(&before);
		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(sizes[i], GFP_KERNEL, 5,
						       objs), (size_t)5);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_nmalloc), 5ULL);
		expect_objects(test, 5, sizes[i]);
		kspan_free_bulk(5, objs);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_nfree), 5ULL);
	}
}

/* Size 0 gives that many ZERO_SIZE_PTRs, which need not be freed. */
static void size_zero(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i;

	kspan_read_stats(&before);
	memset(objs, 0xff, sizeof(objs));
	KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(0, GFP_KERNEL, 100, objs),
			(size_t)100);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_PTR_EQ(test, objs[i], ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_NE(test, objs[100], ZERO_SIZE_PTR);
	kspan_free_bulk(100, objs);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
}

/* The array is not written beyond the requested number of objects. */
static void no_more_than_asked(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts) - 1; i++) {
		size_t n = counts[i];

		objs[n] = test;
		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(72, GFP_KERNEL, n, objs), n);
		KUNIT_EXPECT_PTR_EQ(test, objs[n], (void *)test);
		kspan_free_bulk(n, objs);
	}
}

/* With memory for only some objects: 0, and those have been freed again. */
static void all_or_nothing(struct kunit *test)
{
	static const size_t sizes[] = { 4096, 8192, 32768, 40000 };
	unsigned long limit = kspan_params.memory_limit;
	struct kspan_stats before;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kspan_release();
		kspan_read_stats(&before);
		WRITE_ONCE(kspan_params.memory_limit, kspan_sys_total() + SZ_512K);
		KUNIT_EXPECT_EQ_MSG(test,
				    kspan_alloc_bulk(sizes[i], GFP_KERNEL |
						     __GFP_NOWARN, MAX_OBJS, objs),
				    (size_t)0, "%zu bytes", sizes[i]);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), 0ULL);

		WRITE_ONCE(kspan_params.memory_limit, limit);
		KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(sizes[i], GFP_KERNEL, 100,
						       objs), (size_t)100);
		expect_objects(test, 100, sizes[i]);
		kspan_free_bulk(100, objs);
	}
}

/* Refused flags refuse the whole call. */
static void refused_flags(struct kunit *test)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(64, gfp | __GFP_DMA, 10, objs),
			(size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(64, gfp | __GFP_ACCOUNT, 10, objs),
			(size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(40000, gfp | __GFP_ACCOUNT, 2,
					       objs), (size_t)0);
}

/*
 * kspan_free_bulk() skips NULL and ZERO_SIZE_PTR, reports bad pointers, and
 * frees all other objects, whatever their size and kind.
 */
static void frees_whatever_is_there(struct kunit *test)
{
	struct kspan_stats before;

	kspan_test_expect_bad_frees(2);
	kspan_read_stats(&before);
	objs[0] = NULL;
	objs[1] = kspan_alloc(10, GFP_KERNEL);
	objs[2] = ZERO_SIZE_PTR;
	objs[3] = kspan_alloc_data(3000, GFP_KERNEL);
	objs[4] = objs[1];			/* twice */
	objs[5] = kspan_alloc_tiny(3, GFP_KERNEL);
	objs[6] = kspan_alloc(100000, GFP_KERNEL);
	objs[7] = (char *)objs[6] + 1;		/* inside */
	objs[8] = kspan_alloc_aligned(10, 4096, GFP_KERNEL);
	objs[9] = NULL;
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 5ULL);
	swap(objs[6], objs[7]);
	kspan_free_bulk(10, objs);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 5ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 1ULL);
	kspan_free_bulk(0, NULL);
}

static struct kunit_case bulk_cases[] = {
	KUNIT_CASE(all_of_them),
	KUNIT_CASE(mixes_with_single_calls),
	KUNIT_CASE(zeroed),
	KUNIT_CASE(large_objects),
	KUNIT_CASE(size_zero),
	KUNIT_CASE(no_more_than_asked),
	KUNIT_CASE(all_or_nothing),
	KUNIT_CASE(refused_flags),
	KUNIT_CASE(frees_whatever_is_there),
	{}
};

KSPAN_TEST_SUITE(bulk, bulk_cases);
