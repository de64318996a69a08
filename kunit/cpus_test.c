// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that are busy or offline: a real-time task that occupies a CPU does not
 * delay kspan's workers, and a CPU that goes offline does not lose work.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/timer.h>

#include "base/node.h"
#include "cache/cache.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/worker.h"

#define MAX_OBJS	1000U
#define QUIET		(GFP_ATOMIC | __GFP_NOWARN)

/*
 * The scheduler may throttle a task that has occupied a CPU for 950 ms of a
 * second.  A pause lets the next attempt start in a new second.
 */
#define HOG_JIFFIES	(HZ * 8 / 10)
#define PAUSE_MS	1100
/* On a busy machine the other CPUs may get nothing done in that time. */
#define TRIES		8U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];
static unsigned int nr_objs;

/* Another CPU that is online.  The case is bound to its own CPU. */
static unsigned int other_cpu(struct kunit *test)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask,
					   raw_smp_processor_id());

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "a single CPU");
	return cpu;
}

/* --- a real-time task ------------------------------------------------------- */

/* What the task does first, and when it may stop; @done is set if it could. */
struct hog {
	void (*begin)(void);
	bool (*is_over)(void);
	bool done;
	struct completion ended;
};

static int hog_fn(void *arg)
{
	struct hog *hog = arg;
	unsigned long end;

	sched_set_fifo(current);
	hog->begin();
	end = jiffies + HOG_JIFFIES;
	do {
		hog->done = hog->is_over();
		cpu_relax();
	} while (!hog->done && time_before(jiffies, end));
	complete(&hog->ended);
	return 0;
}

/* Let a task occupy another CPU until it is done or its time is up. */
static void run_hog(struct kunit *test, struct hog *hog)
{
	struct task_struct *task;

	hog->done = false;
	init_completion(&hog->ended);
	task = kthread_create(hog_fn, hog, "kspan_hog");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, other_cpu(test));
	wake_up_process(task);
	wait_for_completion(&hog->ended);
	if (!hog->done)
		msleep(PAUSE_MS);
}

/* Allocate pages until none is left; the last call kicks the worker. */
static void use_up_reserve(void)
{
	while (nr_objs < MAX_OBJS) {
		void *ptr = kspan_alloc(KSPAN_PAGE_SIZE, QUIET);

		if (!ptr)
			break;
		objs[nr_objs++] = ptr;
	}
}

static bool reserve_is_full(void)
{
	int node;

	for_each_kspan_node(node)
		if (kspan_page_heap_lacks(kspan_page_heap_of(node)))
			return false;
	return true;
}

static void free_all(void)
{
	kspan_free_bulk(nr_objs, objs);
	nr_objs = 0;
}

static void needs_balance(struct kunit *test)
{
	other_cpu(test);
	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "nobody moves what waits for a busy CPU");
}

/* The worker is not bound to the CPU that kicked it. */
static void hog_waits_for_the_reserve(struct kunit *test)
{
	struct hog hog = { .begin = use_up_reserve, .is_over = reserve_is_full };
	unsigned int tries;

	needs_balance(test);
	for (tries = 0; tries < TRIES && !hog.done; tries++) {
		kspan_release();
		run_hog(test, &hog);
		free_all();
	}
	KUNIT_EXPECT_TRUE(test, hog.done);
}

static struct kspan_span *large_span;

/* Simulate an NMI; see nmi_test.c. */
static void free_in_nmi(void)
{
	unsigned long flags;

	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	kspan_free(objs[0]);
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
}

static bool is_large_free(void)
{
	return READ_ONCE(large_span->live) != KSPAN_LIFE_DEFERRED;
}

/* Nor is the worker that returns objects freed in an NMI on that CPU. */
static void hog_waits_for_a_free_in_nmi(struct kunit *test)
{
	struct hog hog = { .begin = free_in_nmi, .is_over = is_large_free };
	unsigned int tries;

	needs_balance(test);
	for (tries = 0; tries < TRIES && !hog.done; tries++) {
		objs[0] = kspan_alloc(SZ_64K, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[0]);
		large_span = kspan_test_span(objs[0]);
		run_hog(test, &hog);
		kspan_release();
	}
	KUNIT_EXPECT_TRUE(test, hog.done);
}

/* --- a CPU that goes ---------------------------------------------------------- */

#ifdef CONFIG_HOTPLUG_CPU
static int take_away(unsigned int cpu)
{
	return remove_cpu(cpu);
}

static void bring_back(struct kunit *test, unsigned int cpu)
{
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
}
#else
static int take_away(unsigned int cpu)
{
	return -EOPNOTSUPP;
}

static void bring_back(struct kunit *test, unsigned int cpu)
{
}
#endif

/*
 * The function that a CPU runs just before it goes offline, and whether it ran.
 */
static void (*last_words)(void);
static bool were_said;

/* After interrupts have stopped, the kernel runs the irq_work that is left. */
static void last_irq_fn(struct irq_work *work)
{
	if (cpu_online(smp_processor_id()))
		return;
	last_words();
	WRITE_ONCE(were_said, true);
}

/* Lazy: it waits for the next tick. */
static struct irq_work last_irq = IRQ_WORK_INIT_LAZY(last_irq_fn);

/* Queue it in each tick, so that it is usually pending. */
static void queue_last_irq(struct timer_list *timer)
{
	irq_work_queue(&last_irq);
	mod_timer(timer, jiffies + 1);
}

static DEFINE_TIMER(last_timer, queue_last_irq);

/* Take a CPU offline.  Return: whether last_words() ran. */
static bool try_to_lose_cpu(struct kunit *test, unsigned int cpu)
{
	int err;

	last_timer.expires = jiffies + 1;
	add_timer_on(&last_timer, cpu);
	msleep(20);
	err = take_away(cpu);
	timer_delete_sync(&last_timer);
	irq_work_sync(&last_irq);
	KUNIT_ASSERT_EQ(test, err, 0);
	return READ_ONCE(were_said);
}

/* Take CPUs offline until one has run @words, which not every one does. */
static unsigned int lose_cpu(struct kunit *test, void (*words)(void))
{
	unsigned int cpu = other_cpu(test), tries;

	last_words = words;
	were_said = false;
	for (tries = 0; tries < TRIES; tries++) {
		if (try_to_lose_cpu(test, cpu))
			return cpu;
		bring_back(test, cpu);
	}
	KUNIT_FAIL(test, "it never said a word");
	return cpu;
}

static void needs_hotplug(struct kunit *test)
{
	other_cpu(test);
	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no CPU goes here, or none has last words");
	/* The first CPU may be one that cannot go offline. */
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
}

/* Other CPUs can still kick the worker. */
static void gone_cpu_kicked(struct kunit *test)
{
	unsigned long end;
	unsigned int cpu;

	needs_hotplug(test);
	cpu = lose_cpu(test, kspan_kick);
	use_up_reserve();
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (reserve_is_full())
			break;
	KUNIT_EXPECT_TRUE(test, reserve_is_full());
	if (!cpu_online(cpu))
		bring_back(test, cpu);
	free_all();
}

/* Objects freed there in an NMI return with the next such free elsewhere. */
static void gone_cpu_freed_in_nmi(struct kunit *test)
{
	struct kspan_span *first;
	unsigned long end;
	unsigned int cpu;

	needs_hotplug(test);
	objs[0] = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs[0]);
	first = kspan_test_span(objs[0]);
	cpu = lose_cpu(test, free_in_nmi);
	objs[0] = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, objs[0]);
	large_span = kspan_test_span(objs[0]);
	free_in_nmi();
	for (end = jiffies + KSPAN_TEST_PATIENCE; time_before(jiffies, end); msleep(20))
		if (is_large_free())
			break;
	KUNIT_EXPECT_TRUE(test, is_large_free());
	KUNIT_EXPECT_NE(test, READ_ONCE(first->live), (u8)KSPAN_LIFE_DEFERRED);
	if (!cpu_online(cpu))
		bring_back(test, cpu);
}

/* What a CPU's caches may hold when 1/256 of memory is shared by @nr CPUs. */
static unsigned long share_of(unsigned int nr)
{
	return clamp(totalram_pages() / 256 / nr, SZ_64K / PAGE_SIZE,
		     SZ_2M / PAGE_SIZE) * PAGE_SIZE;
}

/* CPUs that might come have no share. */
static void budget_is_for_online_cpus(struct kunit *test)
{
	unsigned int nr = num_online_cpus(), cpu;

	KUNIT_EXPECT_EQ(test, READ_ONCE(kspan_cache_budget), share_of(nr));
	needs_hotplug(test);
	cpu = other_cpu(test);
	KUNIT_ASSERT_EQ(test, take_away(cpu), 0);
	KUNIT_EXPECT_EQ(test, READ_ONCE(kspan_cache_budget), share_of(nr - 1));
	bring_back(test, cpu);
	KUNIT_EXPECT_EQ(test, READ_ONCE(kspan_cache_budget), share_of(nr));
}

static struct kunit_case cpus_cases[] = {
	KUNIT_CASE(hog_waits_for_the_reserve),
	KUNIT_CASE(hog_waits_for_a_free_in_nmi),
	KUNIT_CASE(gone_cpu_kicked),
	KUNIT_CASE(gone_cpu_freed_in_nmi),
	KUNIT_CASE(budget_is_for_online_cpus),
	{}
};

KSPAN_TEST_SUITE(cpus, cpus_cases);
