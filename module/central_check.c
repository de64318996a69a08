// SPDX-License-Identifier: GPL-2.0
/*
 * Central lists: whether they are sound and, with check=2, whether the free
 * objects of their spans are as they were left.
 */
#include <linux/compiler.h>

#include "central.h"
#include "redzone.h"

/**
 * kspan_central_check - whether a central list and its spans are sound
 * @central: the list
 *
 * Full spans are in no list; the walk of the arena map checks those.
 *
 * Context: Any but NMI.
 * Return: NULL, or what is wrong.
 */
const char *kspan_central_check(struct kspan_central *central)
{
	unsigned long flags, nr_free = 0, nr_partial = 0, nr_empty = 0;
	const char *wrong = NULL;
	struct kspan_span *span;
	unsigned int i;
	bool is_empty, for_empty;

	raw_spin_lock_irqsave(&central->lock, flags);
	for (i = 0; i < KSPAN_CENTRAL_BUCKETS && !wrong; i++) {
		for_empty = i == KSPAN_CENTRAL_EMPTY;
		list_for_each_entry(span, &central->partial[i], list) {
			wrong = kspan_span_check(span);
			if (wrong)
				break;
			is_empty = span->nr_free == span->nr_objs;
			if (span->bucket != i || is_empty != for_empty)
				wrong = "central: span is in the wrong list";
			if (!span->nr_free)
				wrong = "central: full span in a list";
			if (wrong)
				break;
			nr_partial++;
			nr_empty += is_empty;
			nr_free += span->nr_free;
		}
	}
	if (!wrong && nr_partial != central->nr_partial)
		wrong = "central: number of partial spans";
	if (!wrong && nr_empty != central->nr_empty)
		wrong = "central: number of empty spans";
	if (!wrong && nr_free != central->nr_free)
		wrong = "central: number of free objects";
	raw_spin_unlock_irqrestore(&central->lock, flags);
	return wrong;
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

	raw_spin_lock_irqsave(&central->lock, flags);
	/* In no list: nothing is free in it, or it is on its way in or out. */
	while (span->bucket != KSPAN_NO_BUCKET) {
		i = kspan_redzone_next_spoilt(span, i);
		if (i >= span->nr_objs)
			break;
		kspan_redzone_check_poison(span, (void *)kspan_span_addr(span, i));
		kspan_central_spend_locked(central, span, i);
		nr++;
	}
	raw_spin_unlock_irqrestore(&central->lock, flags);
	return nr;
}
