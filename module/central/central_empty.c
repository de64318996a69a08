// SPDX-License-Identifier: GPL-2.0
/*
 * Empty spans: those without allocated objects.
 *
 * Objects come in waves, and it costs more to make a span than to fill a
 * magazine from an existing one.  So an empty span stays with its class, ready
 * for the next wave, as long as all empty spans of the node are within a
 * budget.  Beyond the budget, a class keeps one empty span plus an eighth of
 * its spans; the others return to the page heap.  A client's heap keeps all its
 * spans until memory is short.
 *
 * Empty spans never make a request fail.  A class that finds no pages takes
 * them from the empty spans of other classes before the page heap grows.  The
 * tick of the scavenger, and every path that collects idle memory, returns all
 * of them.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/preempt.h>

#include "base/counters.h"
#include "base/noprobe.h"
#include "central/central.h"
#include "heap/page_heap.h"
#include "span/redzone.h"

/* One in this many spans of a class may stay empty, whatever the budget. */
#define EMPTY_SHARE	8
/* Empty spans detached from a list while its lock is held. */
#define DRAIN_BATCH	32U

/**
 * kspan_central_keeps_empty_locked - whether an empty span stays with its class
 * @central: its central list
 * @span: the span, counted as empty
 *
 * Context: The list's lock is held.
 * Return: false if the span should return to the page heap.
 */
bool __kspan_noprobe kspan_central_keeps_empty_locked(const struct kspan_central *central,
						      const struct kspan_span *span)
{
	const struct kspan_page_heap *heap = kspan_page_heap_of(span->node);

	lockdep_assert_held(&central->lock);
	if (unlikely(kspan_sc_quota(kspan_span_sc(span))))
		return kspan_sc_keeps_spans(kspan_span_sc(span));
	return atomic_long_read(&heap->empty_pages) <= READ_ONCE(heap->empty_budget) ||
	       central->nr_empty <= 1 + central->nr_spans / EMPTY_SHARE;
}

/* Move an empty span out of its list to @to, to be dropped without the lock. */
void __kspan_noprobe kspan_central_detach_locked(struct kspan_central *central,
						 struct kspan_span *span,
						 struct list_head *to)
{
	lockdep_assert_held(&central->lock);
	list_move(&span->list, to);
	span->bucket = KSPAN_NO_BUCKET;
	kspan_central_count_empty_locked(central, span, -1);
	kspan_counter_sub(central->nr_partial, 1);
	kspan_counter_sub(central->nr_spans, 1);
	kspan_counter_sub(central->nr_free, span->nr_objs);
}

/*
 * Return a span without allocated objects to the page heap.  With check=2, this
 * checks its objects a last time.  The span stays if one of them was
 * overwritten, which quarantines that object.
 */
static void drop_span(struct kspan_span *span)
{
	struct kspan_central *central;

	if (kspan_redzone_on() &&
	    kspan_redzone_next_overwritten(span, 0) < span->nr_objs) {
		central = kspan_central_of(span->node, kspan_span_sc(span));
		/* Once attached, another CPU may detach and free the span. */
		preempt_disable();
		kspan_central_attach(central, span);
		kspan_central_sweep(central, span);
		preempt_enable();
		return;
	}
	if (unlikely(kspan_sc_is_rcu(kspan_span_sc(span))))
		kspan_central_hold(span);
	else
		kspan_central_drop(span);
}

/* Return detached spans to the page heap.  Context: Any but NMI. */
void kspan_central_drop_all(struct list_head *empty)
{
	struct kspan_span *span;

	while (!list_empty(empty)) {
		span = list_first_entry(empty, struct kspan_span, list);
		list_del(&span->list);
		drop_span(span);
	}
}

/**
 * kspan_central_drain_some - return some empty spans to the page heap
 * @node: node of the list
 * @sc: span class
 * @most: maximum number of spans
 *
 * Spans whose objects are in reserve stay.
 *
 * Context: Any but NMI.
 * Return: the number of spans returned.
 */
unsigned int kspan_central_drain_some(int node, unsigned int sc,
				      unsigned int most)
{
	struct kspan_central *central = kspan_central_of(node, sc);
	struct list_head *list = &central->partial[KSPAN_CENTRAL_EMPTY];
	unsigned int nr, done = 0;
	struct kspan_span *span;
	unsigned long flags;
	LIST_HEAD(empty);

	if (!READ_ONCE(central->nr_empty))
		return 0;
	do {
		raw_spin_lock_irqsave(&central->lock, flags);
		for (nr = 0; nr < DRAIN_BATCH && done < most; nr++, done++) {
			if (list_empty(list))
				break;
			span = list_first_entry(list, struct kspan_span, list);
			if (central->nr_free < central->reserve + span->nr_objs)
				break;
			kspan_central_detach_locked(central, span, &empty);
		}
		raw_spin_unlock_irqrestore(&central->lock, flags);
		kspan_central_drop_all(&empty);
	} while (nr == DRAIN_BATCH && done < most);
	return done;
}

/**
 * kspan_central_drain - return the empty spans to the page heap, except a
 * reserve
 * @node: node of the list
 * @sc: span class
 *
 * Context: Any but NMI.
 */
void kspan_central_drain(int node, unsigned int sc)
{
	kspan_central_drain_some(node, sc, UINT_MAX);
}

/**
 * kspan_central_take_back - return empty spans of any class to the page heap
 * @node: node of the lists
 * @nr_pages: number of heap pages wanted
 * @max_spans: maximum number of spans, which bounds the time of the call
 *
 * Each call starts at the class after the last one, so that no class always
 * loses its spans first.
 *
 * Context: Any but NMI.
 * Return: number of heap pages, including those of spans that wait for a grace
 * period.
 */
unsigned long kspan_central_take_back(int node, unsigned long nr_pages,
				      unsigned int max_spans)
{
	static unsigned int hand;	/* only a hint, so races are harmless */
	unsigned int limit = READ_ONCE(kspan_sc_limit), at = READ_ONCE(hand);
	unsigned int looks, nr, most, per_span;
	unsigned long got = 0;

	if (atomic_long_read(&kspan_page_heap_of(node)->empty_pages) <= 0)
		return 0;
	for (looks = 0; looks < limit && got < nr_pages && max_spans; looks++) {
		at = at + 1 < limit ? at + 1 : 1;
		if (!kspan_sc_enter(at))
			continue;
		per_span = kspan_sc_info(at)->nr_pages;
		if (per_span && !kspan_sc_quota(at)) {
			most = DIV_ROUND_UP(nr_pages - got, per_span);
			nr = kspan_central_drain_some(node, at,
						      min(most, max_spans));
			max_spans -= nr;
			got += (unsigned long)nr * per_span;
		}
		kspan_sc_leave();
	}
	WRITE_ONCE(hand, at);
	return got;
}
