// SPDX-License-Identifier: GPL-2.0
/*
 * Zeroing: a caller that asks for zeroed memory gets it from every function,
 * whatever the memory contained.  All usable bytes are zeroed, not only the
 * requested ones, so that an object can grow in place and still be zero behind.
 *
 * A kernel with init_on_alloc=1 zeroes every allocation.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/kasan.h"
#include "heap/chunk.h"
#include "kunit_support.h"

#define MAX_OBJS	1030U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

/* A function that allocates an object. */
struct way {
	const char *name;
	void *(*alloc)(size_t size, gfp_t gfp);
};

static void *by_node(size_t size, gfp_t gfp)
{
	return kspan_alloc_node(size, gfp, numa_mem_id());
}

static void *by_any_node(size_t size, gfp_t gfp)
{
	return kspan_alloc_node(size, gfp, NUMA_NO_NODE);
}

static void *by_aligned(size_t size, gfp_t gfp)
{
	return kspan_alloc_aligned(size, 64, gfp);
}

static void *by_calloc(size_t size, gfp_t gfp)
{
	return kspan_calloc(1, size, gfp);
}

static void *by_array(size_t size, gfp_t gfp)
{
	return kspan_alloc_array(size, 1, gfp);
}

static void *by_bulk(size_t size, gfp_t gfp)
{
	void *obj;

	return kspan_alloc_bulk(size, gfp, 1, &obj) == 1 ? obj : NULL;
}

static void *by_realloc(size_t size, gfp_t gfp)
{
	return kspan_realloc(NULL, size, gfp);
}

static void *by_realloc_array(size_t size, gfp_t gfp)
{
	return kspan_realloc_array(NULL, 1, size, gfp);
}

static const struct way ways[] = {
	{ "zalloc", kspan_zalloc },
	{ "alloc", kspan_alloc },
	{ "alloc_data", kspan_alloc_data },
	{ "alloc_tiny", kspan_alloc_tiny },
	{ "alloc_node", by_node },
	{ "alloc_any_node", by_any_node },
	{ "alloc_aligned", by_aligned },
	{ "calloc", by_calloc },
	{ "alloc_array", by_array },
	{ "alloc_bulk", by_bulk },
	{ "realloc", by_realloc },
	{ "realloc_array", by_realloc_array },
};

static void way_name(const struct way *way, char *name)
{
	strscpy(name, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_name);

static void init_on_alloc_only(struct kunit *test)
{
	if (!want_init_on_alloc(GFP_KERNEL))
		kunit_skip(test, "the kernel runs without init_on_alloc=1");
}

/*
 * Not inlined, so that the compiler does not check against the requested size.
 */
static noinline void soil(void *ptr)
{
	memset(ptr, 0xff, kspan_size(ptr));
}

static noinline bool is_clean(const void *ptr)
{
	return !memchr_inv(ptr, 0, kspan_size(ptr));
}

static void expect_clean(struct kunit *test, void *ptr, size_t size)
{
	KUNIT_EXPECT_TRUE_MSG(test, is_clean(ptr), "%zu bytes", size);
}

/* Leave dirty free objects in the cache and in spans. */
static void leave_dirt(struct kunit *test, const struct way *way, size_t size,
		       unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = way->alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		soil(objs[i]);
	}
	kspan_free_bulk(nr, objs);
}

/* More than a span of every class, with full and one byte smaller sizes. */
static void expect_small_zero(struct kunit *test, gfp_t gfp)
{
	const struct way *way = test->param_value;
	unsigned int class, i;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];
		unsigned int nr = info->nr_objs + 2;

		leave_dirt(test, way, info->size, nr);
		for (i = 0; i < nr; i++) {
			objs[i] = way->alloc(info->size - i % 2, gfp);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			if (!is_clean(objs[i]))
				break;
		}
		KUNIT_EXPECT_EQ_MSG(test, i, nr, "class %u is not zero", class);
		kspan_free_bulk(min(i + 1, nr), objs);
	}
}

static void every_class_after_use(struct kunit *test)
{
	expect_small_zero(test, GFP_KERNEL | __GFP_ZERO);
}

static void init_on_alloc_every_class(struct kunit *test)
{
	init_on_alloc_only(test);
	expect_small_zero(test, GFP_KERNEL);
}

/* Large objects: a run and a region that were used before. */
static void expect_large_zero(struct kunit *test, gfp_t gfp)
{
	static const size_t sizes[] = {
		SZ_64K, KSPAN_CHUNK_PAGES / 2 * KSPAN_PAGE_SIZE, SZ_2M,
	};
	const struct way *way = test->param_value;
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		leave_dirt(test, way, sizes[i], 1);
		ptr = way->alloc(sizes[i] - 1, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		expect_clean(test, ptr, sizes[i]);
		kspan_free(ptr);
	}
}

static void large_after_use(struct kunit *test)
{
	expect_large_zero(test, GFP_KERNEL | __GFP_ZERO);
}

static void init_on_alloc_large(struct kunit *test)
{
	init_on_alloc_only(test);
	expect_large_zero(test, GFP_KERNEL);
}

/* Tiny objects: each part of a block, and blocks that are used again. */
static void expect_tiny_zero(struct kunit *test, gfp_t gfp)
{
	static const struct way tiny = { "alloc_tiny", kspan_alloc_tiny };
	unsigned int i;
	size_t size;

	for (size = 1; size < KSPAN_TINY_MAX; size++) {
		leave_dirt(test, &tiny, size, 100);
		for (i = 0; i < 100; i++) {
			objs[i] = kspan_alloc_tiny(size, gfp);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			expect_clean(test, objs[i], size);
		}
		kspan_free_bulk(100, objs);
	}
}

static void tiny_after_use(struct kunit *test)
{
	expect_tiny_zero(test, GFP_KERNEL | __GFP_ZERO);
}

static void init_on_alloc_tiny(struct kunit *test)
{
	init_on_alloc_only(test);
	expect_tiny_zero(test, GFP_KERNEL);
	expect_tiny_zero(test, GFP_ATOMIC);
}

/* Bulk calls across magazines: used objects first, then fresh ones. */
static void expect_bulk_zero(struct kunit *test, gfp_t gfp)
{
	static const size_t sizes[] = { 8, 64, 520, 4096, 32768 };
	static const struct way plain = { "alloc", kspan_alloc };
	unsigned int i, k, nr;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		leave_dirt(test, &plain, sizes[k], 100);
		nr = kspan_alloc_bulk(sizes[k], gfp, 200, objs);
		KUNIT_ASSERT_EQ(test, nr, 200U);
		for (i = 0; i < nr; i++)
			expect_clean(test, objs[i], sizes[k]);
		kspan_free_bulk(nr, objs);
	}
}

static void bulk_after_use(struct kunit *test)
{
	expect_bulk_zero(test, GFP_KERNEL | __GFP_ZERO);
}

static void init_on_alloc_bulk(struct kunit *test)
{
	init_on_alloc_only(test);
	expect_bulk_zero(test, GFP_KERNEL);
}

/* Fill an object, resize it, and expect zeros behind its old end. */
static void *grow(struct kunit *test, char *ptr, size_t old, size_t new,
		  gfp_t gfp)
{
	memset(ptr, 0xee, old);
	ptr = kspan_realloc(ptr, new, gfp);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0xee, old));
	KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr + old, 0, new - old),
			      "from %zu to %zu bytes", old, new);
	return ptr;
}

/* An object that grows in place, and into the next class. */
static void expect_grown_zero(struct kunit *test, gfp_t gfp)
{
	static const struct way plain = { "alloc", kspan_alloc };
	unsigned int class;
	size_t size, next;
	char *ptr;

	for (class = 2; class < KSPAN_NR_CLASSES; class++) {
		size = kspan_classes[class].size - 8;
		next = kspan_classes[class + 1].size;
		leave_dirt(test, &plain, size, 4);
		leave_dirt(test, &plain, next, 4);
		ptr = kspan_alloc(size - 5, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		ptr = grow(test, ptr, size - 5, size, gfp);
		ptr = grow(test, ptr, size, next, gfp);
		kspan_free(ptr);
	}
}

static void grown_after_use(struct kunit *test)
{
	expect_grown_zero(test, GFP_KERNEL | __GFP_ZERO);
}

static void init_on_alloc_grown(struct kunit *test)
{
	init_on_alloc_only(test);
	expect_grown_zero(test, GFP_KERNEL);
}

/* As with krealloc() of newer kernels, old bytes do not reappear. */
static void init_on_alloc_shrunk_and_grown(struct kunit *test)
{
	unsigned int class;
	size_t size;
	char *ptr;

	init_on_alloc_only(test);
	for (class = 2; class < KSPAN_NR_CLASSES; class++) {
		size = kspan_classes[class].size - 8;
		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0xdd, size);
		ptr = kspan_realloc(ptr, size - 5, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_free(grow(test, ptr, size - 5, size, GFP_KERNEL));
	}
}

/* Fresh memory is zero, and so is every free object in state ZEROED. */
static void fresh_memory(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, k;

	kspan_release();
	kspan_read_stats(&before);
	/* 1000 * 4 KiB exceed what remains after a release. */
	for (i = 0; i < 1000; i++) {
		struct kspan_span *span;

		objs[i] = kspan_zalloc(4096, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		expect_clean(test, objs[i], 4096);
		span = kspan_test_span(objs[i]);
		kspan_kasan_pause();
		for (k = 0; k < span->nr_objs; k++)
			if (span->state[k] == KSPAN_OBJ_ZEROED)
				KUNIT_EXPECT_NULL(test, memchr_inv((void *)
					kspan_span_addr(span, k), 0, 4096));
		kspan_kasan_resume();
	}
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, grow), 0ULL);
	kspan_free_bulk(1000, objs);
}

/*
 * An object is in state ZEROED only until it is used: the second time it has to
 * be zeroed again.
 */
static void mark_ends_with_use(struct kunit *test)
{
	unsigned int i, round;

	kspan_release();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 300; i++) {
			objs[i] = kspan_zalloc(264, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			expect_clean(test, objs[i], 264);
			soil(objs[i]);
		}
		kspan_free_bulk(300, objs);
		/*
		 * Reuse from the cache and the spans, then from the page heap.
		 */
		if (round == 1)
			kspan_release();
	}
}

static struct kunit_case zero_cases[] = {
	KUNIT_CASE_PARAM(every_class_after_use, way_gen_params),
	KUNIT_CASE_PARAM(large_after_use, way_gen_params),
	KUNIT_CASE(tiny_after_use),
	KUNIT_CASE(bulk_after_use),
	KUNIT_CASE(grown_after_use),
	KUNIT_CASE(fresh_memory),
	KUNIT_CASE(mark_ends_with_use),
	KUNIT_CASE_PARAM(init_on_alloc_every_class, way_gen_params),
	KUNIT_CASE_PARAM(init_on_alloc_large, way_gen_params),
	KUNIT_CASE(init_on_alloc_tiny),
	KUNIT_CASE(init_on_alloc_bulk),
	KUNIT_CASE(init_on_alloc_grown),
	KUNIT_CASE(init_on_alloc_shrunk_and_grown),
	{}
};

KSPAN_TEST_SUITE(zero, zero_cases);
