// SPDX-License-Identifier: GPL-2.0
/*
 * KASAN and kspan's memory: KASAN reports no access to live objects, and every
 * access to other bytes.  Skipped in kernels without KASAN.
 *
 * The kernel must run with kasan_multi_shot, or KASAN is silent after its first
 * report.
 */
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <trace/events/error_report.h>

#include "base/kasan.h"
#include "base/params.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define MAX_OBJS	300U

static const size_t sizes[] = {
	16, 17, 24, 31, 60, 64, 100, 257, 1000, 4096, 8000, 32768,
	/* Large objects, as a run or as a region. */
	40000, SZ_256K - 3, SZ_2M + 5,
};

/* Reports of accesses by this suite.  Any context writes it. */
static atomic_t nr_reports;

static void count_report(void *unused, enum error_detector detector,
			 unsigned long addr)
{
	if (detector == ERROR_DETECTOR_KASAN)
		atomic_inc(&nr_reports);
}

/* The host's check of the kernel log looks for this function name. */
static noinline void kspan_test_touch(const u8 *byte)
{
	READ_ONCE(*byte);
}

/* Whether KASAN reports an access.  The report does not fail the case. */
static bool is_reported(struct kunit *test, const void *ptr, long offset)
{
	int before = atomic_read(&nr_reports);

	current->kunit_test = NULL;
	kspan_test_touch((const u8 *)ptr + offset);
	current->kunit_test = test;
	return atomic_read(&nr_reports) != before;
}

/*
 * A report prints the shadow of about 256 bytes before and behind the address
 * and faults if that is not mapped.  Near the end of the range that shares a
 * page of shadow it may not be.
 */
static bool is_printable(const void *ptr, long offset)
{
	unsigned long shared = PAGE_SIZE * 8;
	unsigned long at = ((unsigned long)ptr + offset) % shared;

	return at >= 512 && at < shared - 512;
}

static void expect_reported(struct kunit *test, const void *ptr, long offset)
{
	if (is_printable(ptr, offset))
		KUNIT_EXPECT_TRUE_MSG(test, is_reported(test, ptr, offset),
				      "byte %ld", offset);
}

static void expect_live(struct kunit *test, const void *ptr, size_t size)
{
	KUNIT_EXPECT_FALSE_MSG(test, is_reported(test, ptr, 0),
			       "first byte of %zu", size);
	KUNIT_EXPECT_FALSE_MSG(test, is_reported(test, ptr, size - 1),
			       "last byte of %zu", size);
}

static void expect_gone(struct kunit *test, const void *ptr, size_t size)
{
	expect_reported(test, ptr, 0);
	/* The ends of a large object may not be printable. */
	if (size > 1200) {
		expect_reported(test, ptr, 600);
		expect_reported(test, ptr, size - 600);
	}
	expect_reported(test, ptr, size / 2);
	expect_reported(test, ptr, size - 1);
}

/* Whether the slot is larger than the object, so that it has a byte behind. */
static bool has_slack(const void *ptr, size_t size)
{
	return kspan_span_size(kspan_test_span(ptr)) > size;
}

static int sanitize_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (err || !KSPAN_KASAN)
		return err;
	return register_trace_error_report_end(count_report, NULL);
}

static void sanitize_exit(struct kunit *test)
{
	if (KSPAN_KASAN) {
		unregister_trace_error_report_end(count_report, NULL);
		tracepoint_synchronize_unregister();
	}
	kspan_test_exit(test);
}

static void kasan_only(struct kunit *test)
{
	if (!KSPAN_KASAN)
		kunit_skip(test, "a kernel without KASAN");
}

/* After the free every access is reported, if the memory is still mapped. */
static void after_free(struct kunit *test)
{
	unsigned int i;

	kasan_only(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *ptr = kspan_alloc(sizes[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		expect_live(test, ptr, sizes[i]);
		kspan_free(ptr);
		expect_gone(test, ptr, sizes[i]);
	}
}

/* The byte behind the object is reported although its slot has room. */
static void behind_the_end(struct kunit *test)
{
	unsigned int i;

	kasan_only(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *ptr = kspan_alloc(sizes[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		if (has_slack(ptr, sizes[i]))
			expect_reported(test, ptr, sizes[i]);
		kspan_free(ptr);
	}
}

/* Slots of a new span that were never allocated. */
static void never_allocated(struct kunit *test)
{
	const struct kspan_span *span;
	unsigned int i, nr_free = 0;
	u8 *ptr;

	kasan_only(test);
	kspan_release();
	ptr = kspan_alloc(2048, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	span = kspan_test_span(ptr);
	for (i = 0; i < span->nr_objs; i++) {
		if (kspan_span_addr(span, i) == (unsigned long)ptr)
			continue;
		expect_gone(test, (void *)kspan_span_addr(span, i), 2048);
		nr_free++;
	}
	KUNIT_EXPECT_GT(test, nr_free, 0U);
	kspan_free(ptr);
}

#define NR_WAYS	10U

static void *get(unsigned int way, size_t size)
{
	switch (way) {
	case 0:
		return kspan_alloc(size, GFP_KERNEL);
	case 1:
		return kspan_zalloc(size, GFP_KERNEL);
	case 2:
		return kspan_alloc_data(size, GFP_KERNEL);
	case 3:
		return kspan_alloc_node(size, GFP_KERNEL, 0);
	case 4:
		return kspan_alloc_aligned(size, 128, GFP_KERNEL);
	case 5:
		return kspan_calloc(size / 10, 10, GFP_KERNEL);
	case 6:
		return kspan_alloc_array(size / 10, 10, GFP_KERNEL);
	case 7:
		return kspan_alloc_tiny(size, GFP_KERNEL);
	case 8:
		return kspan_alloc(size, GFP_ATOMIC);
	default:
		return kspan_realloc(NULL, size, GFP_KERNEL);
	}
}

/* Every function unpoisons the object, and only the requested bytes. */
static void every_way(struct kunit *test)
{
	static const size_t some_sizes[] = { 100, 5010, 70020 };
	unsigned int way, i;

	kasan_only(test);
	for (way = 0; way < NR_WAYS; way++) {
		for (i = 0; i < ARRAY_SIZE(some_sizes); i++) {
			size_t size = some_sizes[i];
			u8 *ptr = get(way, size);

			KUNIT_ASSERT_NOT_NULL(test, ptr);
			expect_live(test, ptr, size);
			expect_reported(test, ptr, size);
			kspan_free(ptr);
			expect_gone(test, ptr, size);
		}
	}
}

/* Aligned whole pages; a region has room in front of the object. */
static void aligned_pages(struct kunit *test)
{
	static const size_t aligns[] = { SZ_16K, SZ_64K, SZ_1M };
	const struct kspan_span *span;
	unsigned int i;
	u8 *ptr;

	kasan_only(test);
	for (i = 0; i < ARRAY_SIZE(aligns); i++) {
		ptr = kspan_alloc_aligned(70000, aligns[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		expect_live(test, ptr, 70000);
		expect_reported(test, ptr, 70000);
		span = kspan_test_span(ptr);
		if (span->region_pages && (u8 *)span->mem < ptr)
			expect_reported(test, ptr, -600);
		kspan_free(ptr);
		expect_gone(test, ptr, 70000);
	}
}

static void bulk(struct kunit *test)
{
	static const size_t some_sizes[] = { 50, 3000, 70000 };
	static void *objs[MAX_OBJS];
	unsigned int i, k, nr;

	kasan_only(test);
	for (i = 0; i < ARRAY_SIZE(some_sizes); i++) {
		size_t size = some_sizes[i];

		nr = min_t(unsigned int, MAX_OBJS, SZ_1M / size);
		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(size, GFP_KERNEL, nr,
						       objs), (size_t)nr);
		for (k = 0; k < nr; k++)
			expect_live(test, objs[k], size);
		expect_reported(test, objs[nr / 2], size);
		kspan_free_bulk(nr, objs);
		for (k = 0; k < nr; k += nr / 10)
			expect_gone(test, objs[k], size);
	}
}

/* Two objects of a new span in adjacent slots. */
static void get_neighbours(struct kunit *test, size_t size, u8 **low, u8 **high)
{
	if (kspan_params.randomize && !kspan_redzone_on())
		kunit_skip(test, "objects come in no order");
	kspan_release();
	*low = kspan_alloc(size, GFP_KERNEL);
	*high = kspan_alloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, *low);
	KUNIT_ASSERT_NOT_NULL(test, *high);
	KUNIT_ASSERT_PTR_EQ(test, *low + kspan_span_size(kspan_test_span(*low)),
			    *high);
}

/*
 * The byte in front of an object is the last byte of a slot.  No live object
 * owns it unless one fills the slot.
 */
static void before_the_start(struct kunit *test)
{
	static const size_t some_sizes[] = { 20, 60, 100, 1000, 2500, 3000 };
	unsigned int i;
	u8 *low, *high;

	kasan_only(test);
	for (i = 0; i < ARRAY_SIZE(some_sizes); i++) {
		get_neighbours(test, some_sizes[i], &low, &high);
		expect_reported(test, high, -1);
		kspan_free(low);
		expect_reported(test, high, -1);
		expect_live(test, high, some_sizes[i]);
		kspan_free(high);
		expect_reported(test, high, -1);
	}
}

/*
 * Below check=2 an object that fills its slot is adjacent to its neighbour.
 * The byte behind it is the neighbour's while that lives, and is reported after
 * that.
 */
static void neighbour_follows(struct kunit *test)
{
	static const size_t some_sizes[] = { 32, 64, 1024, 2304 };
	unsigned int i;
	u8 *low, *high;

	kasan_only(test);
	kspan_test_plain_only(test);
	for (i = 0; i < ARRAY_SIZE(some_sizes); i++) {
		long size = some_sizes[i];

		get_neighbours(test, size, &low, &high);
		KUNIT_EXPECT_FALSE(test, is_reported(test, low, size));
		KUNIT_EXPECT_FALSE(test, is_reported(test, high, -1));
		kspan_free(high);
		expect_reported(test, low, size);
		expect_live(test, low, size);
		high = kspan_alloc(size - 3, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, high);
		expect_live(test, high, size - 3);
		expect_reported(test, high, size - 3);
		kspan_free(low);
		expect_live(test, high, size - 3);
		kspan_free(high);
	}
}

/* A block of tiny objects is poisoned when its last object is freed. */
static void tiny(struct kunit *test)
{
	u8 *one, *two, *other;

	kasan_only(test);
	kspan_release();
	one = kspan_alloc_tiny(8, GFP_KERNEL);
	two = kspan_alloc_tiny(8, GFP_KERNEL);
	/* From a new block, which then is the current one. */
	other = kspan_alloc_tiny(15, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, one);
	KUNIT_ASSERT_NOT_NULL(test, two);
	KUNIT_ASSERT_NOT_NULL(test, other);
	expect_live(test, one, 8);
	expect_live(test, two, 8);
	kspan_free(one);
	expect_live(test, two, 8);
	kspan_free(two);
	expect_gone(test, one, 8);
	expect_gone(test, two, 8);
	expect_live(test, other, 15);
	kspan_free(other);
}

/* Smaller, and larger again, in place and moved. */
static void resized(struct kunit *test)
{
	u8 *ptr, *moved;

	kasan_only(test);
	ptr = kspan_alloc(128, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	ptr = kspan_realloc(ptr, 121, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	expect_live(test, ptr, 121);
	expect_reported(test, ptr, 121);
	ptr = kspan_realloc(ptr, 125, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	expect_live(test, ptr, 125);
	expect_reported(test, ptr, 125);
	moved = kspan_realloc(ptr, 3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	expect_live(test, moved, 3000);
	expect_gone(test, ptr, 125);
	kspan_free(moved);
}

/* kspan_owns() unpoisons no byte behind the object. */
static void owner(struct kunit *test)
{
	u8 *ptr;

	kasan_only(test);
	ptr = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	expect_live(test, ptr, 100);
	expect_reported(test, ptr, 100);
	kspan_free(ptr);
}

/* After kspan_size() all usable bytes may be accessed. */
static void usable_size(struct kunit *test)
{
	size_t size;
	u8 *ptr;

	kasan_only(test);
	ptr = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	size = kspan_size(ptr);
	expect_live(test, ptr, size);
	if (has_slack(ptr, size))
		expect_reported(test, ptr, size);
	kspan_free(ptr);
}

/* The detection of a bad free does not access poisoned bytes. */
static void bad_frees(struct kunit *test)
{
	int before = atomic_read(&nr_reports);
	u8 *ptr;

	kasan_only(test);
	kspan_test_expect_bad_frees(2);
	ptr = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr + 8);
	expect_live(test, ptr, 100);
	kspan_free(ptr);
	OPTIMIZER_HIDE_VAR(ptr);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, atomic_read(&nr_reports), before);
}

/* Each function that frees poisons the whole object. */
static void every_free(struct kunit *test)
{
	u8 *ptr;

	kasan_only(test);
	ptr = kspan_alloc(1000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free_sized(ptr, 1000);
	expect_gone(test, ptr, 1000);
	ptr = kspan_alloc(1000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free_sensitive(ptr);
	expect_gone(test, ptr, 1000);
	ptr = kspan_alloc(1000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	expect_gone(test, ptr, 1000);
}

static void free_it(void *ptr)
{
	kspan_free(ptr);
}

/* Freed in each context, into the cache of that context. */
static void freed_elsewhere(struct kunit *test)
{
	enum kspan_test_place place;

	kasan_only(test);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		u8 *ptr = kspan_alloc(200, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_test_run_in(test, place, free_it, ptr);
		expect_gone(test, ptr, 200);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(after_free),
	KUNIT_CASE(behind_the_end),
	KUNIT_CASE(never_allocated),
	KUNIT_CASE(every_way),
	KUNIT_CASE(aligned_pages),
	KUNIT_CASE(bulk),
	KUNIT_CASE(before_the_start),
	KUNIT_CASE(neighbour_follows),
	KUNIT_CASE(tiny),
	KUNIT_CASE(resized),
	KUNIT_CASE(owner),
	KUNIT_CASE(usable_size),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(every_free),
	KUNIT_CASE(freed_elsewhere),
	{}
};

KSPAN_TEST_SUITE_WITH(sanitize, cases, sanitize_init, sanitize_exit);
