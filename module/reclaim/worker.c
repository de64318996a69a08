// SPDX-License-Identifier: GPL-2.0
/*
 * The workers: workqueues, work on each CPU, kicks and CPU hotplug.
 *
 * A kick makes a worker run soon.  It may be called under any lock and in any
 * interrupt, so it reaches the worker through an irq_work.
 *
 * Work that returns memory allocates none, and its workqueues have rescuers, so a
 * task that reclaims memory may wait for it.  Work that allocates memory has a
 * workqueue of its own, for which no task waits that may be reclaiming.
 *
 * This file implements how a worker is reached.  The scavenger implements what the
 * worker does, and passes its functions at load.
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
 * @asked: number of requests for a drain
 * @done: value of @asked when the last completed drain began
 */
struct cpu_job {
	struct work_struct work;
	void (*fn)(void);
	struct work_struct drain;
	atomic_t asked;
	int done;
};

/*
 * Workqueues: for work on one CPU; for other work that returns memory, which must
 * not wait for a busy CPU; and for work that allocates memory.
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

/* Protects work and fn of cpu_jobs: one caller of kspan_on_each_cpu() at a time. */
static DEFINE_MUTEX(job_lock);

static void kick_work_fn(struct work_struct *work);
static void kick_irq_fn(struct irq_work *work);

static DECLARE_WORK(kick_work, kick_work_fn);
/*
 * A hard irq_work that is queued only on online CPUs is never left behind on a CPU
 * that goes offline, with or without PREEMPT_RT.
 */
static struct irq_work kick_irq = IRQ_WORK_INIT_HARD(kick_irq_fn);

static void cpu_job_fn(struct work_struct *work)
{
	/* If its CPU went offline meanwhile, it runs on another one. */
	migrate_disable();
	container_of(work, struct cpu_job, work)->fn();
	migrate_enable();
}

/**
 * kspan_on_each_cpu - run a function in a task on every online CPU
 * @fn: runs with preemption on, unable to migrate
 *
 * A real-time task may occupy a CPU for long, so CPUs can go offline while this
 * function waits.  If one does, @fn runs on another CPU in its stead, and the
 * hotplug callback has emptied its caches when this function returns.
 *
 * Context: Process context that may sleep, is not a hotplug callback and does
 * not hold the hotplug lock.
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
	cpus_read_unlock();
	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(cpu_jobs, cpu)->work);
	/* Wait for the callback of a CPU that is going offline now. */
	cpus_read_lock();
	cpus_read_unlock();
	mutex_unlock(&job_lock);
}

static void drain_work_fn(struct work_struct *work)
{
	struct cpu_job *job = container_of(work, struct cpu_job, drain);
	int asked = atomic_read(&job->asked);

	/* If its CPU went offline meanwhile, it runs on another one: harmless. */
	migrate_disable();
	worker_ops->drain();
	migrate_enable();
	/* Drain before the store; pairs with all_drained(). */
	smp_store_release(&job->done, asked);
	/* The lock of the wait queue orders the store before a waiter's test. */
	wake_up_all(&drain_wait);
}

/**
 * kspan_drain_soon - make a CPU run the drain function when it has time
 * @cpu: the CPU; nothing happens if it is offline
 *
 * The caller need not wait for it: a real-time task may occupy the CPU for long.
 *
 * Context: Any but NMI.
 */
void kspan_drain_soon(unsigned int cpu)
{
	struct cpu_job *job = per_cpu_ptr(cpu_jobs, cpu);

	/* While preemption is off, no CPU goes offline. */
	preempt_disable();
	if (cpu_online(cpu)) {
		atomic_inc(&job->asked);
		queue_work_on(cpu, percpu_wq, &job->drain);
	}
	preempt_enable();
}

/* Whether every requested drain has ended, or its CPU has gone offline. */
static bool all_drained(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		struct cpu_job *job = per_cpu_ptr(cpu_jobs, cpu);

		/* Pairs with the release in drain_work_fn(). */
		if (smp_load_acquire(&job->done) != atomic_read(&job->asked))
			return false;
	}
	return true;
}

/**
 * kspan_drain_wait - wait for the requested drains
 * @timeout: maximal time in jiffies
 *
 * A CPU that a real-time task occupies cannot answer; hence the limit.  No lock is
 * held meanwhile, and CPUs may go on- and offline.
 *
 * Context: Process context that may sleep, including tasks that reclaim memory and
 * hotplug callbacks.
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
 * kspan_kick - make a worker attend to the heap soon
 *
 * The call is cheap while the worker has not begun yet, for callers that meet the
 * same shortage repeatedly before the worker gets a CPU.  A CPU that is going
 * offline takes no interrupts any more; worker_cpu_dead() starts the worker then.
 *
 * Context: Any, including NMI.
 */
void kspan_kick(void)
{
	/* Write what is short before testing whether the worker will still see it. */
	smp_mb();
	if (!work_pending(&kick_work) && cpu_online(raw_smp_processor_id()))
		irq_work_queue(&kick_irq);
}

/**
 * kspan_worker_settle - wait until the work of earlier kicks is done
 *
 * Context: Process context that may sleep.
 */
void kspan_worker_settle(void)
{
	irq_work_sync(&kick_irq);
	flush_work(&kick_work);
}

/**
 * kspan_queue_work - queue work that returns memory, on any CPU
 * @work: the work; its owner makes sure that it ends before kspan_worker_exit()
 *
 * Context: Any but NMI.
 */
void kspan_queue_work(struct work_struct *work)
{
	queue_work(unbound_wq, work);
}

/**
 * kspan_queue_filling - queue work that allocates memory
 * @work: as for kspan_queue_work()
 *
 * It may sleep for memory, so a task that may be reclaiming must not wait for it.
 *
 * Context: Any but NMI.
 */
void kspan_queue_filling(struct work_struct *work)
{
	queue_work(filling_wq, work);
}

/**
 * kspan_queue_delayed_work - queue work that returns memory, for later
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
	/* Kicks in its last interrupts may have had no effect. */
	queue_work(unbound_wq, &kick_work);
	return 0;
}

/**
 * kspan_worker_init - start the workers
 * @ops: the functions that they call
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
 * Context: Module unload; no more work is queued.
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
