// SPDX-License-Identifier: GPL-2.0
/*
 * Two CPUs: each on its own, one allocating what the other frees, and objects
 * that are close to each other.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/processor.h>
#include <linux/string.h>

#include "bench.h"

#define OBJ_SIZE	64
#define BATCH		64U
/* Batches in flight; a power of two. */
#define RING		16U

typedef void *(*alloc_fn)(size_t size, gfp_t gfp);
typedef void (*free_fn)(const void *ptr);

struct ring {
	void *batch[RING][BATCH];
	/*
	 * Written by the producer and by the consumer.  In different cache
	 * lines, as each side spins on one of them.
	 */
	unsigned int head ____cacheline_aligned;
	unsigned int tail ____cacheline_aligned;
	bool failed;
};

static struct ring ring;

/* Objects that the main thread passes to the threads of cache-scratch. */
static void *handed[2];

static __always_inline int pairs(const struct bench_args *args, alloc_fn alloc,
				 free_fn free)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < args->loops; i++) {
		ptr = alloc(OBJ_SIZE, GFP_KERNEL);
		if (unlikely(!ptr))
			return -ENOMEM;
		bench_touch(ptr, i);
		free(ptr);
	}
	return 0;
}

static __always_inline int produce(const struct bench_args *args, alloc_fn alloc)
{
	unsigned int i, head, nr = args->loops / BATCH;

	for (head = 0; head < nr; head++) {
		while (head - READ_ONCE(ring.tail) == RING)
			cpu_relax();
		for (i = 0; i < BATCH; i++) {
			void *ptr = alloc(OBJ_SIZE, GFP_KERNEL);

			if (unlikely(!ptr)) {
				WRITE_ONCE(ring.failed, true);
				return -ENOMEM;
			}
			bench_touch(ptr, i);
			ring.batch[head % RING][i] = ptr;
		}
		/* Publish the batch. */
		smp_store_release(&ring.head, head + 1);
	}
	return 0;
}

static __always_inline int consume(const struct bench_args *args, free_fn free)
{
	unsigned int i, tail, nr = args->loops / BATCH;

	for (tail = 0; tail < nr; tail++) {
		/* Then read the batch. */
		while (smp_load_acquire(&ring.head) == tail) {
			if (READ_ONCE(ring.failed))
				return -ENOMEM;
			cpu_relax();
		}
		for (i = 0; i < BATCH; i++)
			free(ring.batch[tail % RING][i]);
		/* Free its place in the ring. */
		smp_store_release(&ring.tail, tail + 1);
	}
	return 0;
}

/* Write one byte often, and reallocate the object now and then. */
static __always_inline int scratch(unsigned int id, const struct bench_args *args,
				   alloc_fn alloc, free_fn free)
{
	unsigned int i, k;
	char *ptr = handed[id];

	for (i = 0; i < args->loops / 128; i++) {
		free(ptr);
		ptr = alloc(1, GFP_KERNEL);
		handed[id] = ptr;
		if (unlikely(!ptr))
			return -ENOMEM;
		for (k = 0; k < 128; k++)
			WRITE_ONCE(*ptr, *ptr + 1);
	}
	return 0;
}

#define SIDE(side, alloc, free)						\
static int pairs_##side(unsigned int id, void *arg)			\
{									\
	return pairs(arg, alloc, free);					\
}									\
static int cross_##side(unsigned int id, void *arg)			\
{									\
	return id ? consume(arg, free) : produce(arg, alloc);		\
}									\
static int scratch_##side(unsigned int id, void *arg)			\
{									\
	return scratch(id, arg, alloc, free);				\
}									\
static noinline u64 scale_##side(const struct bench_args *args)		\
{									\
	return bench_on_cpus(args->batch, pairs_##side, (void *)args);	\
}									\
static noinline u64 handover_##side(const struct bench_args *args)	\
{									\
	memset(&ring, 0, sizeof(ring));					\
	return bench_on_cpus(2, cross_##side, (void *)args);		\
}									\
/* The first objects are from one CPU with @together, so side by side. */ \
static __always_inline u64 false_sharing_##side(const struct bench_args *args, \
						bool together)		\
{									\
	unsigned int i;							\
	u64 took;							\
									\
	for (i = 0; i < 2; i++)						\
		handed[i] = together ? alloc(1, GFP_KERNEL) : NULL;	\
	took = bench_on_cpus(2, scratch_##side, (void *)args);		\
	for (i = 0; i < 2; i++)						\
		free(handed[i]);					\
	return took;							\
}									\
static noinline u64 cache_scratch_##side(const struct bench_args *args)	\
{									\
	return false_sharing_##side(args, true);			\
}									\
static noinline u64 cache_thrash_##side(const struct bench_args *args)	\
{									\
	return false_sharing_##side(args, false);			\
}

SIDE(kspan, kspan_alloc, kspan_free)
SIDE(slab, bench_kmalloc, kfree)

/* Rows for two CPUs.  Return: 0. */
int bench_cpus(void)
{
	struct bench_args args = { .loops = 8 * bench_loops(1), .batch = 1 };

	bench_row("scale-1", scale_kspan, scale_slab, &args);
	if (num_online_cpus() < 2) {
		pr_info("kspan_bench: one CPU, no rows for two\n");
		return 0;
	}
	args.batch = 2;
	bench_row("scale-2", scale_kspan, scale_slab, &args);
	args.batch = 1;
	bench_row("cross-64", handover_kspan, handover_slab, &args);
	bench_row("cache-scratch", cache_scratch_kspan, cache_scratch_slab, &args);
	bench_row("cache-thrash", cache_thrash_kspan, cache_thrash_slab, &args);
	return 0;
}
