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
 * A kick asks for the reserve to be refilled.  It may come from under any
 * lock and from interrupts, so it goes through an irq_work to a worker.
 *
 * The tick's timer is not deferrable: its CPU may sleep for hours, and what
 * the others free would stay.  Instead it stops when there is nothing left
 * that could become idle, and the next growth starts it.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/inject.h"
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

/* What one CPU has to do: for somebody who waits, and now and then. */
struct cpu_job {
	struct work_struct work;
	void (*fn)(void);
	struct work_struct drain;
};

atomic_long_t kspan_nr_scavenge;

/* For what is about one CPU, and for all else: that waits for no busy CPU. */
static struct workqueue_struct *percpu_wq;
static struct workqueue_struct *unbound_wq;
static struct cpu_job __percpu *cpu_jobs;
static enum cpuhp_state hotplug_state;

/* Whether a tick is to come; written by the workers. */
static bool tick_runs;

/* Guards work and fn of cpu_jobs; one of release, verify at a time. */
static DEFINE_MUTEX(job_lock);

static void kick_work_fn(struct work_struct *work);
static void tick_work_fn(struct work_struct *work);
static void kick_irq_fn(struct irq_work *work);

static DECLARE_WORK(kick_work, kick_work_fn);
static DECLARE_DELAYED_WORK(tick_work, tick_work_fn);
/*
 * Hard, and for CPUs that are online only, so that none takes it along when it
 * goes, PREEMPT_RT or not.
 */
static struct irq_work kick_irq = IRQ_WORK_INIT_HARD(kick_irq_fn);

static void cpu_job_fn(struct work_struct *work)
{
	container_of(work, struct cpu_job, work)->fn();
}

/**
 * kspan_on_each_cpu - run a function in a task on every online CPU
 * @fn: runs with preemption on, unable to migrate
 *
 * Context: Process context that may sleep, is not a hotplug callback and does
 * not keep CPUs from going.
 */
void kspan_on_each_cpu(void (*fn)(void))
{
	unsigned int cpu;

	mutex_lock(&job_lock);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		struct cpu_job *job = per_cpu_ptr(cpu_jobs, cpu);

		job->fn = fn;
		queue_work_on(cpu, percpu_wq, &job->work);
	}
	for_each_online_cpu(cpu)
		flush_work(&per_cpu_ptr(cpu_jobs, cpu)->work);
	cpus_read_unlock();
	mutex_unlock(&job_lock);
}

static void drain_this_cpu(void)
{
	/* The tiny allocator's blocks go into the cache: first them, then it. */
	kspan_tiny_drain_local();
	kspan_cache_drain_local();
}

static void drain_work_fn(struct work_struct *work)
{
	/* On another CPU if its own has gone meanwhile, which does no harm. */
	migrate_disable();
	drain_this_cpu();
	migrate_enable();
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
			queue_work_on(cpu, percpu_wq,
				      &per_cpu_ptr(cpu_jobs, cpu)->drain);
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

	for (sc = 1; sc < KSPAN_NR_SC; sc++) {
		for_each_kspan_node(node)
			kspan_depot_drain(node, sc, all);
		for_each_kspan_node(node)
			kspan_central_drain(node, sc);
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
	queue_delayed_work(unbound_wq, &tick_work,
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
	kspan_span_free_dead();
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	atomic_long_inc(&kspan_nr_scavenge);
	queue_tick_if_needed();
}

static void kick_work_fn(struct work_struct *work)
{
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	/* Regions above their budget go, younger ones stay. */
	kspan_large_trim(KSPAN_LARGE_CACHE_OLD, ULONG_MAX);
	kspan_span_free_dead();
	if (!READ_ONCE(tick_runs))
		queue_tick();
}

static void kick_irq_fn(struct irq_work *work)
{
	queue_work(unbound_wq, &kick_work);
}

/**
 * kspan_kick - have the reserve refilled and surplus returned, soon
 *
 * Cheap while the worker has yet to begin, for a caller who meets the same
 * shortage again and again before it gets a CPU.  On one that has just gone
 * offline there are no interrupts any more; the worker comes when it is dead.
 *
 * Context: Any, NMI too.
 */
void kspan_kick(void)
{
	/* What is short before whether the worker will see it. */
	smp_mb();
	if (!work_pending(&kick_work) && cpu_online(raw_smp_processor_id()))
		irq_work_queue(&kick_irq);
}

/**
 * kspan_queue_work - have a worker do something, on whichever CPU has time
 * @work: not the scavenger's own; its owner sees that it ends before it does
 *
 * Context: Any but NMI.
 */
void kspan_queue_work(struct work_struct *work)
{
	queue_work(unbound_wq, work);
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

/**
 * kspan_scavenge_settle - wait until what was kicked for is done
 *
 * Context: Process context that may sleep.
 */
void kspan_scavenge_settle(void)
{
	irq_work_sync(&kick_irq);
	flush_work(&kick_work);
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
	kspan_scavenge_settle();
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
	kspan_scavenge_settle();
	flush_work(&tick_work.work);
	kspan_on_each_cpu(drain_this_cpu);
	drain_shared(true);
	bytes = kspan_large_trim(0, ULONG_MAX);
	bytes += trim_heaps(true, 0);
	kspan_span_free_dead();
	kspan_page_heap_fill_reserve();
	kspan_pools_fill();
	atomic_long_inc(&kspan_nr_scavenge);
	return bytes;
}

static int scavenge_cpu_dead(unsigned int cpu)
{
	kspan_tiny_drain_dead(cpu);
	kspan_cache_drain_dead(cpu);
	/* Its last interrupts may have kicked in vain. */
	queue_work(unbound_wq, &kick_work);
	return 0;
}

/**
 * kspan_scavenge_init - start the worker
 *
 * Context: Module load.
 * Return: 0 or an error.
 */
int kspan_scavenge_init(void)
{
	unsigned int cpu;
	int ret = -ENOMEM;

	cpu_jobs = kspan_meta_percpu(sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
	if (!cpu_jobs)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		INIT_WORK(&per_cpu_ptr(cpu_jobs, cpu)->work, cpu_job_fn);
		INIT_WORK(&per_cpu_ptr(cpu_jobs, cpu)->drain, drain_work_fn);
	}
	if (!kspan_inject(KSPAN_INJECT_WORKER))
		percpu_wq = alloc_workqueue("kspan", WQ_PERCPU, 0);
	if (!percpu_wq)
		goto free_jobs;
	if (!kspan_inject(KSPAN_INJECT_WORKER))
		unbound_wq = alloc_workqueue("kspan_unbound", WQ_UNBOUND, 0);
	if (!unbound_wq)
		goto free_percpu;
	if (!kspan_inject(KSPAN_INJECT_CPUHP))
		ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
						"kspan:dead", NULL,
						scavenge_cpu_dead);
	if (ret < 0)
		goto free_unbound;
	hotplug_state = ret;
	kspan_scavenge_start();
	return 0;

free_unbound:
	destroy_workqueue(unbound_wq);
free_percpu:
	destroy_workqueue(percpu_wq);
free_jobs:
	kspan_meta_percpu_free(cpu_jobs, sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
	return ret;
}

/**
 * kspan_scavenge_exit - stop the worker and collect every free object
 *
 * Context: Module unload; no client is left.
 */
void kspan_scavenge_exit(void)
{
	unsigned int cpu;

	cpuhp_remove_state_nocalls(hotplug_state);
	kspan_scavenge_stop();
	destroy_workqueue(unbound_wq);
	destroy_workqueue(percpu_wq);
	kspan_meta_percpu_free(cpu_jobs, sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
	/* Tiny blocks go to the cache of this CPU: all of them before it. */
	for_each_possible_cpu(cpu)
		kspan_tiny_drain_dead(cpu);
	for_each_possible_cpu(cpu)
		kspan_cache_drain_dead(cpu);
	drain_shared(true);
}
