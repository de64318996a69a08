// SPDX-License-Identifier: GPL-2.0
/*
 * The longest call: objects of random size are replaced while their number grows,
 * and each allocation is timed by itself.  A row shows the longest one of each
 * side, and rows above some limits how many calls of a million were longer.
 *
 * Calls during which another task ran are left out, since what that task did would
 * count as well.  Unlike the other workloads this one runs with ordinary priority,
 * and lets others run between two calls, as what they do for it is the point.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bench.h"

#define NR_CALLS	600000U
#define NR_SLOTS	65536U
/* Calls after which all slots may be in use. */
#define NR_RISE		400000U
#define LONG_CALL	20000U
#define SIZE_LIMIT	8192U

struct tail {
	u64 longest;
	u64 nr_long;
	u64 nr_calls;
	bool failed;
};

static void **slots;		/* NR_SLOTS of them */
static DECLARE_COMPLETION(tail_done);

static unsigned long nr_switches(void)
{
	return READ_ONCE(current->nvcsw) + READ_ONCE(current->nivcsw);
}

static __always_inline void tail_loop(struct tail *tail,
				      void *(*alloc)(size_t size, gfp_t gfp),
				      void (*free)(const void *ptr))
{
	unsigned long switches;
	u64 random = 1, start, took;
	unsigned int i, slot, live;
	void *ptr;
	u32 size;

	for (i = 0; i < NR_CALLS && !tail->failed; i++) {
		live = min(i / (NR_RISE / NR_SLOTS) + 1, NR_SLOTS);
		slot = bench_below(&random, live);
		size = min(bench_fleet_size(&random), SIZE_LIMIT);
		free(slots[slot]);
		cond_resched();
		switches = nr_switches();
		start = bench_now();
		ptr = alloc(size, GFP_KERNEL);
		took = bench_now() - start;
		slots[slot] = ptr;
		tail->failed = !ptr;
		if (nr_switches() != switches)
			continue;
		tail->nr_calls++;
		tail->nr_long += took > LONG_CALL;
		tail->longest = max(tail->longest, took);
	}
	for (i = 0; i < NR_SLOTS; i++) {
		free(slots[i]);
		slots[i] = NULL;
	}
}

static int tail_kspan(void *tail)
{
	tail_loop(tail, kspan_alloc, kspan_free);
	complete(&tail_done);
	return 0;
}

static int tail_slab(void *tail)
{
	tail_loop(tail, bench_kmalloc, kfree);
	complete(&tail_done);
	return 0;
}

static int run(int (*fn)(void *tail), struct tail *tail)
{
	struct task_struct *task;

	kspan_release();
	reinit_completion(&tail_done);
	task = kthread_run(fn, tail, "kspan_bench/tail");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&tail_done);
	return tail->failed ? -ENOMEM : 0;
}

/* Rows for the longest call.  Return: 0 or -ENOMEM. */
int bench_tail(void)
{
	struct tail ours = {}, theirs = {};
	int err = 0;

	if (!bench_wanted("tail"))
		return 0;
	slots = kvcalloc(NR_SLOTS, sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return -ENOMEM;
	err = run(tail_kspan, &ours) ?: run(tail_slab, &theirs);
	if (!err) {
		bench_plain_row("tail", ours.longest, theirs.longest);
		bench_plain_row("tail-above-20000", ours.nr_long, theirs.nr_long);
	}
	kvfree(slots);
	return err;
}
