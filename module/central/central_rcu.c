// SPDX-License-Identifier: GPL-2.0
/*
 * Spans that must wait for a grace period before their pages can be reused:
 * those of SLAB_TYPESAFE_BY_RCU caches, whose readers access objects under
 * rcu_read_lock() alone.
 *
 * Until then such a span stays in the arena map with all its objects free.  So
 * a late free of one of its objects is reported as a double free.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "base/kasan.h"
#include "central/central.h"
#include "heap/page_heap.h"
#include "span/arena.h"

/* Protects rcu_spans.  A leaf lock, taken in any context but NMI. */
static DEFINE_RAW_SPINLOCK(rcu_spans_lock);
static LIST_HEAD(rcu_spans);

/*
 * Serialises kspan_central_drop_held().  When it returns, all spans held before
 * the call are gone, including those that a concurrent call had taken.
 */
static DEFINE_MUTEX(rcu_spans_mutex);

/**
 * kspan_central_hold - let a span wait for a grace period
 * @span: a span without allocated objects, in no list
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
 * kspan_central_drop - return the pages of a span to the page heap
 * @span: a span without allocated objects, in no list
 *
 * Context: Any but NMI.
 */
void kspan_central_drop(struct kspan_span *span)
{
	unsigned long size = kspan_span_size(span);
	unsigned int i;

	/*
	 * KASAN allowed the accesses of readers to these free objects until
	 * now.
	 */
	if (unlikely(kspan_sc_is_rcu(kspan_span_sc(span))))
		for (i = 0; i < span->nr_objs; i++)
			kspan_kasan_poison_object((void *)kspan_span_addr(span, i),
						  size);
	kspan_quota_uncharge(kspan_sc_quota(kspan_span_sc(span)),
			     (unsigned long)kspan_span_pages(span) << KSPAN_PAGE_SHIFT);
	kspan_arena_withdraw(span);
	kspan_page_heap_free(kspan_page_heap_of(span->node), span->chunk, span->base,
			     kspan_span_pages(span));
	kspan_span_end(span);
}

/**
 * kspan_central_drop_held - drop the spans that were held before this call
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
