// SPDX-License-Identifier: GPL-2.0
/*
 * Frees after a grace period.
 *
 * Pointers wait in blocks, per CPU.  A worker collects the blocks of all CPUs,
 * waits for one grace period and frees their objects, while new blocks fill.
 * So the number of grace periods does not depend on the number of objects, and
 * a free costs one lock of its own CPU and a store.
 *
 * Without a block, the object is linked through its rcu_head.  A client that
 * writes to such an object breaks the list.  So each node has a mark, and the
 * object around it must be live.  The walk of the list ends at a node without
 * either.  The objects after it are lost, and counted as corrupt.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "api/lookup.h"
#include "api/rcu.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/meta.h"
#include "base/pool.h"
#include "reclaim/worker.h"
#include "span/report.h"

#define BLOCK_BYTES	512
#define BLOCK_OBJS	((BLOCK_BYTES - 2 * sizeof(void *)) / sizeof(void *))

/**
 * struct rcu_block - pointers that wait for a grace period
 * @next: the next block of the CPU
 * @nr: number of pointers
 * @objs: the objects to free
 */
struct rcu_block {
	struct rcu_block *next;
	unsigned long nr;
	void *objs[BLOCK_OBJS];
};

/**
 * struct rcu_cpu - the blocks of a CPU
 * @lock: protects @blocks; a leaf, taken in any context but NMI
 * @blocks: list of blocks; only the first one may have room
 */
struct rcu_cpu {
	raw_spinlock_t lock;
	struct rcu_block *blocks;
};

static struct rcu_cpu __percpu *rcu_cpus;
/* The pool of blocks.  Tests exhaust it. */
struct kspan_pool kspan_rcu_blocks;

/*
 * Objects that found no block, linked through their rcu_heads, newest first.
 * heads_lock protects the list; it is a leaf, taken in any context but NMI.
 */
static DEFINE_RAW_SPINLOCK(heads_lock);
static struct rcu_head *heads;

static void free_waiting(struct work_struct *work);
static DECLARE_WORK(rcu_work, free_waiting);

/*
 * Whether the worker is queued and has not begun to collect.  Set by the code
 * that queues it and cleared by the worker, without a lock.
 */
static bool is_told;

/*
 * Numbers of rounds of the worker.  A round begins before the worker collects,
 * and is done when all that it collected is free.  Only the worker writes them,
 * and one worker runs at a time.
 */
static unsigned long nr_begun;
static unsigned long nr_done;
static DECLARE_WAIT_QUEUE_HEAD(round_done);

/* The mark of a linked rcu_head, which differs for each address. */
static void *mark_of(const struct rcu_head *head)
{
	return (void *)~(unsigned long)head;
}

static void tell_worker(void)
{
	/*
	 * Orders the addition of the object before this read; pairs with
	 * free_waiting().
	 */
	smp_mb();
	if (READ_ONCE(is_told))
		return;
	WRITE_ONCE(is_told, true);
	kspan_queue_work(&rcu_work);
}

/* Add @ptr to a block of this CPU, or to *@block if the CPU has no room. */
static bool add_to_block(const void *ptr, struct rcu_block **block)
{
	/* Any CPU's block would do; that of this CPU is rarely contended. */
	struct rcu_cpu *rc = per_cpu_ptr(rcu_cpus, raw_smp_processor_id());
	unsigned long flags;
	bool done = true;

	raw_spin_lock_irqsave(&rc->lock, flags);
	if (!rc->blocks || rc->blocks->nr == BLOCK_OBJS) {
		done = *block;
		if (done) {
			(*block)->next = rc->blocks;
			(*block)->nr = 0;
			WRITE_ONCE(rc->blocks, *block);
			*block = NULL;
		}
	}
	if (done)
		rc->blocks->objs[rc->blocks->nr++] = (void *)ptr;
	raw_spin_unlock_irqrestore(&rc->lock, flags);
	return done;
}

static bool add_pointer(const void *ptr, gfp_t gfp)
{
	struct rcu_block *block = NULL;
	bool done;

	if (add_to_block(ptr, &block))
		return true;
	/*
	 * No lock is held: a tracer of the page allocator may call this
	 * function.
	 */
	block = kspan_pool_alloc(&kspan_rcu_blocks, gfp);
	if (!block)
		return false;
	done = add_to_block(ptr, &block);
	/*
	 * Meanwhile another block was added here, or the task moved to another
	 * CPU.
	 */
	if (block)
		kspan_pool_free(&kspan_rcu_blocks, block);
	return done;
}

/* Link an object.  Returns false if it is linked already. */
static bool link_head(struct rcu_head *head)
{
	unsigned long flags;
	bool is_new;

	raw_spin_lock_irqsave(&heads_lock, flags);
	is_new = READ_ONCE(head->func) != mark_of(head);
	if (is_new) {
		head->next = (void *)heads;
		WRITE_ONCE(head->func, mark_of(head));
		WRITE_ONCE(heads, head);
	}
	raw_spin_unlock_irqrestore(&heads_lock, flags);
	return is_new;
}

/* Without a block: link the object itself, if it is a live object. */
static void add_head(struct rcu_head *head, const void *ptr)
{
	struct kspan_object object;
	enum kspan_fault fault;

	preempt_disable();
	fault = kspan_lookup(ptr, &object);
	if (!fault && (unsigned long)((void *)(head + 1) - ptr) > object.size)
		fault = KSPAN_FAULT_INTERIOR;
	if (!fault && !link_head(head))
		fault = KSPAN_FAULT_DOUBLE;
	if (unlikely(fault))
		kspan_report_free(ptr, object.span, fault, 0);
	preempt_enable();
}

/**
 * __kspan_free_rcu - free an object after a grace period
 * @head: an rcu_head in the object, or NULL if the caller may sleep
 * @ptr: the object
 *
 * kspan_free_rcu() and kspan_free_rcu_mightsleep() call this function.
 *
 * Context: Any but NMI; without @head, process context that may sleep.
 */
void __kspan_free_rcu(struct rcu_head *head, const void *ptr)
{
	if (ZERO_OR_NULL_PTR(ptr))
		return;
	if (!head)
		might_sleep();
	if (kspan_is_watched())
		kspan_watch_pending(ptr, _RET_IP_);
	kspan_sanitize_pending(ptr);
	if (likely(add_pointer(ptr, (head ? GFP_NOWAIT : GFP_KERNEL) |
				    __GFP_NOWARN))) {
		tell_worker();
	} else if (head) {
		add_head(head, ptr);
		tell_worker();
	} else {
		synchronize_rcu();
		kspan_free_for(ptr, 0);
	}
}
EXPORT_SYMBOL_GPL(__kspan_free_rcu);

/* Whether an object waits on any CPU.  Context: Any; only a hint. */
static bool anything_waits(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (READ_ONCE(per_cpu_ptr(rcu_cpus, cpu)->blocks))
			return true;
	return READ_ONCE(heads);
}

static void free_block(struct rcu_block *block)
{
	kspan_free_bulk_for(block->nr, block->objs, 0);
	kspan_pool_free(&kspan_rcu_blocks, block);
}

/*
 * Free the object around a linked rcu_head.  Returns false, and does nothing,
 * if there is no live object or the rcu_head has no mark.
 */
static bool free_head(struct rcu_head *head, struct rcu_head **next)
{
	struct kspan_object object;
	const void *first;
	bool sound;

	preempt_disable();
	sound = kspan_lookup_around(head, &object, &first) &&
		READ_ONCE(head->func) == mark_of(head);
	preempt_enable();
	if (!sound)
		return false;
	*next = (void *)head->next;
	WRITE_ONCE(head->func, NULL);
	kspan_free_for(first, 0);
	return true;
}

static void free_heads(struct rcu_head *head)
{
	struct rcu_head *next;

	for (; head; head = next) {
		if (unlikely(!free_head(head, &next))) {
			if (atomic_long_inc_return(&kspan_nr_corrupt) == 1)
				pr_err("corrupt: an object was written to after kspan_free_rcu(); those given before it are lost\n");
			return;
		}
		cond_resched();
	}
}

/* Take the blocks of all CPUs. */
static struct rcu_block *take_blocks(void)
{
	struct rcu_block *blocks = NULL, *mine, **end;
	unsigned long flags;
	struct rcu_cpu *rc;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		rc = per_cpu_ptr(rcu_cpus, cpu);
		raw_spin_lock_irqsave(&rc->lock, flags);
		mine = rc->blocks;
		WRITE_ONCE(rc->blocks, NULL);
		raw_spin_unlock_irqrestore(&rc->lock, flags);
		for (end = &mine; *end; end = &(*end)->next)
			;
		*end = blocks;
		blocks = mine;
	}
	return blocks;
}

static struct rcu_head *take_heads(void)
{
	struct rcu_head *taken;
	unsigned long flags;

	raw_spin_lock_irqsave(&heads_lock, flags);
	taken = heads;
	WRITE_ONCE(heads, NULL);
	raw_spin_unlock_irqrestore(&heads_lock, flags);
	return taken;
}

/* One round: all objects that wait now are free afterwards. */
static void free_waiting(struct work_struct *work)
{
	struct rcu_block *blocks, *next;
	struct rcu_head *linked;

	WRITE_ONCE(nr_begun, nr_begun + 1);
	WRITE_ONCE(is_told, false);
	/*
	 * An object added after this queues the worker again; pairs with
	 * tell_worker().
	 */
	smp_mb();
	blocks = take_blocks();
	linked = take_heads();
	if (blocks || linked)
		synchronize_rcu();
	for (; blocks; blocks = next) {
		next = blocks->next;
		free_block(blocks);
		cond_resched();
	}
	free_heads(linked);
	/* Orders the frees before the number of the round. */
	smp_store_release(&nr_done, nr_begun);
	wake_up_all(&round_done);
}

/* Whether a given round has ended. */
static bool is_done(unsigned long round)
{
	/* Pairs with the release in free_waiting(). */
	return (long)(smp_load_acquire(&nr_done) - round) >= 0;
}

/**
 * kspan_rcu_barrier - wait until all objects given to kspan_free_rcu() are free
 *
 * This covers the objects that were given before the call, and waits for their
 * grace period.
 *
 * Context: Process context that may sleep, outside RCU read sections.
 */
void kspan_rcu_barrier(void)
{
	unsigned long round;

	might_sleep();
	/* Orders the caller's frees before the reads, as in tell_worker(). */
	smp_mb();
	if (!anything_waits() && is_done(READ_ONCE(nr_begun)))
		return;
	/*
	 * The current round may have collected already, but the next one has
	 * not.
	 */
	round = READ_ONCE(nr_begun) + 1;
	WRITE_ONCE(is_told, true);
	kspan_queue_work(&rcu_work);
	wait_event(round_done, is_done(round));
}
EXPORT_SYMBOL_GPL(kspan_rcu_barrier);

/**
 * kspan_rcu_init - set up frees after a grace period
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_rcu_init(void)
{
	unsigned int cpu;

	rcu_cpus = kspan_meta_percpu(sizeof(*rcu_cpus), KSPAN_SYS_OTHER);
	if (!rcu_cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		raw_spin_lock_init(&per_cpu_ptr(rcu_cpus, cpu)->lock);
	kspan_pool_init(&kspan_rcu_blocks, sizeof(struct rcu_block), KSPAN_SYS_OTHER);
	return 0;
}

/* Context: module unload, after the last kspan_rcu_barrier(). */
void kspan_rcu_exit(void)
{
	cancel_work_sync(&rcu_work);
	kspan_pool_exit(&kspan_rcu_blocks);
	kspan_meta_percpu_free(rcu_cpus, sizeof(*rcu_cpus), KSPAN_SYS_OTHER);
}
