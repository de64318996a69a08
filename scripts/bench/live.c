// SPDX-License-Identifier: GPL-2.0
/*
 * How the amount of live memory affects the cost: random replacement of small
 * objects and of page runs among many, and page runs in a heap that is filled
 * to different degrees.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "bench.h"

#define OBJ_SIZE	64
/* Live page runs while their cost is measured. */
#define NR_RUNS		16U

/* The objects of each side, and its functions for page runs. */
static void **kspan_objs, **slab_objs;
static unsigned int nr_objs;
static u64 kspan_random, slab_random;

static __always_inline u64 replace_loop(const struct bench_args *args,
					void **objs, u64 *random,
					void *(*alloc)(size_t size, gfp_t gfp),
					void (*free)(const void *ptr))
{
	unsigned int i, at, nr = nr_objs, loops = args->loops;
	u64 start = bench_now();

	for (i = 0; i < loops; i++) {
		at = bench_below(random, nr);
		free(objs[at]);
		objs[at] = alloc(OBJ_SIZE, GFP_KERNEL);
		if (unlikely(!objs[at]))
			return BENCH_FAILED;
		bench_touch(objs[at], i);
	}
	return bench_now() - start;
}

/* Replace runs of 40 to 512 KiB in a ring of live ones. */
static __always_inline u64 run_loop(const struct bench_args *args, u64 *random,
				    void *(*alloc)(size_t size, gfp_t gfp),
				    void (*free)(const void *ptr))
{
	unsigned int i, loops = args->loops;
	u64 start = bench_now(), took;
	void *ring[NR_RUNS] = {};
	bool failed = false;
	size_t size;

	for (i = 0; i < loops && !failed; i++) {
		size = SZ_32K + SZ_8K * (1 + bench_below(random, 60));
		free(ring[i % NR_RUNS]);
		ring[i % NR_RUNS] = alloc(size, GFP_KERNEL);
		failed = !ring[i % NR_RUNS];
	}
	took = bench_now() - start;
	for (i = 0; i < NR_RUNS; i++)
		free(ring[i]);
	return failed ? BENCH_FAILED : took;
}

static noinline u64 replace_kspan(const struct bench_args *args)
{
	return replace_loop(args, kspan_objs, &kspan_random, kspan_alloc,
			    kspan_free);
}

static noinline u64 replace_slab(const struct bench_args *args)
{
	return replace_loop(args, slab_objs, &slab_random, bench_kmalloc, kfree);
}

static __always_inline void either_free(const void *ptr)
{
	kvfree(ptr);
}

static noinline u64 run_kspan(const struct bench_args *args)
{
	return run_loop(args, &kspan_random, kspan_alloc, kspan_free);
}

static noinline u64 run_either(const struct bench_args *args)
{
	return run_loop(args, &slab_random, bench_kvmalloc, either_free);
}

/*
 * Allocate @nr objects of @size on both sides.  Return: whether that succeeded.
 */
static bool fill(unsigned int nr, size_t size)
{
	for (; nr_objs < nr; nr_objs++) {
		kspan_objs[nr_objs] = kspan_alloc(size, GFP_KERNEL | __GFP_NOWARN);
		slab_objs[nr_objs] = kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
		if (!kspan_objs[nr_objs] || !slab_objs[nr_objs]) {
			nr_objs++;
			return false;
		}
		if (nr_objs % 1024 == 0)
			cond_resched();
	}
	return true;
}

/* Free objects in random order until @nr are left. */
static void drop(unsigned int nr)
{
	u64 random = 1;
	unsigned int at;

	while (nr_objs > nr) {
		at = bench_below(&random, nr_objs--);
		kspan_free(kspan_objs[at]);
		kvfree(slab_objs[at]);
		kspan_objs[at] = kspan_objs[nr_objs];
		slab_objs[at] = slab_objs[nr_objs];
		if (nr_objs % 1024 == 0)
			cond_resched();
	}
}

static const struct {
	const char *name;
	unsigned int nr;
} heaps[] = {
	{ "1k", 1000 },
	{ "10k", 10000 },
	{ "100k", 100000 },
	{ "1m", 1000000 },
};

static void live_rows(unsigned int nr_max)
{
	struct bench_args args = { .loops = bench_loops(1) };
	unsigned int i, loops = args.loops;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(heaps); i++) {
		if (heaps[i].nr > nr_max || !fill(heaps[i].nr, OBJ_SIZE))
			break;
		kspan_random = heaps[i].nr;
		slab_random = heaps[i].nr;
		args.loops = loops;
		args.kernel = NULL;
		snprintf(name, sizeof(name), "live-%s", heaps[i].name);
		bench_row(name, replace_kspan, replace_slab, &args);
		args.loops = max(loops / 16, 1U);
		args.kernel = "kvmalloc";
		snprintf(name, sizeof(name), "run-live-%s", heaps[i].name);
		bench_row(name, run_kspan, run_either, &args);
	}
	drop(0);
}

/* A heap of 64 KiB objects, of which more and more are freed at random. */
static void full_rows(unsigned int nr)
{
	struct bench_args args = {
		.loops = bench_loops(16),
		.kernel = "kvmalloc",
	};
	unsigned int percent;
	char name[32];

	if (!fill(nr, SZ_64K))
		goto out;
	for (percent = 90; percent; percent = percent > 20 ? percent - 20 : 0) {
		drop(nr / 100 * percent);
		kspan_random = percent;
		slab_random = percent;
		snprintf(name, sizeof(name), "heapfill-%u", percent);
		bench_row(name, run_kspan, run_either, &args);
	}
out:
	drop(0);
}

/* Rows for much live memory.  Return: 0 or -ENOMEM. */
int bench_live(void)
{
	unsigned long pages = si_mem_available() / 8;
	unsigned int nr = min(pages, SZ_128M / PAGE_SIZE) * PAGE_SIZE / OBJ_SIZE;
	int err = -ENOMEM;

	if (!bench_group_wanted("live-") && !bench_group_wanted("run-live-") &&
	    !bench_group_wanted("heapfill-"))
		return 0;
	kspan_objs = kvmalloc_array(nr, sizeof(*kspan_objs), GFP_KERNEL);
	slab_objs = kvmalloc_array(nr, sizeof(*slab_objs), GFP_KERNEL);
	if (kspan_objs && slab_objs) {
		live_rows(nr);
		full_rows(nr * OBJ_SIZE / SZ_64K);
		err = 0;
	}
	kvfree(slab_objs);
	kvfree(kspan_objs);
	return err;
}
