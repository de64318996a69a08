// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that start at the same moment, one on each of several CPUs.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/sched.h>

#include "bench.h"

#define NR_THREADS	8U

struct worker {
	unsigned int id;
	u64 start;
	u64 end;
	struct task_struct *task;
};

/* State of the current run. */
static struct worker workers[NR_THREADS];
static bench_thread_fn worker_fn;
static void *worker_arg;
static unsigned int nr_workers;
static atomic_t nr_ready, nr_left, nr_failed;
static struct completion all_done;

static int worker_main(void *arg)
{
	struct worker *worker = arg;

	sched_set_fifo(current);
	atomic_inc(&nr_ready);
	while (atomic_read(&nr_ready) < nr_workers)
		cpu_relax();
	worker->start = bench_now();
	if (worker_fn(worker->id, worker_arg))
		atomic_inc(&nr_failed);
	worker->end = bench_now();
	if (atomic_dec_and_test(&nr_left))
		complete(&all_done);
	return 0;
}

/**
 * bench_on_cpus - run a function on several CPUs at once
 * @nr: number of CPUs, from CPU 0 on; all are online
 * @fn: the function; it returns 0 on success
 * @arg: argument of @fn
 *
 * Context: The thread of the benchmark.
 * Return: the time from the first start to the last end, or BENCH_FAILED.
 */
u64 bench_on_cpus(unsigned int nr, bench_thread_fn fn, void *arg)
{
	u64 start = U64_MAX, end = 0;
	unsigned int i;

	if (nr > NR_THREADS)
		return BENCH_FAILED;
	worker_fn = fn;
	worker_arg = arg;
	nr_workers = nr;
	atomic_set(&nr_ready, 0);
	atomic_set(&nr_left, nr);
	atomic_set(&nr_failed, 0);
	init_completion(&all_done);
	for (i = 0; i < nr; i++) {
		workers[i].id = i;
		workers[i].task = kthread_create(worker_main, &workers[i],
						 "kspan_bench/%u", i);
		if (IS_ERR(workers[i].task)) {
			while (i--)
				kthread_stop(workers[i].task);
			return BENCH_FAILED;
		}
		kthread_bind(workers[i].task, i);
	}
	for (i = 0; i < nr; i++)
		wake_up_process(workers[i].task);
	wait_for_completion(&all_done);
	if (atomic_read(&nr_failed))
		return BENCH_FAILED;
	for (i = 0; i < nr; i++) {
		start = min(start, workers[i].start);
		end = max(end, workers[i].end);
	}
	return end - start;
}
