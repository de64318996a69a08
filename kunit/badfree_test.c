// SPDX-License-Identifier: GPL-2.0
/*
 * Bad frees: the call that makes one finds it, counts it once in the right
 * counter, and has no other effect.  Every case announces its number of
 * reports.  Each report includes a stack trace, so the cases make only a few.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "base/kasan.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "central/depot.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define MAX_OBJS	700U

/* Shared by the cases, which run one at a time. */
static u8 *objs[MAX_OBJS];
static struct kspan_stats before;
static u8 a_static_byte;

/* Expect these numbers of bad and double frees since @before was read. */
static void expect_counts(struct kunit *test, const char *what, u64 nr_bad,
			  u64 nr_double)
{
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, bad_free), nr_bad,
			    "bad frees: %s", what);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, double_free), nr_double,
			    "double frees: %s", what);
}

/* Allocate the victim's neighbours; each holds bytes that identify it. */
static void alloc_marked(struct kunit *test, unsigned int nr, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		memset(objs[i], i, size);
	}
}

/* Expect that all objects but @victim are unchanged, and free them. */
static void free_marked(struct kunit *test, unsigned int nr, size_t size,
			unsigned int victim)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (i == victim)
			continue;
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(objs[i], i, size),
				      "neighbour %u was written to", i);
		kspan_free(objs[i]);
	}
}

/* Expect that no object of this size is handed out twice. */
static void expect_distinct(struct kunit *test, size_t size)
{
	unsigned int i;

	for (i = 0; i < MAX_OBJS; i++) {
		objs[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		*(unsigned int *)objs[i] = i;
	}
	for (i = 0; i < MAX_OBJS; i++)
		if (*(unsigned int *)objs[i] != i)
			break;
	KUNIT_EXPECT_EQ_MSG(test, i, MAX_OBJS, "an object was given twice");
	kspan_free_bulk(MAX_OBJS, (void **)objs);
}

/* Drain the cache of this CPU: full magazines go to the depots. */
static void drain_cache(void)
{
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
}

/* Drain the depots of a span class; empty spans return to the page heap. */
static void drain_spans(unsigned int sc)
{
	int node;

	for_each_online_node(node) {
		kspan_depot_drain(node, sc, true);
		kspan_central_drain(node, sc);
	}
}

/* Memory that is not kspan's, and values that are no addresses. */
static void foreign_memory(struct kunit *test)
{
	u8 on_stack = 0, *slab, *page, *mapped;
	const struct {
		const char *name;
		const void *ptr;
	} rows[] = {
		{ "user space", (void *)0x400000UL },
		{ "first page", (void *)0x40UL },
		{ "error pointer", ERR_PTR(-ENOMEM) },
		{ "last byte", (void *)ULONG_MAX },
		{ "middle of the address space", (void *)(ULONG_MAX / 2) },
		{ "stack", &on_stack },
		{ "static data", &a_static_byte },
		{ "text", (void *)(unsigned long)kspan_free },
		{ "slab", slab = kmalloc(64, GFP_KERNEL) },
		{ "page", page = (u8 *)__get_free_page(GFP_KERNEL) },
		{ "vmalloc", mapped = vmalloc(PAGE_SIZE) },
	};
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, slab && page && mapped);
	memset(slab, 0x12, 64);
	memset(page, 0x12, PAGE_SIZE);
	memset(mapped, 0x12, PAGE_SIZE);

	kspan_test_expect_bad_frees(ARRAY_SIZE(rows) + 1);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		kspan_free(rows[i].ptr);
		expect_counts(test, rows[i].name, i + 1, 0);
		/* kspan_owns() reports nothing. */
		KUNIT_EXPECT_FALSE(test, kspan_owns(rows[i].ptr));
		KUNIT_EXPECT_EQ(test, kspan_size(rows[i].ptr), (size_t)0);
		expect_counts(test, rows[i].name, i + 1, 0);
	}
	kspan_free_sized(slab, 64);
	expect_counts(test, "slab with its size", i + 1, 0);
	/* Freeing these two is allowed. */
	kspan_free(NULL);
	kspan_free(ZERO_SIZE_PTR);
	expect_counts(test, "nothing", i + 1, 0);

	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	KUNIT_EXPECT_EQ(test, (int)on_stack, 0);
	KUNIT_EXPECT_EQ(test, (int)a_static_byte, 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(slab, 0x12, 64));
	KUNIT_EXPECT_NULL(test, memchr_inv(page, 0x12, PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, memchr_inv(mapped, 0x12, PAGE_SIZE));
	kfree(slab);
	free_page((unsigned long)page);
	vfree(mapped);
}

/* Pointers into an object, by one byte and by more, in various classes. */
static void interior(struct kunit *test)
{
	static const struct {
		unsigned int size;
		unsigned int offset;
	} rows[] = {
		{ 8, 1 }, { 8, 7 }, { 24, 8 }, { 48, 47 }, { 64, 32 },
		{ 1024, 512 }, { 1664, 1663 }, { 4096, 1 }, { 8192, 4096 },
		{ 12288, 8192 }, { 32768, 8192 }, { 32768, 32767 },
	};
	unsigned int i;

	kspan_test_expect_bad_frees(ARRAY_SIZE(rows));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		alloc_marked(test, 3, rows[i].size);
		kspan_free(objs[1] + rows[i].offset);
		expect_counts(test, "interior", i + 1, 0);
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[1] + rows[i].offset));
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[1]));
		free_marked(test, 3, rows[i].size, 3);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
}

/* The tail of a span behind its last object contains no object. */
static void behind_the_last_object(struct kunit *test)
{
	/*
	 * Sizes whose classes have a tail, also the classes used with check=2.
	 */
	static const size_t sizes[] = { 40, 100, 1400, 3300, 7600 };
	unsigned int i;

	kspan_test_expect_bad_frees(2 * ARRAY_SIZE(sizes));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kspan_span *span;
		u8 *tail, *end;

		alloc_marked(test, 2, sizes[i]);
		span = kspan_test_span(objs[0]);
		tail = (u8 *)kspan_span_addr(span, span->nr_objs);
		end = (u8 *)span->base + kspan_span_pages(span) * KSPAN_PAGE_SIZE;
		KUNIT_ASSERT_TRUE(test, tail < end);
		kspan_free(tail);
		expect_counts(test, "first byte of a tail", 2 * i + 1, 0);
		kspan_free(end - 1);
		expect_counts(test, "last byte of a tail", 2 * i + 2, 0);
		KUNIT_EXPECT_FALSE(test, kspan_owns(tail));
		free_marked(test, 2, sizes[i], 2);
	}
}

/* Whether a free object is in its span rather than in a magazine. */
static bool in_span(const void *ptr)
{
	struct kspan_span *span = kspan_test_span(ptr);

	return test_bit(kspan_span_index(span, (unsigned long)ptr),
			kspan_span_bitmap(span));
}

/* Make the second marked object one of the same span as the first; keep it. */
static void find_keeper(struct kunit *test, unsigned int nr, size_t size)
{
	const struct kspan_span *span = kspan_test_span(objs[0]);
	unsigned int i;

	for (i = 1; i < nr; i++)
		if (kspan_test_span(objs[i]) == span)
			break;
	KUNIT_ASSERT_LT(test, i, nr);
	swap(objs[1], objs[i]);
	memset(objs[1], 1, size);
}

/* Whether frees bypass the caches and go straight to the spans. */
static bool is_uncached(void)
{
	return kspan_redzone_on() || want_init_on_free();
}

/* Free @victim again and expect @nr double frees since @before. */
static void free_again(struct kunit *test, const void *victim,
		       const char *where, unsigned int nr)
{
	kspan_free(victim);
	expect_counts(test, where, 0, nr);
	KUNIT_EXPECT_FALSE(test, kspan_owns(victim));
}

static void twice_in_caches(struct kunit *test, unsigned int nr)
{
	unsigned int sc = kspan_span_sc(kspan_test_span(objs[0]));
	u8 *victim = objs[0];

	kspan_free(victim);
	free_again(test, victim, "at once", 1);
	kspan_free_bulk(nr - 2, (void **)objs + 2);
	free_again(test, victim, "after others", 2);

	drain_cache();
	KUNIT_EXPECT_EQ(test, kspan_cache_held(sc), 0UL);
	KUNIT_EXPECT_EQ(test, in_span(victim), is_uncached());
	free_again(test, victim, "in a depot", 3);
}

static void twice_in_spans(struct kunit *test, size_t size)
{
	unsigned int sc = kspan_span_sc(kspan_test_span(objs[0]));
	u8 *victim = objs[0], *keeper = objs[1];

	drain_spans(sc);
	KUNIT_EXPECT_TRUE(test, in_span(victim));
	free_again(test, victim, "in its span", 4);

	KUNIT_EXPECT_NULL(test, memchr_inv(keeper, 1, size));
	kspan_free(keeper);
	drain_cache();
	drain_spans(sc);
	KUNIT_EXPECT_PTR_EQ(test, kspan_test_span(victim), &kspan_idle_span);
	free_again(test, victim, "in the page heap", 5);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);

	expect_distinct(test, size);
	/* Its memory may have been given back or be part of the reserve. */
	kspan_release();
	kspan_free(victim);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free) +
			KSPAN_SINCE(&before, double_free), 6ULL);
}

/*
 * A second free at each stage of an object's way back: on top of a magazine,
 * below other objects, in a depot, in its span, and after its span has returned
 * to the page heap.  Afterwards the object is not allocated twice.
 */
static void twice_at_every_stage(struct kunit *test)
{
	static const size_t sizes[] = { 5, 8, 80, 2048 };
	unsigned int k, nr;

	if (kspan_quarantine_on())
		kunit_skip(test, "freed objects wait");
	kspan_test_expect_bad_frees(6 * ARRAY_SIZE(sizes));
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		nr = 3 * kspan_classes[kspan_size_to_class(sizes[k])].mag_cap;
		kspan_release();
		kspan_read_stats(&before);
		alloc_marked(test, nr, sizes[k]);
		find_keeper(test, nr, sizes[k]);
		twice_in_caches(test, nr);
		twice_in_spans(test, sizes[k]);
	}
}

/* With check=2 a tiny object has a slot of its own. */
static void tiny_with_a_slot_of_its_own(struct kunit *test)
{
	unsigned int i;

	if (!kspan_redzone_on())
		kunit_skip(test, "tiny objects share blocks");
	kspan_test_expect_bad_frees(6);
	kspan_release();
	kspan_read_stats(&before);
	for (i = 0; i < 3; i++) {
		objs[i] = kspan_alloc_tiny(5, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		memset(objs[i], i, 5);
	}
	kspan_free(objs[1] + 1);
	kspan_free(objs[1] + 5);
	kspan_free_sized(objs[1], 4);
	kspan_free_sized(objs[1], 8);
	expect_counts(test, "inside and with other sizes", 4, 0);
	KUNIT_EXPECT_EQ(test, kspan_size(objs[1]), (size_t)5);
	KUNIT_EXPECT_NULL(test, memchr_inv(objs[1], 1, 5));
	kspan_free_sized(objs[1], 5);
	kspan_free(objs[1]);
	kspan_free_sized(objs[1], 5);
	expect_counts(test, "twice", 4, 2);
	free_marked(test, 3, 5, 1);
}

/* Memory that was given back to the kernel is no longer kspan's. */
static void after_its_chunk(struct kunit *test)
{
	unsigned int i;

	kspan_test_expect_bad_frees(1);
	/* Twice as much as stays after a release. */
	alloc_marked(test, MAX_OBJS, 16384);
	kspan_free_bulk(MAX_OBJS, (void **)objs);
	kspan_release();
	for (i = 0; i < MAX_OBJS; i++)
		if (kspan_test_span(objs[i]) == &kspan_null_span)
			break;
	KUNIT_ASSERT_LT(test, i, MAX_OBJS);
	kspan_read_stats(&before);
	kspan_free(objs[i]);
	expect_counts(test, "of a chunk that is gone", 1, 0);
}

/* After a double free, only one of the next allocations gets the object. */
static void given_to_one_only(struct kunit *test)
{
	static const size_t sizes[] = { 16, 512, 8192 };
	unsigned int i;
	u8 *ptr;

	kspan_test_expect_bad_frees(2 * ARRAY_SIZE(sizes));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		kspan_free(ptr);
		kspan_free_sized(ptr, sizes[i]);
		expect_counts(test, "twice", 0, 2 * i + 2);
		expect_distinct(test, sizes[i]);
	}
}

/* The smallest and the largest size of a class are both accepted. */
static void sizes_of_the_class_are_right(struct kunit *test)
{
	unsigned int class;

	kspan_test_plain_only(test);
	kspan_read_stats(&before);
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		size_t size = kspan_classes[class].size;
		size_t least = kspan_classes[class - 1].size + 1;

		kspan_free_sized(kspan_alloc(size, GFP_KERNEL), size);
		kspan_free_sized(kspan_alloc(size, GFP_KERNEL), least);
		kspan_free_sized(kspan_alloc_data(least, GFP_KERNEL), size);
		kspan_free_sized(kspan_alloc_aligned(least, 256, GFP_KERNEL),
				 least);
	}
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc),
			4ULL * KSPAN_NR_CLASSES);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
}

/* With a size of another class nothing is freed. */
static void wrong_size(struct kunit *test)
{
	static const struct {
		size_t size;
		size_t claimed;
	} rows[] = {
		{ 64, 0 }, { 64, 56 }, { 64, 65 }, { 8, 9 }, { 1024, 1025 },
		{ 1024, 960 }, { 32768, 28672 }, { 32768, 32769 },
		{ 40, SIZE_MAX }, { 40000, 32768 },
	};
	unsigned int i;

	kspan_test_expect_bad_frees(ARRAY_SIZE(rows));
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u8 *ptr = kspan_alloc(rows[i].size, GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x3c, rows[i].size);
		kspan_free_sized(ptr, rows[i].claimed);
		expect_counts(test, "wrong size", i + 1, 0);
		KUNIT_EXPECT_TRUE_MSG(test, kspan_owns(ptr),
				      "%zu bytes freed as %zu", rows[i].size,
				      rows[i].claimed);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x3c, rows[i].size));
		kspan_free_sized(ptr, rows[i].size);
	}
}

/*
 * Whether no byte 0x3c is left.  Not inlined, so that the compiler does not
 * know that the object has been freed.
 */
static noinline bool is_wiped(const u8 *ptr, size_t size)
{
	bool wiped;

	kspan_kasan_pause();
	wiped = !memchr(ptr, 0x3c, size);
	kspan_kasan_resume();
	return wiped;
}

/*
 * The object is wiped before it is available again, while still in the cache.
 */
static void sensitive(struct kunit *test)
{
	static const size_t sizes[] = { 8, 100, 5000, 32768, 65536 };
	unsigned int i;
	u8 *tiny;

	kspan_test_expect_bad_frees(1);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t usable;

		alloc_marked(test, 3, sizes[i]);
		usable = kspan_size(objs[1]);
		memset(objs[1], 0x3c, usable);
		kspan_free_sensitive(objs[1]);
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[1]));
		KUNIT_EXPECT_TRUE_MSG(test, is_wiped(objs[1], usable),
				      "%zu bytes", sizes[i]);
		free_marked(test, 3, sizes[i], 1);
	}
	tiny = kspan_alloc_tiny(11, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tiny);
	memset(tiny, 0x3c, 11);
	kspan_free_sensitive(tiny);
	KUNIT_EXPECT_TRUE(test, is_wiped(tiny, 11));

	kspan_free_sensitive(objs[0]);
	expect_counts(test, "wiped twice", 0, 1);
}

static struct kunit_case badfree_cases[] = {
	KUNIT_CASE(foreign_memory),
	KUNIT_CASE(interior),
	KUNIT_CASE(behind_the_last_object),
	KUNIT_CASE(twice_at_every_stage),
	KUNIT_CASE(tiny_with_a_slot_of_its_own),
	KUNIT_CASE(after_its_chunk),
	KUNIT_CASE(given_to_one_only),
	KUNIT_CASE(sizes_of_the_class_are_right),
	KUNIT_CASE(wrong_size),
	KUNIT_CASE(sensitive),
	{}
};

KSPAN_TEST_SUITE(badfree, badfree_cases);
