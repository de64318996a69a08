// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps of clients: isolation, statistics, and the objects left by both ways to
 * destroy a heap.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "api/client_heap.h"
#include "api/free.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "heap/large_cache.h"
#include "show/verify.h"
#include "kunit_support.h"

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

/*
 * A class begins without magazines, and its heap counts each object at once.
 * So the peak is exact although it was not read in the meantime.
 */
static void exact_peak_of_few(struct kunit *test)
{
	struct kspan_heap *h = make(test);
	struct kspan_heap_stats stats;
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		objs[i] = kspan_heap_alloc(h, 1 + i * 11, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		bytes += kspan_size(objs[i]);
	}
	kspan_free_bulk(100, objs);
	for (i = 0; i < 50; i++) {
		objs[0] = kspan_heap_alloc(h, 64, GFP_KERNEL);
		kspan_free(objs[0]);
	}
	for (i = 1; i < ARRAY_SIZE(h->class); i++)
		KUNIT_EXPECT_NULL(test, (__force void *)h->class[i].cpu);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.peak, bytes);
	KUNIT_EXPECT_EQ(test, stats.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.asked, bytes + 50 * 64);
	kspan_heap_destroy(h);
}

/*
 * Allocate until the class has magazines, and free the objects.  Return: the
 * class.
 */
static struct kspan_span_class *heat(struct kunit *test, struct kspan_heap *h,
				     size_t size)
{
	struct kspan_span_class *class = &h->class[kspan_size_to_class(size)];
	unsigned int i, round;

	for (round = 0; round < 100 && !class->cpu; round++) {
		for (i = 0; i < NR; i++) {
			objs[i] = kspan_heap_alloc(h, size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		}
		kspan_free_bulk(NR, objs);
		kspan_client_heap_settle();
	}
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)class->cpu);
	return class;
}

/*
 * A class that many objects are allocated from gets magazines, and no other
 * class does.  The counts continue, and spans older than the magazines use them
 * too.
 */
static void hot_class(struct kunit *test)
{
	struct kspan_span_class *class;
	struct kspan_heap_stats stats;
	struct kspan_heap *h;
	unsigned int i;
	void *old;

	kspan_test_cached_only(test);
	h = make(test);
	old = kspan_heap_alloc(h, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, old);
	class = heat(test, h, 100);
	for (i = 1; i < ARRAY_SIZE(h->class); i++)
		if (&h->class[i] != class)
			KUNIT_EXPECT_NULL(test, (__force void *)h->class[i].cpu);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, 1ULL);
	KUNIT_EXPECT_GE(test, stats.peak, (NR + 1) * 104ULL);
	KUNIT_EXPECT_LE(test, stats.peak,
			(NR + 1 + class->info.mag_cap) * 104ULL);
	kspan_free(old);
	KUNIT_EXPECT_EQ(test, kspan_test_span(old)->index, class->index);
	KUNIT_EXPECT_GE(test, kspan_cache_held(class->sc), 1UL);
	for (i = 0; i < NR; i++) {
		objs[i] = kspan_heap_alloc(h, 100, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, (u64)NR);
	KUNIT_EXPECT_EQ(test, stats.bytes, NR * 104ULL);
	kspan_free_bulk(NR, objs);
	kspan_heap_destroy(h);
}

/*
 * With magazines the peak is exact between a series of allocations and a series
 * of frees, and otherwise at most a magazine away.
 */
static void peak_of_hot_class(struct kunit *test)
{
	struct kspan_span_class *class;
	struct kspan_heap_stats stats;
	struct kspan_heap *h;
	unsigned int i;

	kspan_test_cached_only(test);
	h = make(test);
	class = heat(test, h, 200);
	atomic64_set(&h->quota.peak, 0);
	for (i = 0; i < 1000; i++) {
		objs[0] = kspan_heap_alloc(h, 200, GFP_KERNEL);
		kspan_free(objs[0]);
	}
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_LE(test, stats.peak, (class->info.mag_cap + 1) * 208ULL);
	for (i = 0; i < NR; i++)
		objs[i] = kspan_heap_alloc(h, 200, GFP_KERNEL);
	kspan_free_bulk(NR, objs);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_LE(test, stats.peak, (NR + class->info.mag_cap) * 208ULL);
	KUNIT_EXPECT_GE(test, stats.peak, NR * 208ULL);
	/* What the account does not include yet is less than a magazine. */
	KUNIT_EXPECT_LE(test, (u64)atomic64_read(&h->quota.live),
			class->info.mag_cap * 208ULL);
	kspan_heap_destroy(h);
}

/*
 * While a heap caches the memory of a large object, no other allocation gets
 * it.
 */
static void large_memory_stays(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC | __GFP_NOWARN };
	struct kspan_heap_stats stats;
	struct kspan_heap *h;
	unsigned int i, j;
	void *ptr;

	if (kspan_quarantine_on())
		kunit_skip(test, "freed memory waits");
	h = make(test);
	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		/* Other allocations find no cached memory of that size. */
		kspan_release();
		ptr = kspan_heap_alloc(h, 100000, gfps[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		for (j = 0; j < 5; j++) {
			others[j] = kspan_alloc(100000, gfps[i]);
			KUNIT_ASSERT_NOT_NULL(test, others[j]);
			KUNIT_EXPECT_PTR_NE(test, others[j], ptr);
		}
		KUNIT_EXPECT_NULL(test, kspan_verify());
		KUNIT_EXPECT_PTR_EQ(test, kspan_heap_alloc(h, 100000, gfps[i]), ptr);
		kspan_free(ptr);
		kspan_free_bulk(5, others);
	}
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, 0ULL);
	KUNIT_EXPECT_GE(test, stats.spans, 1ULL);
	kspan_release();
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.spans, 0ULL);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&h->quota.held), 0L);
	kspan_heap_destroy(h);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&kspan_heap_run_idle), 0L);
}

/*
 * check=2: an object that was written beyond its end is never reused.  If it is
 * a large one, its heap can be freed all the same.
 */
static void damaged_objects(struct kunit *test)
{
	struct kspan_heap_stats stats;
	struct kspan_heap *h;
	unsigned int sc;
	char *ptr;

	h = make(test);
	sc = h->class[0].sc;
	ptr = kspan_heap_alloc(h, 50000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_test_overwrite(ptr, 50000);
	kspan_test_expect_damage(1);
	kspan_free(ptr);
	kspan_client_heap_read(h, &stats);
	KUNIT_EXPECT_EQ(test, stats.objects, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(h), (size_t)0);
	KUNIT_EXPECT_FALSE(test, kspan_sc_exists(sc));
	KUNIT_EXPECT_NULL(test, kspan_client_heap_of(ptr));
}

struct rcu_obj {
	struct rcu_head rcu;
	char bytes[40];
};

/*
 * Objects that wait for a grace period when the heap is destroyed are freed,
 * and not counted as left.
 */
static void destroyed_with_rcu_frees(struct kunit *test)
{
	struct kspan_heap *h = make(test);
	struct rcu_obj *obj;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		obj = kspan_heap_alloc(h, sizeof(*obj), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		if (i % 2)
			kspan_free_rcu(obj, rcu);
	}
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(h), (size_t)10);
}

/*
 * A task frees these objects while the heap is destroyed, the last one first.
 */
struct freer {
	struct completion go, done;
	unsigned int nr_live;
};

static int free_all(void *arg)
{
	struct freer *freer = arg;
	unsigned int i;

	wait_for_completion(&freer->go);
	for (i = NR; i--;)
		freer->nr_live += kspan_free_if_live(objs[i]);
	complete(&freer->done);
	return 0;
}

/* Each object is freed once, by the task or by the destruction. */
static void destroyed_with_frees_in_flight(struct kunit *test)
{
	struct task_struct *task;
	struct freer freer = {};
	unsigned int round;
	size_t left;

	for (round = 0; round < 5; round++) {
		struct kspan_heap *h = make(test);
		unsigned int sc = h->class[1].sc;

		fill(test, h);
		freer.nr_live = 0;
		init_completion(&freer.go);
		init_completion(&freer.done);
		task = kthread_run(free_all, &freer, "kspan_freer");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		complete(&freer.go);
		if (round % 2)
			cond_resched();
		left = kspan_heap_destroy_all(h);
		wait_for_completion(&freer.done);
		KUNIT_EXPECT_EQ(test, left + freer.nr_live, (size_t)NR);
		/*
		 * The other task may still have been freeing the last object.
		 */
		kspan_heap_destroy(make(test));
		KUNIT_EXPECT_FALSE(test, kspan_sc_exists(sc));
	}
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
	KUNIT_CASE(exact_peak_of_few),
	KUNIT_CASE(hot_class),
	KUNIT_CASE(peak_of_hot_class),
	KUNIT_CASE(large_memory_stays),
	KUNIT_CASE(destroyed_with_rcu_frees),
	KUNIT_CASE(destroyed_with_frees_in_flight),
	KUNIT_CASE(destroyed_with_all),
	KUNIT_CASE(destroyed_with_objects),
	KUNIT_CASE(resized),
	KUNIT_CASE(refused),
	{}
};

KSPAN_TEST_SUITE(client_heap, client_heap_cases);

static struct kunit_case heap_damage_cases[] = {
	KUNIT_CASE(damaged_objects),
	{}
};

KSPAN_TEST_SUITE(heap_damage, heap_damage_cases);
