// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: size, alignment, constructors, isolation, and destruction.
 */
#include <linux/cache.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/named_cache.h"
#include "cache/cache.h"
#include "kunit_support.h"
#include "reclaim/drain.h"
#include "show/stats.h"
#include "span/redzone.h"

#define FLAG(flag)	((__force unsigned long)(flag))
#define NR		300U

/* Shared by the cases, which run one at a time. */
static void *objs[NR], *others[NR];
static unsigned int nr_constructed;

static struct kspan_cache *make(struct kunit *test, size_t size, size_t align,
				unsigned long flags, void (*ctor)(void *))
{
	struct kspan_cache *c;

	c = kspan_cache_create("case", size, align, flags, ctor);
	KUNIT_ASSERT_NOT_NULL(test, c);
	return c;
}

static void fill(struct kunit *test, struct kspan_cache *c, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		objs[i] = kspan_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
}

static void empty(struct kspan_cache *c, unsigned int nr)
{
	while (nr--)
		kspan_cache_free(c, objs[nr]);
}

/* The division figures tell an object's first byte from any other address. */
static void figures(struct kunit *test)
{
	struct kspan_random random;
	struct kspan_class info;
	unsigned int i, at, slot;
	u64 prod;
	size_t size;

	kspan_random_init(&random, 1);
	for (size = 8; size <= KSPAN_CACHE_MAX_SIZE;
	     size = size < 4096 ? size + 8 : size + 8 + size / 64 * 8) {
		KUNIT_ASSERT_TRUE_MSG(test, kspan_sc_figures(&info, size),
				      "size %zu", size);
		KUNIT_ASSERT_GE(test, info.nr_objs, (u16)1);
		KUNIT_ASSERT_LE(test, info.nr_objs * size,
				info.nr_pages * KSPAN_PAGE_SIZE);
		for (i = 0; i < 64; i++) {
			slot = kspan_random_below(&random, info.nr_objs);
			at = i % 4 ? kspan_random_below(&random, size) :
				     i % 8 ? size - 1 : 0;
			prod = (u64)(slot * (u32)size + at) * info.magic;
			if (info.nr_objs == 1 && at && prod >> 32 == 1)
				continue; /* behind the last object */
			KUNIT_ASSERT_EQ(test, (unsigned int)(prod >> 32), slot);
			KUNIT_ASSERT_EQ_MSG(test, (u32)prod < info.magic, !at,
					    "size %zu, byte %u of slot %u",
					    size, at, slot);
		}
	}
	KUNIT_EXPECT_FALSE(test, kspan_sc_figures(&info, 0));
	KUNIT_EXPECT_FALSE(test, kspan_sc_figures(&info, 2 * KSPAN_CACHE_MAX_SIZE));
}

/* Sizes are not rounded up to a size class. */
static void exact_size(struct kunit *test)
{
	static const size_t sizes[] = {
		8, 24, 200, 264, 1000, 1048, 5000, 8200, 20000, 32776, 100000,
	};
	struct kspan_cache *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		c = make(test, sizes[i], 0, 0, NULL);
		fill(test, c, 5);
		KUNIT_EXPECT_EQ(test, kspan_size(objs[0]), sizes[i]);
		KUNIT_EXPECT_EQ(test, (size_t)kspan_cache_size(c), sizes[i]);
		memset(objs[0], 0x5a, sizes[i]);
		memset(objs[4], 0xa5, sizes[i]);
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[1]));
		empty(c, 5);
		KUNIT_EXPECT_EQ(test, kspan_size(objs[0]), 0UL);
		kspan_cache_destroy(c);
	}
}

static void alignment(struct kunit *test)
{
	struct kspan_cache *c;
	size_t align;
	unsigned int i;

	for (align = 8; align <= 8192; align *= 2) {
		c = make(test, 136, align, 0, NULL);
		fill(test, c, 40);
		for (i = 0; i < 40; i++)
			KUNIT_ASSERT_EQ(test, (unsigned long)objs[i] & (align - 1),
					0UL);
		empty(c, 40);
		kspan_cache_destroy(c);
	}
	c = make(test, 136, 0, FLAG(SLAB_HWCACHE_ALIGN), NULL);
	fill(test, c, 40);
	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, (unsigned long)objs[i] &
				(cache_line_size() - 1), 0UL);
	empty(c, 40);
	kspan_cache_destroy(c);
}

/* Its spans hold no objects of another cache or of kspan_alloc(). */
static void isolation(struct kunit *test)
{
	struct kspan_cache *c = make(test, 64, 0, 0, NULL);
	struct kspan_cache *d = make(test, 64, 0, 0, NULL);
	unsigned int i, j;

	fill(test, c, NR);
	for (i = 0; i < NR; i++) {
		others[i] = i % 2 ? kspan_alloc(64, GFP_KERNEL) :
				    kspan_cache_alloc(d, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, others[i]);
	}
	for (i = 0; i < NR; i++)
		for (j = 0; j < NR; j += 7)
			KUNIT_ASSERT_PTR_NE(test, kspan_test_span(objs[i]),
					    kspan_test_span(others[j]));
	kspan_free_bulk(NR, others);
	kspan_free_bulk(NR, objs);
	kspan_cache_destroy(c);
	kspan_cache_destroy(d);
}

#define MADE	0x6d616465U
#define USED	0x75736564U

static void construct(void *obj)
{
	u32 *word = obj;

	nr_constructed++;
	word[0] = MADE;
	word[5] = 0;
}

/*
 * The constructor runs once for each slot.  Data of the client is still there
 * when an object is reused.
 */
static void constructor(struct kunit *test)
{
	struct kspan_cache *c;
	unsigned int i, turn, slots;
	u32 *word;

	nr_constructed = 0;
	c = make(test, 200, 0, 0, construct);
	KUNIT_EXPECT_EQ(test, nr_constructed, 0U);
	for (turn = 0; turn < 3; turn++) {
		fill(test, c, NR);
		for (i = 0; i < NR; i++) {
			word = objs[i];
			KUNIT_ASSERT_EQ(test, word[0], MADE);
			KUNIT_ASSERT_TRUE(test, word[5] == 0 || word[5] == USED);
			word[5] = USED;
		}
		empty(c, NR);
	}
	slots = kspan_sc_nr_spans(c->class.sc) * c->class.info.nr_objs;
	KUNIT_EXPECT_GE(test, nr_constructed, NR);
	/*
	 * Some spans may have ended in between, and new ones were constructed.
	 */
	KUNIT_EXPECT_EQ(test, nr_constructed % c->class.info.nr_objs, 0U);
	KUNIT_EXPECT_LE(test, slots, nr_constructed);
	kspan_cache_destroy(c);
}

/*
 * Objects of another cache or none, freed objects, pointers into an object:
 * each is reported and nothing is freed.
 */
static void wrong_cache(struct kunit *test)
{
	struct kspan_cache *c = make(test, 48, 0, 0, NULL);
	struct kspan_cache *d = make(test, 48, 0, 0, NULL);
	void *obj = kspan_cache_alloc(c, GFP_KERNEL);
	void *plain = kspan_alloc(48, GFP_KERNEL);
	void *large = kspan_alloc(100000, GFP_KERNEL);
	struct kspan_stats before;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_NOT_NULL(test, plain);
	KUNIT_ASSERT_NOT_NULL(test, large);
	kspan_test_expect_bad_frees(8);
	kspan_read_stats(&before);
	kspan_cache_free(d, obj);
	kspan_cache_free(d, plain);
	kspan_cache_free(d, large);
	kspan_cache_free_bulk(d, 1, &obj);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 4ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(obj));
	KUNIT_EXPECT_TRUE(test, kspan_owns(plain));
	KUNIT_EXPECT_TRUE(test, kspan_owns(large));
	kspan_cache_free(c, obj + 8);
	kspan_cache_free(c, &before);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 6ULL);
	kspan_cache_free(c, NULL);
	kspan_cache_free(c, obj);
	kspan_cache_free(c, obj);
	kspan_free(obj);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
	kspan_free(plain);
	kspan_free(large);
	kspan_cache_destroy(c);
	kspan_cache_destroy(d);
	kspan_cache_destroy(NULL);
}

static void bulk(struct kunit *test)
{
	struct kspan_cache *c = make(test, 72, 0, 0, NULL);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(c, GFP_KERNEL, NR, objs),
			(size_t)NR);
	for (i = 0; i < NR; i++) {
		memset(objs[i], i, 72);
		KUNIT_ASSERT_EQ(test, kspan_span_sc(kspan_test_span(objs[i])),
				c->class.sc);
	}
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_EQ(test, ((u8 *)objs[i])[71], (u8)i);
	others[0] = objs[7];
	objs[7] = NULL;
	kspan_cache_free_bulk(c, NR, objs);
	kspan_free(others[0]);
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(c, GFP_KERNEL | __GFP_ZERO,
						     NR, objs), (size_t)NR);
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_NULL(test, memchr_inv(objs[i], 0, 72));
	kspan_cache_free_bulk(c, NR, objs);
	/*
	 * kspan_cache_alloc_bulk() refuses the same flags as
	 * kspan_alloc_bulk().
	 */
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(c, GFP_KERNEL | __GFP_DMA,
						     3, objs), (size_t)0);
	kspan_cache_destroy(c);
}

static void zeroed(struct kunit *test)
{
	struct kspan_cache *c = make(test, 520, 0, 0, NULL);
	unsigned int i, turn;

	for (turn = 0; turn < 2; turn++) {
		for (i = 0; i < 50; i++) {
			objs[i] = kspan_cache_zalloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			KUNIT_ASSERT_NULL(test, memchr_inv(objs[i], 0, 520));
			memset(objs[i], 0xff, 520);
		}
		empty(c, 50);
	}
	kspan_cache_destroy(c);
}

/* Remaining objects stay valid, and the cache ends with the last of them. */
static void destroyed_with_objects(struct kunit *test)
{
	struct kspan_cache *c = make(test, 112, 0, 0, NULL), *d;
	unsigned int sc = c->class.sc;

	fill(test, c, 3);
	memset(objs[1], 0x33, 112);
	kspan_cache_destroy(c);
	KUNIT_EXPECT_TRUE(test, kspan_owns(objs[0]));
	KUNIT_EXPECT_EQ(test, ((u8 *)objs[1])[111], (u8)0x33);
	KUNIT_EXPECT_TRUE(test, kspan_sc_exists(sc));
	kspan_free(objs[0]);
	kspan_free(objs[1]);
	d = make(test, 8, 0, 0, NULL);
	KUNIT_EXPECT_TRUE(test, kspan_sc_exists(sc));
	kspan_free(objs[2]);
	kspan_cache_destroy(d);
	d = make(test, 8, 0, 0, NULL);
	KUNIT_EXPECT_TRUE(test, d->class.sc == sc || !kspan_sc_exists(sc));
	kspan_cache_destroy(d);
}

static void refused(struct kunit *test)
{
	static const struct {
		const char *name;
		size_t size;
		size_t align;
		unsigned long flags;
	} wrong[] = {
		{ NULL, 8, 0, 0 },
		{ "", 8, 0, 0 },
		{ "size", 0, 0, 0 },
		{ "size", KSPAN_CACHE_MAX_SIZE + 1, 0, 0 },
		{ "align", 8, 24, 0 },
		{ "align", 8, 16384, 0 },
		{ "account", 8, 0, (__force unsigned long)SLAB_ACCOUNT },
		{ "dma", 8, 0, (__force unsigned long)SLAB_CACHE_DMA },
		{ "unknown", 8, 0, 1UL << 31 },
	};
	struct kspan_cache *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (wrong[i].name && !strcmp(wrong[i].name, "account") &&
		    !wrong[i].flags)
			continue; /* a kernel without memory cgroups */
		KUNIT_EXPECT_NULL_MSG(test,
				      kspan_cache_create(wrong[i].name,
							 wrong[i].size,
							 wrong[i].align,
							 wrong[i].flags, NULL),
				      "%s", wrong[i].name);
	}
	c = kspan_cache_create("hints", KSPAN_CACHE_MAX_SIZE, 8192,
			       FLAG(SLAB_PANIC) | FLAG(SLAB_RECLAIM_ACCOUNT), NULL);
	KUNIT_EXPECT_NOT_NULL(test, c);
	kspan_cache_destroy(c);
}

/* A reader may read a freed object until it leaves its read section. */
static void typesafe(struct kunit *test)
{
	struct kspan_cache *c;
	unsigned int sc;

	c = make(test, 4000, 0, FLAG(SLAB_TYPESAFE_BY_RCU), NULL);
	sc = c->class.sc;
	fill(test, c, 40);
	memset(objs[20], 0x77, 4000);
	rcu_read_lock();
	empty(c, 40);
	KUNIT_EXPECT_EQ(test, ((u8 *)objs[20])[3999], (u8)0x77);
	/* No span has ended: the page still leads to the class. */
	KUNIT_EXPECT_EQ(test, kspan_span_sc(kspan_test_span(objs[20])), sc);
	rcu_read_unlock();
	KUNIT_EXPECT_TRUE(test, kspan_drain_classes(&c->class, 1));
	KUNIT_EXPECT_EQ(test, (int)kspan_test_span(objs[20])->kind,
			(int)KSPAN_NONE);
	kspan_cache_destroy(c);
}

struct visit {
	const struct kspan_cache *c;
	unsigned int nr;
};

static void see(const struct kspan_cache *c, void *arg)
{
	struct visit *visit = arg;

	visit->nr += c == visit->c;
}

/* Each object counts in its cache, and all caches count in the sums. */
static void statistics(struct kunit *test)
{
	struct kspan_stats before;
	struct kspan_class_stats row, gone, was_gone;
	struct visit visit = {};
	unsigned int sc;

	kspan_read_class(0, &was_gone);
	kspan_read_stats(&before);
	visit.c = make(test, 1000, 0, 0, NULL);
	sc = visit.c->class.sc;
	kspan_named_cache_walk(see, &visit);
	KUNIT_EXPECT_EQ(test, visit.nr, 1U);
	fill(test, (struct kspan_cache *)visit.c, 20);
	kspan_free_bulk(5, objs);
	kspan_read_sc(sc, &row);
	KUNIT_EXPECT_EQ(test, row.nmalloc, 20ULL);
	KUNIT_EXPECT_EQ(test, row.nfree, 5ULL);
	KUNIT_EXPECT_GE(test, row.nr_spans, 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 20ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 15ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), 15000ULL);
	kspan_free_bulk(15, objs + 5);
	kspan_cache_destroy((struct kspan_cache *)visit.c);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 20ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 20ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, total_alloc), 20000ULL);
	kspan_read_class(0, &gone);
	KUNIT_EXPECT_EQ(test, gone.nmalloc - was_gone.nmalloc, 20ULL);
	visit.nr = 0;
	kspan_named_cache_walk(see, &visit);
	KUNIT_EXPECT_EQ(test, visit.nr, 0U);
}

struct work {
	struct kspan_cache *c;
	unsigned int nr;
};

static void alloc_and_free(void *arg)
{
	struct work *work = arg;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		objs[i] = kspan_cache_alloc(work->c, GFP_ATOMIC);
		if (!objs[i])
			break;
		memset(objs[i], 0x11, 56);
	}
	work->nr = i;
	while (i--)
		kspan_cache_free(work->c, objs[i]);
}

/* Each context has magazines of its own. */
static void contexts(struct kunit *test)
{
	struct work work = { .c = make(test, 56, 0, 0, NULL) };
	struct kspan_class_stats row;
	unsigned int place, turn;

	for (turn = 0; turn < 2; turn++) {
		for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
			work.nr = 0;
			kspan_test_run_in(test, place, alloc_and_free, &work);
			KUNIT_EXPECT_EQ_MSG(test, work.nr, 100U, "in %s",
					    kspan_test_place_names[place]);
		}
	}
	kspan_read_sc(work.c->class.sc, &row);
	KUNIT_EXPECT_EQ(test, row.nmalloc, 2ULL * KSPAN_TEST_NR_PLACES * 100);
	KUNIT_EXPECT_EQ(test, row.nfree, row.nmalloc);
	kspan_cache_destroy(work.c);
}

/* check=2: a write behind an object is found when the object is freed. */
static void overwritten(struct kunit *test)
{
	struct kspan_cache *c = make(test, 100, 0, 0, NULL);
	struct kspan_stats before;

	kspan_test_expect_damage(1);
	kspan_read_stats(&before);
	fill(test, c, 3);
	kspan_test_overwrite(objs[1], 100);
	empty(c, 3);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
	kspan_cache_destroy(c);
}

static struct kunit_case named_cache_cases[] = {
	KUNIT_CASE(figures),
	KUNIT_CASE(exact_size),
	KUNIT_CASE(alignment),
	KUNIT_CASE(isolation),
	KUNIT_CASE(constructor),
	KUNIT_CASE(wrong_cache),
	KUNIT_CASE(bulk),
	KUNIT_CASE(zeroed),
	KUNIT_CASE(destroyed_with_objects),
	KUNIT_CASE(refused),
	KUNIT_CASE(typesafe),
	KUNIT_CASE(statistics),
	KUNIT_CASE(contexts),
	{}
};

KSPAN_TEST_SUITE(named_cache, named_cache_cases);

/*
 * A suite of its own, which runs near the end: the damaged object is
 * quarantined, so its span and its cache stay and count in the statistics.
 */
static struct kunit_case cache_damage_cases[] = {
	KUNIT_CASE(overwritten),
	{}
};

KSPAN_TEST_SUITE(cache_damage, cache_damage_cases);
