// SPDX-License-Identifier: GPL-2.0
/*
 * Objects freed in NMI: claimed there, and given back a moment later by an
 * irq_work, large ones by a worker.
 *
 * Small ones are linked through their own first bytes, for the moment from an
 * NMI to the interrupt behind it.  Who writes to such a free object breaks the
 * list; so a link is followed only where it leads to an object on its way back.
 */
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "api/deferred.h"
#include "api/free_large.h"
#include "api/lookup.h"
#include "api/sanitize.h"
#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "heap/large.h"
#include "reclaim/worker.h"
#include "span/arena.h"
#include "span/report.h"

/* Objects given back by one interrupt, and their bytes: some are filled. */
#define BATCH		64U
#define BATCH_BYTES	KSPAN_SMALL_MAX

static void free_deferred(struct irq_work *work);
static void free_deferred_large(struct work_struct *work);

/*
 * Small objects and tiny blocks; pushed by any CPU's NMIs, emptied by
 * free_deferred.  Hard, as PREEMPT_RT leaves other irq_works to a thread of the
 * CPU, which is parked with the work in its hands when the CPU goes offline.
 */
static LLIST_HEAD(deferred);
static struct irq_work deferred_irq = IRQ_WORK_INIT_HARD(free_deferred);

/*
 * What an irq_work took off that list and left to the next, under the lock; a
 * leaf, taken in hardirq.  Its first node may be anything.
 */
static DEFINE_RAW_SPINLOCK(rest_lock);
static struct llist_node *rest;

/*
 * Spans of large ones.  They go by a worker: filling one takes long, and who
 * still writes to it must not meet a link there all that time.
 */
static LLIST_HEAD(deferred_large);
static DECLARE_WORK(deferred_work, free_deferred_large);

/*
 * Held by whoever frees the spans of that list, until they are free.  So who
 * takes it after an object was deferred finds that object free.  Nobody who
 * holds it allocates memory.
 */
static DEFINE_MUTEX(large_mutex);

atomic_long_t kspan_deferred_bytes;

/*
 * Have an interrupt give them back, behind this NMI or soon.  A CPU that has just
 * gone offline gets none any more: its last few wait for the next free in NMI, or
 * for kspan_release().
 */
static void ask_for_interrupt(void)
{
	if (cpu_online(raw_smp_processor_id()))
		irq_work_queue(&deferred_irq);
}

/**
 * kspan_defer - give an object back later
 * @mem: a small object that was claimed, or a tiny block without objects
 *
 * Context: NMI.
 */
void kspan_defer(void *mem)
{
	kspan_kasan_unpoison_object(mem, sizeof(struct llist_node),
				    sizeof(struct llist_node));
	llist_add(mem, &deferred);
	ask_for_interrupt();
}

/**
 * kspan_defer_large - give a large object back later
 * @span: its span, claimed
 *
 * Context: Any.
 */
void kspan_defer_large(struct kspan_span *span)
{
	atomic_long_add(kspan_room_bytes(span), &kspan_deferred_bytes);
	llist_add(&span->deferred, &deferred_large);
	ask_for_interrupt();
}

/*
 * Whether a link leads where it should.  An object on its way back is nobody's
 * but the list's, so what this says remains true until it is freed.
 */
static bool is_deferred(const void *mem)
{
	struct kspan_object object;
	u8 state;

	kspan_lookup_silent(mem, &object);
	if (object.span->kind == KSPAN_TINY)
		return kspan_tiny_is_bare(object.span, mem);
	if (!object.state)
		return false;
	state = kspan_obj_untracked(READ_ONCE(*object.state));
	return state == KSPAN_OBJ_DEFERRED || state == KSPAN_OBJ_QUARANTINED;
}

/* The next one, which may be NULL.  Return: false if the list was broken. */
static bool take(struct llist_node **node)
{
	unsigned long flags;
	bool sound = true;

	raw_spin_lock_irqsave(&rest_lock, flags);
	if (!rest)
		rest = llist_del_all(&deferred);
	*node = rest;
	if (rest) {
		sound = is_deferred(rest);
		rest = sound ? rest->next : NULL;
	}
	raw_spin_unlock_irqrestore(&rest_lock, flags);
	return sound;
}

/* Context: Any but NMI, with preemption off.  Return: the next one or NULL. */
static struct llist_node *take_deferred(void)
{
	struct llist_node *node;

	while (unlikely(!take(&node)))
		kspan_report_corrupt("an object freed in NMI was written to; others are lost",
				     0);
	return node;
}

/* Return: bytes of its slot. */
static unsigned long free_deferred_one(struct llist_node *node)
{
	struct kspan_span *span = kspan_span_find(node);
	unsigned long size = kspan_span_size(span);

	if (span->kind == KSPAN_TINY) {
		kspan_tiny_release(span, node);
	} else {
		kspan_sanitize_deferred(node, size);
		kspan_span_construct(span, node);
		kspan_cache_put(kspan_span_sc(span), node, span->state +
				 kspan_span_index(span, (unsigned long)node));
	}
	return size;
}

/*
 * A batch; the rest waits for the next interrupt, so that none is long.  Not so
 * on a CPU that goes: its next interrupt is when it has come back.
 */
static void free_deferred(struct irq_work *work)
{
	struct llist_node *node;
	unsigned long bytes = 0;
	unsigned int nr = 0;

	if (!llist_empty(&deferred_large))
		kspan_queue_work(&deferred_work);
	preempt_disable();
	while ((node = take_deferred())) {
		bytes += free_deferred_one(node);
		if ((++nr < BATCH && bytes < BATCH_BYTES) ||
		    !cpu_online(smp_processor_id()))
			continue;
		irq_work_queue(&deferred_irq);
		break;
	}
	preempt_enable();
}

/**
 * kspan_deferred_free_large - free the large objects that were deferred before
 *
 * Waits for a worker that is filling some of them.
 *
 * Context: Process context that may sleep.
 */
void kspan_deferred_free_large(void)
{
	struct kspan_span *span, *next;

	mutex_lock(&large_mutex);
	llist_for_each_entry_safe(span, next, llist_del_all(&deferred_large),
				  deferred) {
		kspan_sanitize_deferred((void *)span->base,
					kspan_span_size(span));
		atomic_long_sub(kspan_room_bytes(span), &kspan_deferred_bytes);
		WRITE_ONCE(span->live, KSPAN_LIFE_NONE);
		kspan_free_large(span);
		cond_resched();
	}
	mutex_unlock(&large_mutex);
}

static void free_deferred_large(struct work_struct *work)
{
	kspan_deferred_free_large();
}

/**
 * kspan_deferred_flush - wait until what was freed in NMI before is free
 *
 * Context: Process context that may sleep.
 */
void kspan_deferred_flush(void)
{
	if (!llist_empty(&deferred))
		irq_work_queue(&deferred_irq);
	irq_work_sync(&deferred_irq);
	kspan_deferred_free_large();
}

/* Wait for objects freed in NMI.  Context: module unload; may sleep. */
void kspan_deferred_exit(void)
{
	struct llist_node *node;

	irq_work_sync(&deferred_irq);
	preempt_disable();
	while ((node = take_deferred()))
		free_deferred_one(node);
	preempt_enable();
	irq_work_sync(&deferred_irq);
	cancel_work_sync(&deferred_work);
	kspan_deferred_free_large();
}
