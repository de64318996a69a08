// SPDX-License-Identifier: GPL-2.0
/* Limits and reserves of clients' heaps. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "api/client_heap.h"
#include "cache/quarantine.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define NR	2000U
#define LIMIT	SZ_256K

/* The objects of the running test case. */
static void *objs[NR];

static const gfp_t quiet = GFP_KERNEL | __GFP_NOWARN;

static struct kspan_heap *make(struct kunit *test, unsigned long flags)
{
	struct kspan_heap *h = kspan_heap_create("limited", flags);

	KUNIT_ASSERT_NOT_NULL(test, h);
	kspan_heap_set_limit(h, LIMIT);
	return h;
}

/* Allocate until an allocation fails.  Return: the number of objects. */
static unsigned int alloc_all(struct kspan_heap *h, size_t size, gfp_t gfp)
{
	unsigned int nr;

	for (nr = 0; nr < NR; nr++) {
		objs[nr] = kspan_heap_alloc(h, size, gfp);
		if (!objs[nr])
			break;
	}
	return nr;
}

/*
 * At the limit an allocation returns NULL, which limit_fail counts.  Freed
 * memory can be allocated again.
 */
static void null_at_the_limit(struct kunit *test)
{
	static const size_t sizes[] = { 1000, 5000, 40000 };
	struct kspan_heap_stats row;
	struct kspan_stats before;
	struct kspan_heap *h;
	unsigned int i, nr;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		h = make(test, 0);
		kspan_read_stats(&before);
		nr = alloc_all(h, sizes[i], quiet);
		kspan_client_heap_read(h, &row);
		KUNIT_EXPECT_EQ(test, row.limit, (u64)LIMIT);
		KUNIT_EXPECT_LE(test, row.bytes, (u64)LIMIT);
		KUNIT_EXPECT_GE(test, row.bytes, LIMIT / 2ULL);
		KUNIT_EXPECT_LE(test, atomic_long_read(&h->quota.held), (long)LIMIT);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, oom_fail), 0ULL);
		KUNIT_EXPECT_NULL(test, kspan_heap_alloc(h, sizes[i],
							 GFP_ATOMIC | __GFP_NOWARN));
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, limit_fail), 2ULL);
		/* The limit applies to this heap only. */
		ptr = kspan_alloc(sizes[i], quiet);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		kspan_free(objs[nr - 1]);
		objs[nr - 1] = kspan_heap_alloc(h, sizes[i], quiet);
		KUNIT_EXPECT_NOT_NULL(test, objs[nr - 1]);
		/* An allocation that must not fail may exceed the limit. */
		objs[nr] = kspan_heap_alloc(h, sizes[i], GFP_KERNEL | __GFP_NOFAIL);
		KUNIT_EXPECT_NOT_NULL(test, objs[nr]);
		kspan_free_bulk(nr + 1, objs);
		kspan_heap_destroy(h);
	}
}

/* Idle memory of one class makes room for another class. */
static void idle_memory_makes_room(struct kunit *test)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_ATOMIC };
	struct kspan_heap *h;
	unsigned int i, nr;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(gfps); i++) {
		/* A caller that may not sleep cannot empty the quarantine. */
		if (i && kspan_quarantine_on())
			break;
		h = make(test, 0);
		nr = alloc_all(h, 1000, quiet);
		kspan_free_bulk(nr, objs);
		ptr = kspan_heap_alloc(h, 5000, gfps[i] | __GFP_NOWARN);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		ptr = kspan_heap_alloc(h, 100000, quiet);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		nr = alloc_all(h, 1000, quiet);
		KUNIT_EXPECT_GE(test, nr, LIMIT / 2 / 1024U);
		kspan_free_bulk(nr, objs);
		kspan_heap_destroy(h);
	}
}

struct asked {
	unsigned int calls;
	size_t size;
	void *give;
};

static bool give_one(struct kspan_heap *h, size_t size, gfp_t gfp, void *arg)
{
	struct asked *asked = arg;
	bool had = asked->give;

	asked->calls++;
	asked->size = size;
	kspan_free(asked->give);
	asked->give = NULL;
	return had;
}

/* The client's function is called.  If it makes no room, the allocation fails. */
static void asks_the_client(struct kunit *test)
{
	struct kspan_heap *h = make(test, 0);
	struct asked asked = {};
	unsigned int nr;

	kspan_heap_on_limit(h, give_one, &asked);
	nr = alloc_all(h, 1000, quiet);
	KUNIT_EXPECT_EQ(test, asked.calls, 1U);
	KUNIT_EXPECT_EQ(test, asked.size, (size_t)1000);
	asked.give = objs[0];
	objs[0] = kspan_heap_alloc(h, 1000, quiet);
	KUNIT_EXPECT_NOT_NULL(test, objs[0]);
	KUNIT_EXPECT_EQ(test, asked.calls, 2U);
	/* A caller that may not sleep does not call it. */
	KUNIT_EXPECT_NULL(test, kspan_heap_alloc(h, 1000, GFP_NOWAIT | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, asked.calls, 2U);
	kspan_free_bulk(nr, objs);
	kspan_heap_destroy(h);
}

static int free_later(void *ptr)
{
	msleep(100);
	kspan_free(ptr);
	return 0;
}

/*
 * With KSPAN_HEAP_WAIT an allocation waits until another task frees an object.
 */
static void waits_for_room(struct kunit *test)
{
	static const size_t sizes[] = { 1000, 40000 };
	struct task_struct *task;
	struct kspan_heap *h;
	unsigned int i, nr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		h = make(test, KSPAN_HEAP_WAIT);
		/* Allocations with __GFP_NORETRY do not wait. */
		nr = alloc_all(h, sizes[i], quiet | __GFP_NORETRY);
		KUNIT_ASSERT_GE(test, nr, 1U);
		KUNIT_EXPECT_NULL(test, kspan_heap_alloc(h, sizes[i],
							 GFP_ATOMIC | __GFP_NOWARN));
		task = kthread_run(free_later, objs[0], "kspan_later");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
		objs[0] = kspan_heap_alloc(h, sizes[i], GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, objs[0]);
		kspan_free_bulk(nr, objs);
		kspan_heap_destroy(h);
	}
}

struct taken {
	struct kspan_heap *h;
	void *ptr;
};

static void take(void *arg)
{
	struct taken *taken = arg;

	taken->ptr = kspan_heap_alloc(taken->h, 500, GFP_ATOMIC | __GFP_NOWARN);
}

/*
 * The reserve serves every context when there is no other memory, and no
 * allocation before that.
 */
static void reserve(struct kunit *test)
{
	struct kspan_heap *h = make(test, 0);
	struct taken taken = { .h = h };
	unsigned int nr, i, place;

	KUNIT_EXPECT_EQ(test, kspan_heap_reserve(h, 0, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_heap_reserve(h, 40000, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_heap_reserve(h, 500, NR), -ENOMEM);
	KUNIT_ASSERT_EQ(test, kspan_heap_reserve(h, 500, 60), 0);
	/*
	 * Allocate objects of another class up to the limit: they do not get
	 * the reserve.
	 */
	nr = alloc_all(h, 1000, quiet);
	for (i = 0; i < 60; i++) {
		place = i % KSPAN_TEST_NR_PLACES;
		kspan_test_run_in(test, place, take, &taken);
		KUNIT_ASSERT_NOT_NULL_MSG(test, taken.ptr, "%u in %s", i,
					  kspan_test_place_names[place]);
		objs[nr + i] = taken.ptr;
	}
	/* A span may have a few more objects than the reserve needs. */
	while ((taken.ptr = kspan_heap_alloc(h, 500, quiet)))
		objs[nr + i++] = taken.ptr;
	KUNIT_EXPECT_LE(test, i, 60 + 16U);
	kspan_free_bulk(i, objs + nr);
	/* The reserve has been refilled. */
	kspan_release();
	for (i = 0; i < 60; i++) {
		objs[nr + i] = kspan_heap_alloc(h, 500, quiet);
		KUNIT_EXPECT_NOT_NULL(test, objs[nr + i]);
	}
	kspan_free_bulk(nr + 60, objs);
	KUNIT_EXPECT_EQ(test, kspan_heap_reserve(h, 500, 0), 0);
	kspan_release();
	KUNIT_EXPECT_EQ(test, atomic_long_read(&h->quota.held), 0L);
	kspan_heap_destroy(h);
}

static struct kunit_case heap_limit_cases[] = {
	KUNIT_CASE(null_at_the_limit),
	KUNIT_CASE(idle_memory_makes_room),
	KUNIT_CASE(asks_the_client),
	KUNIT_CASE(waits_for_room),
	KUNIT_CASE(reserve),
	{}
};

KSPAN_TEST_SUITE(heap_limit, heap_limit_cases);
