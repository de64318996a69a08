// SPDX-License-Identifier: GPL-2.0
/*
 * Resizing without memory: a smaller size never fails, since it fits in the old
 * object.
 */
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/inject.h"
#include "base/params.h"
#include "kunit_support.h"
#include "show/verify.h"

static void *alloc_kind(size_t size, bool data)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	return data ? kspan_alloc_data(size, gfp) : kspan_alloc(size, gfp);
}

/* Take all objects of a size that are available without growth. */
static void **take_all(size_t size, bool data)
{
	void **list = NULL, **ptr;

	while ((ptr = alloc_kind(size, data))) {
		*ptr = list;
		list = ptr;
	}
	return list;
}

static void free_all(void **list)
{
	void **next;

	for (; list; list = next) {
		next = *list;
		kspan_free(list);
	}
}

/* Objects that shrink. */
static const struct {
	size_t from;
	size_t to;
	bool tiny;
	bool data;
} shrinks[] = {
	{ 40, 8 }, { 5000, 100 }, { 24 << 10, 3000 }, { 300 << 10, 3000 },
	{ SZ_4M, 3000 }, { SZ_2M, SZ_64K }, { 12, 8, true, true },
	{ 200, 16, false, true }, { SZ_64K, 40, false, true },
};

static void shrink_without_memory(struct kunit *test, unsigned int i,
				  const char *how)
{
	size_t from = shrinks[i].from, to = shrinks[i].to;
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	unsigned long normal = kspan_params.memory_limit;
	bool data = shrinks[i].data;
	struct kspan_stats before;
	void **others;
	u8 *ptr;

	ptr = shrinks[i].tiny ? kspan_alloc_tiny(from, gfp) : alloc_kind(from, data);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x40 + i, from);
	kspan_release();
	migrate_disable();
	if (how)
		KUNIT_EXPECT_EQ(test, kspan_inject_set(how), 0);
	else
		WRITE_ONCE(kspan_params.memory_limit, 1);
	others = take_all(to, data);
	kspan_read_stats(&before);
	KUNIT_EXPECT_PTR_EQ_MSG(test, kspan_realloc(ptr, to, gfp), (void *)ptr,
				"from %zu to %zu bytes", from, to);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x40 + i, to));
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	/* Shrink again, with flags for which no memory would be allocated. */
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, to - 1, gfp | __GFP_DMA),
			    (void *)ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x40 + i, to - 1));
	WRITE_ONCE(kspan_params.memory_limit, normal);
	kspan_inject_set("off");
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_free_sized(ptr, to - 1);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, oom_fail), 0ULL);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	migrate_enable();
	free_all(others);
}

/*
 * A resize to a smaller size never fails, neither at the limit nor when the
 * kernel has no memory.  kspan_size() and kspan_free_sized() use the new size
 * then.
 */
static void smaller_never_fails(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shrinks); i++) {
		shrink_without_memory(test, i, NULL);
		shrink_without_memory(test, i, "any+1");
	}
}

/*
 * A large object that stayed in place for lack of memory moves at the next
 * resize.
 */
static void moves_when_it_can(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	size_t size = SZ_1M + SZ_512K;
	u8 *ptr, *next;

	kspan_test_plain_only(test);
	ptr = kspan_alloc(SZ_4M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x45, SZ_4M);
	kspan_release();
	WRITE_ONCE(kspan_params.memory_limit, 1);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, SZ_2M, gfp), (void *)ptr);
	WRITE_ONCE(kspan_params.memory_limit, normal);
	next = kspan_realloc(ptr, size, gfp);
	KUNIT_EXPECT_PTR_NE(test, next, ptr);
	KUNIT_EXPECT_EQ(test, kspan_size(next), size);
	KUNIT_EXPECT_NULL(test, memchr_inv(next, 0x45, size));
	kspan_free_sized(next, size);
	/* The next owner of the memory must free it with its own size. */
	next = kspan_alloc(SZ_4M, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, next, ptr);
	kspan_test_expect_bad_frees(1);
	kspan_free_sized(next, SZ_2M);
	kspan_free_sized(next, SZ_4M);
}

static struct kunit_case realloc_short_cases[] = {
	KUNIT_CASE(smaller_never_fails),
	KUNIT_CASE(moves_when_it_can),
	{}
};

KSPAN_TEST_SUITE(realloc_short, realloc_short_cases);
