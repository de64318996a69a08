// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: redzones and poison.
 *
 * A redzone follows every object.  It reaches from the end of the requested bytes
 * to the end of the slot, and has at least KSPAN_REDZONE_MIN bytes: a size that
 * would leave less uses a larger class, or one more page if it is large.  A free, a
 * resize and verify check it.  Objects that were freed or never used are filled
 * with poison.  An allocation and verify check it, and so does the end of a span.
 * So every byte of a span, except its tail, belongs to a client, to a redzone or to
 * poison.  A write in front of an object hits the redzone or the poison of the slot
 * before it.  The requested size is stored beside the states, where an overrun does
 * not reach it.
 *
 * The bytes are those of SLUB, which readers of an oops recognise: 0xcc behind a
 * live object, 0x6b in a free one and 0xa5 in its last byte.
 *
 * A damaged object is reported and never used again, since the code that wrote
 * there may still hold the pointer.
 *
 * This file handles the bytes.  cache_redzone.c allocates and frees the objects,
 * central_check.c and large.c check free objects, and verify.c checks live ones.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/kasan.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "span/redzone.h"
#include "span/report.h"

#define RED_BYTE	SLUB_RED_ACTIVE

/* Locks of spans, a power of two; several spans share one. */
#define NR_LOCKS	32U

DEFINE_STATIC_KEY_FALSE(kspan_redzone_key);

atomic64_t kspan_redzone_alloc_bytes;
atomic64_t kspan_redzone_free_bytes;

/*
 * These locks keep the redzone of a live object stable while verify reads it.  A
 * resize changes the redzone under the lock of its span.  A free waits for that
 * lock once, in kspan_redzone_poison(), before it changes any byte.  A leaf; any
 * context but NMI.
 */
static raw_spinlock_t span_locks[NR_LOCKS];

static raw_spinlock_t *lock_of(const struct kspan_span *span)
{
	return &span_locks[(unsigned long)span / sizeof(*span) % NR_LOCKS];
}

/* Turn the checks on if check=2.  Context: module load, before all else. */
void kspan_redzone_init(void)
{
	unsigned int i;

	/* Not by ARRAY_SIZE(): a lock has no bytes in kernels for one CPU. */
	for (i = 0; i < NR_LOCKS; i++)
		raw_spin_lock_init(&span_locks[i]);
	if (kspan_params.check > 1)
		static_branch_enable(&kspan_redzone_key);
}

/**
 * kspan_redzone_class - the class for an object and its redzone
 * @size: requested bytes, not 0
 * @align: requested alignment, a power of two; 0 for none
 *
 * An object whose size is a power of two is aligned to its size, up to a heap page,
 * as without redzones.
 *
 * Context: Any.
 * Return: the class, or 0 if only a large object will do.
 */
unsigned int kspan_redzone_class(size_t size, size_t align)
{
	unsigned int class;

	/* Spans are aligned to a heap page only. */
	if (size > KSPAN_SMALL_MAX - KSPAN_REDZONE_MIN || align > KSPAN_PAGE_SIZE)
		return 0;
	align = max_t(size_t, align, 1);
	if (is_power_of_2(size))
		align = max_t(size_t, align, min_t(size_t, size, KSPAN_PAGE_SIZE));
	class = kspan_size_to_class(size + KSPAN_REDZONE_MIN);
	for (; class <= KSPAN_NR_CLASSES; class++)
		if (!(kspan_classes[class].size & (align - 1)))
			return class;
	return 0;
}

static __kspan_noprobe u16 *small_asked(const struct kspan_span *span,
					const void *ptr)
{
	return &kspan_span_asked(span)[kspan_span_index(span, (unsigned long)ptr)];
}

/**
 * kspan_redzone_asked - the requested size of a live object
 * @span: its span
 * @ptr: the object
 *
 * Context: Any.
 * Return: bytes.
 */
size_t __kspan_noprobe kspan_redzone_asked(const struct kspan_span *span,
					   const void *ptr)
{
	if (span->kind == KSPAN_LARGE)
		return READ_ONCE(span->asked);
	if (!kspan_sc_is_static(span->sc) && kspan_sc_find(span->sc)->asked)
		return kspan_sc_find(span->sc)->asked;
	return READ_ONCE(*small_asked(span, ptr));
}

/**
 * kspan_redzone_set - set the requested size and the redzone of an object
 * @span: its span
 * @ptr: the object, which belongs to the caller
 * @size: bytes, which leave room for a redzone
 *
 * Context: Any.
 */
void __kspan_noprobe kspan_redzone_set(struct kspan_span *span, void *ptr,
				       size_t size)
{
	if (span->kind == KSPAN_LARGE)
		WRITE_ONCE(span->asked, size);
	else if (kspan_sc_is_static(span->sc) || !kspan_sc_find(span->sc)->asked)
		WRITE_ONCE(*small_asked(span, ptr), size);
	kspan_fill_object(ptr + size, RED_BYTE, kspan_span_size(span) - size);
}

/* The first byte that is not @want, or NULL. */
static const u8 *overwritten_bytes(const void *mem, u8 want, size_t bytes)
{
	const u8 *bad;

	kspan_kasan_pause();
	bad = memchr_inv(mem, want, bytes);
	kspan_kasan_resume();
	return bad;
}

/* The first wrong byte of a redzone, or NULL. */
static const u8 *overwritten_redzone(const struct kspan_span *span, const void *ptr)
{
	size_t size = kspan_redzone_asked(span, ptr);

	return overwritten_bytes(ptr + size, RED_BYTE, kspan_span_size(span) - size);
}

/* The first wrong byte of a free object, or NULL. */
static const u8 *overwritten_poison(const struct kspan_span *span, const void *ptr)
{
	const u8 *last = ptr + kspan_span_size(span) - 1;
	const u8 *bad;

	bad = overwritten_bytes(ptr, POISON_FREE, last - (const u8 *)ptr);
	if (!bad)
		bad = overwritten_bytes(last, POISON_END, 1);
	return bad;
}

/**
 * kspan_redzone_check - check a redzone, and report a write into it
 * @span: the object's span
 * @ptr: an object that only the caller can free
 *
 * Context: Any, including NMI.
 * Return: true if the redzone is intact.
 */
bool kspan_redzone_check(const struct kspan_span *span, const void *ptr)
{
	const u8 *bad = overwritten_redzone(span, ptr);

	if (likely(!bad))
		return true;
	kspan_report_overrun(ptr, span, kspan_redzone_asked(span, ptr), bad,
			     RED_BYTE);
	return false;
}

/**
 * kspan_redzone_check_live - check the redzone of a client's object
 * @span: the object's span, which preemption off keeps
 * @ptr: the object, live or not
 * @state: its state byte, or @live of a large object's span
 * @live: value of @state for a live object
 * @overrun: value of @state for a live object that was reported
 *
 * The client may free or resize the object at any moment.  If the state is @live
 * after a wrong byte was read, the object has been live since before: to become
 * live again it would have had to be poisoned, which waits for the lock.  The code
 * that changes the state from @live reports the damage: this function or the free.
 *
 * Context: Any but NMI, with preemption off.
 * Return: false if this call found and reported a write into it.
 */
bool kspan_redzone_check_live(struct kspan_span *span, const void *ptr,
			      u8 *state, u8 live, u8 overrun)
{
	size_t room = kspan_span_size(span), size = room;
	raw_spinlock_t *lock = lock_of(span);
	const u8 *bad = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	/* Pairs with the write of the state, which follows that of the redzone. */
	if (smp_load_acquire(state) == live)
		size = kspan_redzone_asked(span, ptr);
	/* An NMI that frees a large object meanwhile stores a link in @asked. */
	if (size < room && room - size < KSPAN_PAGE_SIZE + KSPAN_SMALL_MAX)
		bad = overwritten_bytes(ptr + size, RED_BYTE, room - size);
	if (bad && cmpxchg(state, live, overrun) != live)
		bad = NULL;
	raw_spin_unlock_irqrestore(lock, flags);
	if (likely(!bad))
		return true;
	/* Its memory is not reused any more, and a resize does not change it. */
	kspan_report_overrun(ptr, span, size, bad, RED_BYTE);
	return false;
}

/**
 * kspan_redzone_wipe - zero a damaged object if init_on_free=1
 * @span: its span
 * @ptr: the object, which will not be used again
 *
 * The redzone stays as it was found.
 *
 * Context: Any, including NMI.
 */
void kspan_redzone_wipe(const struct kspan_span *span, void *ptr)
{
	if (want_init_on_free())
		kspan_fill_object(ptr, 0, kspan_redzone_asked(span, ptr));
}

/**
 * kspan_redzone_resize - change the size of an object in place
 * @span: its span
 * @ptr: the object, live
 * @size: bytes, not 0
 * @zero: whether to zero the bytes that are added
 *
 * As without redzones, an object stays if its class or number of pages suits the
 * new size.  An object of a larger class than its size needs, because of its
 * alignment, stays while it fits.
 *
 * Context: Any.
 * Return: false, without any change, if the object has to move; also if its
 * redzone was overwritten, which the free after the move reports.
 */
bool kspan_redzone_resize(struct kspan_span *span, void *ptr, size_t size,
			  bool zero)
{
	size_t old = kspan_redzone_asked(span, ptr), room = kspan_span_size(span);
	unsigned int class = kspan_sc_class(kspan_span_sc(span));
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;
	bool sound;

	/* An object of a named cache has the size of all its objects. */
	if (size > room - KSPAN_REDZONE_MIN ||
	    (span->kind != KSPAN_LARGE && !class))
		return false;
	if (span->kind == KSPAN_LARGE) {
		if (size + KSPAN_REDZONE_MIN + KSPAN_PAGE_SIZE <= room)
			return false;
	} else if (kspan_redzone_class(old, 0) == class &&
		   kspan_redzone_class(size, 0) != class) {
		return false;
	}
	raw_spin_lock_irqsave(lock, flags);
	sound = !overwritten_redzone(span, ptr);
	if (sound) {
		if (zero && size > old)
			kspan_fill_object(ptr + old, 0, size - old);
		kspan_redzone_set(span, ptr, size);
	}
	raw_spin_unlock_irqrestore(lock, flags);
	return sound;
}

/**
 * kspan_redzone_shrink - reduce the size of an object in place
 * @span: its span
 * @ptr: the object, live
 * @size: bytes, not 0 and no more than it has
 *
 * The redzone begins earlier.  The former redzone is not rewritten, so that the
 * free still finds writes into it.
 *
 * Context: Any.
 */
void kspan_redzone_shrink(struct kspan_span *span, void *ptr, size_t size)
{
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;

	/* Without the lock, since it may take long: these bytes are the object's. */
	kspan_fill_object(ptr + size, RED_BYTE,
			  kspan_redzone_asked(span, ptr) - size);
	raw_spin_lock_irqsave(lock, flags);
	if (span->kind == KSPAN_LARGE)
		WRITE_ONCE(span->asked, size);
	else
		WRITE_ONCE(*small_asked(span, ptr), size);
	raw_spin_unlock_irqrestore(lock, flags);
}

static void fill_with_poison(const struct kspan_span *span, void *ptr)
{
	size_t last = kspan_span_size(span) - 1;

	kspan_fill_object(ptr, POISON_FREE, last);
	kspan_fill_object(ptr + last, POISON_END, 1);
}

/**
 * kspan_redzone_poison - fill a freed object
 * @span: its span
 * @ptr: the object, which the caller has claimed
 *
 * Context: Any but NMI.
 */
void kspan_redzone_poison(const struct kspan_span *span, void *ptr)
{
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;

	/* Wait until verify, if it saw the object live, has read its bytes. */
	raw_spin_lock_irqsave(lock, flags);
	raw_spin_unlock_irqrestore(lock, flags);
	fill_with_poison(span, ptr);
}

/**
 * kspan_redzone_poison_span - fill the objects of a new span
 * @span: a small span that is not published yet
 *
 * Context: Any but NMI.
 */
void kspan_redzone_poison_span(struct kspan_span *span)
{
	unsigned int i;

	if (kspan_sc_keeps(span->sc))
		return;
	for (i = 0; i < span->nr_objs; i++) {
		fill_with_poison(span, (void *)kspan_span_addr(span, i));
		span->state[i] = KSPAN_OBJ_POISONED;
	}
}

/**
 * kspan_redzone_check_poison - check a free object, and report a write to it
 * @span: its span
 * @ptr: the object, poisoned; the caller holds it or its central lock
 *
 * Context: Any.
 * Return: true if the poison is intact.
 */
bool __kspan_noprobe kspan_redzone_check_poison(const struct kspan_span *span,
						const void *ptr)
{
	const u8 *bad = overwritten_poison(span, ptr);
	const u8 *last = ptr + kspan_span_size(span) - 1;

	if (likely(!bad))
		return true;
	kspan_report_use_after_free(ptr, span, bad,
				    bad == last ? POISON_END : POISON_FREE);
	return false;
}

/**
 * kspan_redzone_next_overwritten - find the next free object that was written to
 * @span: a small span; the caller holds its central lock or is its only user
 * @i: index of the first object to check
 *
 * Context: Any.
 * Return: its index, or the number of objects if there is none.
 */
unsigned int __kspan_noprobe kspan_redzone_next_overwritten(const struct kspan_span *span,
							    unsigned int i)
{
	const unsigned long *bitmap = kspan_span_bitmap(span);

	for_each_set_bit_from(i, bitmap, span->nr_objs) {
		if (span->state[i] == KSPAN_OBJ_POISONED &&
		    overwritten_poison(span, (void *)kspan_span_addr(span, i)))
			return i;
	}
	return span->nr_objs;
}
