// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger.  It returns memory in three ways:
 *
 * - The tick, twice in scavenge_ms, asks each CPU to empty the classes that it has
 *   not used since the last tick, returns what depots and central lists hold
 *   beyond need, and returns chunks and regions that were idle for scavenge_ms to
 *   the kernel, except for a tenth of the recent peak.
 * - Reclaim, when an allocation would fail or the kernel is short of memory, returns
 *   all that one task can reach without waiting for other CPUs.  It also asks the
 *   other CPUs to empty their caches.
 * - Release, on request of the user, returns everything that is idle on every CPU.
 *
 * The timer of the tick is not deferrable: its CPU may sleep for hours, and memory
 * that other CPUs free would stay.  Instead the tick stops when nothing is left that
 * could be returned.  The next slow path of any caller starts it again.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "base/node.h"
#include "base/params.h"
#include "base/pool.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "cache/stash.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "reclaim/collect.h"
#include "reclaim/scavenge.h"
#include "reclaim/worker.h"

atomic_long_t kspan_nr_scavenge;

/* How long a release waits for CPUs that do not answer. */
#define ANSWER_TIME	HZ
/* How long it waits if other tasks may wait for the caller. */
#define ANSWER_TIME_SHORT	(HZ / 20 + 1)
/* Maximal number of ticks between two drains of all classes. */
#define FULL_PAUSE_MAX	64U

static void tick_work_fn(struct work_struct *work);
static void fill_work_fn(struct work_struct *work);

static DECLARE_DELAYED_WORK(tick_work, tick_work_fn);
/* This work allocates memory; see kspan_queue_filling(). */
static DECLARE_WORK(fill_work, fill_work_fn);

/* Ticks since all classes were drained, and until the next time; the tick's own. */
static unsigned int full_age;
static unsigned int full_pause = 1;

static void drain_this_cpu(void)
{
	/* The blocks of the tiny allocator go into the cache, so they come first. */
	kspan_tiny_drain_local();
	kspan_cache_drain_local();
}

static void drain_marked(void)
{
	kspan_tiny_drain_marked();
	kspan_cache_drain_marked();
}

/* Ask CPUs to empty the classes that they have not used lately, or @all. */
static void ask_cpus(bool all)
{
	unsigned int cpu;
	bool holds;

	for_each_online_cpu(cpu) {
		holds = kspan_tiny_mark(cpu, all);
		holds |= all ? kspan_cache_mark_all(cpu) :
			       kspan_cache_mark_idle(cpu);
		if (holds)
			kspan_drain_soon(cpu);
	}
}

/*
 * Return what depots and central lists hold beyond need, or @all that they hold and
 * what waits in the quarantine.  A depot may hold objects of any node, so drain all
 * depots of a class before its central lists.
 */
static void drain_shared(bool all)
{
	unsigned int sc;
	int node;

	if (all) {
		kspan_quarantine_release();
		kspan_stash_release();
	}
	for_each_kspan_sc(sc) {
		if (!kspan_sc_enter(sc))
			continue;
		for_each_kspan_node(node)
			kspan_depot_drain(node, sc, all);
		/* Other clients get memory of a heap only under pressure or on release. */
		if (all || !kspan_sc_keeps_spans(sc))
			for_each_kspan_node(node)
				kspan_central_drain(node, sc);
		kspan_sc_leave();
	}
}

/**
 * kspan_drain_shared - return all that waits, and what depots and central lists
 *	hold
 *
 * Context: Any but NMI.
 */
void kspan_drain_shared(void)
{
	drain_shared(true);
}

static unsigned long trim_heaps(bool all, unsigned long idle_jiffies)
{
	unsigned long keep, bytes = 0;
	struct kspan_page_heap *heap;
	int node;

	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		keep = all ? kspan_page_heap_reserve(heap) : kspan_page_heap_keep(heap);
		bytes += kspan_page_heap_trim(heap, keep, idle_jiffies);
		/* What was kept for the next peak is gone: the heap grows anew. */
		if (all)
			kspan_page_heap_forget_peak(heap);
	}
	return bytes;
}

/* Free pages of all page heaps beyond what a tick keeps; @used: pages in use. */
static unsigned long surplus_pages(unsigned long *used)
{
	struct kspan_page_heap *heap;
	unsigned long pages = 0, free, keep, empty;
	int node;

	*used = 0;
	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		empty = atomic_long_read(&heap->empty_pages);
		free = READ_ONCE(heap->free_pages) + empty;
		keep = kspan_page_heap_reserve(heap) +
		       READ_ONCE(heap->peak_pages) / 10;
		pages += free - min(free, keep);
		*used += READ_ONCE(heap->used_pages) - empty;
	}
	return pages;
}

/*
 * Whether caches should also give up the magazines of classes in use.  A few objects
 * in the magazines of a busy class can keep as many chunks.  This may be the reason
 * if most of the heap is free and was not returned.  If it was not the reason, the
 * next attempt waits twice as long.
 */
static bool is_time_for_all(void)
{
	unsigned long used, surplus = surplus_pages(&used);

	if (surplus < 2 * KSPAN_CHUNK_PAGES || surplus < used) {
		full_age = 0;
		full_pause = 1;
		return false;
	}
	if (++full_age < full_pause)
		return false;
	full_age = 0;
	full_pause = min(2 * full_pause, FULL_PAUSE_MAX);
	return true;
}

static void queue_tick(void)
{
	WRITE_ONCE(kspan_tick_runs, true);
	kspan_queue_delayed_work(&tick_work,
				 msecs_to_jiffies(READ_ONCE(kspan_params.scavenge_ms) / 2) + 1);
}

/* Whether the caches, the depots and the central lists hold no free objects. */
static bool caches_are_empty(void)
{
	unsigned int cpu, sc;
	bool empty = kspan_stash_is_idle();
	int node;

	for_each_online_cpu(cpu)
		if (kspan_cache_holds(cpu) || kspan_tiny_holds(cpu))
			return false;
	for_each_kspan_sc(sc) {
		if (!kspan_sc_enter(sc))
			continue;
		for_each_kspan_node(node)
			empty &= !kspan_depot_count(node, sc) &&
				 (!READ_ONCE(kspan_central_of(node, sc)->nr_empty) ||
				  kspan_sc_keeps_spans(sc));
		kspan_sc_leave();
	}
	return empty;
}

/* Whether there is nothing that a tick could return, now or later. */
static bool is_at_rest(void)
{
	int node;

	if (atomic_long_read(&kspan_region_idle) ||
	    atomic_long_read(&kspan_run_idle) || kspan_span_nr_dead() ||
	    kspan_quarantine_bytes() || kspan_pools_idle() ||
	    !caches_are_empty())
		return false;
	for_each_kspan_node(node)
		if (!kspan_page_heap_is_settled(kspan_page_heap_of(node)) ||
		    kspan_page_heap_lacks(kspan_page_heap_of(node)))
			return false;
	return true;
}

/* Schedule the next tick, unless there is nothing to wait for. */
static void queue_tick_if_needed(void)
{
	WRITE_ONCE(kspan_tick_runs, false);
	/* Write before reading what is idle; pairs with kspan_tick_watch(). */
	smp_mb();
	if (!is_at_rest())
		queue_tick();
}

/* Fill the reserves, first with the pages of empty spans. */
static void fill_reserve(void)
{
	unsigned int lacks;
	int node;

	for_each_kspan_node(node)
		while ((lacks = kspan_page_heap_lacks(kspan_page_heap_of(node))) &&
		       kspan_central_take_back(node, max(lacks, KSPAN_CHUNK_PAGES),
					       UINT_MAX))
			cond_resched();
	kspan_page_heap_fill_reserve();
}

static void fill_work_fn(struct work_struct *work)
{
	fill_reserve();
	kspan_page_heap_grow_ahead();
	kspan_pools_fill();
}

static void tick_work_fn(struct work_struct *work)
{
	unsigned long idle = msecs_to_jiffies(READ_ONCE(kspan_params.scavenge_ms));

	ask_cpus(is_time_for_all());
	kspan_quarantine_age();
	kspan_stash_age();
	drain_shared(false);
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_large_cache_age();
	trim_heaps(false, idle);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_pools_trim(false);
	kspan_queue_filling(&fill_work);
	kspan_collect_again();
	atomic_long_inc(&kspan_nr_scavenge);
	queue_tick_if_needed();
}

/* The work of a kick: return the surplus, refill the reserve, start the tick. */
static void tidy_up(void)
{
	/* Return the regions that exceed the budget. */
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_queue_filling(&fill_work);
	if (!READ_ONCE(kspan_tick_runs))
		queue_tick();
}

/**
 * kspan_drain_caches - empty the caches of all CPUs
 * @wait: maximal time in jiffies to wait for other CPUs
 *
 * This CPU empties its caches at once.  The other CPUs are asked to.  What they
 * return too late stays for the next call that drains the depots.
 *
 * Context: Process context that may sleep; takes no lock that a caller of the page
 * allocator or a hotplug callback could hold.
 */
void kspan_drain_caches(unsigned long wait)
{
	migrate_disable();
	drain_this_cpu();
	migrate_enable();
	ask_cpus(true);
	if (wait)
		kspan_drain_wait(wait);
}

/**
 * kspan_reclaim - return idle memory because memory is short
 * @wait: maximal time in jiffies to wait for other CPUs
 *
 * Descriptors that wait for a grace period stay.
 *
 * Context: as for kspan_drain_caches().
 * Return: bytes returned to the kernel.
 */
unsigned long kspan_reclaim(unsigned long wait)
{
	unsigned long bytes;

	kspan_drain_caches(wait);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	bytes += kspan_pools_trim(true);
	kspan_kick();
	return bytes;
}

/**
 * kspan_scavenge_settle - wait until the work of earlier kicks is done
 *
 * Context: Process context that may sleep and does not reclaim memory.
 */
void kspan_scavenge_settle(void)
{
	kspan_worker_settle();
	flush_work(&fill_work);
}

/* Start the tick.  Context: Any but NMI. */
void kspan_scavenge_start(void)
{
	queue_tick();
}

/**
 * kspan_scavenge_stop - stop the tick until kspan_scavenge_start()
 *
 * Context: Process context that may sleep.
 */
void kspan_scavenge_stop(void)
{
	/* Slow paths must not start the tick. */
	WRITE_ONCE(kspan_tick_runs, true);
	kspan_scavenge_settle();
	cancel_delayed_work_sync(&tick_work);
	/* The last tick may have cleared it. */
	WRITE_ONCE(kspan_tick_runs, true);
	kspan_scavenge_settle();
}

/*
 * Whether the caller may wait for memory.  Reclaim may wait for a worker, and a task
 * that reclaims would use the last reserves.
 */
static bool may_wait_for_memory(void)
{
	return !(current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOFS |
				   PF_MEMALLOC_NOIO | PF_WQ_WORKER));
}

/**
 * kspan_scavenge_all - return all idle memory except the reserve
 *
 * It waits for other CPUs, but only for a limited time.  It waits for work that may
 * wait for memory only if the caller may do so.
 *
 * Context: Process context that may sleep.
 * Return: bytes returned to the kernel.
 */
unsigned long kspan_scavenge_all(void)
{
	bool may_wait = may_wait_for_memory();
	unsigned long bytes;

	/* Objects that a worker is moving would be missed. */
	kspan_worker_settle();
	flush_work(&tick_work.work);
	/* It may be adding a chunk. */
	if (may_wait)
		flush_work(&fill_work);
	kspan_drain_caches(may_wait ? ANSWER_TIME : ANSWER_TIME_SHORT);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_pools_trim(true);
	if (may_wait)
		fill_work_fn(NULL);
	else
		kspan_queue_filling(&fill_work);
	atomic_long_inc(&kspan_nr_scavenge);
	return bytes;
}

static void share_with_cpu(unsigned int cpu)
{
	kspan_cache_set_budget(num_online_cpus() + 1);
	/* The rate of the profile may have changed while it was away. */
	kspan_cache_resample(cpu);
}

static void drain_dead_cpu(unsigned int cpu)
{
	kspan_cache_set_budget(num_online_cpus());
	kspan_tiny_drain_dead(cpu);
	kspan_cache_drain_dead(cpu);
}

static const struct kspan_worker_ops worker_ops = {
	.kick = tidy_up,
	.drain = drain_marked,
	.comes = share_with_cpu,
	.dead = drain_dead_cpu,
};

/**
 * kspan_scavenge_init - start the workers and the tick
 *
 * Context: Module load.
 * Return: 0 or an error.
 */
int kspan_scavenge_init(void)
{
	int err = kspan_worker_init(&worker_ops);

	kspan_tick_wake = kspan_kick;
	if (!err)
		kspan_scavenge_start();
	return err;
}

/**
 * kspan_scavenge_exit - stop the worker and collect every free object
 *
 * Context: Module unload; no client is left.
 */
void kspan_scavenge_exit(void)
{
	unsigned int cpu;

	kspan_scavenge_stop();
	kspan_worker_exit();
	/* Tiny blocks go to the cache of this CPU: all of them before it. */
	for_each_possible_cpu(cpu)
		kspan_tiny_drain_dead(cpu);
	for_each_possible_cpu(cpu)
		kspan_cache_drain_dead(cpu);
	drain_shared(true);
}
