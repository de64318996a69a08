// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps of clients: isolation, statistics, and the objects left by both ways to
 * destroy a heap.
 */
#include <linux/string.h>

#include "api/client_heap.h"
#include "cache/cache.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define NR	400U

/* Shared by the cases, which run one at a time. */
static void *objs[NR], *others[NR];

static struct kspan_heap *make(struct kunit *test)
{
	struct kspan_heap *h = kspan_heap_create("case", 0);

	KUNIT_ASSERT_NOT_NULL(test, h);
	return h;
}

static size_t size_of(unsigned int i)
{
	return i % 40 ? 1 + i * 37 % 3000 : 33000 + i * 100;
}

static void fill(struct kunit *test, struct kspan_heap *h)
{
	unsigned int i;

	for (i = 0; i < NR; i++) {
		objs[i] = kspan_heap_alloc(h, size_of(i), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		KUNIT_ASSERT_GE(test, kspan_size(objs[i]), size_of(i));
		memset(objs[i], i, size_of(i));
	}
}

/*
 * An object of a heap shares no span with objects of another heap or of none.
 */
static void isolation(struct kunit *test)
{
	struct kspan_heap *h = make(test), *g = make(test);
	unsigned int i, j;

	fill(test, h);
	for (i = 0; i < NR; i++) {
		others[i] = i % 2 ? kspan_alloc(size_of(i), GFP_KERNEL) :
				    kspan_heap_alloc(g, size_of(i), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, others[i]);
	}
	for (i = 0; i < NR; i++) {
		KUNIT_ASSERT_EQ(test, ((u8 *)objs[i])[size_of(i) - 1], (u8)i);
		KUNIT_ASSERT_PTR_EQ(test, kspan_client_heap_of(objs[i]), h);
		KUNIT_ASSERT_PTR_EQ(test, kspan_client_heap_of(others[i]),
				    i % 2 ? NULL : g);
		for (j = 0; j < NR; j += 11)
			KUNIT_ASSERT_PTR_NE(test, kspan_test_span(objs[i]),
					    kspan_test_span(others[j]));
	}
	kspan_free_bulk(NR, objs);
	kspan_free_bulk(NR, others);
	kspan_heap_destroy(h);
	kspan_heap_destroy(g);
	kspan_heap_destroy(NULL);
}

/* Memory freed to a heap stays with it until memory is short. */
static void freed_memory_stays(struct kunit *test)
{
	struct kspan_heap *h;
	unsigned int i, j;

	kspan_test_plain_only(test);
	h = make(test);
	for (i = 0; i < NR; i++) {
		objs[i] = kspan_heap_alloc(h, 1024, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	kspan_free_bulk(NR, objs);
	for (i = 0; i < NR; i++) {
		others[i] = kspan_alloc(1024, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, others[i]);
		for (j = 0; j < NR; j++)
			KUNIT_ASSERT_PTR_NE(test, others[i], objs[j]);
	}
	kspan_free_bulk(NR, others);
	kspan_heap_destroy(h);
}

static void numbers(struct kunit *test)
{
	struct kspan_heap_stats stats;
	struct kspan_stats before;
	struct kspan_heap *h;
	u64 bytes = 0;
	unsigned int i;

	kspan_test_plain_only(test);
	h = make(test);
	kspan_read_stats(&before);
	fill(test, h);
	for (i = 0; i < NR; i++)
		bytes += kspan_size(objs[i]);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, (u64)NR);
	KUNIT_EXPECT_EQ(test, stats.bytes, bytes);
	KUNIT_EXPECT_EQ(test, stats.asked, bytes);
	KUNIT_EXPECT_EQ(test, stats.peak, bytes);
	KUNIT_EXPECT_GE(test, stats.spans, 10ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), (u64)NR);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), bytes);
	kspan_free_bulk(NR, objs);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.peak, bytes);
	kspan_heap_destroy(h);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), (u64)NR);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)NR);
}

/*
 * All objects that are left are freed, and a later free of one is a bad free.
 */
static void destroyed_with_all(struct kunit *test)
{
	struct kspan_heap *h = make(test);
	struct kspan_stats before;
	unsigned int i;

	kspan_read_stats(&before);
	fill(test, h);
	for (i = 0; i < 50; i++)
		kspan_free(objs[i]);
	kspan_test_expect_bad_frees(2);
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(h), (size_t)NR - 50);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_FALSE(test, kspan_owns(objs[i]));
	kspan_free(objs[51]);
	kspan_free(objs[200]);
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(NULL), (size_t)0);
}

/* Objects that are left stay live, and their owner may free them. */
static void destroyed_with_objects(struct kunit *test)
{
	struct kspan_heap *h = make(test);
	unsigned int sc = h->class[5].sc, i;

	fill(test, h);
	kspan_heap_destroy(h);
	for (i = 0; i < NR; i++) {
		KUNIT_ASSERT_TRUE(test, kspan_owns(objs[i]));
		KUNIT_ASSERT_EQ(test, ((u8 *)objs[i])[0], (u8)i);
	}
	KUNIT_EXPECT_TRUE(test, kspan_sc_exists(sc));
	kspan_free_bulk(NR, objs);
	kspan_heap_destroy(make(test));
	KUNIT_EXPECT_FALSE(test, kspan_sc_exists(sc));
}

/* An object that moves stays in its heap. */
static void resized(struct kunit *test)
{
	static const size_t sizes[] = { 10, 500, 100, 40000, 3000, 200000, 8 };
	struct kspan_heap *h = make(test);
	void *ptr = NULL;
	unsigned int i;

	ptr = kspan_heap_zalloc(h, 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, 64));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_realloc(ptr, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_PTR_EQ(test, kspan_client_heap_of(ptr), h);
	}
	kspan_free(ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_heap_alloc(h, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	kspan_heap_destroy(h);
}

static void refused(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, kspan_heap_create(NULL, 0));
	KUNIT_EXPECT_NULL(test, kspan_heap_create("", 0));
	KUNIT_EXPECT_NULL(test, kspan_heap_create("flags", 1UL << 30));
}

static struct kunit_case client_heap_cases[] = {
	KUNIT_CASE(isolation),
	KUNIT_CASE(freed_memory_stays),
	KUNIT_CASE(numbers),
	KUNIT_CASE(destroyed_with_all),
	KUNIT_CASE(destroyed_with_objects),
	KUNIT_CASE(resized),
	KUNIT_CASE(refused),
	{}
};

KSPAN_TEST_SUITE(client_heap, client_heap_cases);
