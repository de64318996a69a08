// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_torture: random allocations and frees on all CPUs and in all contexts,
 * with a check of every object's bytes.
 *
 * Loading the module starts a run of "seconds".  The file
 * /sys/kernel/debug/kspan_torture/result contains "running" and later "PASS" or
 * "FAIL", which the kernel log shows too.  With sabotage=1 the run overwrites
 * one byte itself and must end with "FAIL".  With forget=1 it leaves objects
 * behind when it is unloaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "torture.h"

static unsigned int seconds = 20;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long to run (20)");

static unsigned int max_live = 20000;
module_param(max_live, uint, 0444);
MODULE_PARM_DESC(max_live, "most objects live at a time (20000)");

static unsigned long long seed;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "of the random numbers; 0 chooses one (0)");

static unsigned int threads_per_cpu = 1;
module_param(threads_per_cpu, uint, 0444);
MODULE_PARM_DESC(threads_per_cpu, "threads on each CPU, 1 to 64 (1)");

bool torture_light;
module_param_named(light, torture_light, bool, 0444);
MODULE_PARM_DESC(light, "check 8 bytes and the last one only, for speed (0)");

unsigned int torture_irq_us = 900;
module_param_named(irq_us, torture_irq_us, uint, 0444);
MODULE_PARM_DESC(irq_us, "mean microseconds from one interrupt to the next, 3 to 100000 (900)");

bool torture_zeroed;
module_param_named(zeroed, torture_zeroed, bool, 0444);
MODULE_PARM_DESC(zeroed, "demand zeros of every new object, as init_on_alloc and init_on_free promise (0)");

static bool forget;
static void *forgotten[3];
module_param(forget, bool, 0444);
MODULE_PARM_DESC(forget, "1: leave three objects behind, to see the report (0)");

static unsigned int sabotage;
module_param(sabotage, uint, 0444);
MODULE_PARM_DESC(sabotage, "1: spoil a byte, to see the run fail (0)");

/* Set up completely before the threads run. */
struct torture_cpu *torture_cpus;
unsigned int torture_nr_cpus;
static struct torture_thread *threads;
static unsigned int nr_threads;
static struct dentry *dir;
static struct kspan_stats stats_before;
static unsigned long end_jiffies;

/*
 * All threads read it by READ_ONCE().  A failure or the unload writes it by
 * WRITE_ONCE().
 */
static bool stop_early;
/* Threads that still hold objects; the last one ends the run. */
static atomic_t nr_running;
/*
 * Nonzero after the first failure; the context that made it so writes @reason.
 */
static atomic_t nr_failures;
static char reason[200];
/* Set after @verdict is written; pairs with the acquire in result_show(). */
static bool finished;
static char verdict[320];

bool torture_stopping(void)
{
	return READ_ONCE(stop_early) || time_after(jiffies, end_jiffies);
}

/* Record the first reason and end the run.  Context: Any. */
void torture_fail(const char *fmt, ...)
{
	va_list args;

	if (atomic_fetch_inc(&nr_failures))
		return;
	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	pr_err("failure: %s\n", reason);
	WRITE_ONCE(stop_early, true);
}

/* Sum over all timers that fire in hardirq, or in softirq. */
static unsigned long sum_up_irqs(enum torture_counter counter, bool hard)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < torture_nr_cpus; i++) {
		struct torture_cpu *tc = &torture_cpus[i];
		struct torture_irq *irq = hard ? &tc->hard : &tc->soft;

		sum += READ_ONCE(irq->ctx.counters[counter]);
	}
	return sum;
}

static unsigned long sum_up(enum torture_counter counter)
{
	unsigned long sum = sum_up_irqs(counter, true) +
			    sum_up_irqs(counter, false);
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		sum += READ_ONCE(threads[i].ctx.counters[counter]);
	return sum;
}

static void expect_none(u64 now, u64 before, const char *what)
{
	if (now != before)
		torture_fail("kspan counts %llu %s", now - before, what);
}

/* Fail if the allocator has reported faults during the run. */
static void check_stats(void)
{
	const struct kspan_stats *before = &stats_before;
	struct kspan_stats now;

	kspan_read_stats(&now);
	expect_none(now.bad_free, before->bad_free, "bad frees");
	expect_none(now.double_free, before->double_free, "double frees");
	expect_none(now.overrun, before->overrun, "writes behind an object");
	expect_none(now.use_after_free, before->use_after_free,
		    "writes to a free object");
	expect_none(now.corrupt, before->corrupt, "corrupt structures");
}

/* All threads and timers have ended: free the mail and write the verdict. */
static void finish(void)
{
	unsigned int i;

	torture_nmi_exit();
	for (i = 0; i < torture_nr_cpus; i++)
		torture_mail_drain(&torture_cpus[i].hard.ctx,
				   &torture_cpus[i].mail);
	check_stats();
	if (atomic_read(&nr_failures))
		snprintf(verdict, sizeof(verdict), "FAIL %s ops=%lu seed=%llu",
			 reason, sum_up(TORTURE_OPS), seed);
	else
		snprintf(verdict, sizeof(verdict),
			 "PASS ops=%lu hard=%lu soft=%lu seed=%llu threads=%u nmis=%lu nmi_objects=%lu returns=%lu null=%lu atomic_null=%lu",
			 sum_up(TORTURE_OPS), sum_up_irqs(TORTURE_OPS, true),
			 sum_up_irqs(TORTURE_OPS, false), seed, nr_threads,
			 torture_nr_nmis(), torture_nr_nmi_objects(),
			 torture_nr_returns(),
			 sum_up(TORTURE_NULL), sum_up(TORTURE_NULL_ATOMIC));
	pr_info("%s\n", verdict);
	/* Pairs with the acquire in result_show(). */
	smp_store_release(&finished, true);
}

/* Move the threads of a CPU back to it.  Context: Hotplug callback. */
void torture_threads_come_home(const struct torture_cpu *cpu)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (&torture_cpus[threads[i].home] == cpu)
			set_cpus_allowed_ptr(threads[i].task,
					     cpumask_of(cpu->cpu));
}

/* Called by a thread that has freed all its objects. */
void torture_thread_done(void)
{
	if (atomic_dec_and_test(&nr_running))
		finish();
}

static int result_show(struct seq_file *m, void *unused)
{
	/* Pairs with the release in finish(). */
	if (smp_load_acquire(&finished))
		seq_printf(m, "%s\n", verdict);
	else
		seq_printf(m, "running ops=%lu\n", sum_up(TORTURE_OPS));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(result);

static void ctx_init(struct torture_ctx *ctx, const char *name)
{
	static u64 nr;

	ctx->name = name;
	prandom_seed_state(&ctx->rnd, seed + ++nr * 0x9e3779b97f4a7c15ULL);
}

static int cpus_init(void)
{
	unsigned int cpu;

	torture_cpus = kvcalloc(num_online_cpus(), sizeof(*torture_cpus),
				GFP_KERNEL);
	if (!torture_cpus)
		return -ENOMEM;
	for_each_online_cpu(cpu) {
		struct torture_cpu *tc = &torture_cpus[torture_nr_cpus];

		tc->cpu = cpu;
		ctx_init(&tc->hard.ctx, "hardirq");
		ctx_init(&tc->soft.ctx, "softirq");
		torture_mail_init(&tc->mail);
		torture_irq_init(tc, torture_nr_cpus++);
	}
	return 0;
}

static int thread_init(struct torture_thread *t, unsigned int nr,
		       unsigned int nr_slots)
{
	struct task_struct *task;
	unsigned int cpu;

	ctx_init(&t->ctx, "thread");
	t->home = nr / threads_per_cpu;
	t->leader = nr % threads_per_cpu == 0;
	t->sabotage = sabotage && !nr;
	t->nr_slots = nr_slots;
	t->slots = kvcalloc(nr_slots, sizeof(*t->slots), GFP_KERNEL);
	if (!t->slots)
		return -ENOMEM;

	/*
	 * Bound, but not a per-CPU thread, as its CPU may go offline meanwhile.
	 */
	cpu = torture_cpus[t->home].cpu;
	task = kthread_create_on_node(torture_thread_run, t, cpu_to_node(cpu),
				      "kspan_torture/%u", cpu);
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	t->task = get_task_struct(task);
	return 0;
}

/* On average half of the slots are full; the mailboxes may all be full. */
static unsigned int slots_per_thread(unsigned int nr)
{
	unsigned int mail = torture_nr_cpus * TORTURE_MAIL;

	return max_live > mail ? max((max_live - mail) / nr, 1U) : 1;
}

static int threads_init(void)
{
	unsigned int i, nr = torture_nr_cpus * threads_per_cpu;
	int err;

	threads = kvcalloc(nr, sizeof(*threads), GFP_KERNEL);
	if (!threads)
		return -ENOMEM;
	nr_threads = nr;
	for (i = 0; i < nr; i++) {
		err = thread_init(&threads[i], i, slots_per_thread(nr));
		if (err)
			return err;
	}
	return 0;
}

static void cleanup(void)
{
	unsigned int i;

	torture_hotplug_exit();
	WRITE_ONCE(stop_early, true);
	for (i = 0; i < nr_threads; i++) {
		if (!threads[i].task)
			break;
		kthread_stop(threads[i].task);
		put_task_struct(threads[i].task);
	}
	/* Threads that were stopped before they ran do not end the run. */
	if (atomic_read(&nr_running))
		finish();
	for (i = 0; i < nr_threads; i++)
		kvfree(threads[i].slots);
	kvfree(threads);
	kvfree(torture_cpus);
	torture_caches_exit();
}

static int __init torture_init(void)
{
	unsigned int i;
	int err;

	if (!threads_per_cpu || threads_per_cpu > 64 || sabotage > 1 ||
	    torture_irq_us < 3 || torture_irq_us > 100000) {
		pr_err("a parameter is out of range\n");
		return -EINVAL;
	}
	if (!seed)
		seed = get_random_u32();

	err = torture_caches_init();
	if (err) {
		torture_caches_exit();
		return err;
	}
	/* Keep the set of online CPUs unchanged until the threads are bound. */
	cpus_read_lock();
	err = cpus_init();
	if (!err)
		err = threads_init();
	cpus_read_unlock();
	if (err) {
		cleanup();
		return err;
	}

	err = torture_hotplug_init();
	if (!err)
		err = torture_nmi_init();
	if (err) {
		cleanup();
		return err;
	}
	pr_info("%u threads, %u seconds, seed=%llu\n", nr_threads, seconds, seed);
	kspan_read_stats(&stats_before);
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("result", 0444, dir, NULL, &result_fops);
	end_jiffies = jiffies + seconds * HZ;
	atomic_set(&nr_running, nr_threads);
	for (i = 0; i < nr_threads; i++)
		wake_up_process(threads[i].task);
	return 0;
}

static void __exit torture_exit(void)
{
	unsigned long flags;

	debugfs_remove(dir);
	cleanup();
	if (!forget)
		return;
	/*
	 * Two small objects and a large one.  Their addresses are lost with the
	 * module.
	 */
	forgotten[0] = kspan_alloc(100, GFP_KERNEL);
	forgotten[1] = kspan_alloc(100, GFP_KERNEL);
	forgotten[2] = kspan_alloc(SZ_1M, GFP_KERNEL);
	/* The resize changes the recorded size without moving the object. */
	local_irq_save(flags);
	forgotten[1] = kspan_realloc(forgotten[1], 101, GFP_NOWAIT);
	local_irq_restore(flags);
}

module_init(torture_init);
module_exit(torture_exit);

MODULE_DESCRIPTION("Stress test of the kspan allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
