// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs in interrupts, and frees in softirq of objects that a task allocated,
 * as in network drivers.
 */
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/minmax.h>

#include "bench.h"

#define OBJ_SIZE	64
/* Operations in one interrupt. */
#define NR_IN_IRQ	64U

static void *objs[NR_IN_IRQ];

/* What an interrupt runs, how many operations, and how long they took. */
static u64 (*visit_fn)(unsigned int nr);
static unsigned int visit_nr;
static u64 visit_took;

static void visit(void)
{
	visit_took = visit_fn(visit_nr);
}

static void visit_hardirq(struct irq_work *work)
{
	visit();
}

static void visit_softirq(struct tasklet_struct *tasklet)
{
	visit();
}

static struct irq_work hardirq = IRQ_WORK_INIT_HARD(visit_hardirq);
static DECLARE_TASKLET(softirq, visit_softirq);

static u64 run_in(bool hard, unsigned int nr, u64 (*fn)(unsigned int nr))
{
	visit_fn = fn;
	visit_nr = nr;
	if (hard) {
		irq_work_queue(&hardirq);
		irq_work_sync(&hardirq);
	} else {
		tasklet_schedule(&softirq);
		tasklet_unlock_wait(&softirq);
		while (test_bit(TASKLET_STATE_SCHED, &softirq.state))
			cond_resched();
		tasklet_unlock_wait(&softirq);
	}
	return visit_took;
}

static __always_inline u64 pairs(unsigned int nr,
				 void *(*alloc)(size_t size, gfp_t gfp),
				 void (*free)(const void *ptr))
{
	u64 start = bench_now();
	unsigned int i;
	void *ptr;

	for (i = 0; i < nr; i++) {
		ptr = alloc(OBJ_SIZE, GFP_ATOMIC);
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
		free(ptr);
	}
	return bench_now() - start;
}

static noinline u64 pairs_kspan(unsigned int nr)
{
	return pairs(nr, kspan_alloc, kspan_free);
}

static noinline u64 pairs_slab(unsigned int nr)
{
	return pairs(nr, bench_kmalloc, kfree);
}

static __always_inline u64 frees(unsigned int nr, void (*free)(const void *ptr))
{
	u64 start = bench_now();
	unsigned int i;

	for (i = 0; i < nr; i++)
		free(objs[i]);
	return bench_now() - start;
}

static noinline u64 frees_kspan(unsigned int nr)
{
	return frees(nr, kspan_free);
}

static noinline u64 frees_slab(unsigned int nr)
{
	return frees(nr, kfree);
}

static u64 pairs_in(bool hard, const struct bench_args *args,
		    u64 (*fn)(unsigned int nr))
{
	unsigned int left = args->loops, nr;
	u64 took, sum = 0;

	for (; left; left -= nr) {
		nr = min(left, NR_IN_IRQ);
		took = run_in(hard, nr, fn);
		if (took == BENCH_FAILED)
			return took;
		sum += took;
	}
	return sum;
}

static __always_inline u64 handed_down(const struct bench_args *args,
				       void *(*alloc)(size_t size, gfp_t gfp),
				       void (*free)(const void *ptr),
				       u64 (*free_fn)(unsigned int nr))
{
	unsigned int left = args->loops, nr, i;
	u64 start, sum = 0;

	for (; left; left -= nr) {
		nr = min(left, NR_IN_IRQ);
		start = bench_now();
		for (i = 0; i < nr; i++) {
			objs[i] = alloc(OBJ_SIZE, GFP_KERNEL);
			if (unlikely(!objs[i]))
				goto fail;
			bench_touch(objs[i], i);
		}
		sum += bench_now() - start;
		sum += run_in(false, nr, free_fn);
	}
	return sum;

fail:
	while (i--)
		free(objs[i]);
	return BENCH_FAILED;
}

static u64 hardirq_kspan(const struct bench_args *args)
{
	return pairs_in(true, args, pairs_kspan);
}

static u64 hardirq_slab(const struct bench_args *args)
{
	return pairs_in(true, args, pairs_slab);
}

static u64 softirq_kspan(const struct bench_args *args)
{
	return pairs_in(false, args, pairs_kspan);
}

static u64 softirq_slab(const struct bench_args *args)
{
	return pairs_in(false, args, pairs_slab);
}

static noinline u64 down_kspan(const struct bench_args *args)
{
	return handed_down(args, kspan_alloc, kspan_free, frees_kspan);
}

static noinline u64 down_slab(const struct bench_args *args)
{
	return handed_down(args, bench_kmalloc, kfree, frees_slab);
}

/* Rows for interrupts.  Return: 0. */
int bench_contexts(void)
{
	struct bench_args args = { .loops = bench_loops(1) };

	bench_row("hardirq-64", hardirq_kspan, hardirq_slab, &args);
	bench_row("softirq-64", softirq_kspan, softirq_slab, &args);
	bench_row("softirq-free-64", down_kspan, down_slab, &args);
	tasklet_kill(&softirq);
	return 0;
}
