// SPDX-License-Identifier: GPL-2.0
/*
 * memory_limit: at the limit kspan asks the kernel for no more memory, but
 * everything else goes on.  Each case restores the limit.
 */
#include <linux/delay.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/params.h"
#include "heap/backing.h"
#include "kunit_support.h"
#include "reclaim/collect.h"

#define MAX_OBJS	600U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

static const gfp_t quiet = GFP_KERNEL | __GFP_NOWARN;

static void set_limit(unsigned long bytes)
{
	WRITE_ONCE(kspan_params.memory_limit, bytes);
}

/* Set the limit to @bytes above the memory in use. */
static void limit_growth(unsigned long bytes)
{
	set_limit(kspan_sys_total() + bytes);
}

/* Allocate until that fails.  Return: the number of objects. */
static unsigned int alloc_all(size_t size, gfp_t gfp)
{
	unsigned int nr;

	for (nr = 0; nr < MAX_OBJS; nr++) {
		objs[nr] = kspan_alloc(size, gfp);
		if (!objs[nr])
			break;
	}
	return nr;
}

/*
 * Release idle memory and use up all memory up to a new limit, @bytes above the
 * memory in use.  Return: the number of objects.
 */
static unsigned int use_up(struct kunit *test, unsigned long bytes, size_t size)
{
	unsigned int nr;

	kspan_release();
	limit_growth(bytes);
	nr = alloc_all(size, quiet);
	KUNIT_ASSERT_GT(test, nr, 2U);
	KUNIT_ASSERT_LT(test, nr, MAX_OBJS);
	return nr;
}

static void expect_served(struct kunit *test, size_t size)
{
	void *ptr = kspan_alloc(size, quiet);

	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_free(ptr);
}

/* NULL at the limit, counted in limit_fail; a higher limit lets it go on. */
static void null_at_the_limit(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before;
	unsigned int nr, i;

	kspan_release();
	kspan_read_stats(&before);
	limit_growth(SZ_2M);
	nr = alloc_all(SZ_32K, quiet);
	/* The growth allowed at least one chunk, and no more than its bytes. */
	KUNIT_EXPECT_GT(test, nr, 0U);
	KUNIT_EXPECT_LT(test, nr, MAX_OBJS);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 1ULL);
	KUNIT_EXPECT_LE(test, KSPAN_SINCE(&before, heap_sys), (u64)SZ_2M);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_NULL(test, kspan_alloc(SZ_32K, quiet));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 4ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, oom_fail), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), (u64)nr);

	/* Freed memory can be allocated again. */
	kspan_free(objs[0]);
	objs[0] = kspan_alloc(SZ_32K, quiet);
	KUNIT_EXPECT_NOT_NULL(test, objs[0]);

	limit_growth(SZ_4M);
	objs[nr] = kspan_alloc(SZ_32K, quiet);
	KUNIT_EXPECT_NOT_NULL(test, objs[nr]);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 4ULL);
	set_limit(normal);
	kspan_free_bulk(nr + 1, objs);
}

/* Regions of large objects count as well. */
static void large_objects(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before, after;

	kspan_release();
	kspan_read_stats(&before);
	limit_growth(SZ_1M);
	KUNIT_EXPECT_NULL(test, kspan_alloc(SZ_2M, quiet));
	KUNIT_EXPECT_NULL(test, kspan_zalloc(SZ_16M, quiet));
	KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(SZ_1M, SZ_2M, quiet));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 3ULL);
	/*
	 * If so little is in use that the limit is below twice the reserve, the
	 * reserve shrinks to half the limit, and collecting returns the rest.
	 */
	kspan_read_stats(&after);
	KUNIT_EXPECT_LE(test, after.heap_sys, before.heap_sys);
	limit_growth(SZ_4M);
	expect_served(test, SZ_2M);
	set_limit(normal);
}

/* A limit below the memory in use takes no memory from anybody. */
static void below_what_is_in_use(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before;
	u8 *ptr, *other;

	/* Otherwise a cached region could serve the request without growth. */
	kspan_release();
	ptr = kspan_alloc(SZ_1M, GFP_KERNEL);
	other = kspan_alloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_ASSERT_NOT_NULL(test, other);
	memset(ptr, 0x42, SZ_1M);
	kspan_read_stats(&before);
	set_limit(1);
	KUNIT_EXPECT_NULL(test, kspan_alloc(SZ_2M, quiet));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit), 1ULL);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x42, SZ_1M));
	kspan_free(other);
	/* Idle memory is used without growth. */
	expect_served(test, 100);
	kspan_free(ptr);
	set_limit(normal);
}

/* A resize that fails at the limit keeps the object. */
static void realloc_at_the_limit(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	u8 *ptr;

	kspan_release();
	ptr = kspan_alloc(SZ_32K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x42, SZ_32K);
	set_limit(1);
	KUNIT_EXPECT_NULL(test, kspan_realloc(ptr, SZ_2M, quiet));
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x42, SZ_32K));
	set_limit(normal);
	kspan_free_sized(ptr, SZ_32K);
}

/* With __GFP_NOFAIL small and large allocations exceed the limit. */
static void nofail_passes(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before;
	unsigned int i, nr;

	kspan_release();
	kspan_read_stats(&before);
	set_limit(1);
	/* More small objects than fit in the idle memory. */
	for (nr = 0; nr < 80; nr++) {
		objs[nr] = kspan_alloc(SZ_32K, GFP_KERNEL | __GFP_NOFAIL);
		KUNIT_EXPECT_NOT_NULL(test, objs[nr]);
	}
	objs[nr++] = kspan_alloc(SZ_64K, GFP_KERNEL | __GFP_NOFAIL);
	objs[nr++] = kspan_zalloc(SZ_2M, GFP_KERNEL | __GFP_NOFAIL);
	objs[nr++] = kspan_alloc_data(100, GFP_KERNEL | __GFP_NOFAIL);
	objs[nr++] = kspan_alloc_tiny(3, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[i]));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 0ULL);
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, grow), 0ULL);
	set_limit(normal);
	kspan_free_bulk(nr, objs);
}

/*
 * Idle memory is collected before an allocation fails: free memory of one class
 * serves another.
 */
static void idle_memory_first(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before;
	unsigned int nr;

	/* The freed objects must be in the cache of this CPU. */
	migrate_disable();
	nr = use_up(test, SZ_2M, SZ_8K);
	kspan_free_bulk(nr, objs);
	kspan_read_stats(&before);
	nr = alloc_all(SZ_16K, quiet);
	KUNIT_EXPECT_GE(test, nr * SZ_16K, SZ_512K);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 1ULL);
	set_limit(normal);
	kspan_free_bulk(nr, objs);
	migrate_enable();
}

/* Fail @nr times at the limit.  Return: how often idle memory was collected. */
static long fail_often(struct kunit *test, unsigned int nr, size_t size)
{
	long before = atomic_long_read(&kspan_nr_collect);

	while (nr--)
		KUNIT_EXPECT_NULL(test, kspan_alloc(size, quiet));
	return atomic_long_read(&kspan_nr_collect) - before;
}

/*
 * After a collection found nothing and no memory became idle since, a failing
 * request does not collect again.  A lower limit, or memory that became idle,
 * makes the next one collect.
 */
static void collects_once(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	unsigned int nr;

	/* This CPU must find the objects that it frees. */
	migrate_disable();
	nr = use_up(test, SZ_2M, SZ_8K);
	/* The first requests may have found memory that others used before. */
	fail_often(test, 3, SZ_8K);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_8K), 0L);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_16K), 0L);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_4M), 0L);

	/* A lower limit makes the reserve smaller. */
	set_limit(kspan_params.memory_limit - SZ_64K);
	KUNIT_EXPECT_GT(test, fail_often(test, 1, SZ_16K), 0L);
	fail_often(test, 3, SZ_16K);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_16K), 0L);

	/*
	 * One object, the first in a magazine, does not help a larger request.
	 */
	kspan_free(objs[--nr]);
	KUNIT_EXPECT_GT(test, fail_often(test, 1, SZ_4M), 0L);
	fail_often(test, 3, SZ_4M);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_4M), 0L);

	/* All of them together do. */
	kspan_free_bulk(nr, objs);
	expect_served(test, SZ_256K);
	set_limit(normal);
	migrate_enable();
}

/* Memory of freed large objects is found again as well. */
static void collects_large_ones(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	unsigned int nr;

	nr = use_up(test, SZ_4M, SZ_256K);
	fail_often(test, 3, SZ_256K);
	KUNIT_EXPECT_EQ(test, fail_often(test, 100, SZ_256K), 0L);
	kspan_free_bulk(nr, objs);
	expect_served(test, SZ_2M);
	set_limit(normal);
}

/* Atomic callers get the reserve regardless of the limit. */
static void reserve_at_the_limit(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	struct kspan_stats before;
	unsigned int nr, most;

	kspan_test_plain_only(test);
	kspan_release();
	kspan_read_stats(&before);
	set_limit(1);
	/*
	 * The limit also keeps a worker from refilling the reserve meanwhile.
	 */
	most = before.heap_idle / SZ_8K;
	nr = alloc_all(SZ_8K, GFP_ATOMIC | __GFP_NOWARN);
	KUNIT_EXPECT_EQ(test, nr, most);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, atomic_fail), 1ULL);
	/*
	 * The worker tries and gives up, as the limit covers the reserve too.
	 */
	msleep(50);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	set_limit(normal);
	kspan_free_bulk(nr, objs);
}

static struct kunit_case limit_cases[] = {
	KUNIT_CASE(null_at_the_limit),
	KUNIT_CASE(large_objects),
	KUNIT_CASE(below_what_is_in_use),
	KUNIT_CASE(realloc_at_the_limit),
	KUNIT_CASE(nofail_passes),
	KUNIT_CASE(idle_memory_first),
	KUNIT_CASE(collects_once),
	KUNIT_CASE(collects_large_ones),
	KUNIT_CASE(reserve_at_the_limit),
	{}
};

KSPAN_TEST_SUITE(limit, limit_cases);
