// SPDX-License-Identifier: GPL-2.0
/*
 * Caches under random traffic, compared with a model that only counts: no
 * object is handed out twice, all counts are exact, each context has its own
 * cache, and the memory held by a CPU's caches stays near its budget.
 */
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "cache/cache.h"
#include "kunit_support.h"

#define NR_STEPS	200000U
#define NR_SLOTS	3000U
/* Steps between two checks of the counts. */
#define CHECK_STEPS	500U

/* Most bytes that a CPU should hold of a single class. */
#define CLASS_MOST	(128UL << 10)

/* A place for an object in random traffic. */
struct place {
	void *ptr;
	u32 size;
	u8 stamp;
};

struct model {
	struct place place[NR_SLOTS];
	u64 nmalloc[KSPAN_NR_CLASSES + 1];
	u64 nfree[KSPAN_NR_CLASSES + 1];
	u64 nmalloc_before[KSPAN_NR_CLASSES + 1];
	u64 nfree_before[KSPAN_NR_CLASSES + 1];
};

/* Mostly small sizes with a long tail, as in real programs. */
static unsigned int random_size(struct kspan_random *random)
{
	unsigned int shift = kspan_random_below(random, 12);

	return 1 + kspan_random_below(random, 16U << shift);
}

/* Write to both ends of the object to reveal overlaps. */
static void stamp(struct place *place)
{
	size_t edge = min_t(size_t, place->size, 32);

	memset(place->ptr, place->stamp, edge);
	memset(place->ptr + place->size - edge, place->stamp, edge);
}

static bool stamp_is_whole(const struct place *place)
{
	size_t edge = min_t(size_t, place->size, 32);

	return !memchr_inv(place->ptr, place->stamp, edge) &&
	       !memchr_inv(place->ptr + place->size - edge, place->stamp, edge);
}

static void step(struct kunit *test, struct model *m,
		 struct kspan_random *random)
{
	struct place *place = &m->place[kspan_random_below(random, NR_SLOTS)];
	unsigned int class;

	if (place->ptr) {
		class = kspan_size_to_class(place->size);
		KUNIT_EXPECT_TRUE_MSG(test, stamp_is_whole(place),
				      "object of %u bytes: somebody else wrote to it",
				      place->size);
		kspan_free(place->ptr);
		place->ptr = NULL;
		m->nfree[class]++;
		return;
	}
	place->size = random_size(random);
	place->stamp = kspan_random_next(random);
	class = kspan_size_to_class(place->size);
	place->ptr = kspan_alloc(place->size, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, place->ptr);
	if (!place->ptr)
		return;
	stamp(place);
	m->nmalloc[class]++;
}

static void expect_same_counts(struct kunit *test, const struct model *m)
{
	u64 nmalloc, nfree;
	unsigned int sc;

	for (sc = 1; sc <= KSPAN_NR_CLASSES; sc++) {
		kspan_cache_count(sc, &nmalloc, &nfree);
		KUNIT_EXPECT_EQ_MSG(test, nmalloc - m->nmalloc_before[sc],
				    m->nmalloc[sc], "allocations of class %u", sc);
		KUNIT_EXPECT_EQ_MSG(test, nfree - m->nfree_before[sc],
				    m->nfree[sc], "frees of class %u", sc);
	}
}

static struct model *new_model(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int sc;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (sc = 1; sc <= KSPAN_NR_CLASSES; sc++)
		kspan_cache_count(sc, &m->nmalloc_before[sc],
				  &m->nfree_before[sc]);
	return m;
}

/* Random traffic over all classes: objects do not overlap, counts are exact. */
static void counts_are_exact(struct kunit *test)
{
	struct model *m = new_model(test);
	struct kspan_random random;
	struct kspan_stats before;
	unsigned int i;

	kspan_read_stats(&before);
	kspan_random_init(&random, 42);
	for (i = 0; i < NR_STEPS; i++) {
		step(test, m, &random);
		if (i % CHECK_STEPS == 0)
			expect_same_counts(test, m);
		/* Draining at arbitrary moments changes no count. */
		if (i % (NR_STEPS / 8) == 777)
			kspan_release();
	}
	for (i = 0; i < NR_SLOTS; i++) {
		if (!m->place[i].ptr)
			continue;
		kspan_free(m->place[i].ptr);
		m->nfree[kspan_size_to_class(m->place[i].size)]++;
	}
	expect_same_counts(test, m);
	/* Otherwise the case exercised little. */
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, swap), 100ULL);
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, refill), 100ULL);
	KUNIT_EXPECT_GT(test, KSPAN_SINCE(&before, flush), 100ULL);
}

static unsigned long held_bytes(void)
{
	unsigned long bytes = 0;
	unsigned int sc;

	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		bytes += kspan_cache_held(sc) * kspan_sc_info(sc)->size;
	return bytes;
}

/* Use all classes in turn: two magazines' worth of objects of each. */
static unsigned long wave(struct kunit *test, void **objs)
{
	unsigned long most = 0;
	unsigned int class, i, nr;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		nr = 2 * kspan_classes[class].mag_cap;
		for (i = 0; i < nr; i++) {
			objs[i] = kspan_alloc(kspan_classes[class].size, GFP_KERNEL);
			KUNIT_EXPECT_NOT_NULL(test, objs[i]);
		}
		for (i = 0; i < nr; i++)
			kspan_free(objs[i]);
		most = max(most, held_bytes());
	}
	return most;
}

/*
 * A CPU that uses one class after the other holds about its budget, not
 * everything it ever used.  The clock hand may leave a budget's worth from its
 * last round; the objects cached since and the class in use come on top.
 */
static void hoard_is_bounded(struct kunit *test)
{
	void **objs = kunit_kmalloc_array(test, 128, sizeof(*objs), GFP_KERNEL);
	unsigned long most = 0;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	kspan_release();
	migrate_disable();
	for (i = 0; i < 5; i++)
		most = max(most, wave(test, objs));
	migrate_enable();
	KUNIT_EXPECT_LE_MSG(test, most, 2 * kspan_cache_budget + CLASS_MOST,
			    "bytes in magazines");
	KUNIT_EXPECT_GE_MSG(test, most, kspan_cache_budget / 4, "this was no traffic");
}

/* While a CPU works on one class, it gives up what it holds of the others. */
static void hoard_follows_the_work(struct kunit *test)
{
	unsigned int class = kspan_size_to_class(64), i, k;
	void **objs = kunit_kmalloc_array(test, 128, sizeof(*objs), GFP_KERNEL);
	unsigned long busy;

	KUNIT_ASSERT_NOT_NULL(test, objs);
	kspan_release();
	migrate_disable();
	wave(test, objs);
	for (i = 0; i < 300; i++) {
		for (k = 0; k < 128; k++)
			objs[k] = kspan_alloc(64, GFP_KERNEL);
		for (k = 0; k < 128; k++)
			kspan_free(objs[k]);
	}
	migrate_enable();
	busy = kspan_cache_held(class);
	/* The budget does not cover the class in use. */
	KUNIT_EXPECT_LE(test, held_bytes() - busy * kspan_classes[class].size,
			kspan_cache_budget);
	KUNIT_EXPECT_GT_MSG(test, busy, 0UL,
			    "the class in use was drained as well");
}

/* One visit to a context: the task's tops it saw, and its results. */
struct visit {
	unsigned int nr;
	void *obj[200];
	bool task_tops_moved;
};

static void *task_tops[KSPAN_NR_TOPS];

static void visit(void *arg)
{
	struct visit *v = arg;
	unsigned int i;

	preempt_disable();
	memcpy(task_tops, this_cpu_ptr(kspan_tops), sizeof(task_tops));
	for (v->nr = 0; v->nr < ARRAY_SIZE(v->obj); v->nr++) {
		v->obj[v->nr] = kspan_alloc(200, GFP_ATOMIC);
		if (!v->obj[v->nr])
			break;
		memset(v->obj[v->nr], v->nr, 200);
	}
	for (i = 0; i < v->nr; i += 2)
		kspan_free(v->obj[i]);
	v->task_tops_moved = memcmp(task_tops, this_cpu_ptr(kspan_tops),
				    sizeof(task_tops)) != 0;
	preempt_enable();
}

static void free_odd(void *arg)
{
	struct visit *v = arg;
	unsigned int i;

	for (i = 1; i < v->nr; i += 2)
		kspan_free(v->obj[i]);
}

/*
 * Every context allocates objects and frees its own and those of others.
 * Counts are exact, and interrupts do not use the task's cache.
 */
static void contexts_have_their_own(struct kunit *test)
{
	unsigned int sc = kspan_size_to_class(200), from, to;
	struct visit *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);
	u64 nmalloc[2], nfree[2], nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, v);
	kspan_cache_count(sc, &nmalloc[0], &nfree[0]);
	for (from = 0; from < KSPAN_TEST_NR_PLACES; from++) {
		for (to = 0; to < KSPAN_TEST_NR_PLACES; to++) {
			bool is_task = from != KSPAN_TEST_SOFTIRQ &&
				       from != KSPAN_TEST_HARDIRQ;

			kspan_test_run_in(test, from, visit, v);
			KUNIT_EXPECT_EQ_MSG(test, v->nr,
					    (unsigned int)ARRAY_SIZE(v->obj), "%s",
					    kspan_test_place_names[from]);
			KUNIT_EXPECT_EQ_MSG(test, v->task_tops_moved, is_task,
					    "%s", kspan_test_place_names[from]);
			nr += v->nr;
			kspan_cache_count(sc, &nmalloc[1], &nfree[1]);
			KUNIT_EXPECT_EQ(test, nmalloc[1] - nmalloc[0], nr);
			KUNIT_EXPECT_EQ(test, nfree[1] - nfree[0],
					nr - v->nr / 2);
			kspan_test_run_in(test, to, free_odd, v);
			kspan_cache_count(sc, &nmalloc[1], &nfree[1]);
			KUNIT_EXPECT_EQ(test, nfree[1] - nfree[0], nr);
		}
	}
}

static struct kunit_case cache_model_cases[] = {
	KUNIT_CASE(counts_are_exact),
	KUNIT_CASE(hoard_is_bounded),
	KUNIT_CASE(hoard_follows_the_work),
	KUNIT_CASE(contexts_have_their_own),
	{}
};

KSPAN_TEST_SUITE_WITH(cache_model, cache_model_cases, kspan_test_cached_init,
		      kspan_test_exit);
