// SPDX-License-Identifier: GPL-2.0
/*
 * The central lists.
 *
 * A fill takes objects in address order from the fullest span that has free
 * objects, so that the emptiest spans have a chance to become entirely free.  A
 * span that does becomes an empty span and waits for the next wave of its
 * class; see central_empty.c.  A full span is in no list.  When one of its
 * objects returns, the arena map leads to the span.
 *
 * Both directions move a magazine at a time.  A fill takes free bits word by
 * word.  A flush handles each run of objects of the same span together and
 * moves the span between lists once per run.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/preempt.h>

#include "base/counters.h"
#include "base/kspan_trace.h"
#include "base/noprobe.h"
#include "base/tick.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/page_heap.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/report.h"

atomic_long_t kspan_nr_refill;
atomic_long_t kspan_nr_flush;

static __kspan_noprobe struct kspan_span *fullest_span_locked(struct kspan_central *central)
{
	unsigned int i;

	lockdep_assert_held(&central->lock);
	for (i = 0; i < KSPAN_CENTRAL_BUCKETS; i++)
		if (!list_empty(&central->partial[i]))
			return list_first_entry(&central->partial[i],
						struct kspan_span, list);
	return NULL;
}

/*
 * Take up to @want free objects, lowest address first, and store them downwards
 * from @end.
 */
static unsigned int __kspan_noprobe take_objects_locked(struct kspan_central *central,
							struct kspan_span *span,
							unsigned long size,
							struct kspan_slot *end,
							unsigned int want)
{
	unsigned long *bitmap = kspan_span_bitmap(span);
	unsigned int word, taken = 0;

	lockdep_assert_held(&central->lock);
	want = min_t(unsigned int, want, span->nr_free);
	for (word = 0; taken < want; word++) {
		unsigned long bits = bitmap[word];
		unsigned int first = word * BITS_PER_LONG;

		while (bits && taken < want) {
			unsigned int i = first + __ffs(bits);

			bits &= bits - 1;
			end--;
			end->ptr = (void *)(span->base + i * size);
			end->state = span->state + i;
			taken++;
		}
		WRITE_ONCE(bitmap[word], bits);
	}
	kspan_counter_sub(span->nr_free, taken);
	kspan_counter_sub(central->nr_free, taken);
	return taken;
}

/*
 * Whether the bitmap has as many free objects as the counter of the span says.
 */
static bool span_sane(const struct kspan_span *span)
{
	return span->nr_free <= span->nr_objs &&
	       bitmap_weight(kspan_span_bitmap(span), span->nr_objs) ==
	       span->nr_free;
}

/* Take up to @want objects out of the spans of a list. */
static unsigned int __kspan_noprobe fill_locked(struct kspan_central *central,
						unsigned long size,
						struct kspan_slot *slots,
						unsigned int want)
{
	struct kspan_span *span = NULL, *last = NULL;
	unsigned int nr = 0, nr_empty = 0;

	lockdep_assert_held(&central->lock);
	while (nr < want && (span = fullest_span_locked(central))) {
		if (unlikely(!span_sane(span))) {
			kspan_central_quarantine_locked(central, span);
			continue;
		}
		nr_empty += span->nr_free == span->nr_objs;
		nr += take_objects_locked(central, span, size,
					  slots + want - nr, want - nr);
		kspan_central_place_locked(central, span);
		last = span;
	}
	if (nr_empty)
		kspan_central_count_empty_locked(central, last, -(long)nr_empty);
	return nr;
}

/**
 * kspan_central_fill - take free objects out of spans
 * @node: preferred node
 * @sc: span class
 * @slots: where to store them
 * @want: maximum number of objects
 *
 * The objects fill the end of @slots, the lowest address last.  A magazine is
 * popped from its end, so it returns them in address order.
 *
 * Context: Any but NMI.
 * Return: the number n of objects, from @slots[@want - n] to the end of @slots.
 */
unsigned int kspan_central_fill(int node, unsigned int sc,
				struct kspan_slot *slots, unsigned int want)
{
	struct kspan_central *central = kspan_central_of(node, sc);
	unsigned int most = want, nr;
	unsigned long flags;

	if (!kspan_central_has_free(central))
		return 0;
	raw_spin_lock_irqsave(&central->lock, flags);
	if (unlikely(central->reserve))
		most = min_t(unsigned long, want, central->nr_free -
			     min(central->nr_free, central->reserve));
	nr = fill_locked(central, kspan_sc_info(sc)->size, slots + want - most,
			 most);
	raw_spin_unlock_irqrestore(&central->lock, flags);
	if (nr) {
		atomic_long_inc(&kspan_nr_refill);
		trace_kspan_refill(kspan_sc_info(sc)->size, nr, node);
	}
	return nr;
}

/**
 * kspan_central_fill_reserved - take an object that is held in reserve
 * @node: preferred node
 * @sc: span class
 * @slot: receives the object
 *
 * Context: Any but NMI.
 * Return: 1, or 0 if no span has a free object.
 */
unsigned int kspan_central_fill_reserved(int node, unsigned int sc,
					 struct kspan_slot *slot)
{
	struct kspan_central *central = kspan_central_of(node, sc);
	unsigned long flags;
	unsigned int nr;

	raw_spin_lock_irqsave(&central->lock, flags);
	nr = fill_locked(central, kspan_sc_info(sc)->size, slot, 1);
	raw_spin_unlock_irqrestore(&central->lock, flags);
	return nr;
}

/**
 * kspan_central_set_reserve - hold objects in reserve, for allocations that
 * would fail otherwise
 * @node: node of the list
 * @sc: span class
 * @nr: number of free objects that other allocations do not get
 *
 * Context: Any but NMI.
 */
void kspan_central_set_reserve(int node, unsigned int sc, unsigned long nr)
{
	struct kspan_central *central = kspan_central_of(node, sc);
	unsigned long flags;

	raw_spin_lock_irqsave(&central->lock, flags);
	WRITE_ONCE(central->reserve, nr);
	raw_spin_unlock_irqrestore(&central->lock, flags);
}

static void __kspan_noprobe report_twice_locked(struct kspan_central *central,
						unsigned int sc)
{
	lockdep_assert_held(&central->lock);
	kspan_counter_add(central->nr_twice, 1);
	kspan_report_corrupt("an object came back that nobody had", sc);
}

/*
 * Return the objects from slots[*done] on that lie in @span.  Returns their
 * number.
 */
static unsigned int __kspan_noprobe put_objects_locked(struct kspan_central *central,
						       struct kspan_span *span,
						       const struct kspan_slot *slots,
						       unsigned int nr,
						       unsigned int *done)
{
	unsigned long *bitmap = kspan_span_bitmap(span), *word;
	unsigned int put = 0, first = *done;

	lockdep_assert_held(&central->lock);
	for (; *done < nr; ++*done) {
		/* The state byte identifies both the span and the object. */
		unsigned long i = slots[*done].state - span->state;

		if (i >= span->nr_objs)
			break;
		word = &bitmap[BIT_WORD(i)];
		if (unlikely(*word & BIT_MASK(i))) {
			report_twice_locked(central, kspan_span_sc(span));
			continue;
		}
		WRITE_ONCE(*word, *word | BIT_MASK(i));
		put++;
	}
	/*
	 * The state byte of this object is not in its span: the object was
	 * freed twice.
	 */
	if (unlikely(*done == first)) {
		report_twice_locked(central, kspan_span_sc(span));
		++*done;
	}
	kspan_counter_add(span->nr_free, put);
	kspan_counter_add(central->nr_free, put);
	return put;
}

/* Return the objects at the beginning of @slots that belong to @central. */
static unsigned int __kspan_noprobe flush_home_locked(struct kspan_central *central,
						      unsigned int sc,
						      const struct kspan_slot *slots,
						      unsigned int nr,
						      struct list_head *empty)
{
	struct kspan_span *span;
	unsigned int done = 0;

	lockdep_assert_held(&central->lock);
	while (done < nr) {
		span = kspan_span_find(slots[done].ptr);
		if (kspan_central_of(span->node, sc) != central)
			break;
		/*
		 * The span of the object is gone, and its page belongs to
		 * another class.
		 */
		if (unlikely(kspan_span_sc(span) != sc)) {
			report_twice_locked(central, sc);
			done++;
			continue;
		}
		/* Objects of a quarantined span are never used again. */
		if (unlikely(span->bucket == KSPAN_QUARANTINED)) {
			done++;
			continue;
		}
		/*
		 * Nothing was put back, so the place and the counters of the
		 * span are right.
		 */
		if (unlikely(!put_objects_locked(central, span, slots, nr, &done)))
			continue;
		kspan_central_place_locked(central, span);
		if (span->nr_free != span->nr_objs)
			continue;
		kspan_central_count_empty_locked(central, span, 1);
		if (!kspan_central_keeps_empty_locked(central, span))
			kspan_central_detach_locked(central, span, empty);
	}
	return done;
}

/**
 * kspan_central_flush - return free objects to their spans
 * @sc: span class of the objects
 * @slots: the objects, in state FREE or ZEROED
 * @nr: number of objects
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
			 unsigned int nr)
{
	struct kspan_central *central;
	unsigned long flags;
	unsigned int done;
	LIST_HEAD(empty);

	if (!nr)
		return;
	for (; nr; nr -= done, slots += done) {
		central = kspan_central_of(kspan_span_find(slots->ptr)->node, sc);
		raw_spin_lock_irqsave(&central->lock, flags);
		done = flush_home_locked(central, sc, slots, nr, &empty);
		raw_spin_unlock_irqrestore(&central->lock, flags);
	}
	atomic_long_inc(&kspan_nr_flush);
	kspan_central_drop_all(&empty);
	kspan_tick_watch();
}

/**
 * kspan_central_grow - add a span from the page heap
 * @node: preferred node
 * @sc: span class
 * @gfp: flags for the allocation of metadata
 * @use_reserve: whether the pages may come from the reserve
 * @low: set if a worker should add pages or metadata
 *
 * Context: Any but NMI.
 * Return: 0, -ENOSPC if the page heap has no such run, -ENOMEM without
 * metadata, -ENOBUFS at the limit of the client's heap.
 */
int kspan_central_grow(int node, unsigned int sc, gfp_t gfp, bool use_reserve,
		       bool *low)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	unsigned long bytes = (unsigned long)info->nr_pages << KSPAN_PAGE_SHIFT;
	struct kspan_page_heap *heap = kspan_page_heap_of(node);
	struct kspan_quota *quota = kspan_sc_quota(sc);
	struct kspan_span *span;
	struct kspan_run run;

	if (!kspan_quota_charge(quota, bytes, gfp & __GFP_NOFAIL))
		return -ENOBUFS;
	span = kspan_span_alloc(sc, gfp);
	if (!span) {
		kspan_quota_uncharge(quota, bytes);
		*low = true;
		return -ENOMEM;
	}
	if (!kspan_page_heap_alloc(heap, info->nr_pages, 1, use_reserve, &run)) {
		kspan_quota_uncharge(quota, bytes);
		*low = true;
		kspan_span_free(span);
		return -ENOSPC;
	}
	*low |= run.low || run.ahead;
	span->base = run.addr;
	span->chunk = run.chunk;
	span->node = heap->node;
	span->needzero = run.dirty;
	kspan_span_setup(span, sc);
	if (kspan_redzone_on())
		kspan_redzone_poison_span(span);

	kspan_arena_publish(span);
	kspan_central_attach(kspan_central_of(heap->node, sc), span);
	return 0;
}
