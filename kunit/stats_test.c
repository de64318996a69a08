// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics: the rules of Documentation/debugfs.rst hold at rest, and each
 * call changes the numbers exactly.
 */
#include <linux/math.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "heap/backing.h"
#include "heap/chunk.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"
#include "show/stats.h"
#include "span/redzone.h"

#define MAX_OBJS	600U

/* An object of the model and its share of heap_objects. */
struct object {
	void *ptr;
	size_t size;
	bool tiny;
};

/* Shared by the cases, which run one at a time. */
static struct object objects[MAX_OBJS];

/* Expect the equations between the numbers that hold at rest. */
static void expect_at_rest(struct kunit *test)
{
	u64 nmalloc = 0, nfree = 0, live = 0;
	struct kspan_class_stats row;
	struct kspan_stats stats;
	unsigned int class;

	kspan_scavenge_settle();
	kspan_read_stats(&stats);
	for (class = 0; class <= KSPAN_NR_CLASSES; class++) {
		kspan_read_class(class, &row);
		KUNIT_EXPECT_GE(test, row.nmalloc, row.nfree);
		KUNIT_EXPECT_GE(test, row.nr_spans, row.nr_partial);
		KUNIT_EXPECT_LE(test, row.nmalloc - row.nfree, row.nr_spans *
				kspan_classes[class].nr_objs);
		nmalloc += row.nmalloc;
		nfree += row.nfree;
		live += (row.nmalloc - row.nfree) * kspan_classes[class].size;
	}
	KUNIT_EXPECT_EQ(test, stats.sys, stats.heap_sys + stats.mspan_sys +
			stats.mcache_sys + stats.buckhash_sys + stats.gc_sys +
			stats.other_sys);
	KUNIT_EXPECT_EQ(test, stats.sys, (u64)kspan_sys_total());
	KUNIT_EXPECT_EQ(test, stats.heap_sys, stats.heap_idle + stats.heap_inuse);
	KUNIT_EXPECT_LE(test, stats.heap_inuse, stats.heap_sys);
	KUNIT_EXPECT_EQ(test, stats.heap_objects, stats.nmalloc - stats.nfree);
	KUNIT_EXPECT_EQ(test, stats.nmalloc,
			stats.large_nmalloc + stats.tinyallocs + nmalloc);
	KUNIT_EXPECT_EQ(test, stats.nfree,
			stats.large_nfree + stats.tinyallocs + nfree);
	/* With check=2 an object counts with its requested size. */
	if (kspan_redzone_on())
		KUNIT_EXPECT_LE(test, stats.alloc, live + stats.large_alloc);
	else
		KUNIT_EXPECT_EQ(test, stats.alloc, live + stats.large_alloc);
	KUNIT_EXPECT_EQ(test, stats.heap_alloc, stats.alloc);
	KUNIT_EXPECT_LE(test, stats.alloc, stats.heap_inuse);
	KUNIT_EXPECT_LE(test, stats.alloc, stats.total_alloc);
	KUNIT_EXPECT_LE(test, stats.mspan_inuse, stats.mspan_sys);
	KUNIT_EXPECT_LE(test, stats.mcache_inuse, stats.mcache_sys);
}

/* Allocate an object with a random function. */
static void fill_object(struct kunit *test, struct object *object,
			struct kspan_random *random)
{
	size_t size = 1 + kspan_random_below(random, 3000);
	void *ptr;

	switch (kspan_random_below(random, 8)) {
	case 0:
		size *= 20;
		ptr = kspan_alloc(size, GFP_KERNEL);
		break;
	case 1:
		ptr = kspan_alloc_data(size, GFP_KERNEL);
		break;
	case 2:
		ptr = kspan_alloc_aligned(size, 128, GFP_KERNEL);
		break;
	case 3:
		size = 1 + size % 15;
		ptr = kspan_alloc_tiny(size, GFP_KERNEL);
		break;
	case 4:
		ptr = kspan_zalloc(size, GFP_ATOMIC);
		break;
	case 5:
		size *= 100;
		ptr = kspan_alloc(size, GFP_KERNEL);
		break;
	default:
		ptr = kspan_alloc(size, GFP_KERNEL);
		break;
	}
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	object->ptr = ptr;
	object->size = kspan_size(ptr);
	object->tiny = kspan_test_span(ptr)->kind == KSPAN_TINY;
}

static void free_objects(void)
{
	unsigned int i;

	for (i = 0; i < MAX_OBJS; i++) {
		kspan_free(objects[i].ptr);
		objects[i].ptr = NULL;
	}
}

/* The equations hold throughout a random mix of calls. */
static void equations_hold(struct kunit *test)
{
	struct kspan_random random;
	unsigned int step;

	kspan_random_init(&random, 4);
	memset(objects, 0, sizeof(objects));
	expect_at_rest(test);
	for (step = 0; step < 6000; step++) {
		struct object *object;

		object = &objects[kspan_random_below(&random, MAX_OBJS)];
		if (object->ptr) {
			kspan_free(object->ptr);
			object->ptr = NULL;
		} else {
			fill_object(test, object, &random);
		}
		if (step % 1000 == 999)
			expect_at_rest(test);
		if (step == 3500)
			kspan_release();
	}
	free_objects();
	expect_at_rest(test);
	kspan_release();
	expect_at_rest(test);
}

/* Each call changes objects and bytes as kspan_size() says. */
static void every_call_counts(struct kunit *test)
{
	u64 live_bytes = 0, ever_bytes = 0, nr_alloc = 0, nr_free = 0;
	struct kspan_random random;
	struct kspan_stats before, delta;
	unsigned int step;

	kspan_test_plain_only(test);
	kspan_random_init(&random, 5);
	memset(objects, 0, sizeof(objects));
	kspan_read_stats(&before);
	for (step = 0; step < 3000; step++) {
		struct object *object;

		object = &objects[kspan_random_below(&random, MAX_OBJS)];
		if (object->ptr) {
			kspan_free(object->ptr);
			object->ptr = NULL;
			live_bytes -= object->size;
			nr_free++;
		} else {
			fill_object(test, object, &random);
			/* How tiny objects share blocks is tested elsewhere. */
			if (object->tiny) {
				kspan_free(object->ptr);
				object->ptr = NULL;
				object->size = KSPAN_TINY_MAX;
				nr_free++;
			} else {
				live_bytes += object->size;
			}
			ever_bytes += object->size;
			nr_alloc++;
		}
		if (step % 50)
			continue;
		kspan_stats_since(&delta, &before);
		KUNIT_EXPECT_EQ(test, delta.nmalloc, nr_alloc);
		KUNIT_EXPECT_EQ(test, delta.nfree, nr_free);
		KUNIT_EXPECT_EQ(test, delta.heap_objects, nr_alloc - nr_free);
		KUNIT_EXPECT_EQ(test, delta.alloc, live_bytes);
		KUNIT_EXPECT_EQ(test, delta.total_alloc, ever_bytes);
	}
	free_objects();
}

/* Each class counts its allocations and frees exactly. */
static void every_class_counts(struct kunit *test)
{
	unsigned int class, nr, i;

	kspan_test_plain_only(test);
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];
		struct kspan_class_stats before, now;

		kspan_read_class(class, &before);
		nr = 2 * info->mag_cap + 3;
		for (i = 0; i < nr; i++) {
			objects[i].ptr = i % 3 ?
				kspan_alloc(info->size, GFP_KERNEL) :
				kspan_alloc_data(info->size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objects[i].ptr);
		}
		kspan_read_class(class, &now);
		KUNIT_EXPECT_EQ_MSG(test, now.nmalloc - before.nmalloc, (u64)nr,
				    "class %u", class);
		KUNIT_EXPECT_EQ(test, now.nfree, before.nfree);
		KUNIT_EXPECT_GE(test, now.nr_spans * info->nr_objs, (u64)nr);

		for (i = 0; i < nr / 2; i++)
			kspan_free(objects[i].ptr);
		kspan_read_class(class, &now);
		KUNIT_EXPECT_EQ_MSG(test, now.nfree - before.nfree, (u64)nr / 2,
				    "class %u", class);
		for (; i < nr; i++)
			kspan_free(objects[i].ptr);
		kspan_read_class(class, &now);
		KUNIT_EXPECT_EQ(test, now.nmalloc - before.nmalloc, (u64)nr);
		KUNIT_EXPECT_EQ(test, now.nfree - before.nfree, (u64)nr);
	}

	/* Draining the caches changes none of these counts. */
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		struct kspan_class_stats now;

		if (class == 1)
			kspan_release();
		kspan_read_class(class, &now);
		KUNIT_EXPECT_EQ_MSG(test, now.nmalloc, now.nfree, "class %u",
				    class);
		KUNIT_EXPECT_EQ_MSG(test, now.nr_spans, 0ULL, "class %u", class);
	}
}

/* Cumulative numbers only grow, heap_released by what is given back. */
static void some_only_grow(struct kunit *test)
{
	struct kspan_random random;
	struct kspan_stats last, now;
	unsigned int round, i;
	u64 bytes;

	kspan_random_init(&random, 6);
	memset(objects, 0, sizeof(objects));
	kspan_read_stats(&last);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < MAX_OBJS; i++)
			if (!objects[i].ptr && kspan_random_below(&random, 2))
				fill_object(test, &objects[i], &random);
		for (i = 0; i < MAX_OBJS; i++) {
			if (!kspan_random_below(&random, 2))
				continue;
			kspan_free(objects[i].ptr);
			objects[i].ptr = NULL;
		}
		bytes = round % 3 ? 0 : kspan_release();
		kspan_read_stats(&now);
		KUNIT_EXPECT_GT(test, now.total_alloc, last.total_alloc);
		KUNIT_EXPECT_GT(test, now.nmalloc, last.nmalloc);
		KUNIT_EXPECT_GT(test, now.nfree, last.nfree);
		KUNIT_EXPECT_GE(test, now.heap_released,
				last.heap_released + bytes);
		KUNIT_EXPECT_GE(test, now.grow, last.grow);
		KUNIT_EXPECT_GE(test, now.release, last.release);
		KUNIT_EXPECT_GE(test, now.refill, last.refill);
		KUNIT_EXPECT_GE(test, now.flush, last.flush);
		KUNIT_EXPECT_GE(test, now.swap, last.swap);
		KUNIT_EXPECT_GE(test, now.tinyallocs, last.tinyallocs);
		KUNIT_EXPECT_GE(test, now.nlookup, last.nlookup);
		last = now;
	}
	free_objects();
}

/* With all objects freed and released only the reserve remains. */
static void release_leaves_the_reserve(struct kunit *test)
{
	u64 chunk = KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE;
	struct kspan_random random;
	struct kspan_stats stats;
	unsigned int i;

	kspan_random_init(&random, 7);
	for (i = 0; i < MAX_OBJS; i++)
		fill_object(test, &objects[i], &random);
	kspan_read_stats(&stats);
	KUNIT_EXPECT_GT(test, stats.heap_sys, stats.reserve + chunk);
	free_objects();
	kspan_release();
	kspan_read_stats(&stats);
	KUNIT_EXPECT_EQ(test, stats.heap_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.alloc, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.large_alloc, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.heap_inuse, 0ULL);
	KUNIT_EXPECT_GE(test, stats.heap_sys, stats.reserve);
	KUNIT_EXPECT_LE(test, stats.heap_sys, roundup(stats.reserve, chunk));
	KUNIT_EXPECT_EQ(test, kspan_release(), (size_t)0);
}

/* Reading the statistics changes nothing: two readings at rest are equal. */
static void reading_changes_nothing(struct kunit *test)
{
	struct kspan_stats a, b;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		kspan_read_stats(&a);
		kspan_read_stats(&b);
		/* The scavenger may run in between, but not each time. */
		if (!memcmp(&a, &b, sizeof(a)))
			break;
	}
	KUNIT_EXPECT_LT(test, i, 100U);
}

static struct kunit_case stats_cases[] = {
	KUNIT_CASE(equations_hold),
	KUNIT_CASE(every_call_counts),
	KUNIT_CASE(every_class_counts),
	KUNIT_CASE(some_only_grow),
	KUNIT_CASE(release_leaves_the_reserve),
	KUNIT_CASE(reading_changes_nothing),
	{}
};

KSPAN_TEST_SUITE(stats, stats_cases);
