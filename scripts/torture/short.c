// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_short: allocations of a client when memory is short or on another node.
 *
 * Writing "TEST A B" to the parameter "run" makes one attempt in the task that
 * writes.  Reading the parameter "result" returns its outcome:
 *
 *	burst SIZE NR	allocate NR objects with GFP_ATOMIC in one softirq
 *	plain SIZE NR	allocate NR objects with GFP_KERNEL
 *	dying SIZE NR	the same with a fatal signal pending; the writer dies
 *	noio SIZE NR	take all pages, then allocate with GFP_ATOMIC, then as
 *			a task that writes pages out
 *	limit SIZE 0	every CPU allocates one object at the same moment
 *	bound ID NR	the task's memory policy allows only node ID
 *	node ID NR	allocate NR objects on node ID with __GFP_THISNODE
 *	idle SIZE NR	allocate NR objects with GFP_KERNEL, free them so that the
 *			last ones are from as many chunks, and release nothing
 *
 * A result begins with "kspan N kmalloc M", the numbers of objects that each
 * allocator returned.  All objects are freed before "run" returns.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#define MAX_OBJS	16384U
#define SMALL		2048U

static void *ours[MAX_OBJS], *theirs[MAX_OBJS];
static char result[200];

/* One attempt: the request, and the number of objects it got. */
static struct attempt {
	size_t size;
	unsigned int nr;
	gfp_t gfp;
	unsigned int nr_ours;
	unsigned int nr_theirs;
} attempt;

static unsigned int take_ours(size_t size, unsigned int nr, gfp_t gfp)
{
	unsigned int i, got = 0;

	for (i = 0; i < nr; i++) {
		ours[got] = kspan_alloc(size, gfp | __GFP_NOWARN);
		got += !!ours[got];
	}
	return got;
}

static unsigned int take_theirs(size_t size, unsigned int nr, gfp_t gfp)
{
	unsigned int i, got = 0;

	for (i = 0; i < nr; i++) {
		theirs[got] = kmalloc(size, gfp | __GFP_NOWARN);
		got += !!theirs[got];
	}
	return got;
}

static void free_ours(unsigned int nr)
{
	while (nr)
		kspan_free(ours[--nr]);
}

static void free_theirs(unsigned int nr)
{
	while (nr)
		kfree(theirs[--nr]);
}

static void say_attempt(void)
{
	snprintf(result, sizeof(result), "kspan %u kmalloc %u of %u",
		 attempt.nr_ours, attempt.nr_theirs, attempt.nr);
}

/* Except in a burst, kmalloc() runs after kspan's objects are freed. */
static void make_attempt(void)
{
	attempt.nr_ours = take_ours(attempt.size, attempt.nr, attempt.gfp);
	free_ours(attempt.nr_ours);
	kspan_release();
	attempt.nr_theirs = take_theirs(attempt.size, attempt.nr, attempt.gfp);
	free_theirs(attempt.nr_theirs);
	say_attempt();
}

static DECLARE_COMPLETION(burst_done);

static void burst_fn(struct tasklet_struct *unused)
{
	attempt.nr_ours = take_ours(attempt.size, attempt.nr, GFP_ATOMIC);
	attempt.nr_theirs = take_theirs(attempt.size, attempt.nr, GFP_ATOMIC);
	complete(&burst_done);
}

static DECLARE_TASKLET(burst_tasklet, burst_fn);

static void run_burst(void)
{
	reinit_completion(&burst_done);
	tasklet_schedule(&burst_tasklet);
	wait_for_completion(&burst_done);
	say_attempt();
	free_ours(attempt.nr_ours);
	free_theirs(attempt.nr_theirs);
}

static void run_dying(void)
{
	send_sig(SIGKILL, current, 1);
	make_attempt();
}

/* Take all pages but the emergency reserve of the page allocator. */
static void take_pages(struct list_head *pages)
{
	struct page *page;

	while ((page = alloc_page(GFP_ATOMIC | __GFP_NOWARN)))
		list_add(&page->lru, pages);
}

static void give_pages(struct list_head *pages)
{
	struct page *page;

	while ((page = list_first_entry_or_null(pages, struct page, lru))) {
		list_del(&page->lru);
		__free_page(page);
	}
}

static void run_noio(void)
{
	unsigned int scope, nr_atomic;
	LIST_HEAD(pages);

	take_pages(&pages);
	nr_atomic = take_ours(attempt.size, attempt.nr, GFP_ATOMIC);
	free_ours(nr_atomic);
	scope = memalloc_noreclaim_save();
	attempt.nr_ours = take_ours(attempt.size, attempt.nr, GFP_NOIO);
	attempt.nr_theirs = take_theirs(attempt.size, attempt.nr, GFP_NOIO);
	memalloc_noreclaim_restore(scope);
	free_ours(attempt.nr_ours);
	free_theirs(attempt.nr_theirs);
	give_pages(&pages);
	snprintf(result, sizeof(result), "kspan %u kmalloc %u atomic %u",
		 attempt.nr_ours, attempt.nr_theirs, nr_atomic);
}

/* CPUs that are ready to allocate, and those that have done so. */
static atomic_t nr_ready, nr_asked;
static unsigned int nr_askers;

static int asker_fn(void *arg)
{
	void **obj = arg;

	atomic_inc(&nr_ready);
	while (atomic_read(&nr_ready) < nr_askers)
		cpu_relax();
	*obj = kspan_alloc(attempt.size, GFP_KERNEL | __GFP_NOWARN);
	atomic_inc(&nr_asked);
	return 0;
}

static int start_askers(void)
{
	struct task_struct *task;
	unsigned int cpu, i = 0;

	for_each_online_cpu(cpu) {
		ours[i] = NULL;
		task = kthread_create(asker_fn, &ours[i], "kspan_asker");
		if (IS_ERR(task))
			return PTR_ERR(task);
		kthread_bind(task, cpu);
		wake_up_process(task);
		i++;
	}
	return 0;
}

static void run_limit(void)
{
	struct kspan_stats stats;
	unsigned int i, got = 0;
	u64 most = 0;

	cpus_read_lock();
	atomic_set(&nr_ready, 0);
	atomic_set(&nr_asked, 0);
	nr_askers = num_online_cpus();
	if (start_askers()) {
		cpus_read_unlock();
		snprintf(result, sizeof(result), "no threads");
		return;
	}
	do {
		kspan_read_stats(&stats);
		most = max(most, stats.sys);
		cond_resched();
	} while (atomic_read(&nr_asked) < nr_askers);
	cpus_read_unlock();
	for (i = 0; i < nr_askers; i++) {
		got += !!ours[i];
		kspan_free(ours[i]);
	}
	snprintf(result, sizeof(result), "kspan %u of %u most %llu limit %llu",
		 got, nr_askers, most, stats.limit);
}

static void say_nodes(unsigned int nr, int node)
{
	unsigned int i, there = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = is_vmalloc_addr(ours[i]) ?
				    vmalloc_to_page(ours[i]) : virt_to_page(ours[i]);

		there += page_to_nid(page) == node;
	}
	snprintf(result, sizeof(result), "kspan %u there %u of %u", nr, there,
		 attempt.nr);
}

#ifdef CONFIG_NUMA
/* Does what set_mempolicy() does, which modules cannot call. */
static void run_bound(void)
{
	struct mempolicy bound = {
		.refcnt = ATOMIC_INIT(1),
		.mode = MPOL_BIND,
		.nodes = nodemask_of_node(attempt.size),
	};
	struct mempolicy *old;
	unsigned int nr;

	task_lock(current);
	old = current->mempolicy;
	current->mempolicy = &bound;
	task_unlock(current);
	nr = take_ours(SMALL, attempt.nr, GFP_KERNEL);
	task_lock(current);
	current->mempolicy = old;
	task_unlock(current);
	say_nodes(nr, attempt.size);
	free_ours(nr);
}
#else
static void run_bound(void)
{
	snprintf(result, sizeof(result), "no policy");
}
#endif

static void run_node(void)
{
	unsigned int i, got = 0;

	for (i = 0; i < attempt.nr; i++) {
		ours[got] = kspan_alloc_node(SMALL, GFP_KERNEL | __GFP_NOWARN |
					     __GFP_THISNODE, attempt.size);
		got += !!ours[got];
	}
	say_nodes(got, attempt.size);
	free_ours(got);
}

/* The caches of this CPU hold an object of each 2 MiB, and so keep all chunks. */
static void run_idle(void)
{
	unsigned int stride = SZ_2M / attempt.size, i;

	attempt.nr_ours = take_ours(attempt.size, attempt.nr, GFP_KERNEL);
	for (i = 0; i < attempt.nr_ours; i++)
		if (i % stride)
			kspan_free(ours[i]);
	for (i = 0; i < attempt.nr_ours; i += stride)
		kspan_free(ours[i]);
	say_attempt();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "burst", run_burst },
	{ "plain", make_attempt },
	{ "dying", run_dying },
	{ "noio", run_noio },
	{ "limit", run_limit },
	{ "bound", run_bound },
	{ "node", run_node },
	{ "idle", run_idle },
};

/* Writers are serialised by the lock of the parameters. */
static int run_set(const char *val, const struct kernel_param *kp)
{
	unsigned long size;
	unsigned int i, nr;
	char name[16];

	if (sscanf(val, "%15s %lu %u", name, &size, &nr) != 3 || nr > MAX_OBJS ||
	    (!strcmp(name, "idle") && (!size || size > SZ_2M)))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (strcmp(tests[i].name, name))
			continue;
		attempt = (struct attempt){
			.size = size,
			.nr = nr,
			.gfp = GFP_KERNEL,
		};
		tests[i].run();
		return 0;
	}
	return -EINVAL;
}

static int result_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", result);
}

static const struct kernel_param_ops run_ops = { .set = run_set };
static const struct kernel_param_ops result_ops = { .get = result_get };

module_param_cb(run, &run_ops, NULL, 0200);
module_param_cb(result, &result_ops, NULL, 0400);

static int __init short_init(void)
{
	return 0;
}

static void __exit short_exit(void)
{
	tasklet_kill(&burst_tasklet);
}

module_init(short_init);
module_exit(short_exit);

MODULE_DESCRIPTION("What a client of kspan gets when memory is short");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
