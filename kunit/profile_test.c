// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile: how often objects are sampled, whether sampled objects are
 * allocated and freed like any other, and what happens when the tables are
 * full.
 *
 * The frames of the suite's own functions count as kspan's and are not in the
 * stacks, so the cases identify their objects by size.  The leg profile-6.12
 * tests the stacks, with a client that is a module of its own.
 */
#include <linux/compiler.h>
#include <linux/hardirq.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/inject.h"
#include "base/params.h"
#include "base/profile.h"
#include "base/sample.h"
#include "base/sizeclass.h"
#include "cache/cache.h"
#include "kunit_support.h"
#include "show/debugfs.h"
#include "show/verify.h"
#include "span/redzone.h"

#define MAX_OBJS	1000U
/* Every object is sampled, except for at most one in e^16. */
#define RATE_ALL	1U
/* About 16 objects in 1000 of 256 bytes. */
#define RATE_SOME	SZ_16K
/* Allocations of a statistical case; the error of their sample is 0.8 %. */
#define MANY		1000000U

static void *objs[MAX_OBJS];

/* Start a profile without samples at @rate. */
static void begin(struct kunit *test, unsigned long rate)
{
	/* A rate that is not used otherwise, so that the next one is new. */
	KUNIT_ASSERT_EQ(test, kspan_set_profile_rate(SZ_1M + 1), 0);
	KUNIT_ASSERT_EQ(test, kspan_set_profile_rate(rate), 0);
}

/* The sum of the buckets for objects of @size bytes, or of all for 0. */
struct sum {
	size_t size;
	u64 live_objects;
	u64 live_bytes;
	u64 objects;
	u64 bytes;
};

static void add_up(const struct kspan_bucket *bucket, void *arg)
{
	struct sum *sum = arg;

	if (sum->size && bucket->size != sum->size)
		return;
	sum->live_objects += READ_ONCE(bucket->live_objects);
	sum->live_bytes += READ_ONCE(bucket->live_bytes);
	sum->objects += READ_ONCE(bucket->objects);
	sum->bytes += READ_ONCE(bucket->bytes);
}

static struct sum sampled(size_t size)
{
	struct sum sum = { .size = size };

	kspan_profile_walk(add_up, &sum);
	return sum;
}

static int profile_test_init(struct kunit *test)
{
	return kspan_test_init(test);
}

static void profile_test_exit(struct kunit *test)
{
	kspan_set_profile_rate(kspan_params.profile_rate);
	kspan_profile_settle();
	kspan_test_exit(test);
}

/* -ln(x) against values from a calculator, in 1 / 65536. */
static void test_minus_ln(struct kunit *test)
{
	static const struct {
		u32 random;
		u32 want;
	} rows[] = {
		{ 0, 1453635 },			/* -ln(2^-32) = 22.18070978 */
		{ 1, 1408209 },			/* 21.48756260 */
		{ 999, 1000930 },		/* 15.27295450 */
		{ 0x0fffffff, 181704 },		/* 2.77258872 */
		{ 0x55555555, 71999 },		/* 1.09861229 */
		{ 0x7fffffff, 45426 },		/* 0.69314718 */
		{ 0xc0000000, 18854 },		/* 0.28768207 */
		{ 0xfffffffe, 0 },
		{ 0xffffffff, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_LE_MSG(test, abs((long)kspan_minus_ln(rows[i].random) -
					      (long)rows[i].want), 8L,
				    "-ln((%u + 1) / 2^32) = %u / 65536", rows[i].random,
				    kspan_minus_ln(rows[i].random));
}

/* Distances are geometric: their mean, and how many are 0. */
static void test_distance(struct kunit *test)
{
	unsigned long distance, zeros = 0;
	unsigned int i;
	u64 sum = 0;

	begin(test, SZ_4K);
	for (i = 0; i < MANY; i++) {
		distance = kspan_sample_distance(SZ_1K);
		sum += distance;
		zeros += !distance;
	}
	/* 1 / (e^(1/4) - 1) = 3.5208, and 1 - e^(-1/4) = 0.2212. */
	KUNIT_EXPECT_LE(test, abs((long)sum - 3520812), 35000L);
	KUNIT_EXPECT_LE(test, abs((long)zeros - 221199), 2200L);
	KUNIT_EXPECT_EQ(test, kspan_set_profile_rate(0), 0);
	KUNIT_EXPECT_EQ(test, kspan_sample_distance(8), KSPAN_SAMPLE_NEVER);
	KUNIT_EXPECT_FALSE(test, kspan_sample_one(SZ_1M));
	KUNIT_EXPECT_EQ(test, kspan_set_profile_rate(KSPAN_SAMPLE_RATE_MAX + 1),
			-EINVAL);
}

/* How objects are allocated and freed in a statistical case, in each round. */
enum pattern {
	PAIRS,		/* a CPU frees what it allocates */
	BURSTS,		/* more than a magazine */
	HALVES,		/* A is half drained when F is full, so a free swaps them */
	BULK,
	GROWTH,		/* nothing is freed on the CPU meanwhile */
	NR_PATTERNS,
};

static const unsigned int pattern_objs[NR_PATTERNS] = { 1, 200, 60, 50, 1000 };

static void one_round(enum pattern pattern, size_t size)
{
	unsigned int nr = pattern_objs[pattern], i;

	if (pattern == BULK) {
		if (kspan_alloc_bulk(size, GFP_KERNEL, nr, objs) == nr)
			kspan_free_bulk(nr, objs);
		return;
	}
	for (i = 0; i < nr; i++)
		objs[i] = kspan_alloc(size, GFP_KERNEL);
	for (i = 0; i < nr; i++)
		kspan_free(objs[i]);
	if (pattern == GROWTH)
		kspan_release();
}

/* Estimates are within 10 % in each pattern. */
static void test_estimate(struct kunit *test)
{
	static const size_t sizes[NR_PATTERNS] = { 256, 192, 320, 224, 208 };
	unsigned int i, pattern;
	struct sum sum;
	long want, error;

	begin(test, RATE_SOME);
	for (pattern = 0; pattern < NR_PATTERNS; pattern++) {
		size_t size = sizes[pattern];

		for (i = 0; i < MANY / pattern_objs[pattern]; i++)
			one_round(pattern, size);
		sum = sampled(size);
		/* n (1 - e^-x), with x = size / rate up to the square. */
		want = div_u64((u64)MANY * size, RATE_SOME) -
		       div_u64((u64)MANY * size * size, 2 * RATE_SOME) / RATE_SOME;
		error = (long)sum.objects - want;
		kunit_info(test, "pattern %u: %llu samples, expected %ld",
			   pattern, sum.objects, want);
		KUNIT_EXPECT_LE(test, error, want / 20);
		KUNIT_EXPECT_GE(test, error, -want / 20);
		KUNIT_EXPECT_EQ(test, sum.bytes, sum.objects * size);
		KUNIT_EXPECT_EQ(test, sum.live_objects, 0ULL);
		KUNIT_EXPECT_EQ(test, sum.live_bytes, 0ULL);
	}
}

struct round {
	size_t size;
	unsigned int nr;
};

static void alloc_round(void *arg)
{
	const struct round *round = arg;
	unsigned int i;

	for (i = 0; i < round->nr; i++)
		objs[i] = kspan_alloc(round->size, GFP_ATOMIC);
}

static void free_round(void *arg)
{
	const struct round *round = arg;
	unsigned int i;

	for (i = 0; i < round->nr; i++)
		kspan_free(objs[i]);
}

/* Objects allocated in each context and freed in the next one. */
static void test_contexts(struct kunit *test)
{
	struct round round = { .size = 112, .nr = 150 };
	unsigned int place, next;
	struct sum sum;

	begin(test, RATE_ALL);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		next = (place + 1) % KSPAN_TEST_NR_PLACES;
		/* Provide records for all of them. */
		kspan_profile_settle();
		kspan_test_run_in(test, place, alloc_round, &round);
		sum = sampled(round.size);
		KUNIT_EXPECT_EQ_MSG(test, sum.live_objects, (u64)round.nr, "%s",
				    kspan_test_place_names[place]);
		KUNIT_EXPECT_EQ(test, sum.live_bytes, round.nr * round.size);
		KUNIT_EXPECT_PTR_EQ(test, kspan_verify(), NULL);
		kspan_test_run_in(test, next, free_round, &round);
		KUNIT_EXPECT_EQ_MSG(test, sampled(round.size).live_objects, 0ULL,
				    "%s", kspan_test_place_names[next]);
	}
	KUNIT_EXPECT_EQ(test, sampled(round.size).objects,
			(u64)round.nr * KSPAN_TEST_NR_PLACES);
}

struct rcu_object {
	char text[24];
	struct rcu_head rcu;
};

/* Free @ptr, of 208 bytes, in way @way.  Return: false if there are no more ways. */
static bool free_in_way(struct kunit *test, void *ptr, unsigned int way)
{
	switch (way) {
	case 0:
		kspan_free(ptr);
		return true;
	case 1:
		kspan_free_sized(ptr, 208);
		return true;
	case 2:
		kspan_free_sensitive(ptr);
		return true;
	case 3:
		kspan_free_bulk(1, &ptr);
		return true;
	case 4:
		kspan_free_rcu((struct rcu_object *)ptr, rcu);
		kspan_rcu_barrier();
		return true;
	case 5:
		kspan_free_rcu_mightsleep(ptr);
		kspan_rcu_barrier();
		return true;
	case 6:
		kspan_free_any(ptr);
		return true;
	case 7:
		KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 0, GFP_KERNEL),
				    ZERO_SIZE_PTR);
		return true;
	default:
		return false;
	}
}

/* Every way to free finds the record of the object. */
static void test_ways_to_free(struct kunit *test)
{
	unsigned int way;
	void *ptr;

	begin(test, RATE_ALL);
	for (way = 0;; way++) {
		ptr = kspan_zalloc(208, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 1ULL);
		KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
		KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)208);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(ptr, 0, 208), NULL);
		if (!free_in_way(test, ptr, way))
			break;
		KUNIT_EXPECT_EQ_MSG(test, sampled(208).live_objects, 0ULL,
				    "way %u", way);
	}
	/* A double free of a sampled object is detected too. */
	kspan_free(ptr);
	kspan_free(ptr);
	kspan_test_expect_bad_frees(1);
	KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 0ULL);
}

/*
 * An object that realloc leaves in place keeps its record; one that moves gets
 * a new one.
 */
static void test_realloc(struct kunit *test)
{
	char *ptr, *moved;

	begin(test, RATE_ALL);
	ptr = kspan_alloc(2048, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x2a, 2048);
	moved = kspan_realloc(ptr, 2000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	KUNIT_EXPECT_EQ(test, sampled(moved == ptr ? 2048 : 2000).live_objects,
			1ULL);
	moved = kspan_realloc(moved, 4096, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	KUNIT_EXPECT_EQ(test, moved[1999], (char)0x2a);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 1ULL);
	kspan_free(moved);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
}

/* Sampled objects that are resized in place, grow or are freed with their sizes. */
static void test_marked_and_sampled(struct kunit *test)
{
	void *ptr;

	kspan_test_plain_only(test);
	begin(test, RATE_ALL);
	/* An object that shrinks in place and is freed with its new size. */
	ptr = kspan_alloc(208, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 150, GFP_KERNEL), ptr);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)208);
	kspan_free_sized(ptr, 150);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
	/* An object with extra room to grow. */
	ptr = kspan_alloc(1000, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 1088, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sampled(2048).live_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 1ULL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 1600, GFP_KERNEL), ptr);
	kspan_free_sized(ptr, 1600);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
	/* A large object. */
	ptr = kspan_alloc(SZ_128K, GFP_KERNEL);
	ptr = kspan_realloc(ptr, SZ_128K + KSPAN_PAGE_SIZE, GFP_KERNEL);
	ptr = kspan_realloc(ptr, SZ_128K + 2 * KSPAN_PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 1ULL);
	kspan_free_sized(ptr, SZ_128K + 2 * KSPAN_PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
	/* Objects that are allocated in bulk. */
	KUNIT_ASSERT_EQ(test, kspan_alloc_bulk(208, GFP_KERNEL, 4, objs), (size_t)4);
	KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 4ULL);
	kspan_free_bulk(4, objs);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
}

/* Sampled objects of each kind; live with the right number of bytes. */
static void test_kinds(struct kunit *test)
{
	struct kspan_cache *cache;
	void *cached, *large;
	bool plain = !kspan_redzone_on();

	begin(test, RATE_ALL);
	objs[0] = kspan_alloc_data(72, GFP_KERNEL);
	objs[1] = kspan_alloc_aligned(72, 64, GFP_KERNEL);
	/* Of 15 bytes, one in 3 million objects is not sampled; of 5, one in 150. */
	objs[2] = kspan_alloc_tiny(15, GFP_KERNEL);
	objs[3] = kspan_alloc_node(88, GFP_KERNEL, 0);
	KUNIT_EXPECT_EQ(test, sampled(72).live_objects, plain ? 1ULL : 2ULL);
	KUNIT_EXPECT_EQ(test, sampled(128).live_objects, plain ? 1ULL : 0ULL);
	KUNIT_EXPECT_EQ(test, sampled(plain ? 16 : 15).live_objects, 1ULL);
	KUNIT_EXPECT_EQ(test, sampled(88).live_objects, 1ULL);
	/* Its size is that of the class, and any smaller size is accepted. */
	kspan_free_sized(objs[1], 72);
	kspan_free(objs[0]);
	kspan_free(objs[2]);
	kspan_free(objs[3]);
	/* A block is freed when its CPU has another one. */
	kspan_release();
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);

	large = kspan_alloc(SZ_128K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sampled(SZ_128K).live_objects, 1ULL);
	kspan_free(large);
	KUNIT_EXPECT_EQ(test, sampled(SZ_128K).live_objects, 0ULL);

	cache = kspan_cache_create("profiled", 1000, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	cached = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sampled(1000).live_objects, 1ULL);
	kspan_cache_free(cache, cached);
	KUNIT_EXPECT_EQ(test, sampled(1000).live_objects, 0ULL);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 90, objs),
			(size_t)90);
	KUNIT_EXPECT_EQ(test, sampled(1000).live_objects, 90ULL);
	kspan_cache_free_bulk(cache, 90, objs);
	KUNIT_EXPECT_EQ(test, sampled(1000).live_objects, 0ULL);
	kspan_cache_destroy(cache);
}

/* Frees in NMI context are recorded when the objects are freed. */
static void test_nmi(struct kunit *test)
{
	unsigned long flags;
	void *ptr, *large;

	begin(test, RATE_ALL);
	ptr = kspan_alloc(208, GFP_KERNEL);
	large = kspan_alloc(SZ_128K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 2ULL);
	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	kspan_free(ptr);
	kspan_free(large);
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
	kspan_release();
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
}

/* Memory moves while its next object is marked. */
static void test_marks_move(struct kunit *test)
{
	struct round round = { .size = 96, .nr = 100 };
	unsigned int i;

	/*
	 * Take some objects of each magazine, so that there are marks
	 * everywhere.
	 */
	begin(test, 1000);
	for (i = 0; i < 200; i++) {
		round.nr = 1 + (i * 37) % 120;
		alloc_round(&round);
		if (i % 3 == 0)
			kspan_release();
		free_round(&round);
		if (i % 5 == 0)
			KUNIT_ASSERT_EQ(test, kspan_set_profile_rate(0), 0);
		if (i % 5 == 2)
			KUNIT_ASSERT_EQ(test, kspan_set_profile_rate(1000), 0);
		KUNIT_EXPECT_PTR_EQ(test, kspan_verify(), NULL);
	}
	KUNIT_EXPECT_GT(test, sampled(96).objects, 0ULL);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
}

/* A new rate starts a new profile; objects from before are ignored. */
static void test_new_rate(struct kunit *test)
{
	void *old, *new;

	begin(test, RATE_ALL);
	old = kspan_alloc(208, GFP_KERNEL);
	/* Switching it off and on again keeps the profile. */
	KUNIT_EXPECT_EQ(test, kspan_set_profile_rate(0), 0);
	KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 1ULL);
	kspan_free(kspan_alloc(208, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kspan_set_profile_rate(RATE_ALL), 0);
	KUNIT_EXPECT_EQ(test, sampled(208).objects, 1ULL);
	KUNIT_EXPECT_EQ(test, kspan_set_profile_rate(RATE_ALL + 1), 0);
	KUNIT_EXPECT_EQ(test, sampled(0).objects, 0ULL);
	new = kspan_alloc(208, GFP_KERNEL);
	kspan_free(old);
	KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 1ULL);
	kspan_free(new);
	KUNIT_EXPECT_EQ(test, sampled(208).live_objects, 0ULL);
}

/* Allocate one object of each class.  Return: their number. */
static unsigned int one_of_each(void)
{
	unsigned int class, nr = 0;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		objs[nr] = kspan_alloc(kspan_classes[class].size, GFP_KERNEL);
		nr += !!objs[nr];
	}
	return nr;
}

/*
 * When the tables are full, samples are lost and counted; nothing else is
 * affected.
 */
static void test_full(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int nr;
	u64 want;

	begin(test, RATE_ALL);
	kspan_profile_settle();
	kspan_read_stats(&before);
	/* "other" has the rest, without their sizes. */
	kspan_buckets_max = 20;
	nr = one_of_each();
	KUNIT_ASSERT_GT(test, nr, 60U);
	want = nr - kspan_buckets_max;
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, samples), (u64)nr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, samples_lost), want);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, (u64)nr);
	while (nr)
		kspan_free(objs[--nr]);
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, sampled(0).live_bytes, 0ULL);
	kspan_buckets_max = KSPAN_BUCKETS_MAX;

	kspan_read_stats(&before);
	kspan_records_max = 30;
	nr = one_of_each();
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects,
			(u64)kspan_records_max);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, samples_lost),
			(u64)(nr - kspan_records_max));
	while (nr)
		kspan_free(objs[--nr]);
	kspan_records_max = KSPAN_RECORDS_MAX;
	KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
}

/* Without memory to fill the pools, samples are lost too. */
static void test_no_memory(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int tries, nr;
	u64 lost = 0;

	begin(test, RATE_ALL);
	kspan_profile_settle();
	KUNIT_ASSERT_EQ(test, kspan_inject_set("slab/1"), 0);
	kspan_read_stats(&before);
	/* Live objects use up the rest of the pools. */
	for (tries = 0; tries < 4; tries++) {
		nr = kspan_alloc_bulk(64, GFP_KERNEL, MAX_OBJS, objs);
		lost = KSPAN_SINCE(&before, samples_lost);
		KUNIT_EXPECT_LE(test, sampled(64).live_objects, (u64)nr);
		kspan_free_bulk(nr, objs);
		KUNIT_EXPECT_EQ(test, sampled(0).live_objects, 0ULL);
	}
	kspan_inject_set("off");
	kunit_info(test, "%llu samples were lost", lost);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_minus_ln),
	KUNIT_CASE(test_distance),
	KUNIT_CASE(test_estimate),
	KUNIT_CASE(test_contexts),
	KUNIT_CASE(test_ways_to_free),
	KUNIT_CASE(test_realloc),
	KUNIT_CASE(test_marked_and_sampled),
	KUNIT_CASE(test_kinds),
	KUNIT_CASE(test_nmi),
	KUNIT_CASE(test_marks_move),
	KUNIT_CASE(test_new_rate),
	KUNIT_CASE(test_full),
	KUNIT_CASE(test_no_memory),
	{}
};

KSPAN_TEST_SUITE_WITH(profile, cases, profile_test_init, profile_test_exit);
