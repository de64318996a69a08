// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects, above 32 KiB: a region from vmalloc() for each, or, for
 * callers that cannot sleep, a run of the page heap of up to half a chunk.
 */
#include <linux/align.h>
#include <linux/irqflags.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "heap/chunk.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

/* The longest run. */
#define RUN_MAX		(KSPAN_CHUNK_PAGES / 2 * KSPAN_PAGE_SIZE)

#define NR_OBJS		24U

/* Shared by the cases, which run one at a time. */
static char *objs[NR_OBJS];
static size_t sizes[NR_OBJS];

static const size_t some_sizes[] = {
	KSPAN_SMALL_MAX + 1, 40960, 65536, RUN_MAX - 1, RUN_MAX, RUN_MAX + 1,
	SZ_1M + SZ_512K, SZ_2M, SZ_2M + 1, 5 * SZ_1M - 100, SZ_16M,
};

/* Hide a size from the compiler, so that it does not warn about it. */
static size_t hidden(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

static void write_ends(char *ptr, size_t size, char what)
{
	ptr[0] = what;
	ptr[size - 1] = what + 1;
}

static bool has_ends(const char *ptr, size_t size, char what)
{
	return ptr[0] == what && ptr[size - 1] == (char)(what + 1);
}

/* Each object gets whole pages in a region of its own. */
static void every_size(struct kunit *test)
{
	unsigned int i;

	kspan_test_plain_only(test);
	kspan_release();
	for (i = 0; i < ARRAY_SIZE(some_sizes); i++) {
		size_t size = some_sizes[i], usable = ALIGN(size, KSPAN_PAGE_SIZE);
		struct kspan_stats before;
		struct kspan_span *span;
		char *ptr;

		kspan_read_stats(&before);
		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL_MSG(test, ptr, "%zu bytes", size);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)ptr, PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, kspan_size(ptr), usable);
		KUNIT_EXPECT_EQ(test, kspan_size_roundup(size), usable);
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		/* Usable, but beyond the size that the compiler knows. */
		OPTIMIZER_HIDE_VAR(ptr);
		memset(ptr, 0x5a, usable);

		span = kspan_test_span(ptr);
		KUNIT_EXPECT_EQ(test, (int)span->kind, (int)KSPAN_LARGE);
		KUNIT_EXPECT_EQ_MSG(test, span->region_pages,
				    (u32)(usable >> KSPAN_PAGE_SHIFT),
				    "%zu bytes: the wrong kind of memory", size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_nmalloc), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_alloc),
				(u64)usable);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)usable);

		kspan_free(ptr);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_nfree), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, large_alloc), 0ULL);
	}
}

/* Whether no heap page of the object leads to a span any more. */
static bool is_forgotten(const char *ptr, size_t size)
{
	const char *end = ptr + size;

	for (; ptr < end; ptr += PAGE_SIZE)
		if (kspan_test_span(ptr) != &kspan_null_span)
			return false;
	return true;
}

/*
 * A region that begins in the middle of a heap page: the page leads only to
 * that region and, after the release, to no span.
 */
static void begins_at_any_page(struct kunit *test)
{
	unsigned int i, odd = NR_OBJS;
	size_t size = 40960;

	if (KSPAN_PAGE_SIZE == PAGE_SIZE)
		kunit_skip(test, "heap pages are pages");
	kspan_release();
	kspan_test_expect_bad_frees(3);
	for (i = 0; i < NR_OBJS; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		write_ends(objs[i], size, i);
		if (!IS_ALIGNED((unsigned long)objs[i], KSPAN_PAGE_SIZE))
			odd = i;
	}
	KUNIT_EXPECT_NULL(test, kspan_verify());
	KUNIT_ASSERT_LT_MSG(test, odd, NR_OBJS, "vmalloc() aligned them all");
	KUNIT_EXPECT_TRUE(test, kspan_owns(objs[odd]));
	KUNIT_EXPECT_EQ(test, kspan_size(objs[odd]), size);
	/* In its first heap page, before its base, and in its last page. */
	kspan_free(objs[odd] + 8);
	kspan_free(objs[odd] - PAGE_SIZE);
	kspan_free(objs[odd] + size - 8);
	for (i = 0; i < NR_OBJS; i++) {
		KUNIT_EXPECT_TRUE(test, has_ends(objs[i], size, i));
		kspan_free_sized(objs[i], size);
	}
	kspan_release();
	for (i = 0; i < NR_OBJS; i++)
		KUNIT_EXPECT_TRUE(test, is_forgotten(objs[i], size));
}

/* A freed region serves requests that use at least three quarters of it. */
static void region_is_used_again(struct kunit *test)
{
	struct kspan_stats before;
	char *first, *ptr;
	unsigned int i;

	kspan_test_plain_only(test);
	kspan_release();
	first = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	kspan_free(first);
	kspan_read_stats(&before);
	for (i = 0; i < 20; i++) {
		size_t size = SZ_2M - i * (SZ_512K / 20);

		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_EXPECT_PTR_EQ_MSG(test, ptr, first, "%zu bytes", size);
		KUNIT_EXPECT_EQ(test, kspan_size(ptr),
				ALIGN(size, KSPAN_PAGE_SIZE));
		kspan_free(ptr);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, grow), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);

	/* Smaller requests would waste too much; larger ones do not fit. */
	ptr = kspan_alloc(SZ_2M - SZ_512K - SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, ptr, first);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, grow), 1ULL);
	kspan_free(ptr);
	ptr = kspan_alloc(SZ_2M + SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, grow), 2ULL);
	kspan_free(ptr);
}

/* A freed run serves the next request of its length without growth. */
static void run_is_used_again(struct kunit *test)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct kspan_stats before;
	unsigned int i;
	void *ptr;

	kspan_test_plain_only(test);
	kspan_release();
	ptr = kspan_alloc(RUN_MAX, gfp);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_EQ(test, kspan_test_span(ptr)->region_pages, 0U);
	kspan_free(ptr);
	kspan_read_stats(&before);
	for (i = 0; i < 100; i++) {
		ptr = kspan_alloc(RUN_MAX - i, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, kspan_test_span(ptr)->region_pages, 0U);
		kspan_free(ptr);
	}
	/* The first allocation may have made the worker fill the reserve. */
	KUNIT_EXPECT_LE(test, KSPAN_SINCE(&before, grow), 1ULL);
}

/* kspan_release() unmaps cached regions and returns the number of bytes. */
static void release_returns_regions(struct kunit *test)
{
	struct kspan_stats before;
	size_t bytes;

	kspan_release();
	kspan_read_stats(&before);
	objs[0] = kspan_alloc(SZ_2M, GFP_KERNEL);
	objs[1] = kspan_alloc(SZ_4M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs[0]);
	KUNIT_ASSERT_NOT_NULL(test, objs[1]);
	bytes = KSPAN_SINCE(&before, heap_sys);
	KUNIT_EXPECT_GE(test, bytes, (size_t)SZ_2M + SZ_4M);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), (u64)bytes);
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_inuse), 0ULL);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_released), (u64)bytes);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_idle), 0L);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_region_sys), 0L);
}

/* Impossible sizes give NULL without a warning, and nothing is lost. */
static void too_large(struct kunit *test)
{
	unsigned long ram = totalram_pages() << PAGE_SHIFT;
	size_t wishes[] = {
		SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - KSPAN_PAGE_SIZE,
		SIZE_MAX - 2 * KSPAN_PAGE_SIZE, SIZE_MAX / 2, SIZE_MAX / 2 + 1,
		SIZE_MAX / 4 * 3, ram + SZ_1M,
	};
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct kspan_stats before, delta;
	unsigned int i;

	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		size_t size = hidden(wishes[i]);

		KUNIT_EXPECT_NULL_MSG(test, kspan_alloc(size, gfp), "%zu", size);
		KUNIT_EXPECT_NULL(test, kspan_alloc(size, GFP_ATOMIC | __GFP_NOWARN));
		KUNIT_EXPECT_NULL(test, kspan_zalloc(size, gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_data(size, gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_tiny(size, gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_node(size, gfp, 0));
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(size, SZ_2M, gfp));
		KUNIT_EXPECT_EQ(test, kspan_alloc_bulk(size, gfp, 2,
						       (void **)objs), (size_t)0);
		KUNIT_EXPECT_GE(test, kspan_size_roundup(size), size);
	}
	kspan_stats_since(&delta, &before);
	KUNIT_EXPECT_EQ(test, delta.heap_sys, 0ULL);
	KUNIT_EXPECT_EQ(test, delta.nmalloc, 0ULL);
	KUNIT_EXPECT_EQ(test, delta.grow, 0ULL);
	KUNIT_EXPECT_EQ(test, delta.mspan_inuse, 0ULL);
}

/* Frees that are refused: inside the object, and with a wrong size. */
static void expect_bad_frees(struct kunit *test, char *ptr, size_t size)
{
	struct kspan_stats before;

	kspan_read_stats(&before);
	memset(ptr, 0x77, size);
	kspan_free(ptr + 8);
	kspan_free(ptr + 3 * KSPAN_PAGE_SIZE);
	kspan_free(ptr + size - 1);
	kspan_free_sized(ptr, size - KSPAN_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 4ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), size);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x77, size));
	/*
	 * Without a recorded size, every size with the same page count is
	 * accepted.
	 */
	kspan_free_sized(ptr, kspan_redzone_on() ? size : size - 1);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 4ULL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)0);
}

/*
 * Each bad free of a run or a region is counted once in its counter, and so is
 * a second free, whether the memory is cached or has been given back.
 */
static void bad_frees(struct kunit *test)
{
	static const size_t kinds[] = { RUN_MAX - KSPAN_PAGE_SIZE, SZ_2M };
	static const gfp_t gfps[] = { GFP_ATOMIC | __GFP_NOWARN, GFP_KERNEL };
	struct kspan_stats before;
	unsigned int i;

	kspan_test_expect_bad_frees(8 * ARRAY_SIZE(kinds));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t size = kinds[i];
		char *ptr;

		kspan_release();
		ptr = kspan_alloc(size, gfps[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, !kspan_test_span(ptr)->region_pages, !i);
		expect_bad_frees(test, ptr, size);

		kspan_read_stats(&before);
		kspan_free(ptr);
		kspan_free_sized(ptr, size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
		kspan_release();
		/*
		 * The pages of a run are still kspan's; those of a region are
		 * not.
		 */
		kspan_free(ptr);
		kspan_free(ptr + KSPAN_PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free) +
				KSPAN_SINCE(&before, bad_free), 4ULL);
		if (i)
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free),
					2ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	}
}

/* --- what is not kspan's, next to what is ------------------------------------- */

/* Nanoseconds that 100 calls of kspan_owns() take, the best of a few rounds. */
static u64 time_to_ask(const void *ptr)
{
	u64 best = U64_MAX, begun;
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		preempt_disable();
		begun = ktime_get_ns();
		for (i = 0; i < 100; i++)
			kspan_owns(ptr);
		best = min(best, ktime_get_ns() - begun);
		preempt_enable();
	}
	return best;
}

/* Expect that @ptr is not a live object, and that the look-up is fast. */
static void expect_nobodys(struct kunit *test, const void *ptr, const char *what,
			   u64 limit)
{
	u64 ns = time_to_ask(ptr);

	KUNIT_EXPECT_FALSE_MSG(test, kspan_owns(ptr), "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, kspan_size(ptr), (size_t)0, "%s", what);
	KUNIT_EXPECT_LT_MSG(test, ns, limit, "%s: too slow", what);
}

/*
 * A look-up takes the same time for any pointer: inside a large object, in the
 * guard pages around it, or in other memory of the same frame.
 */
static void neighbours_are_nobodys(struct kunit *test)
{
	char *large, *small, *others, *run;
	struct kspan_stats before;
	u64 limit;

	large = kspan_alloc(SZ_16M, GFP_KERNEL);
	others = vmalloc(SZ_1M);
	small = kspan_alloc(8192, GFP_KERNEL);
	run = kspan_alloc(SZ_64K, GFP_ATOMIC);
	KUNIT_ASSERT_TRUE(test, large && others && small && run);
	kspan_read_stats(&before);
	/*
	 * Far above the noise, and far below the time to walk over its pages.
	 */
	limit = 20 * time_to_ask(small + 8) + 20000;
	expect_nobodys(test, large + 1, "second byte", limit);
	expect_nobodys(test, large + SZ_8M, "middle", limit);
	expect_nobodys(test, large + SZ_16M - 1, "last byte", limit);
	expect_nobodys(test, large + SZ_16M + 8, "behind a region", limit);
	expect_nobodys(test, large - 8, "before a region", limit);
	expect_nobodys(test, large + SZ_32M, "far behind a region", limit);
	expect_nobodys(test, others, "others' memory", limit);
	expect_nobodys(test, others + SZ_1M - 1, "the end of others'", limit);
	expect_nobodys(test, small + 8191, "end of a small one", limit);
	expect_nobodys(test, run + SZ_32K, "inside a run", limit);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(large));
	vfree(others);
	kspan_free(run);
	kspan_free(small);
	kspan_free(large);
	/* After the free it is cached, and after the release it is gone. */
	expect_nobodys(test, large + SZ_8M, "middle of a kept one", limit);
	kspan_release();
	expect_nobodys(test, large, "first byte of what is gone", limit);
	expect_nobodys(test, large + SZ_8M, "middle of what is gone", limit);
}

/* Random objects side by side: nothing overlaps, and the counts are exact. */
static void many_together(struct kunit *test)
{
	struct kspan_random random;
	unsigned int i, step;

	kspan_random_init(&random, 2);
	memset(objs, 0, sizeof(objs));
	for (step = 0; step < 600; step++) {
		i = kspan_random_below(&random, NR_OBJS);
		if (objs[i]) {
			KUNIT_EXPECT_TRUE(test, has_ends(objs[i], sizes[i], i));
			kspan_free_sized(objs[i], sizes[i]);
			objs[i] = NULL;
		} else {
			sizes[i] = KSPAN_SMALL_MAX + 1 +
				   kspan_random_below(&random, SZ_1M);
			objs[i] = kspan_alloc(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			write_ends(objs[i], sizes[i], i);
		}
		if (step % 100 == 0)
			KUNIT_EXPECT_NULL(test, kspan_verify());
	}
	for (i = 0; i < NR_OBJS; i++) {
		if (objs[i])
			KUNIT_EXPECT_TRUE(test, has_ends(objs[i], sizes[i], i));
		kspan_free(objs[i]);
	}
}

static void *in_atomic_context(struct kunit *test, size_t size)
{
	void *ptr;

	local_irq_disable();
	ptr = kspan_alloc(size, GFP_ATOMIC | __GFP_NOWARN);
	local_irq_enable();
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	return ptr;
}

/* A block of the direct map is an object like any other. */
static void use_block(struct kunit *test, u8 *ptr, size_t size)
{
	struct kspan_stats before;

	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(ptr));
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), size);
	memset(ptr, 0x5b, size);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x5b, size));
	kspan_free(ptr);
	kspan_read_stats(&before);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
}

/*
 * A caller that cannot sleep can use runs of the reserve, cached regions, and
 * new regions that are blocks of the direct map, but no other new regions.
 */
static void atomic_callers(struct kunit *test)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	struct kspan_stats before;
	void *ptr;

	kspan_release();
	kspan_read_stats(&before);
	ptr = kspan_alloc(65536, gfp);
	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	KUNIT_EXPECT_NULL(test, kspan_alloc(SZ_64M, gfp));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
	/*
	 * These requests caused no growth, but the worker may have filled the
	 * reserve.
	 */
	KUNIT_EXPECT_LE(test, KSPAN_SINCE(&before, grow), 1ULL);

	kspan_test_expect_bad_frees(1);
	use_block(test, in_atomic_context(test, SZ_1M), SZ_1M);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);

	ptr = kspan_alloc(SZ_2M, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc(SZ_2M, gfp), ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
	kspan_free(ptr);
}

static struct kunit_case large_cases[] = {
	KUNIT_CASE(every_size),
	KUNIT_CASE(begins_at_any_page),
	KUNIT_CASE(region_is_used_again),
	KUNIT_CASE(run_is_used_again),
	KUNIT_CASE(release_returns_regions),
	KUNIT_CASE(too_large),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(neighbours_are_nobodys),
	KUNIT_CASE(many_together),
	KUNIT_CASE(atomic_callers),
	{}
};

KSPAN_TEST_SUITE(large, large_cases);
