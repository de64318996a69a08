// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays and copies: a product that overflows gives NULL, and a copy holds
 * exactly the bytes of its source.
 */
#include <linux/sizes.h>
#include <linux/string.h>

#include "kunit_support.h"

/* Both factors of an array size, hidden from the compiler. */
struct factors {
	size_t n;
	size_t size;
};

static struct factors overflows[] = {
	{ SIZE_MAX, 2 }, { 2, SIZE_MAX }, { SIZE_MAX, SIZE_MAX },
	{ SIZE_MAX / 2 + 1, 2 }, { SIZE_MAX / 16 + 1, 16 },
	/* Their products wrap around to small numbers. */
	{ SIZE_MAX / 64 + 2, 64 },
	{ (SIZE_MAX >> (BITS_PER_LONG / 2)) + 1,
	  (SIZE_MAX >> (BITS_PER_LONG / 2)) + 1 },
};

static void overflow_gives_null(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i;
	char *ptr;

	ptr = kspan_alloc_array(10, 10, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x31, 100);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(overflows); i++) {
		size_t n = READ_ONCE(overflows[i].n);
		size_t size = READ_ONCE(overflows[i].size);

		KUNIT_EXPECT_NULL_MSG(test, kspan_alloc_array(n, size, GFP_KERNEL),
				      "%zu * %zu", n, size);
		KUNIT_EXPECT_NULL_MSG(test, kspan_calloc(n, size, GFP_KERNEL),
				      "%zu * %zu", n, size);
		KUNIT_EXPECT_NULL_MSG(test, kspan_realloc_array(ptr, n, size,
								GFP_KERNEL),
				      "%zu * %zu", n, size);
		KUNIT_EXPECT_NULL(test, kspan_realloc_array(NULL, n, size,
							    GFP_KERNEL));
	}
	/* The array that was not resized keeps its content. */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x31, 100));
	kspan_free(ptr);
}

/* The class is that of the product. */
static void product_is_the_size(struct kunit *test)
{
	static const struct factors some[] = {
		{ 1, 1 }, { 3, 7 }, { 8, 1024 }, { 1024, 32 }, { 100, 1000 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		size_t n = some[i].n, size = some[i].size;
		void *a = kspan_alloc_array(n, size, GFP_KERNEL);
		void *b = kspan_calloc(n, size, GFP_KERNEL);
		void *c = kspan_realloc_array(NULL, n, size, GFP_KERNEL);

		KUNIT_EXPECT_EQ(test, kspan_size(a), kspan_size_roundup(n * size));
		KUNIT_EXPECT_EQ(test, kspan_size(b), kspan_size_roundup(n * size));
		KUNIT_EXPECT_EQ(test, kspan_size(c), kspan_size_roundup(n * size));
		kspan_free_sized(a, n * size);
		kspan_free_sized(b, n * size);
		kspan_free_sized(c, n * size);
	}
}

/* Arrays without elements, or with elements of size 0. */
static void empty_arrays(struct kunit *test)
{
	static struct factors none[] = {
		{ 0, 0 }, { 0, 8 }, { 8, 0 }, { 0, SIZE_MAX }, { SIZE_MAX, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		size_t n = READ_ONCE(none[i].n), size = READ_ONCE(none[i].size);
		void *ptr = kspan_alloc(64, GFP_KERNEL);

		KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_array(n, size, GFP_KERNEL),
				    ZERO_SIZE_PTR);
		KUNIT_EXPECT_PTR_EQ(test, kspan_calloc(n, size, GFP_KERNEL),
				    ZERO_SIZE_PTR);
		KUNIT_EXPECT_PTR_EQ(test, kspan_realloc_array(ptr, n, size,
							      GFP_KERNEL),
				    ZERO_SIZE_PTR);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	}
}

static void calloc_is_zero(struct kunit *test)
{
	char *ptr = kspan_alloc(999, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0xff, 999);
	kspan_free(ptr);
	ptr = kspan_calloc(111, 9, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, 999));
	kspan_free(ptr);
}

/* An array keeps its elements when it grows and shrinks. */
static void realloc_array_keeps_elements(struct kunit *test)
{
	u32 *array = NULL;
	size_t n, i, old = 0;

	for (n = 1; n < 20000; n = n * 3 + 1) {
		array = kspan_realloc_array(array, n, sizeof(*array), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, array);
		for (i = 0; i < old; i++)
			if (array[i] != i * 5)
				break;
		KUNIT_EXPECT_EQ_MSG(test, i, old, "grown to %zu", n);
		for (i = 0; i < n; i++)
			array[i] = i * 5;
		old = n;
	}
	for (n = old; n; n /= 2) {
		array = kspan_realloc_array(array, n, sizeof(*array), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, array);
		for (i = 0; i < n; i++)
			if (array[i] != i * 5)
				break;
		KUNIT_EXPECT_EQ_MSG(test, i, n, "shrunk to %zu", n);
	}
	kspan_free(array);
}

/* A copy equals its source and is independent of it. */
static void memdup_copies(struct kunit *test)
{
	static const size_t lens[] = { 1, 8, 100, 4096, SZ_32K, 50000 };
	u8 *src = kspan_alloc(50000, GFP_KERNEL), *copy;
	unsigned int i, k;

	KUNIT_ASSERT_NOT_NULL(test, src);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (k = 0; k < 50000; k++)
			src[k] = k * 13 + i;
		copy = kspan_memdup(src, lens[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		KUNIT_EXPECT_PTR_NE(test, copy, src);
		KUNIT_EXPECT_EQ(test, memcmp(copy, src, lens[i]), 0);
		src[0]++;
		KUNIT_EXPECT_EQ(test, copy[0], (u8)i);
		KUNIT_EXPECT_EQ(test, kspan_size(copy),
				kspan_size_roundup(lens[i]));
		kspan_free_sized(copy, lens[i]);
	}
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup(src, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	kspan_free(src);
}

static void strdup_copies(struct kunit *test)
{
	static char text[5000];
	size_t len;
	char *copy;

	memset(text, 'x', sizeof(text) - 1);
	for (len = 0; len < sizeof(text); len = len * 3 + 1) {
		copy = kspan_strdup(text + sizeof(text) - 1 - len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		KUNIT_EXPECT_EQ(test, strlen(copy), len);
		KUNIT_EXPECT_STREQ(test, copy, text + sizeof(text) - 1 - len);
		kspan_free_sized(copy, len + 1);
	}
	KUNIT_EXPECT_NULL(test, kspan_strdup(NULL, GFP_KERNEL));
}

/* Copies at most the limit, always terminates, and reads nothing beyond it. */
static void strndup_copies(struct kunit *test)
{
	static const struct {
		size_t max;
		const char *want;
	} rows[] = {
		{ 0, "" }, { 1, "l" }, { 4, "long" }, { 5, "long " },
		{ 8, "long one" }, { 9, "long one" }, { SIZE_MAX, "long one" },
	};
	static const char unended[4] = { 'a', 'b', 'c', 'd' };
	unsigned int i;
	char *copy;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		copy = kspan_strndup("long one", rows[i].max, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		KUNIT_EXPECT_STREQ(test, copy, rows[i].want);
		kspan_free_sized(copy, strlen(rows[i].want) + 1);
	}
	copy = kspan_strndup(unended, sizeof(unended), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, "abcd");
	kspan_free(copy);
	KUNIT_EXPECT_NULL(test, kspan_strndup(NULL, 0, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_strndup(NULL, 5, GFP_KERNEL));
}

static struct kunit_case array_cases[] = {
	KUNIT_CASE(overflow_gives_null),
	KUNIT_CASE(product_is_the_size),
	KUNIT_CASE(empty_arrays),
	KUNIT_CASE(calloc_is_zero),
	KUNIT_CASE(realloc_array_keeps_elements),
	KUNIT_CASE(memdup_copies),
	KUNIT_CASE(strdup_copies),
	KUNIT_CASE(strndup_copies),
	{}
};

KSPAN_TEST_SUITE(array, array_cases);
