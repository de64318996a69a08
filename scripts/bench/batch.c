// SPDX-License-Identifier: GPL-2.0
/*
 * Batches of 64-byte objects: allocate them all, singly or in bulk, write a
 * word to each, and free them all.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "bench.h"

#define OBJ_SIZE	64
#define BATCH_MAX	4096U

static void **objs;		/* BATCH_MAX of them */
static struct kmem_cache *slab_cache;

static __always_inline u64 batch_loop(const struct bench_args *args,
				      void *(*alloc)(size_t size, gfp_t gfp),
				      void (*free)(const void *ptr))
{
	unsigned int i, loop, nr = args->batch;
	const u32 *order = args->order;
	size_t size = args->size;
	gfp_t gfp = args->gfp;
	u64 start = bench_now();

	for (loop = 0; loop < args->loops; loop++) {
		for (i = 0; i < nr; i++) {
			objs[i] = alloc(size, gfp);
			if (unlikely(!objs[i]))
				goto fail;
			bench_touch(objs[i], i);
		}
		for (i = 0; i < nr; i++)
			free(objs[order[i]]);
	}
	return bench_now() - start;

fail:
	while (i--)
		free(objs[i]);
	return BENCH_FAILED;
}

/* Put @objs into the order of @order; both sides have this cost. */
static void reorder(void **objs, const u32 *order, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		swap(objs[i], objs[order[i]]);
}

static __always_inline u64 bulk_loop(const struct bench_args *args,
				     size_t (*alloc)(size_t size, gfp_t gfp,
						     size_t nr, void **objs),
				     void (*free)(size_t nr, void **objs))
{
	unsigned int i, loop, nr = args->batch;
	const u32 *order = args->order;
	size_t size = args->size;
	gfp_t gfp = args->gfp;
	u64 start = bench_now();

	for (loop = 0; loop < args->loops; loop++) {
		if (unlikely(alloc(size, gfp, nr, objs) != nr))
			return BENCH_FAILED;
		for (i = 0; i < nr; i++)
			bench_touch(objs[i], i);
		if (order)
			reorder(objs, order, nr);
		free(nr, objs);
	}
	return bench_now() - start;
}

static __always_inline size_t slab_alloc_bulk(size_t size, gfp_t gfp, size_t nr,
					      void **objs)
{
	/* Whether the return value is the number depends on the kernel. */
	return kmem_cache_alloc_bulk(slab_cache, gfp, nr, objs) ? nr : 0;
}

static __always_inline void slab_free_bulk(size_t nr, void **objs)
{
	kmem_cache_free_bulk(slab_cache, nr, objs);
}

static noinline u64 batch_kspan(const struct bench_args *args)
{
	return batch_loop(args, kspan_alloc, kspan_free);
}

static noinline u64 batch_slab(const struct bench_args *args)
{
	return batch_loop(args, bench_kmalloc, kfree);
}

static noinline u64 bulk_kspan(const struct bench_args *args)
{
	return bulk_loop(args, kspan_alloc_bulk, kspan_free_bulk);
}

static noinline u64 bulk_slab(const struct bench_args *args)
{
	return bulk_loop(args, slab_alloc_bulk, slab_free_bulk);
}

static void order_as_is(u32 *order, unsigned int nr)
{
	while (nr--)
		order[nr] = nr;
}

static void order_reverse(u32 *order, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		order[i] = nr - 1 - i;
}

static void order_shuffle(u32 *order, unsigned int nr)
{
	struct rnd_state rnd;
	u32 other;

	prandom_seed_state(&rnd, nr);
	order_as_is(order, nr);
	for (; nr > 1; nr--) {
		other = ((u64)prandom_u32_state(&rnd) * nr) >> 32;
		swap(order[nr - 1], order[other]);
	}
}

static const struct {
	const char *name;
	void (*fill)(u32 *order, unsigned int nr);
} orders[] = {
	{ "order", order_as_is },
	{ "reverse", order_reverse },
	{ "shuffled", order_shuffle },
};

static const unsigned int batches[] = { 16, 256, BATCH_MAX };
static const unsigned int bulks[] = { 1, 2, 4, 16, 64, 256 };

static void run_rows(u32 *order)
{
	struct bench_args args = {
		.size = OBJ_SIZE,
		.gfp = GFP_KERNEL,
		.order = order,
	};
	unsigned int i, k;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(batches); i++) {
		args.batch = batches[i];
		args.loops = bench_loops(args.batch);
		for (k = 0; k < ARRAY_SIZE(orders); k++) {
			orders[k].fill(order, args.batch);
			snprintf(name, sizeof(name), "batch-%u-%s", args.batch,
				 orders[k].name);
			bench_row(name, batch_kspan, batch_slab, &args);
		}
	}
	/* Both caches start empty. */
	kspan_release();
	args.kernel = "kmem_cache";
	for (k = 0; k < 2; k++) {
		for (i = 0; i < ARRAY_SIZE(bulks); i++) {
			args.batch = bulks[i];
			args.loops = bench_loops(args.batch);
			order_shuffle(order, args.batch);
			args.order = k ? order : NULL;
			snprintf(name, sizeof(name), "bulk-%u%s", args.batch,
				 k ? "-shuffled" : "");
			bench_row(name, bulk_kspan, bulk_slab, &args);
		}
	}
}

/* Rows for batches and bulk calls.  Return: 0 or -ENOMEM. */
int bench_batches(void)
{
	u32 *order = kvmalloc_array(BATCH_MAX, sizeof(*order), GFP_KERNEL);
	int err = -ENOMEM;

	objs = kvmalloc_array(BATCH_MAX, sizeof(*objs), GFP_KERNEL);
	slab_cache = kmem_cache_create("kspan_bench", OBJ_SIZE, 0, 0, NULL);
	if (order && objs && slab_cache) {
		run_rows(order);
		err = 0;
	}
	kmem_cache_destroy(slab_cache);
	kvfree(objs);
	kvfree(order);
	return err;
}
