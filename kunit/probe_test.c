// SPDX-License-Identifier: GPL-2.0
/*
 * A probe in the page allocator that uses kspan itself, as a tracing program
 * may.  It runs while a cache asks for a magazine in the middle of a change.
 */
#include <linux/err.h>
#include <linux/kconfig.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/tracepoint.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"
#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "kunit_support.h"

/* A span holds 128 objects. */
#define SIZE	64U
#define SC	8U
#define NR_MAX	128U

/* Shared by the cases, which run one at a time. */
static struct {
	struct tracepoint *point;
	struct task_struct *task;	/* whose page triggers the probe */
	void *obj[NR_MAX + 1];		/* the last is the case's own */
	unsigned int nr;		/* how many are the probe's */
	bool frees;			/* the probe frees or allocates */
	size_t tiny;			/* or the size of a tiny object */
	void *got;
	unsigned int nr_came;
} work;

/* trace_mm_page_alloc() */
static void probe(void *unused, struct page *page, unsigned int order, gfp_t gfp,
		  int migratetype)
{
	unsigned int i;

	/* Run once, and not for pages that the probe's own calls ask for. */
	if (!in_task() || READ_ONCE(work.task) != current)
		return;
	WRITE_ONCE(work.task, NULL);
	work.nr_came++;
	if (work.tiny)
		work.got = kspan_alloc_tiny(work.tiny, GFP_NOWAIT);
	for (i = 0; i < work.nr; i++) {
		if (work.frees)
			kspan_free(work.obj[i]);
		else
			work.obj[i] = kspan_alloc(SIZE, GFP_NOWAIT);
	}
}

static void is_it(struct tracepoint *point, void *unused)
{
	if (!strcmp(point->name, "mm_page_alloc"))
		work.point = point;
}

static int probe_init(struct kunit *test)
{
	int err = kspan_test_cached_init(test);

	if (err)
		return err;
	if (KSPAN_RT_RULES)
		kunit_skip(test, "caches ask for nothing where nothing may sleep");
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "a kernel without tracepoints");
	memset(&work, 0, sizeof(work));
	for_each_kernel_tracepoint(is_it, NULL);
	KUNIT_ASSERT_NOT_NULL(test, work.point);
	KUNIT_ASSERT_EQ(test, kspan_size_to_class(SIZE), SC);
	err = tracepoint_probe_register(work.point, probe, NULL);
	if (err)
		work.point = NULL;
	return err;
}

static void probe_exit(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_TRACEPOINTS) && work.point) {
		tracepoint_probe_unregister(work.point, probe, NULL);
		tracepoint_synchronize_unregister();
	}
	kspan_test_exit(test);
}

static struct kspan_mag *hoard_mags(void)
{
	struct kspan_mag *mag, *hoard = NULL;

	kspan_inject_set("slab/1");
	while ((mag = kspan_mag_alloc(SC, GFP_NOWAIT)))
		kspan_mag_push(&hoard, mag, SC);
	kspan_inject_set("off");
	return hoard;
}

static void return_mags(struct kspan_mag *hoard)
{
	while (hoard)
		kspan_mag_free(kspan_mag_pop(&hoard, SC));
}

/* The operation of the case, without magazines.  Context: preemption off. */
static void do_without_magazines(void *arg)
{
	struct kspan_mag *hoard;

	kspan_cache_drain_local();
	hoard = hoard_mags();
	work.task = current;
	if (work.frees)
		kspan_free(work.obj[NR_MAX]);
	else
		work.obj[NR_MAX] = kspan_alloc(SIZE, GFP_NOWAIT);
	work.task = NULL;
	return_mags(hoard);
}

/* Drain a current tiny block that holds no more objects. */
static void drain_tiny_without_magazines(void *arg)
{
	struct kspan_mag *hoard;

	kspan_free(kspan_alloc_tiny(*(size_t *)arg, GFP_NOWAIT));
	kspan_cache_drain_local();
	hoard = hoard_mags();
	work.task = current;
	kspan_tiny_drain_local();
	work.task = NULL;
	return_mags(hoard);
}

static void drain_local(void *arg)
{
	kspan_cache_drain_local();
}

/* A whole span can be allocated and freed: no object is lost or duplicated. */
static void expect_whole(struct kunit *test)
{
	static void *obj[NR_MAX];
	struct kspan_span *span;
	unsigned int i;

	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, drain_local, NULL);
	KUNIT_EXPECT_EQ(test, kspan_cache_held(SC), 0UL);
	for (i = 0; i < NR_MAX; i++) {
		obj[i] = kspan_alloc(SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj[i]);
	}
	span = kspan_test_span(obj[0]);
	for (i = 0; i < NR_MAX; i++)
		KUNIT_EXPECT_PTR_EQ(test, kspan_test_span(obj[i]), span);
	for (i = 0; i < NR_MAX; i++)
		kspan_free(obj[i]);
}

/* Fewer than a magazine holds, as many, and more. */
static const unsigned int numbers[] = { 1, KSPAN_MAG_SLOTS / 2,
					KSPAN_MAG_SLOTS, NR_MAX - 1 };

static void number_name(const unsigned int *nr, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u", *nr);
}

KUNIT_ARRAY_PARAM(number, numbers, number_name);

static void allocates(struct kunit *test)
{
	unsigned int i;

	/* Only one span, so that the check below covers all objects. */
	kspan_release();
	kspan_free(kspan_alloc(SIZE, GFP_KERNEL));
	work.nr = *(const unsigned int *)test->param_value;
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, do_without_magazines,
			  NULL);
	KUNIT_EXPECT_EQ(test, work.nr_came, 1U);
	KUNIT_ASSERT_NOT_NULL(test, work.obj[NR_MAX]);
	for (i = 0; i < work.nr; i++) {
		KUNIT_EXPECT_NOT_NULL(test, work.obj[i]);
		KUNIT_EXPECT_PTR_NE(test, work.obj[i], work.obj[NR_MAX]);
		kspan_free(work.obj[i]);
	}
	kspan_free(work.obj[NR_MAX]);
	expect_whole(test);
}

static void frees(struct kunit *test)
{
	unsigned int i;

	kspan_release();
	work.nr = *(const unsigned int *)test->param_value;
	work.frees = true;
	for (i = 0; i < work.nr; i++) {
		work.obj[i] = kspan_alloc(SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, work.obj[i]);
	}
	work.obj[NR_MAX] = kspan_alloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, work.obj[NR_MAX]);
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF, do_without_magazines,
			  NULL);
	KUNIT_EXPECT_EQ(test, work.nr_came, 1U);
	expect_whole(test);
}

/* Drain a block that held an object of @size; the probe allocates @other. */
static void drop_block(struct kunit *test, size_t size, size_t other)
{
	kspan_release();
	kspan_free(kspan_alloc_tiny(8, GFP_KERNEL));
	work.tiny = other;
	kspan_test_run_in(test, KSPAN_TEST_PREEMPT_OFF,
			  drain_tiny_without_magazines, &size);
	KUNIT_EXPECT_EQ(test, work.nr_came, 1U);
	KUNIT_ASSERT_NOT_NULL(test, work.got);
}

/*
 * What the probe gets from this or another block is not given to anyone else.
 */
static void block_goes(struct kunit *test)
{
	void *other[2];
	unsigned int i;

	drop_block(test, 8, 8);
	for (i = 0; i < 2; i++) {
		other[i] = kspan_alloc_tiny(8, GFP_KERNEL);
		KUNIT_EXPECT_PTR_NE(test, other[i], work.got);
	}
	kspan_free(work.got);
	kspan_free(other[0]);
	kspan_free(other[1]);
}

/* A block that becomes current meanwhile is not lost. */
static void another_block_comes(struct kunit *test)
{
	drop_block(test, 15, 8);
	kspan_free(work.got);
	kspan_release();
	KUNIT_EXPECT_EQ(test, kspan_central_of(numa_mem_id(),
					       KSPAN_SC_TINY)->nr_spans, 0UL);
}

static struct kunit_case probe_cases[] = {
	KUNIT_CASE(block_goes),
	KUNIT_CASE(another_block_comes),
	KUNIT_CASE_PARAM(allocates, number_gen_params),
	KUNIT_CASE_PARAM(frees, number_gen_params),
	{}
};

KSPAN_TEST_SUITE_WITH(probe, probe_cases, probe_init, probe_exit);
