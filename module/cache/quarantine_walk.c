// SPDX-License-Identifier: GPL-2.0
/*
 * The quarantine of freed memory: checks that its objects are sound and, with
 * check=2, that they were not written to.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "cache/quarantine_lot.h"
#include "heap/large.h"
#include "span/arena.h"
#include "span/redzone.h"

/* Check an object in a lot.  Return: NULL, or what is wrong. */
static const char *check_slot(const struct kspan_slot *slot, unsigned int sc)
{
	const struct kspan_span *span = kspan_span_find(slot->ptr);
	unsigned long i;

	if (span->kind == KSPAN_NONE)
		return "quarantine: object without a span";
	if (span->kind == KSPAN_LARGE) {
		if (sc || span->base != (unsigned long)slot->ptr)
			return "quarantine: not a large object";
		return READ_ONCE(span->live) == KSPAN_LIFE_NONE ? NULL :
		       "quarantine: large object is not free";
	}
	if (sc && kspan_span_sc(span) != sc)
		return "quarantine: object of another class";
	i = slot->state - span->state;
	if (i >= span->nr_objs || kspan_span_addr(span, i) != (unsigned long)slot->ptr)
		return "quarantine: state of another object";
	if (!kspan_obj_is_free(READ_ONCE(*slot->state)))
		return "quarantine: object is not free";
	if (test_bit(i, kspan_span_bitmap(span)))
		return "quarantine: object is in its span as well";
	return NULL;
}

/*
 * With check=2: whether an object was written to.  If so, it is never reused.
 */
static bool was_written_to(const struct kspan_slot *slot)
{
	struct kspan_span *span = kspan_span_find(slot->ptr);

	/*
	 * Without check=2 there is no poison, and none in objects that keep
	 * their content.
	 */
	if (span->kind == KSPAN_LARGE ? !kspan_redzone_on() :
					*slot->state != KSPAN_OBJ_POISONED)
		return false;
	if (kspan_redzone_check_poison(span, slot->ptr))
		return false;
	if (span->kind == KSPAN_LARGE)
		kspan_large_quarantine(span);
	else
		WRITE_ONCE(*slot->state, KSPAN_OBJ_QUARANTINED);
	return true;
}

/*
 * Check a lot that is in no list, and remove the objects that were written to.
 *
 * Context: with preemption off.
 * Return: NULL, or what is wrong.
 */
static const char *check_lot(union kspan_lot *lot, unsigned long *lost)
{
	const char *wrong = NULL;
	unsigned int i;

	if (!lot->first || lot->first > lot->end || lot->end > KSPAN_MAG_SLOTS)
		return "quarantine: bounds of a lot";
	for (i = lot->first; i < lot->end && !wrong; i++) {
		wrong = check_slot(&lot->mag.slot[i], lot->sc);
		if (wrong || !was_written_to(&lot->mag.slot[i]))
			continue;
		*lost += kspan_slot_bytes(&lot->mag.slot[i]);
		lot->mag.slot[i--] = lot->mag.slot[--lot->end];
	}
	return wrong;
}

/*
 * Check the oldest lot and make it the newest.  Return: false if there is none.
 */
static bool check_oldest(const char **wrong, unsigned long *bytes,
			 unsigned long *lost)
{
	unsigned long flags, gone = 0;
	union kspan_lot *lot;

	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	lot = kspan_queue_pop_locked();
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	if (!lot)
		return false;
	preempt_disable();
	*wrong = check_lot(lot, &gone);
	if (!*wrong)
		*bytes += kspan_lot_bytes(lot);
	preempt_enable();
	*lost += gone;
	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	if (lot->first == lot->end) {
		kspan_queue_count_locked(-(long)gone, -1);
	} else {
		kspan_queue_append_locked(lot);
		if (gone)
			kspan_queue_count_locked(-(long)gone, 0);
		lot = NULL;
	}
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	if (lot)
		kspan_mag_free(&lot->mag);
	return true;
}

/**
 * kspan_quarantine_check - check that the objects in the quarantine are sound
 * @written: set if a free object was written to, which is reported
 *
 * Each lot is moved from the front of the queue to its end once.  It is out of
 * the queue while it is checked, because that takes too long for the lock.
 *
 * Context: Process context that may sleep.
 * Return: NULL, or what is wrong.
 */
const char *kspan_quarantine_check(bool *written)
{
	unsigned long nr = READ_ONCE(kspan_queue.nr_lots), bytes = 0, lost = 0;
	unsigned long moves = READ_ONCE(kspan_queue.nr_moves);
	const char *wrong = NULL;

	while (nr-- && !wrong && check_oldest(&wrong, &bytes, &lost))
		cond_resched();
	*written = lost;
	if (!wrong && !lost && moves == READ_ONCE(kspan_queue.nr_moves) &&
	    bytes != kspan_quarantine_bytes() && moves == READ_ONCE(kspan_queue.nr_moves))
		wrong = "quarantine: number of bytes";
	return wrong;
}
