// SPDX-License-Identifier: GPL-2.0
/*
 * The functions that accept any pointer.  kspan_contains() is true for every
 * byte of kspan's memory, in use or not.  kspan_free_any() and its relatives
 * return other memory to the allocator it came from.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "kunit_support.h"
#include "span/redzone.h"

/* Data of the module: in vmalloc space, but not kspan's. */
static int module_data;

static const size_t sizes[] = {
	1, 8, 20, 100, 4096, 32768, 40000, SZ_1M, SZ_4M,
};

/* Every byte of an object is inside kspan's memory, also after the free. */
static void contains_objects(struct kunit *test)
{
	unsigned int i;
	char *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t step = sizes[i] / 1000 + 1, at;

		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		for (at = 0; at < sizes[i]; at += step)
			KUNIT_ASSERT_TRUE_MSG(test, kspan_contains(ptr + at),
					      "byte %zu of %zu", at, sizes[i]);
		KUNIT_EXPECT_TRUE(test, kspan_contains(ptr + sizes[i] - 1));
		kspan_free(ptr);
		if (sizes[i] <= 40000) {
			KUNIT_EXPECT_TRUE(test, kspan_contains(ptr));
			KUNIT_EXPECT_TRUE(test, kspan_contains(ptr + sizes[i] - 1));
		}
	}
}

/* Tiny objects, and the unused part of their block. */
static void contains_tiny_objects(struct kunit *test)
{
	char *ptr = kspan_alloc_tiny(5, GFP_KERNEL), *block;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	block = PTR_ALIGN_DOWN(ptr, 16);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_TRUE(test, kspan_contains(block + i));
	kspan_free(ptr);
	KUNIT_EXPECT_TRUE(test, kspan_contains(ptr));
}

/* Memory that was given back to the kernel is no longer kspan's. */
static void contains_ends_with_memory(struct kunit *test)
{
	char *ptr = kspan_alloc(SZ_4M, GFP_KERNEL);
	unsigned long at;

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	kspan_release();
	for (at = 0; at < SZ_4M; at += PAGE_SIZE)
		KUNIT_ASSERT_FALSE(test, kspan_contains(ptr + at));
}

/*
 * Memory of others, kspan's own structures, and values that are no addresses.
 */
static void contains_nothing_else(struct kunit *test)
{
	void *obj = kspan_alloc(100, GFP_KERNEL), *mem = kmalloc(100, GFP_KERNEL);
	void *area = vmalloc(SZ_1M);
	unsigned long value;
	int local;

	KUNIT_EXPECT_FALSE(test, kspan_contains(NULL));
	KUNIT_EXPECT_FALSE(test, kspan_contains(ZERO_SIZE_PTR));
	KUNIT_EXPECT_FALSE(test, kspan_contains(mem));
	KUNIT_EXPECT_FALSE(test, kspan_contains(area));
	KUNIT_EXPECT_FALSE(test, kspan_contains(area + SZ_1M - 1));
	KUNIT_EXPECT_FALSE(test, kspan_contains(&local));
	KUNIT_EXPECT_FALSE(test, kspan_contains(&module_data));
	KUNIT_EXPECT_FALSE(test, kspan_contains(contains_nothing_else));
	KUNIT_EXPECT_FALSE(test, kspan_contains(kspan_test_span(obj)));
	KUNIT_EXPECT_FALSE(test, kspan_contains(kspan_test_span(obj)->state));
	for (value = 1; value; value <<= 1) {
		KUNIT_EXPECT_FALSE(test, kspan_contains((void *)(value - 1)) &&
				   value < PAGE_SIZE);
		/* None of these may fault. */
		kspan_contains((void *)-value);
		kspan_contains((void *)value);
	}
	KUNIT_EXPECT_FALSE(test, kspan_contains((void *)-1UL));
	kspan_free(obj);
	kfree(mem);
	vfree(area);
}

/* Each object is freed by the allocator it came from. */
static void free_any_frees_all(struct kunit *test)
{
	struct kspan_stats before;
	void *objs[4];
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kspan_read_stats(&before);
		objs[0] = kspan_alloc(sizes[i], GFP_KERNEL);
		objs[1] = kmalloc(min_t(size_t, sizes[i], SZ_32K), GFP_KERNEL);
		objs[2] = kvmalloc(sizes[i], GFP_KERNEL);
		objs[3] = vmalloc(sizes[i]);
		for (k = 0; k < ARRAY_SIZE(objs); k++) {
			KUNIT_EXPECT_NOT_NULL(test, objs[k]);
			KUNIT_EXPECT_EQ(test, kspan_contains(objs[k]), !k);
			kspan_free_any(objs[k]);
		}
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	}
	kspan_free_any(NULL);
	kspan_free_any(ZERO_SIZE_PTR);
}

/* A second free is reported as a double free, although the chunk remains. */
static void free_any_reports(struct kunit *test)
{
	char *small = kspan_alloc(100, GFP_KERNEL), *neighbour;
	char *large = kspan_alloc(SZ_64K, GFP_KERNEL);

	neighbour = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, neighbour);
	memset(neighbour, 0x7e, 100);
	kspan_test_expect_bad_frees(4);
	kspan_free_any(small + 8);
	kspan_free_any(small);
	kspan_free_any(small);
	kspan_free_any(large + SZ_32K);
	kspan_free_any(large);
	kspan_free_any(large);
	KUNIT_EXPECT_NULL(test, memchr_inv(neighbour, 0x7e, 100));
	kspan_free_any(neighbour);
}

static void size_any_of_all(struct kunit *test)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, kspan_size_any(ptr), kspan_size(ptr));
		kspan_free_any(ptr);
		ptr = vmalloc(sizes[i]);
		KUNIT_EXPECT_EQ(test, kspan_size_any(ptr), PAGE_ALIGN(sizes[i]));
		KUNIT_EXPECT_EQ(test, kspan_size_any(ptr + 1), (size_t)0);
		kspan_free_any(ptr);
		ptr = kmalloc(min_t(size_t, sizes[i], SZ_32K), GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, kspan_size_any(ptr), ksize(ptr));
		kspan_free_any(ptr);
	}
	KUNIT_EXPECT_EQ(test, kspan_size_any(NULL), (size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_size_any(ZERO_SIZE_PTR), (size_t)0);
	KUNIT_EXPECT_EQ(test, kspan_size_any((void *)8), (size_t)0);
	ptr = kspan_alloc(100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size_any(ptr + 1), (size_t)0);
	kspan_free(ptr);
}

/* A resize keeps the content, and the object stays with its allocator. */
static void realloc_any_of_all(struct kunit *test)
{
	unsigned int i, k;
	u8 *objs[4];

	objs[0] = kspan_alloc(100, GFP_KERNEL);
	objs[1] = kmalloc(100, GFP_KERNEL);
	objs[2] = kvmalloc(100, GFP_KERNEL);
	objs[3] = vmalloc(100);
	for (k = 0; k < ARRAY_SIZE(objs); k++) {
		static const size_t steps[] = { 100, 3000, 20000, 100000, 50 };

		KUNIT_ASSERT_NOT_NULL(test, objs[k]);
		memset(objs[k], 0x30 + k, 50);
		for (i = 0; i < ARRAY_SIZE(steps); i++) {
			objs[k] = kspan_realloc_any(objs[k], steps[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[k]);
			KUNIT_EXPECT_EQ(test, kspan_contains(objs[k]), !k);
			KUNIT_EXPECT_GE(test, kspan_size_any(objs[k]), steps[i]);
			KUNIT_EXPECT_NULL(test, memchr_inv(objs[k], 0x30 + k, 50));
		}
		KUNIT_EXPECT_PTR_EQ(test, kspan_realloc_any(objs[k], 0, GFP_KERNEL),
				    ZERO_SIZE_PTR);
	}
	objs[0] = kspan_realloc_any(NULL, 10, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(objs[0]));
	kspan_free(objs[0]);
	objs[0] = kspan_realloc_any(ZERO_SIZE_PTR, 10, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(objs[0]));
	kspan_free(objs[0]);
	kspan_test_expect_bad_frees(1);
	KUNIT_EXPECT_NULL(test, kspan_realloc_any(objs[0], 20, GFP_KERNEL));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(contains_objects),
	KUNIT_CASE(contains_tiny_objects),
	KUNIT_CASE(contains_ends_with_memory),
	KUNIT_CASE(contains_nothing_else),
	KUNIT_CASE(free_any_frees_all),
	KUNIT_CASE(free_any_reports),
	KUNIT_CASE(size_any_of_all),
	KUNIT_CASE(realloc_any_of_all),
	{}
};

KSPAN_TEST_SUITE(any, cases);
