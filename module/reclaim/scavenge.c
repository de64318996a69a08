// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger.  Memory goes back in three strengths:
 *
 * - The tick, twice per scavenge_ms: empties the caches of CPUs that did
 *   nothing since the last one, returns what depots and central lists hold
 *   beyond need, and gives chunks and regions that idled for scavenge_ms back
 *   to the kernel, but for a tenth of the recent peak.
 * - Reclaim, when an allocation would fail: all that one task can reach
 *   without waiting for other CPUs.
 * - Release, at the user's word: everything idle on every CPU.
 *
 * The tick's timer is not deferrable: its CPU may sleep for hours, and what
 * the others free would stay.  Instead it stops when there is nothing left
 * that could become idle, and the next growth starts it.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/workqueue.h>

#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "reclaim/scavenge.h"
#include "reclaim/worker.h"

atomic_long_t kspan_nr_scavenge;

/* Whether a tick is to come; written by the workers. */
static bool tick_runs;

static void tick_work_fn(struct work_struct *work);

static DECLARE_DELAYED_WORK(tick_work, tick_work_fn);

static void drain_this_cpu(void)
{
	/* The tiny allocator's blocks go into the cache: first them, then it. */
	kspan_tiny_drain_local();
	kspan_cache_drain_local();
}

/*
 * Have CPUs that did nothing since the last call empty their caches.  Nobody
 * waits for them: one that is all a real-time task's may be long.
 */
static void drain_idle_cpus(void)
{
	unsigned int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		if (kspan_cache_is_idle(cpu) &&
		    (kspan_cache_holds(cpu) || kspan_tiny_holds(cpu)))
			kspan_drain_soon(cpu);
	cpus_read_unlock();
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

static void queue_tick(void)
{
	WRITE_ONCE(tick_runs, true);
	kspan_queue_delayed_work(&tick_work,
				 msecs_to_jiffies(READ_ONCE(kspan_params.scavenge_ms) / 2) + 1);
}

/* Whether there is nothing but the reserve, none of it in use. */
static bool is_at_rest(void)
{
	int node;

	if (atomic_long_read(&kspan_region_sys))
		return false;
	for_each_kspan_node(node)
		if (!kspan_page_heap_is_trimmed(kspan_page_heap_of(node)))
			return false;
	return true;
}

/* The next tick, unless there is nothing to wait for. */
static void queue_tick_if_needed(void)
{
	WRITE_ONCE(tick_runs, false);
	/* Before the look at what there is; see kspan_scavenge_watch(). */
	smp_mb();
	if (!is_at_rest())
		queue_tick();
}

/**
 * kspan_scavenge_watch - see to it that memory just obtained is given back
 *
 * Context: Any but NMI.
 */
void kspan_scavenge_watch(void)
{
	/* After the growth; pairs with queue_tick_if_needed(). */
	smp_mb();
	if (unlikely(!READ_ONCE(tick_runs)))
		kspan_kick();
}

static void tick_work_fn(struct work_struct *work)
{
	unsigned long idle = msecs_to_jiffies(READ_ONCE(kspan_params.scavenge_ms));

	drain_idle_cpus();
	drain_shared(false);
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_large_cache_age();
	trim_heaps(false, idle);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	atomic_long_inc(&kspan_nr_scavenge);
	queue_tick_if_needed();
}

/* What a kick is for: the reserve refilled, surplus returned, a tick to come. */
static void tidy_up(void)
{
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	/* Regions above their budget go, younger ones stay. */
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_central_drop_held();
	kspan_span_free_dead();
	if (!READ_ONCE(tick_runs))
		queue_tick();
}

/**
 * kspan_reclaim - give memory back because there is none
 *
 * Leaves out what would mean waiting: other CPUs' caches, and descriptors
 * still within a grace period.  It takes no lock a hotplug callback or a
 * filesystem could hold.
 *
 * Context: Process context that may sleep.
 */
void kspan_reclaim(void)
{
	migrate_disable();
	drain_this_cpu();
	migrate_enable();
	drain_shared(true);
	kspan_large_trim(0, ULONG_MAX);
	trim_heaps(true, 0);
	kspan_kick();
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
	/* A growth finds no tick to start. */
	WRITE_ONCE(tick_runs, true);
	kspan_worker_settle();
	cancel_delayed_work_sync(&tick_work);
	/* The last one may have said that there is none. */
	WRITE_ONCE(tick_runs, true);
}

/**
 * kspan_scavenge_all - give everything idle back, but for the reserve
 *
 * Context: Process context that may sleep, is not a hotplug callback and does
 * not keep CPUs from going: it waits for those who do.
 * Return: bytes given back.
 */
unsigned long kspan_scavenge_all(void)
{
	unsigned long bytes;

	/* What a worker has in its hands would be missed. */
	kspan_worker_settle();
	flush_work(&tick_work.work);
	kspan_on_each_cpu(drain_this_cpu);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	kspan_central_drop_held();
	kspan_span_free_dead();
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	atomic_long_inc(&kspan_nr_scavenge);
	return bytes;
}

static void drain_dead_cpu(unsigned int cpu)
{
	kspan_tiny_drain_dead(cpu);
	kspan_cache_drain_dead(cpu);
}

static const struct kspan_worker_ops worker_ops = {
	.kick = tidy_up,
	.drain = drain_this_cpu,
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
