// SPDX-License-Identifier: GPL-2.0
/*
 * Copies to and from user space are bounded by the object, from any byte of it.
 * Copies beyond it are refused and counted.  The thread of the suite borrows
 * the address space of the task that started the tests.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "kunit_support.h"

#define USER_BYTES	SZ_128K

static char __user *area;
static struct kspan_stats before;

/* Run a case with an area of user memory. */
static void with_area(struct kunit *test, void (*fn)(struct kunit *test))
{
	unsigned long addr;

	if (!kspan_test_mm)
		kunit_skip(test, "no task's address space");
	/*
	 * In each case, as the init and exit of the suite may run in other
	 * threads.
	 */
	kthread_use_mm(kspan_test_mm);
	addr = vm_mmap(NULL, 0, USER_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr)) {
		KUNIT_FAIL(test, "no memory of user space: %ld", (long)addr);
	} else {
		area = (char __user *)addr;
		kspan_read_stats(&before);
		fn(test);
		vm_munmap(addr, USER_BYTES);
	}
	kthread_unuse_mm(kspan_test_mm);
}

#define AREA_CASE(name)							\
	static void name##_case(struct kunit *test)			\
	{								\
		with_area(test, name);					\
	}

static const size_t sizes[] = { 1, 8, 100, 4096, 32768, 40000, 100000 };

static void fill(u8 *bytes, size_t n, unsigned int seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = i * 7 + seed;
}

/* Copies out and back in, of whole objects and of parts. */
static void copies_are_exact(struct kunit *test)
{
	unsigned int i;
	u8 *a, *b;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i], third = n / 3;

		a = kspan_alloc(n, GFP_KERNEL);
		b = kspan_zalloc(n, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, a);
		KUNIT_ASSERT_NOT_NULL(test, b);
		fill(a, n, i);
		KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, a, n), 0UL);
		KUNIT_EXPECT_EQ(test, kspan_copy_from_user(b, area, n), 0UL);
		KUNIT_EXPECT_EQ(test, memcmp(a, b, n), 0);
		memset(b, 0, n);
		KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, a + third,
							 n - third), 0UL);
		KUNIT_EXPECT_EQ(test, kspan_copy_from_user(b + third, area,
							   n - third), 0UL);
		KUNIT_EXPECT_EQ(test, memcmp(a + third, b + third, n - third), 0);
		KUNIT_EXPECT_NULL(test, memchr_inv(b, 0, third));
		kspan_free(a);
		kspan_free(b);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_copy), 0ULL);
}

static void expect_refused(struct kunit *test, void *ptr, unsigned long n)
{
	u64 was = KSPAN_SINCE(&before, bad_copy);

	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, ptr, n), n);
	KUNIT_EXPECT_EQ(test, kspan_copy_from_user(ptr, area, n), n);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_copy), was + 2);
}

/* One byte more than the object has, from several of its bytes. */
static void overlong_copies(struct kunit *test)
{
	static const size_t some[] = { 1, 20, 100, 32768, 100000 };
	size_t usable, at;
	unsigned int i;
	u8 *ptr, *next;
	char byte;

	KUNIT_ASSERT_EQ(test, clear_user(area, USER_BYTES), 0UL);
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		ptr = kspan_alloc(some[i], GFP_KERNEL);
		next = kspan_alloc(some[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_ASSERT_NOT_NULL(test, next);
		usable = kspan_size(ptr);
		memset(ptr, 0x55, usable);
		memset(next, 0x55, kspan_size(next));
		for (at = 0; at < usable; at += usable / 3 + 1) {
			expect_refused(test, ptr + at, usable - at + 1);
			expect_refused(test, ptr + at, SZ_1M);
			expect_refused(test, ptr + at, ULONG_MAX);
			expect_refused(test, ptr + at, ULONG_MAX - at);
		}
		/* Nothing was copied. */
		KUNIT_EXPECT_EQ(test, get_user(byte, area), 0);
		KUNIT_EXPECT_EQ(test, byte, (char)0);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x55, usable));
		KUNIT_EXPECT_NULL(test, memchr_inv(next, 0x55, kspan_size(next)));
		KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, ptr, usable), 0UL);
		KUNIT_EXPECT_EQ(test, clear_user(area, usable), 0UL);
		kspan_free(ptr);
		kspan_free(next);
	}
}

/* Each tiny object of a block has its own bounds. */
static void tiny_objects(struct kunit *test)
{
	u8 *a, *b;

	a = kspan_alloc_tiny(5, GFP_KERNEL);
	b = kspan_alloc_tiny(7, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, a, 5), 0UL);
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, a + 4, 1), 0UL);
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, b + 2, 5), 0UL);
	expect_refused(test, a, 6);
	expect_refused(test, a + 4, 2);
	expect_refused(test, b + 6, 2);
	kspan_free(a);
	kspan_free(b);
}

/* Pointers that are not in a live object of kspan. */
static void no_object(struct kunit *test)
{
	u8 *ptr = kspan_alloc(100, GFP_KERNEL);
	void *other = vmalloc(PAGE_SIZE);
	int local;

	kspan_free(ptr);
	expect_refused(test, ptr, 1);
	expect_refused(test, ptr + 50, 1);
	expect_refused(test, other, 1);
	expect_refused(test, &local, 1);
	expect_refused(test, NULL, 1);
	/* A copy of 0 bytes is always allowed. */
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(area, ptr, 0), 0UL);
	KUNIT_EXPECT_EQ(test, kspan_copy_from_user(ptr, area, 0), 0UL);
	vfree(other);
}

/* The number of bytes that could not be copied is returned. */
static void bad_user_memory(struct kunit *test)
{
	char __user *end = area + USER_BYTES;
	u8 *ptr;

	ptr = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_ASSERT_EQ(test, vm_munmap((unsigned long)end - PAGE_SIZE,
					PAGE_SIZE), 0);
	end -= PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user(end, ptr, 100), 100UL);
	KUNIT_EXPECT_EQ(test, kspan_copy_from_user(ptr, end, 100), 100UL);
	KUNIT_EXPECT_EQ(test, kspan_copy_to_user((void __user *)-4096L, ptr, 100),
			100UL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_copy), 0ULL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup_user(end, 10), ERR_PTR(-EFAULT));
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup_user_nul(end, 10),
			    ERR_PTR(-EFAULT));
	KUNIT_EXPECT_PTR_EQ(test, kspan_strndup_user(end, 10),
			    (char *)ERR_PTR(-EFAULT));
	kspan_free(ptr);
}

static void memdup_from_user(struct kunit *test)
{
	unsigned int i;
	u8 *src, *copy;

	src = kspan_alloc(100000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, src);
	fill(src, 100000, 3);
	KUNIT_ASSERT_EQ(test, kspan_copy_to_user(area, src, 100000), 0UL);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		copy = kspan_memdup_user(area, sizes[i]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(copy));
		KUNIT_EXPECT_EQ(test, memcmp(copy, src, sizes[i]), 0);
		kspan_free_sized(copy, sizes[i]);
		copy = kspan_memdup_user_nul(area, sizes[i]);
		KUNIT_ASSERT_FALSE(test, IS_ERR(copy));
		KUNIT_EXPECT_EQ(test, memcmp(copy, src, sizes[i]), 0);
		KUNIT_EXPECT_EQ(test, copy[sizes[i]], (u8)0);
		kspan_free_sized(copy, sizes[i] + 1);
	}
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup_user(area, 0), ZERO_SIZE_PTR);
	copy = kspan_memdup_user_nul(area, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(copy));
	KUNIT_EXPECT_EQ(test, copy[0], (u8)0);
	kspan_free(copy);
	KUNIT_EXPECT_PTR_EQ(test, kspan_memdup_user_nul(area, SIZE_MAX),
			    ERR_PTR(-ENOMEM));
	kspan_free(src);
}

static void strndup_from_user(struct kunit *test)
{
	static const char text[] = "twelve bytes";
	char *copy;

	KUNIT_ASSERT_EQ(test, copy_to_user(area, text, sizeof(text)), 0UL);
	copy = kspan_strndup_user(area, 100);
	KUNIT_ASSERT_FALSE(test, IS_ERR(copy));
	KUNIT_EXPECT_STREQ(test, copy, text);
	kspan_free_sized(copy, sizeof(text));
	copy = kspan_strndup_user(area, sizeof(text));
	KUNIT_ASSERT_FALSE(test, IS_ERR(copy));
	KUNIT_EXPECT_STREQ(test, copy, text);
	kspan_free(copy);
	KUNIT_EXPECT_PTR_EQ(test, kspan_strndup_user(area, sizeof(text) - 1),
			    (char *)ERR_PTR(-EINVAL));
	KUNIT_EXPECT_PTR_EQ(test, kspan_strndup_user((char __user *)NULL, 10),
			    (char *)ERR_PTR(-EFAULT));
}

AREA_CASE(copies_are_exact)
AREA_CASE(overlong_copies)
AREA_CASE(tiny_objects)
AREA_CASE(no_object)
AREA_CASE(bad_user_memory)
AREA_CASE(memdup_from_user)
AREA_CASE(strndup_from_user)

static struct kunit_case cases[] = {
	KUNIT_CASE(copies_are_exact_case),
	KUNIT_CASE(overlong_copies_case),
	KUNIT_CASE(tiny_objects_case),
	KUNIT_CASE(no_object_case),
	KUNIT_CASE(bad_user_memory_case),
	KUNIT_CASE(memdup_from_user_case),
	KUNIT_CASE(strndup_from_user_case),
	{}
};

KSPAN_TEST_SUITE(user, cases);
