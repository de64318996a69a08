// SPDX-License-Identifier: GPL-2.0
/*
 * Central lists: checks that a list and its spans are consistent.
 */
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/lockdep.h>

#include "base/counters.h"
#include "base/noprobe.h"
#include "central/central.h"
#include "span/redzone.h"
#include "span/report.h"

/* Spans of a list that are checked while the lock is held. */
#define LOOK_MAX	32U

/**
 * kspan_central_check_span - check a span and whether it is in the right list
 * @central: its central list
 * @span: the span
 *
 * Context: The list's lock is held.
 * Return: NULL, or a description of the error.
 */
__kspan_noprobe const char *kspan_central_check_span(const struct kspan_central *central,
						     const struct kspan_span *span)
{
	bool is_empty = span->nr_free == span->nr_objs;
	const char *wrong;

	lockdep_assert_held(&central->lock);
	/* Its error has been reported already. */
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

/* What a check has counted in a central list. */
struct seen {
	unsigned long nr_partial;
	unsigned long nr_empty;
	unsigned long nr_free;
};

/*
 * Check the spans of a list.  Clears *@all if the list has more than LOOK_MAX.
 */
static __kspan_noprobe const char *look_locked(const struct kspan_central *central,
					       unsigned int bucket, struct seen *seen,
					       bool *all)
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
 * kspan_central_check - check a central list and its spans
 * @central: the list
 *
 * This checks the first LOOK_MAX spans of each list.  The walk of the arena map
 * checks every span, including full ones.
 *
 * Context: Any but NMI.
 * Return: NULL, or a description of the error.
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
