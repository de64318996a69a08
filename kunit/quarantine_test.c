// SPDX-License-Identifier: GPL-2.0
/*
 * The quarantine of freed memory: freed memory is not reused soon, a second
 * free of it is detected, and it is returned in its turn or when memory is
 * short.
 *
 * The cases run with quarantine_kb, on one CPU.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "api/named_cache.h"
#include "base/params.h"
#include "cache/quarantine_lot.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"
#include "reclaim/shrink.h"
#include "show/verify.h"
#include "span/redzone.h"

#define MAX_OBJS	600U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

/* Small objects of some classes, and large objects. */
static const struct {
	size_t size;
	unsigned int nr;
} rows[] = {
	{ 16, 300 }, { 60, 200 }, { 1000, 60 }, { 8192, 10 }, { 20000, 4 },
	{ 40000, 2 },
};

static unsigned long limit(void)
{
	return kspan_params.quarantine_kb << 10;
}

static void get_all(struct kunit *test, size_t size, unsigned int nr, void **to)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		to[i] = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, to[i]);
	}
}

static void put_all(unsigned int nr, void **from)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		kspan_free(from[i]);
}

static bool is_one_of(const void *ptr, void **ptrs, unsigned int nr)
{
	while (nr--)
		if (ptrs[nr] == ptr)
			return true;
	return false;
}

/*
 * Free objects of one and a half times the bytes that may wait.  Return: how
 * many of them are among the first @nr in objs.
 */
static unsigned int push_through(struct kunit *test, size_t size, unsigned int nr)
{
	unsigned int found = 0;
	unsigned long bytes;
	void *ptr;

	for (bytes = 0; bytes < limit() + limit() / 2; bytes += size) {
		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		found += is_one_of(ptr, objs, nr);
		kspan_free(ptr);
	}
	return found;
}

/* As many objects are allocated as were freed, and none of them is reused. */
static void not_used_again_soon(struct kunit *test)
{
	unsigned int i, k, nr;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		nr = rows[i].nr;
		kspan_release();
		get_all(test, rows[i].size, nr, objs);
		put_all(nr, objs);
		get_all(test, rows[i].size, nr, objs + nr);
		for (k = 0; k < nr; k++) {
			ptr = objs[nr + k];
			KUNIT_EXPECT_FALSE_MSG(test, is_one_of(ptr, objs, nr),
					       "%zu bytes", rows[i].size);
		}
		put_all(nr, objs + nr);
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
	}
}

/* An object that is freed and allocated repeatedly is another one each time. */
static void pairs_go_round(struct kunit *test)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		kspan_release();
		for (k = 0; k < rows[i].nr; k++) {
			objs[k] = kspan_alloc(rows[i].size, GFP_KERNEL);
			KUNIT_EXPECT_FALSE_MSG(test, is_one_of(objs[k], objs, k),
					       "%zu bytes", rows[i].size);
			kspan_free(objs[k]);
		}
	}
}

/* Tiny objects of a CPU's current block wait together with their block. */
static void tiny_ones_too(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 200; i++) {
		objs[i] = kspan_alloc_tiny(3, GFP_KERNEL);
		KUNIT_EXPECT_FALSE(test, is_one_of(objs[i], objs, i));
		kspan_free(objs[i]);
	}
}

/* Each second free of an object that waits is a double free. */
static void double_frees_are_exact(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i, nr = 0;

	kspan_test_expect_bad_frees(300 + 200 + 60 + 10 + 4 + 2);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		get_all(test, rows[i].size, rows[i].nr, objs);
		put_all(rows[i].nr, objs);
		kspan_read_stats(&before);
		put_all(rows[i].nr, objs);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free),
				(u64)rows[i].nr);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
		nr += rows[i].nr;
	}
	KUNIT_EXPECT_EQ(test, nr, 300U + 200 + 60 + 10 + 4 + 2);
}

/* The bytes that wait are counted and never exceed the limit. */
static void bounded_and_counted(struct kunit *test)
{
	unsigned long most = 0, bytes;
	struct kspan_stats stats;
	unsigned int i, k;

	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), 0UL);
	for (k = 0; k < 30; k++) {
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			get_all(test, rows[i].size, rows[i].nr, objs);
			put_all(rows[i].nr, objs);
			bytes = kspan_quarantine_bytes();
			KUNIT_EXPECT_LE(test, bytes, limit());
			most = max(most, bytes);
		}
	}
	KUNIT_EXPECT_GT(test, most, limit() / 2);
	kspan_read_stats(&stats);
	KUNIT_EXPECT_EQ(test, stats.quarantine, (u64)kspan_quarantine_bytes());
	KUNIT_EXPECT_GT(test, stats.quarantine, 0ULL);
	KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
	kspan_read_stats(&stats);
	KUNIT_EXPECT_EQ(test, stats.quarantine, (u64)kspan_quarantine_bytes());
}

/* Whether an object is in the queue. */
static bool is_waiting(const void *ptr)
{
	union kspan_lot *lot;
	bool found = false;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	for (lot = kspan_queue.oldest; lot; lot = lot->next)
		for (i = lot->first; i < lot->end; i++)
			found |= lot->mag.slot[i].ptr == ptr;
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	return found;
}

/*
 * An object leaves the queue when enough has been freed after it.  Then either
 * it was allocated again, or it is in the depot or its span, from where
 * allocations come later.
 */
static void its_turn_comes(struct kunit *test)
{
	unsigned int i, again;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		get_all(test, rows[i].size, rows[i].nr, objs);
		put_all(rows[i].nr, objs);
		/* A few may still be in the cache. */
		again = push_through(test, rows[i].size, rows[i].nr);
		again += push_through(test, rows[i].size, rows[i].nr);
		KUNIT_EXPECT_TRUE_MSG(test, again || !is_waiting(objs[0]),
				      "%zu bytes", rows[i].size);
	}
	get_all(test, 60, 200, objs);
	put_all(200, objs);
	KUNIT_EXPECT_TRUE(test, is_waiting(objs[0]));
}

static void fill_queue(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		get_all(test, rows[i].size, rows[i].nr, objs);
		put_all(rows[i].nr, objs);
	}
	KUNIT_EXPECT_GT(test, kspan_quarantine_bytes(), 0UL);
}

/* A release, a shrinker, a reclaim and an idle tick each return all of them. */
static void released(struct kunit *test)
{
	struct kspan_stats before, after;

	kspan_read_stats(&before);
	fill_queue(test);
	kspan_release();
	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), 0UL);
	kspan_read_stats(&after);
	KUNIT_EXPECT_EQ(test, after.heap_inuse, before.heap_inuse);

	fill_queue(test);
	KUNIT_EXPECT_GE(test, kspan_shrink_count(), kspan_quarantine_bytes());
	kspan_shrink(SZ_1G);
	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), 0UL);

	fill_queue(test);
	kspan_reclaim(HZ);
	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), 0UL);
}

static void released_when_idle(struct kunit *test)
{
	unsigned long pace = kspan_params.scavenge_ms;

	fill_queue(test);
	kspan_test_tick(test, 40);
	KUNIT_EXPECT_TRUE(test, kspan_test_wait_for_ticks(3));
	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), 0UL);
	kspan_scavenge_stop();
	kspan_test_set_pace(pace);
}

/* A caller that cannot sleep gets waiting memory before it gets NULL. */
static void last_resort_of_atomic_callers(struct kunit *test)
{
	static const size_t sizes[] = { 7000, 15000 };
	unsigned int i, nr, got;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		WRITE_ONCE(kspan_params.memory_limit, 1);
		for (nr = 0; nr < MAX_OBJS; nr++) {
			objs[nr] = kspan_alloc(sizes[i], GFP_ATOMIC | __GFP_NOWARN);
			if (!objs[nr])
				break;
		}
		/*
		 * A limit of one byte leaves no reserve, so there may be few
		 * objects.
		 */
		KUNIT_EXPECT_LT(test, nr, MAX_OBJS);
		put_all(nr, objs);
		for (got = 0; got < nr; got++) {
			objs[got] = kspan_alloc(sizes[i], GFP_ATOMIC | __GFP_NOWARN);
			if (!objs[got])
				break;
		}
		WRITE_ONCE(kspan_params.memory_limit, 0);
		KUNIT_EXPECT_EQ_MSG(test, got, nr, "%zu bytes", sizes[i]);
		put_all(got, objs);
		kspan_release();
	}
}

static void free_in_place(void *arg)
{
	put_all(200, arg);
}

/* Objects freed in interrupts wait as well. */
static void every_context(struct kunit *test)
{
	unsigned int place, k;

	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		kspan_release();
		get_all(test, 60, 200, objs);
		kspan_test_run_in(test, place, free_in_place, objs);
		KUNIT_EXPECT_GE_MSG(test, kspan_quarantine_bytes(), 60UL * 3 * 40,
				    "%s", kspan_test_place_names[place]);
		get_all(test, 60, 200, objs + 200);
		for (k = 0; k < 200; k++)
			KUNIT_EXPECT_FALSE_MSG(test,
					       is_one_of(objs[200 + k], objs, 200),
					       "%s", kspan_test_place_names[place]);
		put_all(200, objs + 200);
	}
}

/* A large object that would displace all others does not wait. */
static void too_large_to_wait(struct kunit *test)
{
	void *ptr = kspan_alloc(limit() / 4 + SZ_64K, GFP_KERNEL);
	unsigned long before = kspan_quarantine_bytes();

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, kspan_quarantine_bytes(), before);
}

/* Free an object, write to it, and read the statistics. */
static void *overwrite_freed(struct kunit *test, size_t size,
			     struct kspan_stats *before)
{
	void *ptr = kspan_alloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	kspan_test_overwrite(ptr, size / 2);
	kspan_read_stats(before);
	return ptr;
}

/*
 * With check=2, a write to a waiting object is found when it leaves, or by
 * verify.
 */
static void written_while_it_waits(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int i;
	void *ptr;

	if (!kspan_redzone_on())
		kunit_skip(test, "free memory holds no poison");
	kspan_test_expect_damage(2 * ARRAY_SIZE(rows));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		overwrite_freed(test, rows[i].size, &before);
		push_through(test, rows[i].size, 0);
		/* A large object is checked when its memory is reused. */
		kspan_verify();
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, use_after_free), 1ULL,
				    "%zu bytes", rows[i].size);
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ptr = overwrite_freed(test, rows[i].size, &before);
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok",
				   "redzone: a free object was written to");
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, use_after_free), 1ULL,
				    "%zu bytes", rows[i].size);
		get_all(test, rows[i].size, rows[i].nr, objs);
		KUNIT_EXPECT_FALSE(test, is_one_of(ptr, objs, rows[i].nr));
		put_all(rows[i].nr, objs);
	}
}

static void count_cache(const struct kspan_cache *c, void *nr)
{
	(*(unsigned int *)nr)++;
}

static unsigned int nr_caches(void)
{
	unsigned int nr = 0;

	kspan_named_cache_walk(count_cache, &nr);
	return nr;
}

static void construct(void *obj)
{
	memset(obj, 0x55, 200);
}

/*
 * Objects of a named cache wait too, and keep their content if the cache has a
 * constructor.  They do not delay the destruction of the cache.
 */
static void named_cache_ends(struct kunit *test)
{
	unsigned int before = nr_caches(), with_ctor, i, found;
	struct kspan_cache *c;

	for (with_ctor = 0; with_ctor < 2; with_ctor++) {
		kspan_release();
		c = kspan_cache_create("waiting", 200, 0, 0,
				       with_ctor ? construct : NULL);
		KUNIT_ASSERT_NOT_NULL(test, c);
		for (i = 0; i < 200; i++) {
			objs[i] = kspan_cache_alloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		}
		for (i = 0; i < 200; i++)
			kspan_cache_free(c, objs[i]);
		KUNIT_EXPECT_GE(test, kspan_quarantine_bytes(), 200UL * 100);
		KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
		for (i = found = 0; i < 200; i++) {
			objs[200 + i] = kspan_cache_alloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[200 + i]);
			found += is_one_of(objs[200 + i], objs, 200);
			if (with_ctor)
				KUNIT_EXPECT_NULL(test, memchr_inv(objs[200 + i],
								   0x55, 200));
		}
		KUNIT_EXPECT_EQ(test, found, 0U);
		for (i = 0; i < 200; i++)
			kspan_cache_free(c, objs[200 + i]);
		kspan_cache_destroy(c);
		KUNIT_EXPECT_EQ(test, nr_caches(), before);
	}
}

/* verify detects a changed state and a wrong count. */
static void verify_knows_it(struct kunit *test)
{
	u8 *state, was;

	get_all(test, 1000, 60, objs);
	put_all(60, objs);
	state = kspan_test_state(objs[0]);
	was = *state;
	WRITE_ONCE(*state, KSPAN_OBJ_QUARANTINED);
	KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok",
			   "quarantine: object is not free");
	WRITE_ONCE(*state, was);
	KUNIT_EXPECT_STREQ(test, kspan_verify() ?: "ok", "ok");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(not_used_again_soon),
	KUNIT_CASE(pairs_go_round),
	KUNIT_CASE(tiny_ones_too),
	KUNIT_CASE(double_frees_are_exact),
	KUNIT_CASE(bounded_and_counted),
	KUNIT_CASE(its_turn_comes),
	KUNIT_CASE(released),
	KUNIT_CASE(released_when_idle),
	KUNIT_CASE(last_resort_of_atomic_callers),
	KUNIT_CASE(every_context),
	KUNIT_CASE(too_large_to_wait),
	KUNIT_CASE(written_while_it_waits),
	KUNIT_CASE(named_cache_ends),
	KUNIT_CASE(verify_knows_it),
	{}
};

KSPAN_TEST_SUITE(quarantine, cases);
