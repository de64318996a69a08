// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads modelled on well-known allocator benchmarks, one thread on each
 * CPU: mstress, rptest, sh6bench, alloc-test and glibc-simple, in the kernel.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "bench.h"

#define NR_CPUS_USED	2U
#define NR_SLOTS	4096U
#define NR_TRANSFER	1000U

typedef void *(*alloc_fn)(size_t size, gfp_t gfp);
typedef void (*free_fn)(const void *ptr);

/* Slots of a thread; the first word of an object identifies it. */
static void **slots[NR_CPUS_USED];
/* Objects in transfer from one thread to another. */
static void *transfer[NR_TRANSFER];

struct job {
	unsigned int steps;
};

static unsigned long cookie_of(const void *ptr)
{
	return (unsigned long)ptr ^ 0x5bd1e995UL;
}

static __always_inline void *make(size_t size, alloc_fn alloc)
{
	unsigned long *ptr = alloc(max(size, sizeof(*ptr)), GFP_KERNEL);

	if (likely(ptr))
		*ptr = cookie_of(ptr);
	return ptr;
}

/* Free an object.  Return: whether its content was unchanged. */
static __always_inline bool unmake(void *ptr, free_fn free)
{
	bool intact = !ptr || *(unsigned long *)ptr == cookie_of(ptr);

	free(ptr);
	return intact;
}

static __always_inline int clear(void **slot, unsigned int nr, free_fn free)
{
	int ret = 0;

	for (; nr; nr--, slot++) {
		if (!unmake(*slot, free))
			ret = -EINVAL;
		*slot = NULL;
	}
	return ret;
}

/* 8 to 128 bytes; 1 in 100 sizes is a hundred times as large. */
static __always_inline size_t mstress_size(u64 *random)
{
	size_t size = 8UL << bench_below(random, 5);
	u32 dice = bench_below(random, 10000);

	if (dice < 1)
		return size * 10000;
	if (dice < 10)
		return size * 1000;
	return dice < 100 ? size * 100 : size;
}

/* Allocate; often free an own object, sometimes swap with other threads. */
static __always_inline int mstress(unsigned int id, const struct job *job,
				   alloc_fn alloc, free_fn free)
{
	void **own = slots[id];
	u64 random = id + 1;
	unsigned int i, at;
	int ret = 0;

	for (i = 0; i < job->steps && !ret; i++) {
		at = bench_below(&random, NR_SLOTS);
		if (!own[at]) {
			own[at] = make(mstress_size(&random), alloc);
			ret = own[at] ? 0 : -ENOMEM;
		} else if (!unmake(own[at], free)) {
			own[at] = NULL;
			ret = -EINVAL;
		} else {
			own[at] = NULL;
		}
		if (bench_below(&random, 4) == 0) {
			at = bench_below(&random, NR_SLOTS);
			own[at] = xchg(&transfer[bench_below(&random, NR_TRANSFER)],
				       own[at]);
		}
	}
	return clear(own, NR_SLOTS, free) ?: ret;
}

/*
 * Visit slots in steps of prime length; sizes up to 16000, small ones likelier.
 */
static __always_inline int rptest(unsigned int id, const struct job *job,
				  alloc_fn alloc, free_fn free)
{
	unsigned int i, k, nr, at = 0;
	void **own = slots[id];
	u64 random = id + 1;
	u32 size;

	for (i = 0; i < job->steps; i += nr) {
		nr = 24 + bench_below(&random, 56);
		for (k = 0; k < nr; k++) {
			at = (at + 53) % 1000;
			if (!unmake(own[at], free))
				return -EINVAL;
			own[at] = NULL;
		}
		for (k = 0; k < nr; k++) {
			at = (at + 67) % 1000;
			if (own[at])
				continue;
			size = min(bench_below(&random, 16000),
				   bench_below(&random, 16000));
			own[at] = make(8 + size, alloc);
			if (!own[at])
				return -ENOMEM;
		}
	}
	return clear(own, 1000, free);
}

/*
 * A ring that is filled with descending sizes.  After each lap a fifth of the
 * ring is kept; the objects below are freed in the order of their allocation,
 * those above in reverse order.
 */
static __always_inline int sh6bench(unsigned int id, const struct job *job,
				    alloc_fn alloc, free_fn free)
{
	unsigned int i = 0, done = 0, base = 1, size = 1, k, keep = 0;
	const unsigned int nr = 2048, window = nr / 5;
	void **own = slots[id];

	for (; done < job->steps; done++) {
		while (i >= keep && i < keep + window && own[i])
			i++;
		if (i >= nr) {
			keep = (keep + window) % (nr - window);
			for (k = 0; k < keep; k++)
				if (!unmake(xchg(&own[k], NULL), free))
					return -EINVAL;
			for (k = nr; k-- > keep + window;)
				if (!unmake(xchg(&own[k], NULL), free))
					return -EINVAL;
			i = 0;
		}
		if (own[i] && !unmake(own[i], free))
			return -EINVAL;
		own[i] = make(size, alloc);
		if (!own[i++])
			return -ENOMEM;
		if (done % 10 == 9)
			size /= 2;
		if (!size) {
			base = base < 1000 ? base * 3 / 2 + 1 : 1;
			size = base;
		}
	}
	return clear(own, NR_SLOTS, free);
}

/* A few slots are visited often, most rarely; sizes by powers of two. */
static __always_inline int alloc_test(unsigned int id, const struct job *job,
				      alloc_fn alloc, free_fn free)
{
	void **own = slots[id];
	u64 random = id + 1;
	unsigned int i, at, k;

	for (i = 0; i < job->steps; i++) {
		/* 80 % of the visits go to 20 % of the slots. */
		at = bench_below(&random, 100) < 80 ?
		     bench_below(&random, NR_SLOTS / 5) :
		     NR_SLOTS / 5 + bench_below(&random, NR_SLOTS - NR_SLOTS / 5);
		if (own[at]) {
			if (!unmake(own[at], free))
				return -EINVAL;
			own[at] = NULL;
			continue;
		}
		k = 2 + __ffs((bench_random(&random) & 127) + 1);
		own[at] = make((bench_random(&random) & ((1 << k) - 1)) + 1 + (1 << k),
			       alloc);
		if (!own[at])
			return -ENOMEM;
	}
	return clear(own, NR_SLOTS, free);
}

/* Allocate some, free the first half in order and the second in reverse. */
static __always_inline int simple(unsigned int id, const struct job *job,
				  alloc_fn alloc, free_fn free)
{
	static const unsigned int counts[] = { 25, 100, 400, 1600 };
	unsigned int i = 0, k, nr, round = 0;
	void **own = slots[id];

	for (; i < job->steps; i += nr) {
		nr = counts[round++ % ARRAY_SIZE(counts)];
		for (k = 0; k < nr; k++) {
			own[k] = make(128, alloc);
			if (!own[k])
				return -ENOMEM;
		}
		for (k = 0; k < nr / 2; k++)
			if (!unmake(xchg(&own[k], NULL), free))
				return -EINVAL;
		for (k = nr; k-- > nr / 2;)
			if (!unmake(xchg(&own[k], NULL), free))
				return -EINVAL;
	}
	return 0;
}

/* Both sides of a workload, as thread functions and as functions of a row. */
#define SIDES(workload)							\
static int workload##_kspan_thread(unsigned int id, void *arg)		\
{									\
	return workload(id, arg, kspan_alloc, kspan_free);		\
}									\
static int workload##_slab_thread(unsigned int id, void *arg)		\
{									\
	return workload(id, arg, bench_kvmalloc, kvfree);		\
}									\
static u64 workload##_kspan(const struct bench_args *args)		\
{									\
	struct job job = { args->loops };				\
									\
	return run(args->batch, workload##_kspan_thread, &job, kspan_free); \
}									\
static u64 workload##_slab(const struct bench_args *args)		\
{									\
	struct job job = { args->loops };				\
									\
	return run(args->batch, workload##_slab_thread, &job, kvfree);	\
}

/* Objects left in slots after a failure, or in transfer, are freed untimed. */
static u64 run(unsigned int nr_cpus, bench_thread_fn fn, struct job *job,
	       free_fn free)
{
	unsigned int i;
	u64 took;

	took = bench_on_cpus(nr_cpus, fn, job);
	for (i = 0; i < nr_cpus; i++)
		clear(slots[i], NR_SLOTS, free);
	if (clear(transfer, NR_TRANSFER, free))
		return BENCH_FAILED;
	return took;
}

SIDES(mstress)
SIDES(rptest)
SIDES(sh6bench)
SIDES(alloc_test)
SIDES(simple)

static const struct {
	const char *name;
	bench_fn kspan;
	bench_fn slab;
} workloads[] = {
	{ "mstress", mstress_kspan, mstress_slab },
	{ "rptest", rptest_kspan, rptest_slab },
	{ "sh6bench", sh6bench_kspan, sh6bench_slab },
	{ "alloc-test", alloc_test_kspan, alloc_test_slab },
	{ "simple", simple_kspan, simple_slab },
};

/* Rows for stress on one CPU and on two; an operation is a step.  Return: 0. */
int bench_stress(void)
{
	struct bench_args args = {
		.loops = 8 * bench_loops(1),
		.kernel = "kvmalloc",
	};
	unsigned int i, nr_cpus = min(num_online_cpus(), NR_CPUS_USED);
	int err = -ENOMEM;
	char name[32];

	for (i = 0; i < NR_CPUS_USED; i++) {
		slots[i] = kvcalloc(NR_SLOTS, sizeof(void *), GFP_KERNEL);
		if (!slots[i])
			goto out;
	}
	for (i = 0; i < ARRAY_SIZE(workloads); i++) {
		for (args.batch = 1; args.batch <= nr_cpus; args.batch++) {
			snprintf(name, sizeof(name), "%s-%u", workloads[i].name,
				 args.batch);
			bench_row(name, workloads[i].kspan, workloads[i].slab,
				  &args);
		}
	}
	err = 0;
out:
	for (i = 0; i < NR_CPUS_USED; i++) {
		kvfree(slots[i]);
		slots[i] = NULL;
	}
	return err;
}
