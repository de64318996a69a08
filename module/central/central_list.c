// SPDX-License-Identifier: GPL-2.0
/*
 * Central lists: the lists of all nodes, the choice of the list for a span, and
 * the quarantine of objects and spans that failed a check.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/spinlock.h>

#include "base/counters.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/page_heap.h"
#include "span/redzone.h"
#include "span/report.h"

/* Central lists by node, one for each span class. */
static struct kspan_central *centrals[MAX_NUMNODES];

/* The central list of a node and span class.  Context: Any. */
__kspan_noprobe struct kspan_central *kspan_central_of(int node, unsigned int sc)
{
	struct kspan_central *row = node >= 0 ? centrals[node] : NULL;

	if (unlikely(!kspan_sc_is_static(sc)))
		return &kspan_sc_find(sc)->homes[row ? node : kspan_first_node]->central;
	return row ? &row[sc] : &centrals[kspan_first_node][sc];
}

/* Set up an empty central list.  Context: No other CPU can see the list. */
void kspan_central_setup(struct kspan_central *central)
{
	unsigned int i;

	raw_spin_lock_init(&central->lock);
	for (i = 0; i < KSPAN_CENTRAL_BUCKETS; i++)
		INIT_LIST_HEAD(&central->partial[i]);
}

/**
 * kspan_central_init - set up empty lists for every node
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_central_init(void)
{
	unsigned int sc;
	int node;

	for_each_kspan_node(node) {
		struct kspan_central *row;

		row = kspan_meta_alloc(sizeof(*row) * KSPAN_NR_SC,
				       KSPAN_SYS_OTHER, GFP_KERNEL);
		if (!row) {
			kspan_central_exit();
			return -ENOMEM;
		}
		for (sc = 0; sc < KSPAN_NR_SC; sc++)
			kspan_central_setup(&row[sc]);
		centrals[node] = row;
	}
	return 0;
}

/* Context: module unload, after the caches and depots were drained. */
void kspan_central_exit(void)
{
	int node;

	for_each_kspan_node(node) {
		kspan_meta_free(centrals[node],
				sizeof(*centrals[node]) * KSPAN_NR_SC,
				KSPAN_SYS_OTHER);
		centrals[node] = NULL;
	}
}

/**
 * kspan_central_place_locked - move a span to the list for its number of free
 * objects
 * @central: its central list
 * @span: the span; without free objects it is in no list
 *
 * Context: The lock of @central is held.
 */
void __kspan_noprobe kspan_central_place_locked(struct kspan_central *central,
						struct kspan_span *span)
{
	u8 bucket = KSPAN_NO_BUCKET;

	lockdep_assert_held(&central->lock);
	if (span->nr_free == span->nr_objs)
		bucket = KSPAN_CENTRAL_EMPTY;
	else if (span->nr_free)
		bucket = (span->nr_free * KSPAN_CENTRAL_QUARTERS - 1) /
			 span->nr_objs;
	if (bucket == span->bucket)
		return;
	if (span->bucket != KSPAN_NO_BUCKET) {
		list_del(&span->list);
		kspan_counter_sub(central->nr_partial, 1);
	}
	if (bucket != KSPAN_NO_BUCKET) {
		list_add(&span->list, &central->partial[bucket]);
		kspan_counter_add(central->nr_partial, 1);
	}
	span->bucket = bucket;
}

/**
 * kspan_central_count_empty_locked - add to the count of empty spans
 * @central: their central list
 * @span: one of the spans
 * @by: number of spans; negative for spans that are no longer empty
 *
 * Context: The list's lock is held.
 */
void __kspan_noprobe kspan_central_count_empty_locked(struct kspan_central *central,
						      const struct kspan_span *span,
						      long by)
{
	lockdep_assert_held(&central->lock);
	kspan_counter_add(central->nr_empty, by);
	/* Other classes cannot take the empty spans of a client's heap. */
	if (unlikely(kspan_sc_quota(kspan_span_sc(span))))
		return;
	atomic_long_add(by * (long)kspan_span_pages(span),
			&kspan_page_heap_of(span->node)->empty_pages);
}

/* Add a span without allocated objects to its list.  Context: Any but NMI. */
void kspan_central_attach(struct kspan_central *central, struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&central->lock, flags);
	kspan_counter_add(central->nr_spans, 1);
	kspan_central_count_empty_locked(central, span, 1);
	kspan_counter_add(central->nr_free, span->nr_free);
	kspan_central_place_locked(central, span);
	raw_spin_unlock_irqrestore(&central->lock, flags);
}

/**
 * kspan_central_quarantine_object_locked - withhold a free object from reuse
 * for ever
 * @central: its central list
 * @span: its span, which is in a list
 * @i: index of the object in the span
 *
 * Context: The list's lock is held.
 */
void __kspan_noprobe kspan_central_quarantine_object_locked(struct kspan_central *central,
							    struct kspan_span *span,
							    unsigned int i)
{
	unsigned long *word;

	lockdep_assert_held(&central->lock);
	if (span->nr_free == span->nr_objs)
		kspan_central_count_empty_locked(central, span, -1);
	WRITE_ONCE(span->state[i], KSPAN_OBJ_QUARANTINED);
	word = &kspan_span_bitmap(span)[BIT_WORD(i)];
	WRITE_ONCE(*word, *word & ~BIT_MASK(i));
	kspan_counter_sub(span->nr_free, 1);
	kspan_counter_sub(central->nr_free, 1);
	kspan_central_place_locked(central, span);
}

/*
 * Recount the free objects: the count of the corrupt span may have been wrong.
 */
static void __kspan_noprobe count_free_locked(struct kspan_central *central)
{
	struct kspan_span *span;
	unsigned long nr = 0;
	unsigned int i;

	lockdep_assert_held(&central->lock);
	for (i = 0; i < KSPAN_CENTRAL_BUCKETS; i++)
		list_for_each_entry(span, &central->partial[i], list)
			nr += span->nr_free;
	WRITE_ONCE(central->nr_free, nr);
}

/**
 * kspan_central_quarantine_locked - withhold a span from reuse for ever
 * @central: its central list
 * @span: a span in a list, whose free count differs from that of its bitmap
 *
 * Context: The list's lock is held.
 */
void __kspan_noprobe kspan_central_quarantine_locked(struct kspan_central *central,
						     struct kspan_span *span)
{
	lockdep_assert_held(&central->lock);
	kspan_report_corrupt("free count of a span, which is quarantined",
			     kspan_span_sc(span));
	if (span->bucket == KSPAN_CENTRAL_EMPTY)
		kspan_central_count_empty_locked(central, span, -1);
	list_del_init(&span->list);
	kspan_counter_sub(central->nr_partial, 1);
	span->bucket = KSPAN_QUARANTINED;
	WRITE_ONCE(span->nr_free, 0);
	WRITE_ONCE(span->magic, 0);
	count_free_locked(central);
}

/**
 * kspan_central_sweep - quarantine the overwritten free objects of a span
 * @central: its central list
 * @span: a span found through the arena map
 *
 * Context: Any but NMI, with preemption off.
 * Return: number of objects quarantined; each was reported.
 */
unsigned int kspan_central_sweep(struct kspan_central *central,
				 struct kspan_span *span)
{
	unsigned int i = 0, nr = 0;
	unsigned long flags;

	lockdep_assert_preemption_disabled();
	raw_spin_lock_irqsave(&central->lock, flags);
	/*
	 * A span in no list has no free objects, or is being attached or
	 * detached.
	 */
	while (span->bucket < KSPAN_CENTRAL_BUCKETS) {
		i = kspan_redzone_next_overwritten(span, i);
		if (i >= span->nr_objs)
			break;
		kspan_redzone_check_poison(span, (void *)kspan_span_addr(span, i));
		kspan_central_quarantine_object_locked(central, span, i);
		nr++;
	}
	raw_spin_unlock_irqrestore(&central->lock, flags);
	return nr;
}
