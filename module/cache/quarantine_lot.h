/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quarantine_lot.h - the queue in which freed memory waits.
 *
 * For the files that make up the quarantine, and nobody else.
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
 * A magazine in the queue.  Its slot 0, which is no object's in a magazine of
 * any class, says what the others hold.
 */
union kspan_lot {
	struct {
		union kspan_lot *next;
		u16 sc;		/* of all its objects; 0: any, and large ones */
		u8 first;	/* index of the first object's slot */
		u8 end;		/* index behind the last one's */
	};
	struct kspan_mag mag;
};

static_assert(offsetof(union kspan_lot, end) < sizeof(struct kspan_slot));

/* Guards the queue and the lots in it; a leaf, any context but NMI. */
extern raw_spinlock_t kspan_queue_lock;

/**
 * struct kspan_queue - what waits; @nr_seen apart, all of it under kspan_queue_lock
 * @oldest: the lots, linked by @next; NULL: none
 * @newest: the last of them
 * @open: the newest if it takes single objects, or NULL
 * @bytes: of objects; those of a lot that verify looks at, too
 * @nr_lots: likewise
 * @nr_moves: lots and single objects that came or went, ever
 * @nr_seen: @nr_moves when the scavenger last looked; the scavenger's
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

/* Bytes of the object in a slot.  Context: with preemption off. */
static inline unsigned long kspan_slot_bytes(const struct kspan_slot *slot)
{
	return kspan_span_size(kspan_span_find(slot->ptr));
}

unsigned long kspan_lot_bytes(const union kspan_lot *lot);
void kspan_queue_append_locked(union kspan_lot *lot);
union kspan_lot *kspan_queue_pop_locked(void);
void kspan_queue_count_locked(long bytes, long lots);

#endif /* KSPAN_QUARANTINE_LOT_H */
