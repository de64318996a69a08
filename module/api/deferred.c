// SPDX-License-Identifier: GPL-2.0
/*
 * Objects freed in NMI.  The free claims the object.  An irq_work frees small
 * objects a moment later, and a worker frees large ones.
 *
 * Small objects are linked through their own first bytes, from the NMI until
 * the interrupt that follows it.  A client that writes to such a freed object
 * breaks the list.  So a link is followed only if it leads to a deferred
 * object.
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
#include "api/guard.h"
#include "api/lookup.h"
#include "api/sanitize.h"
#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "heap/large.h"
#include "reclaim/worker.h"
#include "span/arena.h"
#include "span/report.h"

/*
 * Maximum of objects freed by one interrupt, and of their bytes: some are
 * filled.
 */
#define BATCH		64U
#define BATCH_BYTES	KSPAN_SMALL_MAX

static void free_deferred(struct irq_work *work);
static void free_deferred_large(struct work_struct *work);

/*
 * Small objects and tiny blocks.  NMIs on any CPU push them, and
 * free_deferred() takes them.  The irq_work is a hard one, because PREEMPT_RT
 * runs other irq_works in a per-CPU thread, which is parked with pending work
 * when the CPU goes offline.
 */
static LLIST_HEAD(deferred);
static struct irq_work deferred_irq = IRQ_WORK_INIT_HARD(free_deferred);

/*
 * The part of the list that an irq_work took and left for the next one.  The
 * lock is a leaf, taken in hardirq.  The first node may be invalid.
 */
static DEFINE_RAW_SPINLOCK(rest_lock);
static struct llist_node *rest;

/*
 * Spans of large objects.  A worker frees them, because filling takes long, and
 * they are not linked through their memory, to which a client might still
 * write.
 */
static LLIST_HEAD(deferred_large);
static DECLARE_WORK(deferred_work, free_deferred_large);

/*
 * Held while the spans of that list are freed.  A task that gets it after an
 * object was deferred therefore finds the object freed.  No memory is allocated
 * under it.
 */
static DEFINE_MUTEX(large_mutex);

atomic_long_t kspan_deferred_bytes;

/*
 * Request an interrupt to free the objects, after this NMI or soon.  A CPU that
 * has just gone offline gets no more interrupts: its last few objects wait for
 * the next free in NMI, or for kspan_release().
 */
static void ask_for_interrupt(void)
{
	if (cpu_online(raw_smp_processor_id()))
		irq_work_queue(&deferred_irq);
}

/**
 * kspan_defer - free an object later
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
 * kspan_defer_large - free a large object later
 * @span: its span, claimed by the caller
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
 * Whether a link leads to a deferred object.  Such an object belongs to the
 * list alone, so the result stays true until it is freed.
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

/*
 * Take the next object, which may be NULL.  Returns false if the list was
 * broken.
 */
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

/* Take the next object or NULL.  Context: Any but NMI, with preemption off. */
static struct llist_node *take_deferred(void)
{
	struct llist_node *node;

	while (unlikely(!take(&node)))
		kspan_report_corrupt("an object freed in NMI was written to; others are lost",
				     0);
	return node;
}

/* Free one object.  Returns the bytes of its slot. */
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
 * Free a batch and leave the rest to the next interrupt, to keep interrupts
 * short.  A CPU that goes offline frees all, because its next interrupt comes
 * only when it is online again.
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
 * This waits for a worker that is filling some of them.
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
 * kspan_deferred_flush - wait until all objects that were freed in NMI are free
 *
 * Context: Process context that may sleep.
 */
void kspan_deferred_flush(void)
{
	if (!llist_empty(&deferred))
		irq_work_queue(&deferred_irq);
	irq_work_sync(&deferred_irq);
	kspan_guard_count_freed();
	kspan_deferred_free_large();
}

/*
 * Free all objects that were freed in NMI.  Context: module unload; may sleep.
 */
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
