// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_race: two frees of one object at the same time.
 *
 * Two tasks on two CPUs free the same objects and meet before each one.  In
 * another run a task and a timer interrupt on one CPU do.  One of two frees is
 * a double free, so kspan must report exactly as many as there are objects, its
 * structures must stay consistent, and later no object may be handed out twice.
 *
 * Loading the module runs all races and fails if one went wrong.  The last line
 * in the log begins with "done".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "timer.h"

#define NR_OBJS		256U
/* Smaller objects come from the tiny allocator. */
#define TINY_MAX	8U
/* Objects that are checked for overlaps after the races. */
#define NR_AFTER	1024U

static unsigned int rounds = 12;
module_param(rounds, uint, 0400);
MODULE_PARM_DESC(rounds, "rounds of 256 objects for each pair of calls and size");

static bool light;
module_param(light, bool, 0400);
MODULE_PARM_DESC(light, "whether the machine is slow: fewer rounds");

static void free_one(void *ptr, size_t size)
{
	kspan_free(ptr);
}

static void free_sized(void *ptr, size_t size)
{
	kspan_free_sized(ptr, size);
}

static void free_wiped(void *ptr, size_t size)
{
	kspan_free_sensitive(ptr);
}

static void free_bulk(void *ptr, size_t size)
{
	kspan_free_bulk(1, &ptr);
}

typedef void (*free_fn)(void *ptr, size_t size);

static const free_fn frees[] = { free_one, free_sized, free_wiped, free_bulk };

static const size_t sizes[] = { 1, 8, 64, 1000, SZ_4K, SZ_32K, SZ_64K };

/* State of the current race; the tasks meet at @at. */
static struct {
	void *objs[NR_OBJS];
	size_t size;
	free_fn fn[2];
	atomic_t at;
	struct completion ended;
} race;

static u8 *after[NR_AFTER];

static void *get(size_t size)
{
	return size < TINY_MAX ? kspan_alloc_tiny(size, GFP_KERNEL) :
			  kspan_alloc(size, GFP_KERNEL);
}

/*
 * Wait for the other task, then pause for a time that differs for each object.
 */
static void meet(unsigned int i, unsigned int pause)
{
	unsigned int at = 2 * (i + 1);

	atomic_inc(&race.at);
	while (atomic_read(&race.at) < at)
		cpu_relax();
	while (pause--)
		barrier();
}

static void free_all(unsigned int who)
{
	unsigned int i;

	for (i = 0; i < NR_OBJS; i++) {
		/*
		 * Keep each task running, so that the other one does not wait
		 * for long.
		 */
		preempt_disable();
		meet(i, who ? i % 16 : 8);
		race.fn[who](race.objs[i], race.size);
		preempt_enable();
		cond_resched();
	}
}

static int second_fn(void *arg)
{
	free_all(1);
	complete(&race.ended);
	return 0;
}

static struct task_struct *start(int (*fn)(void *), unsigned int cpu)
{
	struct task_struct *task = kthread_create(fn, NULL, "kspan_race");

	if (IS_ERR(task))
		return task;
	kthread_bind(task, cpu);
	wake_up_process(task);
	return task;
}

/* --- a task and an interrupt of its CPU --------------------------------------- */

static struct hrtimer timer;
/* Objects freed so far by the task and by the interrupt. */
static unsigned int nr_task, nr_irq;

static enum hrtimer_restart timer_fn(struct hrtimer *self)
{
	unsigned int nr = READ_ONCE(nr_task);

	/* The object that the task is about to free or has just freed. */
	if (nr < NR_OBJS && nr == nr_irq) {
		race.fn[1](race.objs[nr], race.size);
		nr_irq = nr + 1;
	}
	if (nr_irq == NR_OBJS)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(self, ns_to_ktime((7 + nr % 5) * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

/* Free each object in the task and at about the same time in the timer. */
static void race_with_timer(void)
{
	unsigned int spin;

	nr_task = 0;
	nr_irq = 0;
	hrtimer_start(&timer, ns_to_ktime(10 * NSEC_PER_USEC), HRTIMER_MODE_REL_PINNED_HARD);
	while (nr_task < NR_OBJS) {
		for (spin = 0; spin < nr_task % 64; spin++)
			barrier();
		race.fn[0](race.objs[nr_task], race.size);
		/* Wait until the timer has freed this object too. */
		while (READ_ONCE(nr_irq) == nr_task)
			cpu_relax();
		WRITE_ONCE(nr_task, nr_task + 1);
		cond_resched();
	}
	hrtimer_cancel(&timer);
}

/* --- judging ------------------------------------------------------------------- */

/* Whether no two of many new objects overlap. */
static bool all_distinct(size_t size)
{
	unsigned int i, nr;
	bool good = true;

	for (nr = 0; nr < NR_AFTER; nr++) {
		after[nr] = get(size);
		if (!after[nr])
			break;
		memset(after[nr], nr, size);
	}
	for (i = 0; i < nr; i++)
		good &= !memchr_inv(after[i], i & 0xff, size);
	for (i = 0; i < nr; i++)
		kspan_free(after[i]);
	return good;
}

/* Run one race by @run.  Return: what went wrong, or NULL. */
static const char *judge(void (*run)(void))
{
	struct kspan_stats before, now;
	u64 nr_double, nr_bad;
	unsigned int i;

	for (i = 0; i < NR_OBJS; i++) {
		race.objs[i] = get(race.size);
		if (!race.objs[i]) {
			kspan_free_bulk(i, race.objs);
			return "no memory";
		}
	}
	kspan_read_stats(&before);
	run();
	kspan_read_stats(&now);
	nr_double = now.double_free - before.double_free;
	nr_bad = now.bad_free - before.bad_free;
	/* A large object may have been given back before its second free. */
	if (race.size > SZ_32K)
		nr_double += nr_bad;
	if (nr_double != NR_OBJS)
		return "double frees that were not reported";
	/* Tiny objects are counted by their blocks. */
	if (race.size >= TINY_MAX &&
	    now.heap_objects + NR_OBJS != before.heap_objects)
		return "wrong number of live objects";
	if ((race.size <= SZ_32K && nr_bad) || now.corrupt != before.corrupt)
		return "reports of something else";
	if (!all_distinct(race.size))
		return "an object was handed out twice";
	return NULL;
}

static void race_two_tasks(void)
{
	unsigned int other = cpumask_any_but(cpu_online_mask,
					     raw_smp_processor_id());

	init_completion(&race.ended);
	atomic_set(&race.at, 0);
	if (IS_ERR(start(second_fn, other)))
		return;
	free_all(0);
	wait_for_completion(&race.ended);
}

static const char *race_all(void (*run)(void), unsigned int nr)
{
	const char *wrong;
	unsigned int r, i;

	for (r = 0; r < nr; r++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			race.size = sizes[i];
			race.fn[0] = frees[r % ARRAY_SIZE(frees)];
			race.fn[1] = frees[(r / ARRAY_SIZE(frees) + i) %
					   ARRAY_SIZE(frees)];
			wrong = judge(run);
			if (wrong) {
				pr_err("round %u, %zu bytes: %s\n", r, race.size,
				       wrong);
				return wrong;
			}
			cond_resched();
		}
		kspan_release();
	}
	return NULL;
}

static bool failed;
static struct completion all_ended;

static int first_fn(void *arg)
{
	unsigned int nr = light ? DIV_ROUND_UP(rounds, 10) : rounds;

	torture_timer_init(&timer, timer_fn, HRTIMER_MODE_REL_PINNED_HARD);
	if (num_online_cpus() > 1)
		failed = race_all(race_two_tasks, nr);
	if (!failed)
		failed = race_all(race_with_timer, DIV_ROUND_UP(nr, 4));
	pr_info("done: %u rounds of %zu sizes, %s\n", nr, ARRAY_SIZE(sizes),
		failed ? "FAIL" : "PASS");
	complete(&all_ended);
	return 0;
}

static int __init race_init(void)
{
	init_completion(&all_ended);
	if (IS_ERR(start(first_fn, cpumask_first(cpu_online_mask))))
		return -ENOMEM;
	wait_for_completion(&all_ended);
	return failed ? -EIO : 0;
}

static void __exit race_exit(void)
{
}

module_init(race_init);
module_exit(race_exit);

MODULE_DESCRIPTION("Two frees of one object at the same moment");
MODULE_LICENSE("GPL");
