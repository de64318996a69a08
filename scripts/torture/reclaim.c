// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_reclaim: clients that return memory from contexts that reclaim memory.
 *
 * The kernel warns when code that reclaims memory waits for a workqueue that
 * cannot make progress without memory. kspan_release(), kspan_rcu_barrier() and
 * allocations that may sleep are therefore called here
 *
 * - by a work item of a workqueue with WQ_MEM_RECLAIM,
 * - by a task with PF_MEMALLOC, as a shrinker runs in direct reclaim, and
 * - by a shrinker of this module, which the guest calls by drop_caches.
 *
 * Loading the module runs the first two.  A warning ends the guest.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>

#define ROUNDS	20U

/* How often the shrinker released memory; the guest reads it. */
static int scans;
module_param(scans, int, 0400);

static struct workqueue_struct *queue;
static bool failed;

/* Allocate, free in every way, and give everything back. */
static void use_and_release(void)
{
	static const size_t sizes[] = { 8, 200, SZ_4K, SZ_64K, SZ_1M };
	unsigned int round, i;
	void *ptr;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			ptr = kspan_alloc(sizes[i], GFP_NOIO | __GFP_NOWARN);
			failed |= !ptr;
			if (round & 1)
				kspan_free_rcu_mightsleep(ptr);
			else
				kspan_free(ptr);
		}
		kspan_rcu_barrier();
		kspan_release();
	}
}

static void work_fn(struct work_struct *work)
{
	use_and_release();
}

static DECLARE_WORK(work, work_fn);

static unsigned long count_objects(struct shrinker *self,
				   struct shrink_control *control)
{
	return 1;
}

static unsigned long scan_objects(struct shrinker *self,
				  struct shrink_control *control)
{
	unsigned int flags;

	if (!(control->gfp_mask & __GFP_FS))
		return SHRINK_STOP;
	flags = memalloc_noreclaim_save();
	kspan_release();
	memalloc_noreclaim_restore(flags);
	WRITE_ONCE(scans, scans + 1);
	return SHRINK_STOP;
}

#ifdef HAVE_SHRINKER_ALLOC
static struct shrinker *shrinker;

static int add_shrinker(void)
{
	shrinker = shrinker_alloc(0, "kspan_reclaim");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count_objects;
	shrinker->scan_objects = scan_objects;
	shrinker_register(shrinker);
	return 0;
}

static void remove_shrinker(void)
{
	shrinker_free(shrinker);
}
#else
static struct shrinker shrinker = {
	.count_objects = count_objects,
	.scan_objects = scan_objects,
	.seeks = DEFAULT_SEEKS,
};

static int add_shrinker(void)
{
	return register_shrinker(&shrinker, "kspan_reclaim");
}

static void remove_shrinker(void)
{
	unregister_shrinker(&shrinker);
}
#endif

static int __init reclaim_init(void)
{
	unsigned int flags;
	int err;

	queue = alloc_workqueue("kspan_reclaim", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!queue)
		return -ENOMEM;
	queue_work(queue, &work);
	flush_work(&work);
	flags = memalloc_noreclaim_save();
	use_and_release();
	memalloc_noreclaim_restore(flags);
	err = failed ? -EIO : add_shrinker();
	if (err)
		destroy_workqueue(queue);
	return err;
}

static void __exit reclaim_exit(void)
{
	remove_shrinker();
	destroy_workqueue(queue);
}

module_init(reclaim_init);
module_exit(reclaim_exit);

MODULE_DESCRIPTION("Gives memory back from where memory is reclaimed");
MODULE_LICENSE("GPL");
