// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: verify finds each overrun of a live object once.  The statistics and
 * init_on_free=1 also keep their promises for objects with redzones.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/params.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

/* Classes with many objects in a span and with one, and large objects. */
static const size_t sizes[] = { 1, 16, 60, 64, 1000, 2000, 32761, 65536, SZ_1M };

static const char said[] = "redzone: a live object was written behind";

static void *new_object(struct kunit *test, size_t size)
{
	void *ptr = kspan_alloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	return ptr;
}

static void expect_verify(struct kunit *test, const char *what)
{
	KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", what);
}

/* Found while the object lives and counted once; its free adds nothing. */
static void found_while_it_lives(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i;
	void *ptr;

	kspan_test_expect_damage(ARRAY_SIZE(sizes));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = new_object(test, sizes[i]);
		expect_verify(test, "ok");
		kspan_test_overwrite(ptr, sizes[i]);
		kspan_read_stats(&before);
		expect_verify(test, said);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, overrun), 1ULL,
				    "%zu bytes", sizes[i]);
		expect_verify(test, "ok");
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		KUNIT_EXPECT_EQ(test, kspan_size(ptr), sizes[i]);
		kspan_free(ptr);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, overrun), 1ULL,
				    "%zu bytes, the free", sizes[i]);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
		expect_verify(test, "ok");
	}
}

/*
 * The memory of an object that verify found is never reused, and a second free
 * is still reported.
 */
static void quarantined_after_its_free(struct kunit *test)
{
	void *ptr, *objs[20];
	unsigned int i, k;

	kspan_test_expect_damage(ARRAY_SIZE(sizes));
	kspan_test_expect_bad_frees(ARRAY_SIZE(sizes));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = new_object(test, sizes[i]);
		kspan_test_overwrite(ptr, sizes[i]);
		expect_verify(test, said);
		kspan_free(ptr);
		kspan_free(ptr);
		for (k = 0; k < ARRAY_SIZE(objs); k++) {
			objs[k] = new_object(test, sizes[i]);
			KUNIT_EXPECT_PTR_NE(test, objs[k], ptr);
		}
		kspan_free_bulk(ARRAY_SIZE(objs), objs);
		kspan_release();
	}
}

/* One call of verify finds all of them, in several spans, and nothing else. */
static void several_at_once(struct kunit *test)
{
	struct kspan_stats before;
	void *objs[30], *large = new_object(test, 100000);
	unsigned int i;

	kspan_test_expect_damage(11);
	kspan_test_overwrite(large, 100000);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = new_object(test, 100);
	for (i = 0; i < ARRAY_SIZE(objs); i += 3)
		kspan_test_overwrite(objs[i], 100 + i % 4);
	kspan_read_stats(&before);
	expect_verify(test, said);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 11ULL);
	expect_verify(test, "ok");
	kspan_free_bulk(ARRAY_SIZE(objs), objs);
	kspan_free(large);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 11ULL);
}

/* A resize moves such an object and does not count it again. */
static void resized_after_it_was_found(struct kunit *test)
{
	struct kspan_stats before;
	u8 *ptr, *new;

	kspan_test_expect_damage(1);
	ptr = new_object(test, 98);
	memset(ptr, 0x5a, 98);
	kspan_test_overwrite(ptr, 98);
	kspan_read_stats(&before);
	expect_verify(test, said);
	new = kspan_realloc(ptr, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, new);
	KUNIT_EXPECT_PTR_NE(test, new, ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(new, 0x5a, 98));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
	expect_verify(test, "ok");
	kspan_free(new);
}

/* A resize moves the redzone, and verify checks it at the new place. */
static void resize_is_no_damage(struct kunit *test)
{
	static const size_t from[] = { 100, 3000, 40000 };
	unsigned int i;
	u8 *ptr;

	for (i = 0; i < ARRAY_SIZE(from); i++) {
		ptr = new_object(test, from[i]);
		memset(ptr, 0x5a, from[i]);
		ptr = kspan_realloc(ptr, from[i] - 2, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		expect_verify(test, "ok");
		ptr = kspan_realloc(ptr, from[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x5a, from[i]);
		expect_verify(test, "ok");
		kspan_free(ptr);
	}
}

/* The next slot has never been used, but it is poisoned too. */
static void unused_slot_is_poisoned(struct kunit *test)
{
	struct kspan_stats before;
	size_t slot;
	u8 *ptr;

	kspan_test_expect_damage(1);
	ptr = new_object(test, 700);
	slot = kspan_span_size(kspan_test_span(ptr));
	kspan_test_overwrite(ptr, slot);
	kspan_read_stats(&before);
	expect_verify(test, "redzone: a free object was written to");
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 0ULL);
	kspan_free(ptr);
	expect_verify(test, "ok");
}

/* In front of an object is the redzone or the poison of its neighbour. */
static void in_front_of_an_object(struct kunit *test)
{
	struct kspan_stats before;
	u8 *objs[4], *low, *high;
	unsigned int i;

	kspan_test_expect_damage(2);
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		objs[i] = new_object(test, 700);
	low = objs[1];
	high = objs[2];
	KUNIT_ASSERT_PTR_EQ(test, low + kspan_span_size(kspan_test_span(low)), high);
	kspan_test_overwrite(high, -1);
	kspan_read_stats(&before);
	expect_verify(test, said);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
	/* The same where the neighbour is free. */
	kspan_free(objs[2]);
	kspan_test_overwrite(objs[3], -1);
	expect_verify(test, "redzone: a free object was written to");
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	kspan_free(objs[3]);
}

/* Byte counts are those of kspan_size(), also after a resize. */
static void bytes_are_what_was_asked_for(struct kunit *test)
{
	struct kspan_stats before;
	size_t size, less;
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		less = size - size / 100;
		kspan_read_stats(&before);
		ptr = new_object(test, size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, total_alloc), (u64)size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_alloc),
				size > KSPAN_SMALL_MAX - KSPAN_REDZONE_MIN ?
					(u64)size : 0);
		ptr = kspan_realloc(ptr, less, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)less);
		ptr = kspan_realloc(ptr, size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_alloc), (u64)size);
		kspan_free(ptr);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, alloc), 0ULL,
				    "%zu bytes", size);
	}
}

/*
 * With init_on_free=1 new objects are zero as kmalloc()'s are, despite poison.
 */
static void zero_with_init_on_free(struct kunit *test)
{
	unsigned int i, k;
	u8 *ptr;

	if (!want_init_on_free())
		kunit_skip(test, "a kernel without init_on_free=1");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (k = 0; k < 3; k++) {
			ptr = new_object(test, sizes[i]);
			KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr, 0, sizes[i]),
					      "%zu bytes", sizes[i]);
			memset(ptr, 0xff, sizes[i]);
			kspan_free(ptr);
		}
	}
	ptr = kspan_alloc_data(90, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 95, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, 95));
	kspan_free(ptr);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(found_while_it_lives),
	KUNIT_CASE(quarantined_after_its_free),
	KUNIT_CASE(several_at_once),
	KUNIT_CASE(resized_after_it_was_found),
	KUNIT_CASE(resize_is_no_damage),
	KUNIT_CASE(unused_slot_is_poisoned),
	KUNIT_CASE(in_front_of_an_object),
	KUNIT_CASE(bytes_are_what_was_asked_for),
	KUNIT_CASE(zero_with_init_on_free),
	{}
};

KSPAN_TEST_SUITE(overrun, cases);
