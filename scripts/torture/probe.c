// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_probe: kprobes at the functions of kspan, whose handler uses kspan.
 *
 * A tracing program may run at the entry of any function and allocate memory
 * there.  So the handler here frees and allocates objects of all sizes at the
 * entry of each function of kspan that the kernel allows it to probe, while
 * each CPU uses kspan in task context and in a timer.  No object may have two
 * owners, no CPU may wait for a lock for ever, and kspan must find no error.
 * The handler is not called for functions that it calls itself.
 *
 * Loading the module runs the test, and fails if the test fails.  The last line
 * in the log begins with "done".
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "timer.h"

#define MOST_PROBES	2048U
/* Objects that a CPU holds in its handler, its timer or its task. */
#define NR_OBJS		24U
#define BATCH		16U
#define TIMER_NS	2000000U

static unsigned long at[MOST_PROBES];
static unsigned int nr_at;
module_param_array(at, ulong, &nr_at, 0400);
MODULE_PARM_DESC(at, "addresses of the functions to probe");

static unsigned int ms = 3000;
module_param(ms, uint, 0400);
MODULE_PARM_DESC(ms, "how long the load runs, in milliseconds");

/* The results; the guest reads them. */
static unsigned int refused;
module_param(refused, uint, 0400);
static unsigned int reached;
module_param(reached, uint, 0400);

static atomic_t nr_wrong;
static struct kprobe probes[MOST_PROBES];
static atomic_t hits[MOST_PROBES];

struct object {
	u8 *ptr;
	u32 bytes;
	u8 pattern;
};

/*
 * Objects that one context of a CPU holds.  The task, the timer and the handler
 * of a CPU each have their own, because a handler and a timer interrupt the
 * task.
 */
struct holder {
	struct object obj[NR_OBJS];
	u32 random;
};

enum place { TASK, TIMER, HANDLER, NR_PLACES };

static DEFINE_PER_CPU(struct holder [NR_PLACES], holders);
static DEFINE_PER_CPU(struct hrtimer, timers);

static const u32 sizes[] = {
	4, 8, 16, 40, 64, 200, 512, 1000, 3000, SZ_8K, SZ_32K, 40000,
};

static u32 next_random(struct holder *holder)
{
	holder->random = holder->random * 1664525U + 1013904223U;
	return holder->random >> 8;
}

static void drop(struct object *obj)
{
	/* Another owner of the memory would have written there. */
	if (obj->ptr && memchr_inv(obj->ptr, obj->pattern, obj->bytes))
		atomic_inc(&nr_wrong);
	kspan_free(obj->ptr);
	obj->ptr = NULL;
}

/* Free an object or allocate one. */
static void step(struct holder *holder, gfp_t gfp)
{
	struct object *obj = &holder->obj[next_random(holder) % NR_OBJS];
	u32 random = next_random(holder);

	if (obj->ptr) {
		drop(obj);
		return;
	}
	obj->bytes = sizes[random % ARRAY_SIZE(sizes)];
	obj->pattern = random >> 8;
	obj->ptr = obj->bytes < 8 ? kspan_alloc_tiny(obj->bytes, gfp) :
				    kspan_alloc(obj->bytes, gfp);
	if (obj->ptr)
		memset(obj->ptr, obj->pattern, obj->bytes);
}

/*
 * Free and allocate in two steps.  A handler is not called while another one
 * runs on the same CPU, not even in an interrupt.
 */
static int handler(struct kprobe *probe, struct pt_regs *regs)
{
	struct holder *holder = &this_cpu_ptr(holders)[HANDLER];

	atomic_inc(&hits[probe - probes]);
	step(holder, GFP_NOWAIT | __GFP_NOWARN);
	step(holder, GFP_NOWAIT | __GFP_NOWARN);
	return 0;
}

static enum hrtimer_restart timer_fn(struct hrtimer *timer)
{
	struct holder *holder = &this_cpu_ptr(holders)[TIMER];
	unsigned int i;

	for (i = 0; i < 4; i++)
		step(holder, GFP_ATOMIC | __GFP_NOWARN);
	hrtimer_forward_now(timer, ns_to_ktime(TIMER_NS));
	return HRTIMER_RESTART;
}

struct late {
	struct rcu_head rcu;
	unsigned long words[6];
};

/* Calls beside kspan_alloc() and kspan_free(). */
static void use_others(unsigned int round)
{
	struct kspan_cache *cache;
	void *objs[BATCH], *ptr;
	struct late *late;
	size_t nr;

	nr = kspan_alloc_bulk(128, GFP_KERNEL, BATCH, objs);
	kspan_free_bulk(nr, objs);
	ptr = kspan_alloc(100, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 5000, GFP_KERNEL) ?: ptr;
	kspan_free(ptr);
	late = kspan_alloc(sizeof(*late), GFP_KERNEL);
	if (late)
		kspan_free_rcu(late, rcu);
	kspan_free_sensitive(kspan_strdup("probe", GFP_KERNEL));
	if (round % 8)
		return;
	kspan_free(kspan_zalloc(SZ_1M, GFP_KERNEL));
	cache = kspan_cache_create("kspan_probe", 72, 0, 0, NULL);
	if (cache) {
		kspan_cache_free(cache, kspan_cache_alloc(cache, GFP_KERNEL));
		kspan_cache_destroy(cache);
	}
	if (round % 32 == 0)
		kspan_release();
}

static int load_fn(void *unused)
{
	struct holder *holder = &this_cpu_ptr(holders)[TASK];
	struct hrtimer *timer = this_cpu_ptr(&timers);
	unsigned int round = raw_smp_processor_id(), i;

	torture_timer_init(timer, timer_fn, HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(timer, ns_to_ktime(TIMER_NS), HRTIMER_MODE_REL_PINNED_HARD);
	while (!kthread_should_stop()) {
		for (i = 0; i < 100; i++)
			step(holder, GFP_KERNEL);
		use_others(round++);
		cond_resched();
	}
	hrtimer_cancel(timer);
	return 0;
}

static void run_load(void)
{
	struct task_struct **tasks;
	unsigned int cpu;

	tasks = kcalloc(nr_cpu_ids, sizeof(*tasks), GFP_KERNEL);
	if (!tasks)
		return;
	for_each_online_cpu(cpu) {
		tasks[cpu] = kthread_create(load_fn, NULL, "kspan_probe/%u", cpu);
		if (IS_ERR(tasks[cpu])) {
			tasks[cpu] = NULL;
			continue;
		}
		get_task_struct(tasks[cpu]);
		kthread_bind(tasks[cpu], cpu);
		wake_up_process(tasks[cpu]);
	}
	schedule_timeout_uninterruptible(msecs_to_jiffies(ms));
	for_each_online_cpu(cpu) {
		if (!tasks[cpu])
			continue;
		kthread_stop(tasks[cpu]);
		put_task_struct(tasks[cpu]);
	}
	kfree(tasks);
}

/* Return: how many functions are probed. */
static unsigned int add_probes(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_at; i++) {
		probes[i].addr = (kprobe_opcode_t *)at[i];
		probes[i].pre_handler = handler;
		if (register_kprobe(&probes[i])) {
			probes[i].addr = NULL;
			refused++;
		} else {
			nr++;
		}
	}
	return nr;
}

static void remove_probes(void)
{
	static struct kprobe *list[MOST_PROBES];
	unsigned int i, nr = 0;

	for (i = 0; i < nr_at; i++) {
		if (probes[i].addr)
			list[nr++] = &probes[i];
		reached += !!atomic_read(&hits[i]);
	}
	unregister_kprobes(list, nr);
}

static void free_all(void)
{
	unsigned int cpu, place, i;

	for_each_possible_cpu(cpu)
		for (place = 0; place < NR_PLACES; place++)
			for (i = 0; i < NR_OBJS; i++)
				drop(&per_cpu(holders, cpu)[place].obj[i]);
}

static int __init probe_init(void)
{
	struct kspan_stats before, stats;
	unsigned int cpu, i, nr;

	kspan_read_stats(&before);
	for_each_possible_cpu(cpu)
		for (i = 0; i < NR_PLACES; i++)
			per_cpu(holders, cpu)[i].random = cpu * NR_PLACES + i;
	nr = add_probes();
	run_load();
	remove_probes();
	free_all();
	kspan_rcu_barrier();
	kspan_read_stats(&stats);
	pr_info("done: %u functions probed, %u refused, %u reached\n", nr, refused,
		reached);
	if (atomic_read(&nr_wrong) || stats.corrupt != before.corrupt ||
	    stats.double_free != before.double_free ||
	    stats.bad_free != before.bad_free ||
	    stats.heap_objects != before.heap_objects) {
		pr_err("%d objects overwritten, %llu corrupt, %llu objects left\n",
		       atomic_read(&nr_wrong), stats.corrupt - before.corrupt,
		       stats.heap_objects - before.heap_objects);
		return -EIO;
	}
	return 0;
}

static void __exit probe_exit(void)
{
}

module_init(probe_init);
module_exit(probe_exit);

MODULE_DESCRIPTION("Probes at the functions of kspan that use kspan");
MODULE_LICENSE("GPL");
