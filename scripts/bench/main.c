// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_bench: kspan and the kernel's own allocators, measured in one boot.
 *
 * Loading the module runs the workloads on one CPU and prints a row for each,
 *
 *	kspan_bench: <workload> <kspan> <kernel> <ratio> <spread> <spread>
 *		<unit> <other side>
 *
 * as one line, with the cost of an operation.  An operation mostly allocates an
 * object, writes a word to it, and frees it.  The unit is `cycles` of
 * get_cycles(), `ns` without a cycle counter, or `permille` for memory used in
 * relation to memory requested.  Under QEMU's -icount shift=0 a cycle is an
 * instruction.  Rounds of both sides alternate, after a first one that does not
 * count.  A row shows the medians, and as the spread the range of the middle
 * half of the rounds in thousandths of the median.
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
MODULE_PARM_DESC(only, "beginnings of the names of the wanted rows (all)");

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

/* The result of a side's rounds. */
struct result {
	u64 tenths;	/* of the unit, per operation */
	u64 spread;	/* thousandths */
};

static struct result result_of(u64 *took, u64 nr_ops)
{
	u64 median, middle;

	sort(took, rounds, sizeof(*took), compare, NULL);
	median = took[rounds / 2];
	middle = took[rounds - 1 - rounds / 4] - took[rounds / 4];
	return (struct result){
		.tenths = div64_u64(median * 10 + nr_ops / 2, nr_ops),
		.spread = median ? div64_u64(middle * 1000, median) : 0,
	};
}

static void print_row(const char *name, const struct result *kspan,
		      const struct result *kernel, const char *unit,
		      const char *side)
{
	pr_info("%s %llu.%llu %llu.%llu %llu %llu %llu %s %s\n", name,
		div_u64(kspan->tenths, 10), kspan->tenths % 10,
		div_u64(kernel->tenths, 10), kernel->tenths % 10,
		kernel->tenths ? div64_u64(kspan->tenths * 1000 +
					   kernel->tenths / 2, kernel->tenths) : 0,
		kspan->spread, kernel->spread, unit, side);
	nr_rows++;
}

void bench_memory_row(const char *name, u64 kspan, u64 kernel, u64 asked)
{
	struct result ours = { div64_u64(kspan * 10000, asked), 0 };
	struct result theirs = { div64_u64(kernel * 10000, asked), 0 };

	print_row(name, &ours, &theirs, "permille", "kmalloc");
}

void bench_plain_row(const char *name, u64 kspan, u64 kernel)
{
	struct result ours = { kspan * 10, 0 };
	struct result theirs = { kernel * 10, 0 };

	print_row(name, &ours, &theirs, bench_cycles ? "cycles" : "ns",
		  "kmalloc");
}

/*
 * Whether @name begins with one of the comma-separated words of @only.  With
 * @prefix, @name is the beginning of names, and one of these may match.
 */
static bool is_wanted(const char *name, bool prefix)
{
	const char *word = only;
	size_t len, nr;

	if (kthread_should_stop())
		return false;
	if (!*word)
		return true;
	for (;;) {
		len = strcspn(word, ",");
		nr = prefix ? min(len, strlen(name)) : len;
		if (len && !strncmp(name, word, nr))
			return true;
		if (!word[len])
			return false;
		word += len + 1;
	}
}

bool bench_wanted(const char *name)
{
	return is_wanted(name, false);
}

bool bench_group_wanted(const char *prefix)
{
	return is_wanted(prefix, true);
}

void bench_row(const char *name, bench_fn kspan, bench_fn kernel,
	       const struct bench_args *args)
{
	u64 nr_ops = (u64)args->loops * max(args->batch, 1U);
	struct result ours, theirs;
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
	ours = result_of(kspan_took, nr_ops);
	theirs = result_of(kernel_took, nr_ops);
	print_row(name, &ours, &theirs, bench_cycles ? "cycles" : "ns",
		  args->kernel ?: "kmalloc");
	/* Let other tasks do their deferred work. */
	usleep_range(1000, 2000);
	return;

failed:
	pr_warn("%s: out of memory, no row\n", name);
}

/* In this order; workloads that fragment memory come last. */
static int (* const parts[])(void) = {
	bench_pairs, bench_batches, bench_named, bench_heaps, bench_contexts,
	bench_resize, bench_waves, bench_fleet, bench_copies, bench_memory, bench_tail,
	bench_live, bench_stress, bench_cpus,
};

static int bench_thread(void *unused)
{
	unsigned int i;

	/* kmalloc() has a point of preemption, kspan_alloc() has none. */
	sched_set_fifo(current);
	bench_cycles = get_cycles();
	pr_info("unit=%s rounds=%u loops=%u\n", bench_cycles ? "cycles" : "ns",
		rounds, loops);
	for (i = 0; i < ARRAY_SIZE(parts) && !bench_err; i++)
		bench_err = parts[i]();
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
	bench_copy_prepare();
	get_task_struct(task);
	wake_up_process(task);
	/* If killed, the module leaves out the remaining rows. */
	wait_for_completion_killable(&bench_done);
	kthread_stop(task);
	put_task_struct(task);
	bench_copy_finish();
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
