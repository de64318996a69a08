// SPDX-License-Identifier: GPL-2.0
/*
 * Central lists: whether they are sound and, with check=2, whether the free
 * objects of their spans are as they were left; and what becomes of those that
 * are not.
 */
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/lockdep.h>

#include "base/counters.h"
#include "central/central.h"
#include "span/redzone.h"
#include "span/report.h"

/* Spans of a list that are looked at in one go, with the lock held. */
#define LOOK_MAX	32U

/**
 * kspan_central_check_span - whether a span is sound, and where it should be
 * @central: its list
 * @span: the span
 *
 * Context: The list's lock is held.
 * Return: NULL, or what is wrong.
 */
const char *kspan_central_check_span(const struct kspan_central *central,
				     const struct kspan_span *span)
{
	bool is_empty = span->nr_free == span->nr_objs;
	const char *wrong;

	lockdep_assert_held(&central->lock);
	/* Known to be wrong. */
	if (span->bucket == KSPAN_QUARANTINED)
		return NULL;
	wrong = kspan_span_check(span);
	if (wrong || span->bucket == KSPAN_NO_BUCKET)
		return wrong;
	if (!span->nr_free)
		return "central: full span in a list";
	if (span->bucket == KSPAN_CENTRAL_EMPTY ? !is_empty : is_empty)
		return "central: span is in the wrong list";
	return NULL;
}

/* What a check has seen of a central list. */
struct seen {
	unsigned long nr_partial;
	unsigned long nr_empty;
	unsigned long nr_free;
};

/* Look at the spans of a list.  Return: whether those were all, in @all. */
static const char *look_locked(const struct kspan_central *central,
			       unsigned int bucket, struct seen *seen, bool *all)
{
	const char *wrong = NULL;
	struct kspan_span *span;
	unsigned int left = LOOK_MAX;

	lockdep_assert_held(&central->lock);
	list_for_each_entry(span, &central->partial[bucket], list) {
		if (!left--) {
			*all = false;
			break;
		}
		wrong = kspan_central_check_span(central, span);
		if (!wrong && span->bucket != bucket)
			wrong = "central: span is in the wrong list";
		if (wrong)
			break;
		seen->nr_partial++;
		seen->nr_empty += bucket == KSPAN_CENTRAL_EMPTY;
		seen->nr_free += span->nr_free;
	}
	return wrong;
}

/**
 * kspan_central_check - whether a central list and its spans are sound
 * @central: the list
 *
 * The walk of the arena map looks at each span, full ones and those far down a
 * long list too.
 *
 * Context: Any but NMI.
 * Return: NULL, or what is wrong.
 */
const char *kspan_central_check(struct kspan_central *central)
{
	const char *wrong = NULL;
	struct seen seen = {};
	unsigned long flags;
	unsigned int i;
	bool all = true;

	raw_spin_lock_irqsave(&central->lock, flags);
	for (i = 0; i < KSPAN_CENTRAL_BUCKETS && !wrong; i++)
		wrong = look_locked(central, i, &seen, &all);
	if (!wrong && all) {
		if (seen.nr_partial != central->nr_partial)
			wrong = "central: number of partial spans";
		else if (seen.nr_empty != central->nr_empty)
			wrong = "central: number of empty spans";
		else if (seen.nr_free != central->nr_free)
			wrong = "central: number of free objects";
	}
	raw_spin_unlock_irqrestore(&central->lock, flags);
	return wrong;
}

/* Count anew: what a span said it had may have been what was wrong with it. */
static void count_free_locked(struct kspan_central *central)
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
 * kspan_central_quarantine_locked - take a span out of use for good
 * @central: its list
 * @span: a span in the list whose free count is not that of its bitmap
 *
 * Context: The list's lock is held.
 */
void kspan_central_quarantine_locked(struct kspan_central *central,
				     struct kspan_span *span)
{
	lockdep_assert_held(&central->lock);
	kspan_report_corrupt("free count of a span, which is quarantined",
			     kspan_span_sc(span));
	if (span->bucket == KSPAN_CENTRAL_EMPTY)
		kspan_counter_sub(central->nr_empty, 1);
	list_del_init(&span->list);
	kspan_counter_sub(central->nr_partial, 1);
	span->bucket = KSPAN_QUARANTINED;
	WRITE_ONCE(span->nr_free, 0);
	WRITE_ONCE(span->magic, 0);
	count_free_locked(central);
}

/**
 * kspan_central_sweep - retire the free objects of a span that were written to
 * @central: its list
 * @span: a span that was found by the arena map
 *
 * Context: Any but NMI, with preemption off.
 * Return: how many there were; each was reported.
 */
unsigned int kspan_central_sweep(struct kspan_central *central,
				 struct kspan_span *span)
{
	unsigned int i = 0, nr = 0;
	unsigned long flags;

	lockdep_assert_preemption_disabled();
	raw_spin_lock_irqsave(&central->lock, flags);
	/* In no list: nothing is free in it, or it is on its way in or out. */
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
