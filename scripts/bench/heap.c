// SPDX-License-Identifier: GPL-2.0
/*
 * Clients' heaps compared with kmalloc(): pairs of a class that has magazines,
 * and of one that has none.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/slab.h>

#include "bench.h"

/* Objects allocated so that a class gets magazines. */
#define WARM_OBJS	1000U

static struct kspan_heap *heap;

static __always_inline u64 pair_loop(const struct bench_args *args,
				     void *(*alloc)(size_t size, gfp_t gfp),
				     void (*free)(const void *ptr))
{
	u64 start = bench_now();
	unsigned int i;
	void *ptr;

	for (i = 0; i < args->loops; i++) {
		ptr = alloc(args->size, args->gfp);
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
		free(ptr);
	}
	return bench_now() - start;
}

static __always_inline void *heap_one(size_t size, gfp_t gfp)
{
	return kspan_heap_alloc(heap, size, gfp);
}

static noinline u64 pair_kspan(const struct bench_args *args)
{
	return pair_loop(args, heap_one, kspan_free);
}

static noinline u64 pair_slab(const struct bench_args *args)
{
	return pair_loop(args, bench_kmalloc, kfree);
}

/* Use a class so much that a worker adds magazines to it, and wait for that. */
static void warm(size_t size)
{
	unsigned int i;

	for (i = 0; i < WARM_OBJS; i++)
		kspan_free(kspan_heap_alloc(heap, size, GFP_KERNEL));
	msleep(50);
}

/* Rows for clients' heaps.  Return: 0 or -ENOMEM. */
int bench_heaps(void)
{
	static const size_t sizes[] = { 64, 1000 };
	struct bench_args args = { .gfp = GFP_KERNEL };
	unsigned int i;
	char name[32];

	if (!bench_group_wanted("heap-"))
		return 0;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		heap = kspan_heap_create("kspan_bench", 0);
		if (!heap)
			return -ENOMEM;
		args.size = sizes[i];
		/* Fewer calls than the class needs to become hot. */
		args.loops = min(bench_loops(1), 30U);
		snprintf(name, sizeof(name), "heap-%zu-cold", sizes[i]);
		bench_row(name, pair_kspan, pair_slab, &args);
		warm(sizes[i]);
		args.loops = bench_loops(1);
		snprintf(name, sizeof(name), "heap-%zu", sizes[i]);
		bench_row(name, pair_kspan, pair_slab, &args);
		kspan_heap_destroy(heap);
	}
	return 0;
}
