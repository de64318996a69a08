// SPDX-License-Identifier: GPL-2.0
/*
 * Spans that have to wait for a grace period before their pages are anybody
 * else's: those of caches whose readers look at objects under rcu_read_lock()
 * alone, SLAB_TYPESAFE_BY_RCU.
 *
 * Until then they stay in the arena map, with all of their objects free, so a
 * late free of one is found to be a second free.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "base/kasan.h"
#include "central/central.h"
#include "heap/page_heap.h"
#include "span/arena.h"

/* Guards rcu_spans; a leaf, taken in any context but NMI. */
static DEFINE_RAW_SPINLOCK(rcu_spans_lock);
static LIST_HEAD(rcu_spans);

/* One that waits at a time, so that the next finds what he waits for gone. */
static DEFINE_MUTEX(rcu_spans_mutex);

/**
 * kspan_central_hold - let a span wait for a grace period
 * @span: a span without live objects, in no list
 *
 * Context: Any but NMI.
 */
void kspan_central_hold(struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&rcu_spans_lock, flags);
	list_add(&span->list, &rcu_spans);
	raw_spin_unlock_irqrestore(&rcu_spans_lock, flags);
}

/**
 * kspan_central_drop - give the pages of a span back
 * @span: a span without live objects, in no list
 *
 * Context: Any but NMI.
 */
void kspan_central_drop(struct kspan_span *span)
{
	unsigned long size = kspan_span_size(span);
	unsigned int i;

	/* Readers could look at them until now. */
	if (unlikely(kspan_sc_is_rcu(kspan_span_sc(span))))
		for (i = 0; i < span->nr_objs; i++)
			kspan_kasan_poison_object((void *)kspan_span_addr(span, i),
						  size);
	kspan_arena_withdraw(span);
	kspan_page_heap_free(kspan_page_heap_of(span->node), span->chunk, span->base,
			     kspan_span_pages(span));
	kspan_span_end(span);
}

/**
 * kspan_central_drop_held - give back the spans that waited before this call
 *
 * Context: Process context that may sleep.
 */
void kspan_central_drop_held(void)
{
	struct kspan_span *span, *next;
	unsigned long flags;
	LIST_HEAD(held);

	mutex_lock(&rcu_spans_mutex);
	raw_spin_lock_irqsave(&rcu_spans_lock, flags);
	list_splice_init(&rcu_spans, &held);
	raw_spin_unlock_irqrestore(&rcu_spans_lock, flags);
	if (!list_empty(&held)) {
		synchronize_rcu();
		list_for_each_entry_safe(span, next, &held, list) {
			list_del(&span->list);
			kspan_central_drop(span);
		}
	}
	mutex_unlock(&rcu_spans_mutex);
}
