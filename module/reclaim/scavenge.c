// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger.  Memory goes back in three strengths:
 *
 * - The tick, twice per scavenge_ms: has each CPU empty the classes that it did
 *   not use since the last one, returns what depots and central lists hold
 *   beyond need, and gives chunks and regions that idled for scavenge_ms back
 *   to the kernel, but for a tenth of the recent peak.
 * - Reclaim, when an allocation would fail or the kernel is short of memory: all
 *   that one task can reach without waiting for other CPUs, which are asked for
 *   what they hold all the same.
 * - Release, at the user's word: everything idle on every CPU.
 *
 * The tick's timer is not deferrable: its CPU may sleep for hours, and what
 * the others free would stay.  Instead the tick stops when nothing is left that
 * could go back, and the next slow path of anyone starts it.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "base/tick.h"
#include "cache/cache.h"
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
/* How long it waits where others may wait for the caller. */
#define ANSWER_TIME_SHORT	(HZ / 20 + 1)
/* Most ticks from one draining of all classes to the next. */
#define FULL_PAUSE_MAX	64U

static void tick_work_fn(struct work_struct *work);
static void fill_work_fn(struct work_struct *work);

static DECLARE_DELAYED_WORK(tick_work, tick_work_fn);
/* Obtains memory; see kspan_queue_filling(). */
static DECLARE_WORK(fill_work, fill_work_fn);

/* Of the tick alone: ticks since it drained all classes, and before the next. */
static unsigned int full_age;
static unsigned int full_pause = 1;

static void drain_this_cpu(void)
{
	/* The tiny allocator's blocks go into the cache: first them, then it. */
	kspan_tiny_drain_local();
	kspan_cache_drain_local();
}

static void drain_marked(void)
{
	kspan_tiny_drain_marked();
	kspan_cache_drain_marked();
}

/* Ask CPUs for what they have not used lately, or for @all they hold. */
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
 * Return what depots and central lists hold; @all: what is in use too.  A
 * depot may hold objects of any node: all depots of a class before its lists.
 */
static void drain_shared(bool all)
{
	unsigned int sc;
	int node;

	for_each_kspan_sc(sc) {
		if (!kspan_sc_enter(sc))
			continue;
		for_each_kspan_node(node)
			kspan_depot_drain(node, sc, all);
		/* Others get a heap's memory only if it is short, or at the user's word. */
		if (all || !kspan_sc_is_heap(sc))
			for_each_kspan_node(node)
				kspan_central_drain(node, sc);
		kspan_sc_leave();
	}
}

/**
 * kspan_drain_shared - return all that depots and central lists hold
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
	}
	return bytes;
}

/* Free pages of all heaps beyond what a tick keeps; @used: those in use. */
static unsigned long surplus_pages(unsigned long *used)
{
	struct kspan_page_heap *heap;
	unsigned long pages = 0, free, keep;
	int node;

	*used = 0;
	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		free = READ_ONCE(heap->free_pages);
		keep = kspan_page_heap_reserve(heap) +
		       READ_ONCE(heap->peak_pages) / 10;
		pages += free - min(free, keep);
		*used += READ_ONCE(heap->used_pages);
	}
	return pages;
}

/*
 * Whether caches should give back what is in use, too: a few objects in the
 * magazines of a busy class keep as many chunks.  If most of the heap is free
 * and yet here, that is what may hold it.  Where it was something else the next
 * attempt waits twice as long.
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

/* Whether the caches hold nothing, and neither do depots and central lists. */
static bool caches_are_empty(void)
{
	unsigned int cpu, sc;
	bool empty = true;
	int node;

	for_each_online_cpu(cpu)
		if (kspan_cache_holds(cpu) || kspan_tiny_holds(cpu))
			return false;
	for_each_kspan_sc(sc) {
		if (!kspan_sc_enter(sc))
			continue;
		for_each_kspan_node(node)
			empty &= !kspan_depot_count(node, sc) &&
				 !READ_ONCE(kspan_central_of(node, sc)->nr_empty);
		kspan_sc_leave();
	}
	return empty;
}

/* Whether a tick would find nothing to give back, now or later. */
static bool is_at_rest(void)
{
	int node;

	if (atomic_long_read(&kspan_region_idle) ||
	    atomic_long_read(&kspan_run_idle) || kspan_span_nr_dead() ||
	    !caches_are_empty())
		return false;
	for_each_kspan_node(node)
		if (!kspan_page_heap_is_settled(kspan_page_heap_of(node)) ||
		    kspan_page_heap_lacks(kspan_page_heap_of(node)))
			return false;
	return true;
}

/* The next tick, unless there is nothing to wait for. */
static void queue_tick_if_needed(void)
{
	WRITE_ONCE(kspan_tick_runs, false);
	/* Before the look at what there is; pairs with kspan_tick_watch(). */
	smp_mb();
	if (!is_at_rest())
		queue_tick();
}

static void fill_work_fn(struct work_struct *work)
{
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
}

static void tick_work_fn(struct work_struct *work)
{
	unsigned long idle = msecs_to_jiffies(READ_ONCE(kspan_params.scavenge_ms));

	ask_cpus(is_time_for_all());
	drain_shared(false);
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_large_cache_age();
	trim_heaps(false, idle);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_queue_filling(&fill_work);
	kspan_collect_again();
	atomic_long_inc(&kspan_nr_scavenge);
	queue_tick_if_needed();
}

/* What a kick is for: surplus returned, the reserve refilled, a tick to come. */
static void tidy_up(void)
{
	/* Regions above their budget go, younger ones stay. */
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_queue_filling(&fill_work);
	if (!READ_ONCE(kspan_tick_runs))
		queue_tick();
}

/**
 * kspan_drain_caches - return what the caches of all CPUs hold
 * @wait: jiffies to wait for other CPUs, at most
 *
 * This CPU's go at once.  Others are asked for theirs, and what is not there in
 * time comes later, to be found by who looks next.
 *
 * Context: Process context that may sleep; no lock is taken that a caller of the
 * page allocator or a hotplug callback could hold.
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
 * kspan_reclaim - give memory back because there is none
 * @wait: jiffies to wait for what other CPUs hold, at most
 *
 * Descriptors within a grace period are left.
 *
 * Context: as for kspan_drain_caches().
 * Return: bytes given back.
 */
unsigned long kspan_reclaim(unsigned long wait)
{
	unsigned long bytes;

	kspan_drain_caches(wait);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	kspan_kick();
	return bytes;
}

/**
 * kspan_scavenge_settle - wait until what was kicked for is done
 *
 * Context: Process context that may sleep and is no part of reclaim.
 */
void kspan_scavenge_settle(void)
{
	kspan_worker_settle();
	flush_work(&fill_work);
}

/* Let the scavenger tick.  Context: Any but NMI. */
void kspan_scavenge_start(void)
{
	queue_tick();
}

/**
 * kspan_scavenge_stop - no tick from here on
 *
 * Context: Process context that may sleep; until kspan_scavenge_start().
 */
void kspan_scavenge_stop(void)
{
	/* A slow path finds no tick to start. */
	WRITE_ONCE(kspan_tick_runs, true);
	kspan_scavenge_settle();
	cancel_delayed_work_sync(&tick_work);
	/* The last one may have said that there is none. */
	WRITE_ONCE(kspan_tick_runs, true);
	kspan_scavenge_settle();
}

/*
 * Whether the caller may wait for memory.  A worker may be one that reclaim waits
 * for; and a task that reclaims would take from the last reserves.
 */
static bool may_wait_for_memory(void)
{
	return !(current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOFS |
				   PF_MEMALLOC_NOIO | PF_WQ_WORKER));
}

/**
 * kspan_scavenge_all - give everything idle back, but for the reserve
 *
 * Waits for other CPUs, though not for long if one does not answer; and for
 * nothing that may itself wait for memory, unless the caller may do so, too.
 *
 * Context: Process context that may sleep.
 * Return: bytes given back.
 */
unsigned long kspan_scavenge_all(void)
{
	bool may_wait = may_wait_for_memory();
	unsigned long bytes;

	/* What a worker has in its hands would be missed. */
	kspan_worker_settle();
	flush_work(&tick_work.work);
	kspan_drain_caches(may_wait ? ANSWER_TIME : ANSWER_TIME_SHORT);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	kspan_central_drop_held();
	kspan_span_free_dead();
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
