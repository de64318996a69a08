// SPDX-License-Identifier: GPL-2.0
/*
 * Guard objects: that they are as any other object, that their pages fault, and
 * what is found without a fault.  The leg oops-6.12 takes the faults for real.
 *
 * guard_ms is so long that the worker comes only when a case asks for it, and makes
 * one guard object due each time.
 */
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/callsites.h"
#include "api/client_heap.h"
#include "api/describe.h"
#include "api/guard.h"
#include "api/lookup.h"
#include "base/params.h"
#include "base/profile.h"
#include "kunit_support.h"
#include "show/debugfs.h"
#include "show/oops.h"
#include "show/verify.h"
#include "span/arena.h"
#include "span/redzone.h"

#define LONG_MS		3600000UL
/* More than lie between two looks for a guard object. */
#define TRIES		2000U

struct thing {
	unsigned long made;
	struct rcu_head rcu;
	char rest[40];
};

static int guard_test_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (!err)
		KUNIT_EXPECT_EQ(test, kspan_change_guard_ms(LONG_MS), 0);
	return err;
}

static void guard_test_exit(struct kunit *test)
{
	kspan_change_guard_ms(0);
	kspan_guard_settle();
	kspan_test_exit(test);
}

static struct kspan_guard *guard_of(const void *ptr)
{
	struct kspan_span *span;

	preempt_disable();
	span = kspan_span_find(ptr);
	preempt_enable();
	return span->kind == KSPAN_GUARD ? kspan_guard_of(span) : NULL;
}

/* Allocate until a guard object comes.  Return: it, or NULL. */
static void *find_guard(size_t size, gfp_t gfp)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < TRIES; i++) {
		ptr = kspan_alloc(size, gfp);
		if (!ptr || guard_of(ptr))
			return ptr;
		kspan_free(ptr);
	}
	return NULL;
}

/* A new guard object, after the worker was asked for one. */
static char *new_guard(struct kunit *test, size_t size, gfp_t gfp)
{
	char *ptr;

	kspan_guard_settle();
	ptr = find_guard(size, gfp);
	KUNIT_ASSERT_NOT_NULL_MSG(test, ptr, "%zu bytes", size);
	return ptr;
}

/* One that lies to the right, next to an unmapped page, or one to the left. */
static char *new_guard_at(struct kunit *test, size_t size, bool right)
{
	unsigned int tries;
	char *ptr;

	for (tries = 0; tries < 60; tries++) {
		ptr = new_guard(test, size, GFP_KERNEL);
		if ((ptr != guard_of(ptr)->area) == right)
			return ptr;
		kspan_free(ptr);
	}
	KUNIT_FAIL(test, "always on the same side");
	return ptr;
}

/*
 * Free a guard object, and wait until it is unmapped.  No new one is made then, which
 * could get its addresses where vunmap() does not put that off.
 */
static void retire(void *ptr)
{
	kspan_change_guard_ms(0);
	kspan_free(ptr);
	kspan_guard_settle();
}

/* Whether a page is mapped.  The leg oops-6.12 looks what CPUs still believe. */
static bool is_mapped(const void *ptr)
{
	return vmalloc_to_page(ptr);
}

/* Of every size up to 64 KiB, with what any object of that size has. */
static void test_sizes(struct kunit *test)
{
	static const size_t sizes[] = { 1, 8, 24, 64, 100, 1000, 4096, 5000, 8192,
					16384, 32768, 33000, SZ_64K };
	size_t size;
	unsigned int i;
	char *ptr;

	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		struct kspan_stats before;

		size = sizes[i / 2];
		kspan_read_stats(&before);
		ptr = new_guard(test, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_EXPECT_EQ(test, kspan_size(ptr), kspan_size_roundup(size));
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(ptr, 0, size), NULL);
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		KUNIT_EXPECT_TRUE(test, kspan_contains(ptr));
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr + 1));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)ptr, 8));
		if (is_power_of_2(size) && size <= SZ_8K)
			KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED((unsigned long)ptr, size),
					      "%zu bytes", size);
		if (size > SZ_32K)
			KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED((unsigned long)ptr));
		memset(ptr, 0x11, kspan_size(ptr));
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)kspan_size(ptr));
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, guards), 1ULL);
		KUNIT_EXPECT_PTR_EQ(test, kspan_verify(), NULL);
		kspan_free_sized(ptr, size);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
		KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	}
}

/* The pages beside the object fault, and after the free its own do. */
static void test_pages(struct kunit *test)
{
	static const size_t sizes[] = { 32, 9000, SZ_64K };
	unsigned int i, page;
	char *ptr, *area;
	size_t bytes;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = new_guard(test, sizes[i], GFP_KERNEL);
		area = guard_of(ptr)->area;
		bytes = kspan_guard_area_bytes(guard_of(ptr));
		KUNIT_EXPECT_TRUE(test, is_mapped(ptr));
		KUNIT_EXPECT_FALSE(test, is_mapped(area - 1));
		KUNIT_EXPECT_FALSE(test, is_mapped(area + bytes));
		retire(ptr);
		for (page = 0; page < bytes / PAGE_SIZE; page++)
			KUNIT_EXPECT_FALSE_MSG(test, is_mapped(area + page * PAGE_SIZE),
					       "page %u of %zu bytes", page, sizes[i]);
		kspan_change_guard_ms(LONG_MS);
	}
}

/* Each time the worker has said so, and only then; on both sides. */
static void test_when(struct kunit *test)
{
	char *ptr = new_guard(test, 64, GFP_KERNEL);
	struct kspan_stats before;

	KUNIT_EXPECT_NULL(test, find_guard(64, GFP_KERNEL));
	kspan_free(ptr);
	kspan_free(new_guard_at(test, 64, true));
	kspan_free(new_guard_at(test, 64, false));
	kspan_guard_settle();
	kspan_read_stats(&before);
	KUNIT_EXPECT_EQ(test, kspan_change_guard_ms(0), 0);
	/* The pages that were ready go. */
	KUNIT_EXPECT_LE(test, (long long)KSPAN_SINCE(&before, other_sys),
			-8LL * (long long)PAGE_SIZE);
	KUNIT_EXPECT_NULL(test, find_guard(64, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, guards), 0ULL);
}

/* What is written beside an object, in its pages, is found at its free. */
static void test_overrun(struct kunit *test)
{
	struct kspan_stats before;
	char *ptr;

	kspan_test_expect_damage(2);
	kspan_read_stats(&before);
	ptr = new_guard_at(test, 64, false);
	ptr[64] = 1;
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
	ptr = new_guard_at(test, 64, true);
	ptr[-1] = 1;
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 2ULL);
	kspan_guard_settle();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 0ULL);
}

/* What is written after the free is found before the pages go. */
static void test_use_after_free(struct kunit *test)
{
	struct kspan_stats before;
	char *ptr;

	kspan_test_expect_damage(2);
	kspan_read_stats(&before);
	ptr = new_guard_at(test, 200, false);
	kspan_guard_pause();
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, ptr[3], (char)KSPAN_GUARD_FREED);
	ptr[3] = 1;
	kspan_guard_resume();
	kspan_guard_settle();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 1ULL);
	ptr = new_guard_at(test, 200, false);
	kspan_guard_pause();
	kspan_free(ptr);
	ptr[1000] = 1;
	kspan_guard_resume();
	kspan_guard_settle();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 0ULL);
}

/* Bad frees are those of other objects, and nothing else happens. */
static void test_bad_frees(struct kunit *test)
{
	char *ptr = new_guard(test, 128, GFP_KERNEL);
	struct kspan_stats before;

	kspan_test_expect_bad_frees(5);
	kspan_read_stats(&before);
	kspan_free(ptr + 8);
	kspan_free_sized(ptr, 1000);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 2ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	kspan_change_guard_ms(0);
	kspan_free(ptr);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
	/* As well when its pages are gone. */
	kspan_guard_settle();
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
	/* It does not become the kernel's then. */
	KUNIT_EXPECT_TRUE(test, kspan_contains(ptr));
	kspan_free_any(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 3ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
}

static void test_realloc(struct kunit *test)
{
	char *ptr = new_guard(test, 120, GFP_KERNEL), *moved;

	memset(ptr, 0x5c, 120);
	moved = kspan_realloc(ptr, 120, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, moved, ptr);
	moved = kspan_realloc(ptr, 3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(moved, 0x5c, 120), NULL);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	kspan_free(moved);

	ptr = new_guard(test, 3000, GFP_KERNEL);
	memset(ptr, 0x5c, 3000);
	moved = kspan_realloc(ptr, 40, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	KUNIT_EXPECT_PTR_NE(test, moved, ptr);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(moved, 0x5c, 40), NULL);
	kspan_free_sized(moved, 40);
}

/* An alignment above that of the size; any size is valid at the free. */
static void test_aligned(struct kunit *test)
{
	unsigned int i;
	void *ptr;

	kspan_test_plain_only(test);
	kspan_guard_settle();
	for (i = 0; i < TRIES; i++) {
		ptr = kspan_alloc_aligned(100, 512, GFP_KERNEL);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)ptr, 512));
		if (guard_of(ptr))
			break;
		kspan_free(ptr);
	}
	KUNIT_ASSERT_LT(test, i, TRIES);
	kspan_free_sized(ptr, 100);
}

/* Of several at once one is a guard object, and all can be freed at once. */
static void test_bulk(struct kunit *test)
{
	unsigned int i, round, nr = 0;
	void *objs[100];

	kspan_guard_settle();
	for (round = 0; round < 30; round++) {
		KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(48, GFP_KERNEL, 100, objs),
				(size_t)100);
		for (i = 0; i < 100; i++) {
			nr += !!guard_of(objs[i]);
			KUNIT_EXPECT_TRUE(test, kspan_owns(objs[i]));
		}
		kspan_free_bulk(100, objs);
	}
	KUNIT_EXPECT_EQ(test, nr, 1U);
}

static void test_tiny(struct kunit *test)
{
	void *ptr;

	kspan_guard_settle();
	/* With check=2 it is a data object, and those are all asked. */
	ptr = kspan_alloc_tiny(3, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, guard_of(ptr));
	KUNIT_EXPECT_GE(test, kspan_size(ptr), (size_t)3);
	kspan_free_sized(ptr, 3);
}

static void test_free_rcu(struct kunit *test)
{
	struct thing *thing = (void *)new_guard(test, sizeof(*thing), GFP_KERNEL);

	kspan_free_rcu(thing, rcu);
	kspan_rcu_barrier();
	KUNIT_EXPECT_FALSE(test, kspan_owns(thing));
}

static void make_thing(void *obj)
{
	((struct thing *)obj)->made = 0xfeed;
}

/* Objects of named caches, constructed; counted as the cache's, and only its. */
static void test_named_cache(struct kunit *test)
{
	struct kspan_cache *c = kspan_cache_create("guarded", sizeof(struct thing), 0, 0,
						   make_thing);
	struct kspan_cache *other = kspan_cache_create("unguarded", 64, 0, 0, NULL);
	struct kspan_stats before;
	struct thing *thing = NULL;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, other);
	kspan_test_expect_bad_frees(1);
	kspan_guard_settle();
	for (i = 0; i < TRIES; i++) {
		thing = kspan_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, thing);
		KUNIT_EXPECT_EQ(test, thing->made, 0xfeedUL);
		if (guard_of(thing))
			break;
		kspan_cache_free(c, thing);
	}
	KUNIT_ASSERT_LT(test, i, TRIES);
	KUNIT_EXPECT_GE(test, kspan_size(thing), sizeof(*thing));
	kspan_read_stats(&before);
	kspan_cache_free(other, thing);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 1ULL);
	kspan_cache_free(c, thing);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	kspan_cache_destroy(c);
	kspan_cache_destroy(other);
}

/* Readers may look at a freed object of such a cache, so it has no guard pages. */
static void test_typesafe(struct kunit *test)
{
	struct kspan_cache *c = kspan_cache_create("typesafe", 64, 0,
						   (__force unsigned long)
						   SLAB_TYPESAFE_BY_RCU, NULL);
	unsigned int i;
	void *ptr;

	KUNIT_ASSERT_NOT_NULL(test, c);
	kspan_guard_settle();
	for (i = 0; i < TRIES; i++) {
		ptr = kspan_cache_alloc(c, GFP_KERNEL);
		KUNIT_EXPECT_NULL(test, guard_of(ptr));
		kspan_cache_free(c, ptr);
	}
	kspan_cache_destroy(c);
}

static void *heap_guard(struct kspan_heap *h, size_t size)
{
	unsigned int i;
	void *ptr;

	kspan_guard_settle();
	for (i = 0; i < TRIES; i++) {
		ptr = kspan_heap_alloc(h, size, GFP_KERNEL);
		if (guard_of(ptr))
			return ptr;
		kspan_free(ptr);
	}
	return NULL;
}

/* Objects of clients' heaps count there, and go with them. */
static void test_heap(struct kunit *test)
{
	struct kspan_heap *h = kspan_heap_create("guarded", 0);
	struct kspan_heap_stats stats;
	char *small, *large, *moved;

	KUNIT_ASSERT_NOT_NULL(test, h);
	small = heap_guard(h, 72);
	large = heap_guard(h, SZ_64K);
	KUNIT_ASSERT_NOT_NULL(test, small);
	KUNIT_ASSERT_NOT_NULL(test, large);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, 2ULL);
	moved = kspan_realloc(small, 500, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_client_heap_of(moved), h);
	kspan_free(moved);
	small = heap_guard(h, 72);
	KUNIT_ASSERT_NOT_NULL(test, small);
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(h), (size_t)2);
	KUNIT_EXPECT_FALSE(test, kspan_owns(small));
	KUNIT_EXPECT_FALSE(test, kspan_owns(large));
}

static void *work_ptr;

static void alloc_one(void *arg)
{
	work_ptr = find_guard(96, GFP_ATOMIC);
}

static void free_one(void *arg)
{
	kspan_free(work_ptr);
}

/* Allocated and freed in each context. */
static void test_contexts(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int place;

	kspan_read_stats(&before);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		kspan_guard_settle();
		kspan_test_run_in(test, place, alloc_one, NULL);
		KUNIT_EXPECT_NOT_NULL_MSG(test, work_ptr, "%s",
					  kspan_test_place_names[place]);
		kspan_test_run_in(test, (place + 1) % KSPAN_TEST_NR_PLACES,
				  free_one, NULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	}
}

/* Freed in NMI it is free a moment later. */
static void test_nmi(struct kunit *test)
{
	char *ptr = new_guard(test, 96, GFP_KERNEL);
	struct kspan_stats before;
	unsigned long flags;

	kspan_test_expect_bad_frees(1);
	kspan_read_stats(&before);
	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	kspan_free(ptr);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	kspan_free(ptr);
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
	kspan_release();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_verify(), NULL);
}

/* A sampled one is in the profile until it is freed. */
static void test_profile(struct kunit *test)
{
	unsigned long frames[KSPAN_STACK_MAX];
	char *ptr;

	KUNIT_ASSERT_EQ(test, kspan_set_profile_rate(1), 0);
	ptr = new_guard(test, 4000, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, guard_of(ptr)->tracked);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, kspan_profile_find(ptr, frames, KSPAN_STACK_MAX), 0U);
	kspan_set_profile_rate(kspan_params.profile_rate);
	kspan_profile_settle();
}

/* When all slots are in use there are no more, until one is freed. */
static void test_all_slots(struct kunit *test)
{
	LIST_HEAD(list);
	struct list_head *node;
	unsigned int nr = 0, round;

	for (round = 0; round < 2 * KSPAN_NR_GUARDS; round++) {
		kspan_guard_settle();
		node = find_guard(64, GFP_KERNEL);
		if (!node)
			break;
		list_add(node, &list);
		nr++;
	}
	/* Those of the larger sorts are ready, and serve nobody here. */
	KUNIT_EXPECT_GE(test, nr, KSPAN_NR_GUARDS - 3);
	KUNIT_EXPECT_LE(test, nr, KSPAN_NR_GUARDS);
	while (!list_empty(&list)) {
		node = list.next;
		list_del(node);
		kspan_free(node);
	}
	kspan_free(new_guard(test, 64, GFP_KERNEL));
}

/* What is said of an address beside and in an object. */
static void test_describe(struct kunit *test)
{
	static const struct {
		long offset;
		const char *text;
	} rows[] = {
		{ 0, "byte 0, in a live guard object of 64 bytes" },
		{ 63, "byte 63, in a live guard object of 64 bytes" },
		{ 64, "byte 64, behind a live guard object of 64 bytes" },
		{ -1, "byte -1, before a live guard object of 64 bytes" },
	};
	char text[KSPAN_DESCRIPTION_LEN];
	char *ptr = new_guard(test, 64, GFP_KERNEL), *end;
	unsigned long first;
	unsigned int i;

	preempt_disable();
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		KUNIT_EXPECT_TRUE(test, kspan_describe_safely(text, ptr + rows[i].offset,
							      &first));
		KUNIT_EXPECT_STREQ(test, text, rows[i].text);
		KUNIT_EXPECT_EQ(test, first, (unsigned long)ptr);
	}
	preempt_enable();
	/* In the page that faults. */
	end = guard_of(ptr)->area + kspan_guard_area_bytes(guard_of(ptr));
	KUNIT_EXPECT_EQ(test, kspan_oops_report((unsigned long)end + 8, NULL), 1U);
	retire(ptr);
	KUNIT_EXPECT_EQ(test, kspan_oops_report((unsigned long)ptr, NULL), 1U);
	preempt_disable();
	kspan_describe_safely(text, ptr + 1, &first);
	preempt_enable();
	KUNIT_EXPECT_STREQ(test, text, "byte 1, in a freed guard object of 64 bytes");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_sizes),
	KUNIT_CASE(test_pages),
	KUNIT_CASE(test_when),
	KUNIT_CASE(test_overrun),
	KUNIT_CASE(test_use_after_free),
	KUNIT_CASE(test_bad_frees),
	KUNIT_CASE(test_realloc),
	KUNIT_CASE(test_aligned),
	KUNIT_CASE(test_bulk),
	KUNIT_CASE(test_tiny),
	KUNIT_CASE(test_free_rcu),
	KUNIT_CASE(test_named_cache),
	KUNIT_CASE(test_typesafe),
	KUNIT_CASE(test_heap),
	KUNIT_CASE(test_contexts),
	KUNIT_CASE(test_nmi),
	KUNIT_CASE(test_profile),
	KUNIT_CASE(test_all_slots),
	KUNIT_CASE(test_describe),
	{}
};

KSPAN_TEST_SUITE_WITH(guard, cases, guard_test_init, guard_test_exit);
