// SPDX-License-Identifier: GPL-2.0
/*
 * Zeroing: whoever asks for zeros gets them, by every way there is to ask and
 * whatever was in the memory before.  All usable bytes are zeroed, not only
 * those asked for, so that an object can grow in place with zeros behind.
 */
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "chunk.h"
#include "kunit_support.h"
#include "shadow.h"

#define MAX_OBJS	1030U

/* One case at a time. */
static void *objs[MAX_OBJS];

/* A way to ask for zeros. */
struct way {
	const char *name;
	void *(*alloc)(size_t size);
};

static void *by_zalloc(size_t size)
{
	return kspan_zalloc(size, GFP_KERNEL);
}

static void *by_zalloc_twice(size_t size)
{
	return kspan_zalloc(size, GFP_KERNEL | __GFP_ZERO);
}

static void *by_flag(size_t size)
{
	return kspan_alloc(size, GFP_KERNEL | __GFP_ZERO);
}

static void *by_node(size_t size)
{
	return kspan_alloc_node(size, GFP_KERNEL | __GFP_ZERO, numa_mem_id());
}

static void *by_any_node(size_t size)
{
	return kspan_alloc_node(size, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
}

static void *by_aligned(size_t size)
{
	return kspan_alloc_aligned(size, 64, GFP_KERNEL | __GFP_ZERO);
}

static void *by_calloc(size_t size)
{
	return kspan_calloc(1, size, GFP_KERNEL);
}

static void *by_array(size_t size)
{
	return kspan_alloc_array(size, 1, GFP_KERNEL | __GFP_ZERO);
}

static void *by_bulk(size_t size)
{
	void *obj;

	if (kspan_alloc_bulk(size, GFP_KERNEL | __GFP_ZERO, 1, &obj) != 1)
		return NULL;
	return obj;
}

static void *by_realloc(size_t size)
{
	return kspan_realloc(NULL, size, GFP_KERNEL | __GFP_ZERO);
}

static const struct way ways[] = {
	{ "zalloc", by_zalloc },
	{ "zalloc_with_flag", by_zalloc_twice },
	{ "alloc", by_flag },
	{ "alloc_node", by_node },
	{ "alloc_any_node", by_any_node },
	{ "alloc_aligned", by_aligned },
	{ "calloc", by_calloc },
	{ "alloc_array", by_array },
	{ "alloc_bulk", by_bulk },
	{ "realloc", by_realloc },
};

static void way_name(const struct way *way, char *name)
{
	strscpy(name, way->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(way, ways, way_name);

/* Not inlined, so that the compiler does not judge by the size asked for. */
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

/* Leave dirty free objects behind, in cache and spans. */
static void leave_dirt(struct kunit *test, size_t size, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		soil(objs[i]);
	}
	kspan_free_bulk(nr, objs);
}

/* A whole span of every class, asked for one byte short of its size. */
static void every_class_after_use(struct kunit *test)
{
	const struct way *way = test->param_value;
	unsigned int class, i;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];
		unsigned int nr = info->nr_objs + 2;

		leave_dirt(test, info->size, nr);
		for (i = 0; i < nr; i++) {
			objs[i] = way->alloc(info->size - i % 2);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			if (!is_clean(objs[i]))
				break;
		}
		KUNIT_EXPECT_EQ_MSG(test, i, nr, "class %u is not zero", class);
		kspan_free_bulk(min(i + 1, nr), objs);
	}
}

/* Large ones: a run and a region that were in use before. */
static void large_after_use(struct kunit *test)
{
	static const size_t sizes[] = {
		SZ_64K, KSPAN_CHUNK_PAGES / 2 * KSPAN_PAGE_SIZE, SZ_2M,
	};
	const struct way *way = test->param_value;
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		soil(ptr);
		kspan_free(ptr);
		ptr = way->alloc(sizes[i] - 1);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		expect_clean(test, ptr, sizes[i]);
		kspan_free(ptr);
	}
}

/* Data objects and what the tiny allocator passes on have ways of their own. */
static void data_after_use(struct kunit *test)
{
	unsigned int class, i;
	size_t size;

	for (class = 2; class <= KSPAN_NR_CLASSES; class++) {
		size = kspan_classes[class].size;
		for (i = 0; i < 8; i++) {
			objs[i] = kspan_alloc_data(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			soil(objs[i]);
		}
		kspan_free_bulk(8, objs);
		for (i = 0; i < 8; i++) {
			objs[i] = i % 2 ?
				kspan_alloc_tiny(size, GFP_KERNEL | __GFP_ZERO) :
				kspan_alloc_data(size, GFP_KERNEL | __GFP_ZERO);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			expect_clean(test, objs[i], size);
		}
		kspan_free_bulk(8, objs);
	}
}

/* Bulk across magazines: the used objects in front, fresh ones behind. */
static void bulk_after_use(struct kunit *test)
{
	static const size_t sizes[] = { 8, 64, 520, 4096, 32768 };
	unsigned int i, k, nr;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		leave_dirt(test, sizes[k], 100);
		nr = kspan_alloc_bulk(sizes[k], GFP_KERNEL | __GFP_ZERO, 200,
				      objs);
		KUNIT_ASSERT_EQ(test, nr, 200U);
		for (i = 0; i < nr; i++)
			expect_clean(test, objs[i], sizes[k]);
		kspan_free_bulk(nr, objs);
	}
}

/* An object that grows has zeros behind its old end, in every class. */
static void grown_after_use(struct kunit *test)
{
	unsigned int class;
	size_t old, new;
	char *ptr;

	for (class = 1; class < KSPAN_NR_CLASSES; class++) {
		old = kspan_classes[class].size;
		new = kspan_classes[class + 1].size;
		leave_dirt(test, new, 4);
		ptr = kspan_zalloc(old, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0xee, old);
		ptr = kspan_realloc(ptr, new, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0xee, old));
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr + old, 0, new - old),
				      "from class %u to the next", class);
		kspan_free(ptr);
	}
}

/* Memory nobody had before: what is said to be zero is, and the rest too. */
static void fresh_memory(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, k;

	kspan_release();
	kspan_read_stats(&before);
	/* 1000 * 4 KiB do not fit in what a release leaves. */
	for (i = 0; i < 1000; i++) {
		struct kspan_span *span;

		objs[i] = kspan_zalloc(4096, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		expect_clean(test, objs[i], 4096);
		span = kspan_test_span(objs[i]);
		kspan_shadow_pause();
		for (k = 0; k < span->nr_objs; k++)
			if (span->state[k] == KSPAN_OBJ_ZEROED)
				KUNIT_EXPECT_NULL(test, memchr_inv((void *)
					kspan_span_addr(span, k), 0, 4096));
		kspan_shadow_resume();
	}
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, grow), 0ULL);
	kspan_free_bulk(1000, objs);
}

/*
 * An object keeps the mark "known to be zero" only until it is used: given
 * with one content, it is given with another the next time.
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
		/* In the cache, in the spans, in the page heap. */
		if (round == 1)
			kspan_release();
	}
}

static struct kunit_case zero_cases[] = {
	KUNIT_CASE_PARAM(every_class_after_use, way_gen_params),
	KUNIT_CASE_PARAM(large_after_use, way_gen_params),
	KUNIT_CASE(data_after_use),
	KUNIT_CASE(bulk_after_use),
	KUNIT_CASE(grown_after_use),
	KUNIT_CASE(fresh_memory),
	KUNIT_CASE(mark_ends_with_use),
	{}
};

KSPAN_TEST_SUITE(zero, zero_cases);
