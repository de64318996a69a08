// SPDX-License-Identifier: GPL-2.0
/*
 * The quarantine for freed memory: what is freed waits in a queue, first in
 * first out, before an allocation can have it.  A write through a pointer that
 * is too old then hits memory that is nobody's, and with check=2 it is found
 * when the memory leaves the queue.  (An object that was found damaged is in
 * quarantine for ever, and never in this queue.)
 *
 * The queue is made of lots.  A lot is a magazine: an F that frees have filled,
 * or where frees go object by object, one that is filled here with objects of
 * any class and with large ones.  While objects wait they keep the state that
 * a free object has, so a second free of one is found; and as they are in no
 * span's bitmap, their spans stay.
 *
 * The queue takes no more bytes of objects than quarantine_kb says, and no more
 * lots than would take as much memory themselves.  Whoever brings something lets
 * the oldest go, a few at most, when three quarters of that are reached.  The
 * last quarter is for large ones that come after many small ones; what does not
 * fit there goes the way it goes without a quarantine.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/topology.h>

#include "base/noprobe.h"
#include "base/params.h"
#include "base/tick.h"
#include "cache/quarantine_lot.h"
#include "heap/large.h"
#include "span/arena.h"
#include "span/redzone.h"

/* Of the oldest, what leaves at most for one lot, or for one object. */
#define LOTS_OUT	4U
#define OBJECTS_OUT	16U
/* Lots that leave for an allocation that cannot sleep and would fail. */
#define LOTS_RELIEF	64U

DEFINE_STATIC_KEY_FALSE(kspan_quarantine_key);

DEFINE_RAW_SPINLOCK(kspan_queue_lock);
struct kspan_queue kspan_queue;

/* Bounds of the queue; set at load. */
static unsigned long max_bytes __ro_after_init;
static unsigned long max_lots __ro_after_init;

/* Bytes of the objects in a lot.  Context: Any but NMI. */
unsigned long __kspan_noprobe kspan_lot_bytes(const union kspan_lot *lot)
{
	unsigned long bytes = 0;
	unsigned int i;

	if (lot->sc)
		return (lot->end - lot->first) * (unsigned long)kspan_sc_info(lot->sc)->size;
	preempt_disable();
	for (i = lot->first; i < lot->end; i++)
		bytes += kspan_slot_bytes(&lot->mag.slot[i]);
	preempt_enable();
	return bytes;
}

/* Make a lot the newest.  Context: kspan_queue_lock is held. */
void __kspan_noprobe kspan_queue_append_locked(union kspan_lot *lot)
{
	lockdep_assert_held(&kspan_queue_lock);
	lot->next = NULL;
	if (kspan_queue.oldest)
		kspan_queue.newest->next = lot;
	else
		kspan_queue.oldest = lot;
	kspan_queue.newest = lot;
	kspan_queue.open = NULL;
}

/* Take the oldest lot out, which counts still.  Context: as above. */
__kspan_noprobe union kspan_lot *kspan_queue_pop_locked(void)
{
	union kspan_lot *lot = kspan_queue.oldest;

	lockdep_assert_held(&kspan_queue_lock);
	if (!lot)
		return NULL;
	kspan_queue.oldest = lot->next;
	if (kspan_queue.open == lot)
		kspan_queue.open = NULL;
	return lot;
}

/* Count what came, or if negative, went.  Context: as above. */
void __kspan_noprobe kspan_queue_count_locked(long bytes, long lots)
{
	lockdep_assert_held(&kspan_queue_lock);
	WRITE_ONCE(kspan_queue.bytes, kspan_queue.bytes + bytes);
	WRITE_ONCE(kspan_queue.nr_lots, kspan_queue.nr_lots + lots);
	WRITE_ONCE(kspan_queue.nr_moves, kspan_queue.nr_moves + 1);
}

static bool __kspan_noprobe has_room_locked(unsigned long bytes, unsigned long lots)
{
	lockdep_assert_held(&kspan_queue_lock);
	return kspan_queue.bytes + bytes <= max_bytes && kspan_queue.nr_lots + lots <= max_lots;
}

/* Whether the oldest should leave for so many bytes; a hint. */
static bool is_crowded(unsigned long bytes)
{
	return READ_ONCE(kspan_queue.bytes) + bytes > max_bytes - max_bytes / 4 ||
	       READ_ONCE(kspan_queue.nr_lots) >= max_lots - max_lots / 4;
}

/*
 * An object may be allocated again.  With check=2 it is looked at; a large one
 * is looked at when it is used again.
 *
 * Context: Any but NMI, with preemption off.
 */
static void let_object_go(struct kspan_slot *slot)
{
	struct kspan_span *span = kspan_span_find(slot->ptr);

	if (span->kind == KSPAN_LARGE)
		kspan_large_keep(span);
	else if (*slot->state == KSPAN_OBJ_POISONED &&
		 !kspan_redzone_check_poison(span, slot->ptr))
		WRITE_ONCE(*slot->state, KSPAN_OBJ_QUARANTINED);
	else
		kspan_central_flush(kspan_span_sc(span), slot, 1);
}

/* Give a whole magazine to the depot.  Return: whether that took it. */
static bool let_mag_go(int node, unsigned int sc, struct kspan_mag *mag)
{
	struct kspan_mag *empty;

	kspan_mag_close(mag, sc);
	if (!kspan_depot_put(node, sc, mag, &empty))
		return false;
	if (empty)
		kspan_mag_free(empty);
	return true;
}

/*
 * The objects of a lot may be allocated again: by the depot of @node if that
 * takes a whole magazine, or from their spans.
 *
 * Context: Any but NMI.
 * Return: how many objects were moved one by one.
 */
static unsigned int let_lot_go(union kspan_lot *lot, int node)
{
	unsigned int sc = lot->sc, i = lot->first, end = lot->end;
	unsigned int nr = end - i;
	struct kspan_mag *mag = &lot->mag;

	if (sc && node != NUMA_NO_NODE && i == kspan_mag_first(kspan_sc_info(sc)->mag_cap) &&
	    end == KSPAN_MAG_SLOTS && let_mag_go(node, sc, mag))
		return 0;
	preempt_disable();
	if (sc)
		kspan_central_flush(sc, &mag->slot[i], nr);
	else
		for (; i < end; i++)
			let_object_go(&mag->slot[i]);
	preempt_enable();
	kspan_mag_free(mag);
	return nr;
}

/* The oldest lot, which is in nobody's hands from here on; or NULL. */
static union kspan_lot *take_oldest(void)
{
	unsigned long flags;
	union kspan_lot *lot;

	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	lot = kspan_queue_pop_locked();
	if (lot)
		kspan_queue_count_locked(-(long)kspan_lot_bytes(lot), -1);
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	return lot;
}

/* Enter a lot.  Return: false if there is no room. */
static bool enter_lot(union kspan_lot *lot, unsigned long bytes)
{
	unsigned long flags;
	bool room;

	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	room = has_room_locked(bytes, 1);
	if (room) {
		kspan_queue_append_locked(lot);
		kspan_queue_count_locked(bytes, 1);
	}
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	if (room)
		kspan_tick_watch();
	return room;
}

/**
 * kspan_quarantine_mag - have the objects of a magazine wait
 * @node: whose depot may have the magazines that leave for it
 * @sc: span class
 * @mag: a magazine of freed objects, from its first slot on
 * @nr: how many
 * @moved: objects that were moved one by one since preemption went off; those
 *	moved here are added, at most a magazine's worth if it was 0, none if not
 *
 * Context: Any but NMI, with preemption off.
 * Return: false, and the magazine is still the caller's, if there is no room.
 */
bool kspan_quarantine_mag(int node, unsigned int sc, struct kspan_mag *mag,
			  unsigned int nr, unsigned int *moved)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	unsigned long bytes = nr * (unsigned long)info->size;
	union kspan_lot *lot = (union kspan_lot *)mag, *old;
	unsigned int out;

	if (!nr)
		return false;
	for (out = 0; out < LOTS_OUT && !*moved && is_crowded(bytes); out++) {
		old = take_oldest();
		if (!old)
			break;
		*moved += let_lot_go(old, node);
	}
	lot->sc = sc;
	lot->first = kspan_mag_first(info->mag_cap);
	lot->end = lot->first + nr;
	if (enter_lot(lot, bytes))
		return true;
	kspan_mag_close(mag, sc);
	return false;
}

/*
 * Take the oldest object out of a lot of single ones.
 *
 * Return: whether there was one; the lot is the caller's, too, if it was the
 * last in it.
 */
static bool take_object(struct kspan_slot *slot, union kspan_lot **drained)
{
	unsigned long flags;
	union kspan_lot *lot;

	*drained = NULL;
	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	lot = kspan_queue.oldest;
	if (lot) {
		*slot = lot->mag.slot[lot->first++];
		if (lot->first == lot->end)
			*drained = kspan_queue_pop_locked();
		kspan_queue_count_locked(-(long)kspan_slot_bytes(slot), -!!*drained);
	}
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	return lot;
}

/* The oldest object may be allocated again.  Return: whether there was one. */
static bool let_oldest_go(void)
{
	struct kspan_slot slot;
	union kspan_lot *drained;
	bool found;

	preempt_disable();
	found = take_object(&slot, &drained);
	if (found)
		let_object_go(&slot);
	preempt_enable();
	if (drained)
		kspan_mag_free(&drained->mag);
	return found;
}

/* What came of an attempt to enter an object. */
enum entered {
	ENTERED,
	NO_LOT,		/* there is none that takes it */
	NO_ROOM,
};

/* Enter an object, with @lot for the next ones if that is not NULL. */
static enum entered enter_object(const struct kspan_slot *slot,
				 unsigned long bytes, union kspan_lot *lot)
{
	enum entered entered = ENTERED;
	unsigned long flags;

	raw_spin_lock_irqsave(&kspan_queue_lock, flags);
	if (!has_room_locked(bytes, !!lot)) {
		entered = NO_ROOM;
	} else if (!lot && !kspan_queue.open) {
		entered = NO_LOT;
	} else {
		if (lot) {
			lot->sc = 0;
			lot->first = 1;
			lot->end = 1;
			kspan_queue_append_locked(lot);
			kspan_queue.open = lot;
		}
		kspan_queue.open->mag.slot[kspan_queue.open->end++] = *slot;
		if (kspan_queue.open->end == KSPAN_MAG_SLOTS)
			kspan_queue.open = NULL;
		kspan_queue_count_locked(bytes, !!lot);
	}
	raw_spin_unlock_irqrestore(&kspan_queue_lock, flags);
	return entered;
}

/* Have one object wait.  Return: false if there is no room or no memory. */
static bool enter(const struct kspan_slot *slot, unsigned long bytes)
{
	struct kspan_mag *mag = NULL;
	enum entered entered;
	unsigned int out;

	for (out = 0; out < OBJECTS_OUT && is_crowded(bytes); out++)
		if (!let_oldest_go())
			break;
	entered = enter_object(slot, bytes, NULL);
	if (entered == NO_LOT) {
		mag = kspan_mag_alloc(1, KSPAN_MAG_GFP);
		if (!mag)
			return false;
		entered = enter_object(slot, bytes, (union kspan_lot *)mag);
	}
	if (mag && entered != ENTERED)
		kspan_mag_free(mag);
	else if (mag)
		kspan_tick_watch();
	return entered == ENTERED;
}

/**
 * kspan_quarantine_object - have an object wait that goes to no magazine
 * @ptr: the object, free
 * @state: its state byte, which says so
 *
 * Context: Any but NMI, with preemption off.
 * Return: false if there is no room; the object is still the caller's.
 */
bool kspan_quarantine_object(const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };

	return enter(&slot, kspan_slot_bytes(&slot));
}

/**
 * kspan_quarantine_large - have a large object wait
 * @span: its span, its life over
 *
 * Context: Any but NMI.
 * Return: false if there is no room; the span is still the caller's.
 */
bool kspan_quarantine_large(struct kspan_span *span)
{
	struct kspan_slot slot = { .ptr = (void *)span->base };

	/* Not for one that most others would have to leave for. */
	return kspan_span_size(span) <= max_bytes / 4 &&
	       enter(&slot, kspan_span_size(span));
}

/**
 * kspan_quarantine_release - let all that waits be allocated again
 *
 * Context: Any but NMI.
 */
void kspan_quarantine_release(void)
{
	unsigned long nr = READ_ONCE(kspan_queue.nr_lots);
	union kspan_lot *lot;

	/* No more than there were, as others go on. */
	while (nr-- && (lot = take_oldest()))
		let_lot_go(lot, NUMA_NO_NODE);
}

/**
 * kspan_quarantine_release_some - let the oldest be allocated again
 *
 * For an allocation that cannot sleep and would fail.
 *
 * Context: Any but NMI.
 * Return: whether there were any.
 */
bool kspan_quarantine_release_some(void)
{
	unsigned int nr = 0;
	union kspan_lot *lot;

	while (nr < LOTS_RELIEF && (lot = take_oldest())) {
		let_lot_go(lot, NUMA_NO_NODE);
		nr++;
	}
	return nr;
}

/*
 * Let all go if nothing came since the last call: who frees nothing for so long
 * has no use for the memory either.  Context: the scavenger's tick.
 */
void kspan_quarantine_age(void)
{
	unsigned long moves = READ_ONCE(kspan_queue.nr_moves);

	if (kspan_queue.nr_seen == moves)
		kspan_quarantine_release();
	kspan_queue.nr_seen = READ_ONCE(kspan_queue.nr_moves);
}

/* Bytes of objects that wait.  Context: Any. */
unsigned long kspan_quarantine_bytes(void)
{
	return READ_ONCE(kspan_queue.bytes);
}

/**
 * kspan_quarantine_init - learn how much may wait
 *
 * Context: Module load.
 * Return: 0, or -EINVAL for more than a quarter of memory.
 */
int kspan_quarantine_init(void)
{
	unsigned long kb = kspan_params.quarantine_kb;

	BUILD_BUG_ON(sizeof(union kspan_lot) != sizeof(struct kspan_mag));
	BUILD_BUG_ON(KSPAN_NR_SC > U16_MAX);
	if (kb > totalram_pages() * (PAGE_SIZE >> 10) / 4) {
		pr_err("parameter quarantine_kb=%lu: more than a quarter of all memory\n",
		       kb);
		return -EINVAL;
	}
	max_bytes = kb << 10;
	max_lots = max_bytes / sizeof(struct kspan_mag);
	/* With sbrk nothing is used again anyway. */
	if (kb && !kspan_params.sbrk)
		static_branch_enable(&kspan_quarantine_key);
	return 0;
}

/* Context: module unload, after the caches were drained. */
void kspan_quarantine_exit(void)
{
	kspan_quarantine_release();
}
