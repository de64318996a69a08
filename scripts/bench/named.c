// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches compared with kmem_cache: single objects and bulk calls.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/slab.h>

#include "bench.h"

#define BULK	64U

static struct kspan_cache *kspan_side;
static struct kmem_cache *slab_side;
static void *objs[BULK];

static __always_inline u64 pair_loop(const struct bench_args *args,
				     void *(*alloc)(gfp_t gfp),
				     void (*free)(void *obj))
{
	u64 start = bench_now();
	unsigned int i;
	void *obj;

	for (i = 0; i < args->loops; i++) {
		obj = alloc(args->gfp);
		if (unlikely(!obj))
			return BENCH_FAILED;
		bench_touch(obj, i);
		free(obj);
	}
	return bench_now() - start;
}

static __always_inline u64 bulk_loop(const struct bench_args *args,
				     size_t (*alloc)(gfp_t gfp, size_t nr,
						     void **objs),
				     void (*free)(size_t nr, void **objs))
{
	u64 start = bench_now();
	unsigned int i, loop;

	for (loop = 0; loop < args->loops; loop++) {
		if (unlikely(alloc(args->gfp, BULK, objs) != BULK))
			return BENCH_FAILED;
		for (i = 0; i < BULK; i++)
			bench_touch(objs[i], i);
		free(BULK, objs);
	}
	return bench_now() - start;
}

static __always_inline void *kspan_one(gfp_t gfp)
{
	return kspan_cache_alloc(kspan_side, gfp);
}

static __always_inline void kspan_end(void *obj)
{
	kspan_cache_free(kspan_side, obj);
}

static __always_inline void *slab_one(gfp_t gfp)
{
	return kmem_cache_alloc(slab_side, gfp);
}

static __always_inline void slab_end(void *obj)
{
	kmem_cache_free(slab_side, obj);
}

static __always_inline size_t kspan_many(gfp_t gfp, size_t nr, void **ptrs)
{
	return kspan_cache_alloc_bulk(kspan_side, gfp, nr, ptrs);
}

static __always_inline void kspan_end_many(size_t nr, void **ptrs)
{
	kspan_cache_free_bulk(kspan_side, nr, ptrs);
}

static __always_inline size_t slab_many(gfp_t gfp, size_t nr, void **ptrs)
{
	/* Whether the return value is the number depends on the kernel. */
	return kmem_cache_alloc_bulk(slab_side, gfp, nr, ptrs) ? nr : 0;
}

static __always_inline void slab_end_many(size_t nr, void **ptrs)
{
	kmem_cache_free_bulk(slab_side, nr, ptrs);
}

static noinline u64 pair_kspan(const struct bench_args *args)
{
	return pair_loop(args, kspan_one, kspan_end);
}

static noinline u64 pair_slab(const struct bench_args *args)
{
	return pair_loop(args, slab_one, slab_end);
}

static noinline u64 bulk_kspan(const struct bench_args *args)
{
	return bulk_loop(args, kspan_many, kspan_end_many);
}

static noinline u64 bulk_slab(const struct bench_args *args)
{
	return bulk_loop(args, slab_many, slab_end_many);
}

/* Rows for named caches.  Return: 0 or -ENOMEM. */
int bench_named(void)
{
	static const size_t sizes[] = { 64, 200, 1000 };
	struct bench_args args = { .gfp = GFP_KERNEL, .kernel = "kmem_cache" };
	unsigned int i;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		kspan_side = kspan_cache_create("kspan_bench", sizes[i], 0, 0,
						NULL);
		slab_side = kmem_cache_create("kspan_bench", sizes[i], 0, 0, NULL);
		if (!kspan_side || !slab_side) {
			kspan_cache_destroy(kspan_side);
			kmem_cache_destroy(slab_side);
			return -ENOMEM;
		}
		args.loops = bench_loops(1);
		args.batch = 1;
		snprintf(name, sizeof(name), "cache-%zu", sizes[i]);
		bench_row(name, pair_kspan, pair_slab, &args);
		args.loops = bench_loops(BULK);
		args.batch = BULK;
		snprintf(name, sizeof(name), "cache-bulk-%zu", sizes[i]);
		bench_row(name, bulk_kspan, bulk_slab, &args);
		kspan_cache_destroy(kspan_side);
		kmem_cache_destroy(slab_side);
	}
	return 0;
}
