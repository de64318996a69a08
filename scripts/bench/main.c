// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_bench: kspan beside the kernel's own allocators, in one boot.
 *
 * Loading it runs the workloads on one CPU and prints a row for each,
 *
 *	kspan_bench: <workload> <kspan> <kernel> <ratio_permille>
 *
 * with the cost of an operation, allocating, writing a word and freeing one
 * object, in units of get_cycles(), or in ns without a cycle counter.  Under
 * QEMU's -icount shift=0 a cycle is an instruction.  Rounds of both sides
 * alternate, after one that does not count, and the medians are printed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/smp.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "bench.h"

#define ROUNDS_MAX	101U
#define LOOPS_MAX	10000000U

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "beginning of the names of the wanted rows (all)");

static unsigned int rounds = 11;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "measurements of each side, 1 to 101 (11)");

static unsigned int loops = 8192;
module_param(loops, uint, 0444);
MODULE_PARM_DESC(loops, "operations in a measurement of small objects (8192)");

bool bench_cycles;

static unsigned int nr_rows;
static u64 kspan_took[ROUNDS_MAX];
static u64 kernel_took[ROUNDS_MAX];
static DECLARE_COMPLETION(bench_done);
static int bench_err;

unsigned int bench_loops(unsigned int batch)
{
	return max(loops / batch, 1U);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Median cost of one of @nr_ops operations, in tenths. */
static u64 median_cost(u64 *took, u64 nr_ops)
{
	sort(took, rounds, sizeof(*took), compare, NULL);
	return div64_u64(took[rounds / 2] * 10 + nr_ops / 2, nr_ops);
}

bool bench_wanted(const char *name)
{
	return !strncmp(name, only, strlen(only)) && !kthread_should_stop();
}

void bench_row(const char *name, bench_fn kspan, bench_fn kernel,
	       const struct bench_args *args)
{
	u64 nr_ops = (u64)args->loops * max(args->batch, 1U);
	u64 ours, theirs;
	unsigned int i;

	if (!bench_wanted(name))
		return;
	if (kspan(args) == BENCH_FAILED || kernel(args) == BENCH_FAILED)
		goto failed;
	for (i = 0; i < rounds; i++) {
		cond_resched();
		kspan_took[i] = kspan(args);
		kernel_took[i] = kernel(args);
		if (kspan_took[i] == BENCH_FAILED ||
		    kernel_took[i] == BENCH_FAILED)
			goto failed;
	}
	ours = median_cost(kspan_took, nr_ops);
	theirs = median_cost(kernel_took, nr_ops);
	pr_info("%s %llu.%llu %llu.%llu %llu\n", name,
		div_u64(ours, 10), ours % 10, div_u64(theirs, 10), theirs % 10,
		theirs ? div64_u64(ours * 1000 + theirs / 2, theirs) : 0);
	nr_rows++;
	/* Let others do what they have put off meanwhile. */
	usleep_range(1000, 2000);
	return;

failed:
	pr_warn("%s: out of memory, no row\n", name);
}

static int bench_thread(void *unused)
{
	/* kmalloc() is a point of preemption where kspan_alloc() is none. */
	sched_set_fifo(current);
	bench_cycles = get_cycles();
	pr_info("unit=%s rounds=%u loops=%u\n", bench_cycles ? "cycles" : "ns",
		rounds, loops);
	bench_err = bench_pairs();
	if (!bench_err)
		bench_err = bench_batches();
	if (!bench_err)
		bench_err = bench_fleet();
	pr_info("done rows=%u\n", nr_rows);
	complete(&bench_done);
	return 0;
}

static int __init bench_init(void)
{
	unsigned int cpu = raw_smp_processor_id();
	struct task_struct *task;

	if (!rounds || rounds > ROUNDS_MAX || !loops || loops > LOOPS_MAX) {
		pr_err("rounds is not 1 to %u, or loops not 1 to %u\n",
		       ROUNDS_MAX, LOOPS_MAX);
		return -EINVAL;
	}
	task = kthread_create_on_node(bench_thread, NULL, cpu_to_node(cpu),
				      KBUILD_MODNAME);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	get_task_struct(task);
	wake_up_process(task);
	/* Killed, it leaves out the rows to come. */
	wait_for_completion_killable(&bench_done);
	kthread_stop(task);
	put_task_struct(task);
	return bench_err;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmarks of the kspan allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
