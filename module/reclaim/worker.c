// SPDX-License-Identifier: GPL-2.0
/*
 * The workers: workqueues, work on each CPU, kicks and CPU hotplug.
 *
 * A kick asks for something to be done soon.  It may come from under any lock
 * and from any interrupt, so it goes through an irq_work to a worker.
 *
 * Work that gives memory back allocates none, and its workqueues have rescuers:
 * whoever reclaims memory may wait for it.  Work that obtains memory has a queue
 * of its own, for which nobody waits who could be reclaiming.
 *
 * This file knows how a worker is reached.  What it does is the scavenger's,
 * which hands its functions over at load.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/inject.h"
#include "base/meta.h"
#include "reclaim/worker.h"

/**
 * struct cpu_job - the work of one CPU
 * @work: for kspan_on_each_cpu()
 * @fn: what @work runs
 * @drain: for kspan_drain_soon()
 * @asked: how often that was asked for
 * @done: what @asked was when the last drain that has ended began
 */
struct cpu_job {
	struct work_struct work;
	void (*fn)(void);
	struct work_struct drain;
	atomic_t asked;
	int done;
};

/*
 * For work on one CPU; for other work that gives memory back, which waits for
 * no busy CPU; and for work that obtains memory.
 */
static struct workqueue_struct *percpu_wq;
static struct workqueue_struct *unbound_wq;
static struct workqueue_struct *filling_wq;
static struct cpu_job __percpu *cpu_jobs;
static enum cpuhp_state hotplug_state;

/* Where kspan_drain_wait() waits for drains to end. */
static DECLARE_WAIT_QUEUE_HEAD(drain_wait);

/* Set at load. */
static const struct kspan_worker_ops *worker_ops;

/* Guards work and fn of cpu_jobs: one caller of kspan_on_each_cpu() at a time. */
static DEFINE_MUTEX(job_lock);

static void kick_work_fn(struct work_struct *work);
static void kick_irq_fn(struct irq_work *work);

static DECLARE_WORK(kick_work, kick_work_fn);
/*
 * Hard, and queued on CPUs that are online only, so that no CPU takes it along
 * when it goes, with PREEMPT_RT or without.
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

static void drain_work_fn(struct work_struct *work)
{
	struct cpu_job *job = container_of(work, struct cpu_job, drain);
	int asked = atomic_read(&job->asked);

	/* On another CPU if its own has gone meanwhile, which does no harm. */
	migrate_disable();
	worker_ops->drain();
	migrate_enable();
	/* What was drained before the word; see kspan_drained(). */
	smp_store_release(&job->done, asked);
	/* Its lock orders the above with the look of who begins to wait. */
	wake_up_all(&drain_wait);
}

/**
 * kspan_drain_soon - have a CPU run the drain function, when it has time
 * @cpu: the CPU; nothing is done if it is offline
 *
 * Nobody has to wait for it: a CPU may belong to a real-time task for long.
 *
 * Context: Any but NMI.
 */
void kspan_drain_soon(unsigned int cpu)
{
	struct cpu_job *job = per_cpu_ptr(cpu_jobs, cpu);

	/* With preemption off no CPU goes away. */
	preempt_disable();
	if (cpu_online(cpu)) {
		atomic_inc(&job->asked);
		queue_work_on(cpu, percpu_wq, &job->drain);
	}
	preempt_enable();
}

/* Whether every drain that was asked for has ended, or its CPU has gone. */
static bool all_drained(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		struct cpu_job *job = per_cpu_ptr(cpu_jobs, cpu);

		/* Pairs with the release where the work is done. */
		if (smp_load_acquire(&job->done) != atomic_read(&job->asked))
			return false;
	}
	return true;
}

/**
 * kspan_drain_wait - wait for the drains that were asked for
 * @timeout: jiffies, at most
 *
 * A CPU that belongs to a real-time task cannot answer; hence the limit.  No
 * lock is held meanwhile, and CPUs may come and go.
 *
 * Context: Process context that may sleep; a task that reclaims memory and a
 * hotplug callback, too.
 */
void kspan_drain_wait(unsigned long timeout)
{
	wait_event_timeout(drain_wait, all_drained(), timeout);
}

static void kick_work_fn(struct work_struct *work)
{
	worker_ops->kick();
}

static void kick_irq_fn(struct irq_work *work)
{
	queue_work(unbound_wq, &kick_work);
}

/**
 * kspan_kick - have a worker look after the heap, soon
 *
 * Cheap while the worker has yet to begin, for a caller who meets the same
 * shortage again and again before it gets a CPU.  A CPU that has just gone
 * offline takes no interrupts any more; the worker comes when it is dead.
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
 * kspan_worker_settle - wait until what was kicked for is done
 *
 * Context: Process context that may sleep.
 */
void kspan_worker_settle(void)
{
	irq_work_sync(&kick_irq);
	flush_work(&kick_work);
}

/**
 * kspan_queue_work - have a worker do something, on whichever CPU has time
 * @work: not this file's own; its owner sees that it ends before the workers do
 *
 * Context: Any but NMI.
 */
void kspan_queue_work(struct work_struct *work)
{
	queue_work(unbound_wq, work);
}

/**
 * kspan_queue_filling - have a worker obtain memory
 * @work: as for kspan_queue_work()
 *
 * It may sleep for memory, so nobody may wait for it who could be reclaiming.
 *
 * Context: Any but NMI.
 */
void kspan_queue_filling(struct work_struct *work)
{
	queue_work(filling_wq, work);
}

/**
 * kspan_queue_delayed_work - have a worker do something later
 * @work: as for kspan_queue_work()
 * @delay: jiffies
 *
 * Context: Any but NMI.
 */
void kspan_queue_delayed_work(struct delayed_work *work, unsigned long delay)
{
	queue_delayed_work(unbound_wq, work, delay);
}

static int worker_cpu_comes(unsigned int cpu)
{
	worker_ops->comes(cpu);
	return 0;
}

static int worker_cpu_dead(unsigned int cpu)
{
	worker_ops->dead(cpu);
	/* Its last interrupts may have kicked in vain. */
	queue_work(unbound_wq, &kick_work);
	return 0;
}

/**
 * kspan_worker_init - start the workers
 * @ops: what they do
 *
 * Context: Module load.
 * Return: 0 or an error.
 */
int kspan_worker_init(const struct kspan_worker_ops *ops)
{
	unsigned int cpu;
	int ret = -ENOMEM;

	worker_ops = ops;
	cpu_jobs = kspan_meta_percpu(sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
	if (!cpu_jobs)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		INIT_WORK(&per_cpu_ptr(cpu_jobs, cpu)->work, cpu_job_fn);
		INIT_WORK(&per_cpu_ptr(cpu_jobs, cpu)->drain, drain_work_fn);
	}
	if (!kspan_inject(KSPAN_INJECT_WORKER))
		percpu_wq = alloc_workqueue("kspan", WQ_PERCPU | WQ_MEM_RECLAIM,
					    0);
	if (!percpu_wq)
		goto free_jobs;
	if (!kspan_inject(KSPAN_INJECT_WORKER))
		unbound_wq = alloc_workqueue("kspan_unbound",
					     WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!unbound_wq)
		goto free_percpu;
	if (!kspan_inject(KSPAN_INJECT_WORKER))
		filling_wq = alloc_workqueue("kspan_filling", WQ_UNBOUND, 0);
	if (!filling_wq)
		goto free_unbound;
	if (!kspan_inject(KSPAN_INJECT_CPUHP))
		ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
						"kspan:dead", worker_cpu_comes,
						worker_cpu_dead);
	if (ret < 0)
		goto free_filling;
	hotplug_state = ret;
	return 0;

free_filling:
	destroy_workqueue(filling_wq);
free_unbound:
	destroy_workqueue(unbound_wq);
free_percpu:
	destroy_workqueue(percpu_wq);
free_jobs:
	kspan_meta_percpu_free(cpu_jobs, sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
	return ret;
}

/**
 * kspan_worker_exit - stop the workers
 *
 * Context: Module unload; nobody queues work any more.
 */
void kspan_worker_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	kspan_worker_settle();
	destroy_workqueue(unbound_wq);
	destroy_workqueue(filling_wq);
	destroy_workqueue(percpu_wq);
	kspan_meta_percpu_free(cpu_jobs, sizeof(*cpu_jobs), KSPAN_SYS_OTHER);
}
