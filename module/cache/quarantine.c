// SPDX-License-Identifier: GPL-2.0
/*
 * The quarantine of freed memory.  Freed objects wait in a queue, first in,
 * first out, before they can be allocated again.  A write through a stale
 * pointer then does not hit a new object, and with check=2 it is detected when
 * the memory leaves the queue.  (An object that was found corrupt is never
 * reused, and is not in this queue.)
 *
 * The queue consists of lots.  A lot is a magazine: either an F that frees have
 * filled, or, where frees pass objects one by one, a magazine that is filled
 * here with objects of any class and with large objects.  Objects that wait
 * have the state of a free object, so a second free of one is detected.  Their
 * bits in the bitmaps of their spans are clear, so their spans stay.
 *
 * The objects in the queue have at most quarantine_kb KiB in total, and the
 * lots themselves take at most as much memory again.  A caller that adds
 * something first releases some of the oldest objects when three quarters of a
 * limit are reached.  The last quarter is for large objects that follow many
 * small ones.  What does not fit there is freed as without a quarantine.
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

/*
 * The most lots released for a new lot, and the most objects for a new object.
 */
#define LOTS_OUT	4U
#define OBJECTS_OUT	16U
/* The most lots released for an allocation that cannot sleep and would fail. */
#define LOTS_RELIEF	64U

DEFINE_STATIC_KEY_FALSE(kspan_quarantine_key);

DEFINE_RAW_SPINLOCK(kspan_queue_lock);
struct kspan_queue kspan_queue;

/* The limits of the queue, set at load. */
static unsigned long max_bytes __ro_after_init;
static unsigned long max_lots __ro_after_init;

/* Sum of the sizes of the objects in a lot.  Context: Any but NMI. */
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

/* Append a lot as the newest.  Context: kspan_queue_lock is held. */
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

/* Remove the oldest lot, but leave it in the counts.  Context: as above. */
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

/* Count additions, or, as negative numbers, removals.  Context: as above. */
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

/* Whether the oldest objects should leave for so many new bytes; a hint. */
static bool is_crowded(unsigned long bytes)
{
	return READ_ONCE(kspan_queue.bytes) + bytes > max_bytes - max_bytes / 4 ||
	       READ_ONCE(kspan_queue.nr_lots) >= max_lots - max_lots / 4;
}

/*
 * Make an object available for allocation.  With check=2 its poison is checked
 * first; a large object is checked when its span is reused.
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

/* Give a full magazine to the depot.  Return: whether the depot accepted it. */
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
 * Make the objects of a lot available for allocation: through the depot of
 * @node if it accepts a full magazine, otherwise through their spans.
 *
 * Context: Any but NMI.
 * Return: the number of objects moved one by one.
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

/* Take the oldest lot out of the queue and out of the counts; NULL if none. */
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

/* Add a lot to the queue.  Return: false if there is no room. */
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
 * kspan_quarantine_mag - add the objects of a magazine to the quarantine
 * @node: node of the depot that receives the magazines released for this one
 * @sc: span class
 * @mag: a magazine of freed objects, from its first slot on
 * @nr: number of objects
 * @moved: number of objects moved one by one since preemption was disabled; the
 *	objects moved here are added: at most a magazine's worth if it was 0,
 *	otherwise none
 *
 * Context: Any but NMI, with preemption off.
 * Return: false if there is no room; the magazine then still belongs to the
 * caller.
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
 * Take the oldest object out of the oldest lot.
 *
 * Return: whether there was one.  If it was the last of its lot, the lot is
 * stored in @drained and belongs to the caller.
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

/*
 * Make the oldest object available for allocation.  Return: whether there was
 * one.
 */
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

/* The result of an attempt to add an object. */
enum entered {
	ENTERED,
	NO_LOT,		/* no lot accepts single objects */
	NO_ROOM,
};

/*
 * Add an object to the open lot, or, unless it is NULL, to @lot, which becomes
 * open.
 */
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

/* Add one object.  Return: false if there is no room or no memory. */
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
 * kspan_quarantine_object - add an object that goes to no magazine
 * @ptr: the object
 * @state: its state byte, which says that it is free
 *
 * Context: Any but NMI, with preemption off.
 * Return: false if there is no room; the object then still belongs to the
 * caller.
 */
bool kspan_quarantine_object(const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };

	return enter(&slot, kspan_slot_bytes(&slot));
}

/**
 * kspan_quarantine_large - add a large object
 * @span: its span, whose object has been freed
 *
 * Context: Any but NMI.
 * Return: false if there is no room; the span then still belongs to the caller.
 */
bool kspan_quarantine_large(struct kspan_span *span)
{
	struct kspan_slot slot = { .ptr = (void *)span->base };

	/*
	 * Not an object so large that most others would have to leave for it.
	 */
	return kspan_span_size(span) <= max_bytes / 4 &&
	       enter(&slot, kspan_span_size(span));
}

/**
 * kspan_quarantine_release - make all objects available for allocation
 *
 * Context: Any but NMI.
 */
void kspan_quarantine_release(void)
{
	unsigned long nr = READ_ONCE(kspan_queue.nr_lots);
	union kspan_lot *lot;

	/*
	 * No more lots than there were, because others may add some all the
	 * time.
	 */
	while (nr-- && (lot = take_oldest()))
		let_lot_go(lot, NUMA_NO_NODE);
}

/**
 * kspan_quarantine_release_some - make the oldest objects available
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
 * Release all objects if nothing was added or released since the last call: a
 * system that frees nothing for so long has no use for the memory either.
 * Context: the scavenger's tick.
 */
void kspan_quarantine_age(void)
{
	unsigned long moves = READ_ONCE(kspan_queue.nr_moves);

	if (kspan_queue.nr_seen == moves)
		kspan_quarantine_release();
	kspan_queue.nr_seen = READ_ONCE(kspan_queue.nr_moves);
}

/* Sum of the sizes of the objects in the queue.  Context: Any. */
unsigned long kspan_quarantine_bytes(void)
{
	return READ_ONCE(kspan_queue.bytes);
}

/**
 * kspan_quarantine_init - set the limits from the parameter quarantine_kb
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
	/* With sbrk, memory is never reused anyway. */
	if (kb && !kspan_params.sbrk)
		static_branch_enable(&kspan_quarantine_key);
	return 0;
}

/*
 * Release all objects.  Context: module unload, after the caches were drained.
 */
void kspan_quarantine_exit(void)
{
	kspan_quarantine_release();
}
