// SPDX-License-Identifier: GPL-2.0
/*
 * Alignment beyond the natural one: up to 8 KiB a suitable size class provides
 * it, above that whole heap pages do.
 */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/compat.h"
#include "cache/quarantine.h"
#include "kunit_support.h"
#include "reclaim/worker.h"

#define NR_OBJS		3U

static const size_t sizes[] = {
	1, 8, 24, 33, 100, 1000, 4097, 8192, 20000, 32768, 32769, 100000, SZ_1M,
};

/* Shared by the cases, which run one at a time. */
static u8 *objs[NR_OBJS];

/*
 * Not inlined, so that the compiler does not check against the requested size.
 */
static noinline void soil(void *ptr)
{
	memset(ptr, 0xff, kspan_size(ptr));
}

/* Hide a value from the compiler, so that it does not warn about it. */
static size_t hidden(size_t value)
{
	OPTIMIZER_HIDE_VAR(value);
	return value;
}

/*
 * Every alignment with every size, several objects at a time, freed every way.
 */
static void every_alignment(struct kunit *test)
{
	unsigned int i, k;
	unsigned long addr;
	size_t align;

	for (align = 1; align <= KSPAN_MAX_ALIGN; align *= 2) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (k = 0; k < NR_OBJS; k++) {
				objs[k] = kspan_alloc_aligned(sizes[i], align,
							      GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, objs[k]);
				addr = (unsigned long)objs[k];
				KUNIT_EXPECT_TRUE_MSG(test,
						      IS_ALIGNED(addr, align),
						      "%zu bytes aligned to %zu",
						      sizes[i], align);
				KUNIT_EXPECT_GE(test, kspan_size(objs[k]),
						sizes[i]);
				memset(objs[k], k, sizes[i]);
			}
			for (k = 0; k < NR_OBJS; k++) {
				KUNIT_EXPECT_NULL(test, memchr_inv(objs[k], k,
								   sizes[i]));
				if (k % 2)
					kspan_free(objs[k]);
				else
					kspan_free_sized(objs[k], sizes[i]);
			}
		}
	}
}

/* Alignments that are refused. */
static void bad_alignments(struct kunit *test)
{
	static const size_t bad[] = {
		0, 3, 6, 24, 4095, SZ_2M - 1, SZ_4M, SZ_1G, SIZE_MAX,
		SIZE_MAX / 2 + 1,
	};
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct kspan_stats before;
	unsigned int i;

	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_NULL_MSG(test, kspan_alloc_aligned(64, bad[i], gfp),
				      "aligned to %zu", bad[i]);
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(SZ_64K, bad[i], gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(0, bad[i], gfp));
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
}

/* The natural alignment costs nothing: the same class serves the request. */
static void natural_alignment_is_free(struct kunit *test)
{
	size_t size;
	void *ptr;

	kspan_test_plain_only(test);
	for (size = 8; size <= 8192; size *= 2) {
		ptr = kspan_alloc_aligned(size, size, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, kspan_size(ptr), size);
		KUNIT_EXPECT_EQ(test, (int)*kspan_test_state(ptr),
				(int)KSPAN_OBJ_LIVE);
		kspan_free(ptr);
	}
}

/* Size classes serve alignments up to 8 KiB; whole pages serve larger ones. */
static void kind_of_memory(struct kunit *test)
{
	void *ptr;

	kspan_test_plain_only(test);
	ptr = kspan_alloc_aligned(100, 8192, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, (int)kspan_test_span(ptr)->kind, (int)KSPAN_PTR);
	kspan_free(ptr);
	ptr = kspan_alloc_aligned(100, 16384, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, (int)kspan_test_span(ptr)->kind,
			(int)KSPAN_LARGE);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)KSPAN_PAGE_SIZE);
	kspan_free(ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_aligned(0, 64, GFP_KERNEL),
			    ZERO_SIZE_PTR);
}

static void zeroed(struct kunit *test)
{
	size_t align;
	void *ptr;

	for (align = 16; align <= KSPAN_MAX_ALIGN; align *= 4) {
		ptr = kspan_alloc_aligned(1000, align, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		soil(ptr);
		kspan_free(ptr);
		ptr = kspan_alloc_aligned(1000, align, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr, 0, 1000),
				      "aligned to %zu", align);
		kspan_free(ptr);
	}
}

/* An object that is resized in place keeps its alignment. */
static void resized_in_place(struct kunit *test)
{
	u8 *ptr = kspan_alloc_aligned(100, 1024, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x6b, 100);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 50, GFP_KERNEL), (void *)ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 1000, GFP_KERNEL),
			    (void *)ptr);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x6b, 50));
	kspan_free_sized(ptr, 1000);
}

/*
 * kspan_free_sized() accepts any size that an aligned object can hold, since
 * the requested size is not recorded.  It refuses a larger size, a second free,
 * and a pointer into the object.  With check=2 the requested size is recorded,
 * and the first bad free names it.
 */
static void bad_frees(struct kunit *test)
{
	/* Two size classes, a run of pages, and a region. */
	static const size_t aligns[] = { 32, 4096, SZ_16K, SZ_1M };
	struct kspan_stats before;
	unsigned int i;

	kspan_test_expect_bad_frees(7 * ARRAY_SIZE(aligns));
	for (i = 0; i < ARRAY_SIZE(aligns); i++) {
		u8 *ptr = kspan_alloc_aligned(24, aligns[i], GFP_KERNEL);
		size_t size;

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		size = kspan_size(ptr);
		memset(ptr, 0x6b, 24);
		kspan_read_stats(&before);
		kspan_free_sized(ptr, size + 1);
		kspan_free_sized(ptr, 0);
		kspan_free(ptr + 8);
		kspan_free(ptr + 23);
		/* The last byte of the span: its tail or another object. */
		kspan_free(ptr + kspan_span_size(kspan_test_span(ptr)) - 1);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, bad_free), 5ULL,
				    "aligned to %zu", aligns[i]);
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x6b, 24));
		kspan_free_sized(ptr, 24);
		kspan_free(ptr);
		kspan_free_sized(ptr, 24);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 5ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), -1ULL);
	}
}

/* The next owner of the memory must free it with a size of the normal class. */
static void next_owner_has_his_own_size(struct kunit *test)
{
	static void *others[300];
	struct kspan_stats before;
	unsigned int nr = 0;
	u8 *ptr, *plain;

	kspan_test_plain_only(test);
	if (kspan_quarantine_on())
		kunit_skip(test, "freed objects wait");
	kspan_test_expect_bad_frees(1);
	kspan_read_stats(&before);
	preempt_disable();
	ptr = kspan_alloc_aligned(24, 32, GFP_ATOMIC);
	kspan_free(ptr);
	/* The caches first hand out the objects that were freed later. */
	do {
		plain = kspan_alloc(32, GFP_ATOMIC);
		others[nr++] = plain;
	} while (plain && plain != ptr && nr < ARRAY_SIZE(others));
	preempt_enable();
	KUNIT_EXPECT_PTR_EQ(test, plain, ptr);
	kspan_free_sized(plain, 24);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 1ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(plain));
	kspan_free_sized(plain, 32);
	kspan_free_bulk(nr - 1, others);
}

/* Sums of size and alignment do not overflow. */
static void too_large(struct kunit *test)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct kspan_stats before;
	size_t align;

	/* Otherwise idle memory might be returned during the measurement. */
	kspan_release();
	kspan_read_stats(&before);
	for (align = 1; align <= KSPAN_MAX_ALIGN; align *= 2) {
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(hidden(SIZE_MAX),
							    align, gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(hidden(SIZE_MAX -
								   align),
							    align, gfp));
		KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(hidden(SIZE_MAX / 2),
							    align, gfp));
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
}

/* A caller that cannot sleep gets aligned runs from the reserve. */
static void atomic_callers(struct kunit *test)
{
	size_t align;
	void *ptr;

	kspan_test_plain_only(test);
	for (align = 8; align <= SZ_64K; align *= 2) {
		ptr = kspan_alloc_aligned(align, align, GFP_ATOMIC);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)ptr, align));
		kspan_free_sized(ptr, align);
	}
}

/* Sizes and alignments, in bytes, above those of the size classes. */
static const struct {
	size_t size;
	size_t align;
} demands[] = {
	{ SZ_16K, SZ_16K }, { SZ_64K, SZ_64K }, { 40000, SZ_32K },
	{ SZ_128K, SZ_2M }, { SZ_1M, SZ_1M }, { SZ_1M + SZ_512K, SZ_64K },
	{ SZ_2M, SZ_2M }, { SZ_2M + SZ_1M, SZ_1M }, { SZ_4M, SZ_2M },
};

/* Freed memory serves the same request again without mapping more. */
static void used_again(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, round;
	void *ptr, *again;

	if (kspan_quarantine_on())
		kunit_skip(test, "freed objects wait");
	for (i = 0; i < ARRAY_SIZE(demands); i++) {
		size_t size = demands[i].size, align = demands[i].align;

		ptr = kspan_alloc_aligned(size, align, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		kspan_worker_settle();
		kspan_read_stats(&before);
		for (round = 0; round < 20; round++) {
			again = kspan_alloc_aligned(size, align, GFP_KERNEL);
			KUNIT_EXPECT_PTR_EQ_MSG(test, again, ptr,
						"%zu aligned to %zu", size, align);
			kspan_free_sized(again, size);
		}
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, grow), 0ULL,
				    "%zu aligned to %zu", size, align);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_sys), 0ULL);
	}
}

/*
 * Where chunks and large areas are mapped by huge pages, an aligned object uses
 * no more memory than an unaligned one.  Elsewhere it uses at most the
 * alignment more.
 */
static void cost_of_alignment(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i;
	void *ptr;

	kspan_test_plain_only(test);
	for (i = 0; i < ARRAY_SIZE(demands); i++) {
		size_t size = demands[i].size, align = demands[i].align;
		size_t most = ALIGN(size, KSPAN_PAGE_SIZE) + align;

		if (KSPAN_HUGE_CHUNKS && nr_online_nodes == 1)
			most = size <= SZ_1M ? ALIGN(size, KSPAN_PAGE_SIZE) :
				min(ALIGN(size, SZ_2M), most);
		kspan_release();
		kspan_read_stats(&before);
		ptr = kspan_alloc_aligned(size, align, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_LE_MSG(test, KSPAN_SINCE(&before, heap_inuse),
				    (u64)most, "%zu aligned to %zu", size, align);
		kspan_free(ptr);
	}
}

static struct kunit_case aligned_cases[] = {
	KUNIT_CASE(every_alignment),
	KUNIT_CASE(bad_alignments),
	KUNIT_CASE(natural_alignment_is_free),
	KUNIT_CASE(kind_of_memory),
	KUNIT_CASE(zeroed),
	KUNIT_CASE(resized_in_place),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(next_owner_has_his_own_size),
	KUNIT_CASE(too_large),
	KUNIT_CASE(atomic_callers),
	KUNIT_CASE(used_again),
	KUNIT_CASE(cost_of_alignment),
	{}
};

KSPAN_TEST_SUITE(aligned, aligned_cases);
