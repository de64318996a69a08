/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quarantine_lot.h - the queue in which freed memory waits.
 *
 * Only for the files that implement the quarantine.
 */
#ifndef KSPAN_QUARANTINE_LOT_H
#define KSPAN_QUARANTINE_LOT_H

#include <linux/build_bug.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "cache/quarantine.h"
#include "span/arena.h"

/*
 * A magazine in the queue.  Its slot 0, which contains no object in a magazine
 * of any class, describes the other slots.
 */
union kspan_lot {
	struct {
		union kspan_lot *next;
		u16 sc;		/* span class of all objects; 0: any, even large */
		u8 first;	/* index of the slot of the first object */
		u8 end;		/* index after the slot of the last object */
	};
	struct kspan_mag mag;
};

static_assert(offsetof(union kspan_lot, end) < sizeof(struct kspan_slot));

/* Guards the queue and its lots.  A leaf lock, taken in any context but NMI. */
extern raw_spinlock_t kspan_queue_lock;

/**
 * struct kspan_queue - the objects that wait; all under kspan_queue_lock,
 * except for @nr_seen
 * @oldest: the oldest lot, or NULL; the others follow by @next
 * @newest: the newest lot
 * @open: the newest lot if it accepts single objects, otherwise NULL
 * @bytes: bytes of the objects, including those of a lot that
 *	kspan_quarantine_check() has taken out
 * @nr_lots: number of lots, including such a lot
 * @nr_moves: number of additions and removals since load
 * @nr_seen: the value of @nr_moves at the last tick; belongs to the scavenger
 */
struct kspan_queue {
	union kspan_lot *oldest;
	union kspan_lot *newest;
	union kspan_lot *open;
	unsigned long bytes;
	unsigned long nr_lots;
	unsigned long nr_moves;
	unsigned long nr_seen;
};

extern struct kspan_queue kspan_queue;

/* Size of the object in a slot.  Context: with preemption off. */
static inline unsigned long kspan_slot_bytes(const struct kspan_slot *slot)
{
	return kspan_span_size(kspan_span_find(slot->ptr));
}

unsigned long kspan_lot_bytes(const union kspan_lot *lot);
void kspan_queue_append_locked(union kspan_lot *lot);
union kspan_lot *kspan_queue_pop_locked(void);
void kspan_queue_count_locked(long bytes, long lots);

#endif /* KSPAN_QUARANTINE_LOT_H */
