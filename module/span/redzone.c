// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: redzones and poison.
 *
 * Every object is followed by a redzone: from the last byte that was asked for
 * to the end of its slot, KSPAN_REDZONE_MIN bytes at least; a size that would
 * leave less goes to the next class, or takes one more page if it is large.  It
 * is looked at by the free, by a resize and by verify.  A freed object and one
 * that was never used are filled with poison, which is looked at when the object
 * is handed out, by verify, and when its span ends.  So every byte of a span but
 * its tail is a client's, redzone or poison, and a write in front of an object
 * hits the redzone or the poison of the slot before it.  What was asked for
 * stands out of line, beside the states, where an overrun does not reach it.
 *
 * The bytes are SLUB's, so that whoever reads an oops knows them: 0xcc behind
 * a live object, 0x6b in a free one and 0xa5 in its last byte.
 *
 * An object whose bytes are wrong is reported and then left alone for good:
 * whoever wrote there may still hold the pointer.
 *
 * Here is what concerns the bytes; cache_redzone.c takes objects and takes
 * them back, central_check.c and large.c go through the free ones, verify.c
 * through the live ones.
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
 * What keeps the redzone of a live object as it is while verify looks at it: a
 * resize changes it under its span's lock, and what a free changes, it changes
 * after poison(), which waits for that lock once.  A leaf; any context but NMI.
 */
static raw_spinlock_t span_locks[NR_LOCKS];

static raw_spinlock_t *lock_of(const struct kspan_span *span)
{
	return &span_locks[(unsigned long)span / sizeof(*span) % NR_LOCKS];
}

/* Learn whether there is anything to do.  Context: module load, before all. */
void kspan_redzone_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(span_locks); i++)
		raw_spin_lock_init(&span_locks[i]);
	if (kspan_params.check > 1)
		static_branch_enable(&kspan_redzone_key);
}

/**
 * kspan_redzone_class - the class for an object and its redzone
 * @size: bytes asked for, not 0
 * @align: alignment asked for, a power of two; 0 for none
 *
 * A power of two is aligned to itself, up to a heap page, as without redzone.
 *
 * Context: Any.
 * Return: the class, or 0: it takes a large object.
 */
unsigned int kspan_redzone_class(size_t size, size_t align)
{
	unsigned int class;

	/* Spans begin at a heap page, and are aligned to no more. */
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

static u16 *small_asked(const struct kspan_span *span, const void *ptr)
{
	return &kspan_span_asked(span)[kspan_span_index(span, (unsigned long)ptr)];
}

/**
 * kspan_redzone_asked - what a live object was asked for with
 * @span: its span
 * @ptr: the object
 *
 * Context: Any.
 * Return: bytes.
 */
size_t kspan_redzone_asked(const struct kspan_span *span, const void *ptr)
{
	if (span->kind == KSPAN_LARGE)
		return READ_ONCE(span->asked);
	if (!kspan_sc_is_static(span->sc) && kspan_sc_find(span->sc)->asked)
		return kspan_sc_find(span->sc)->asked;
	return READ_ONCE(*small_asked(span, ptr));
}

/**
 * kspan_redzone_set - give an object its size and its redzone
 * @span: its span
 * @ptr: the object, the caller's
 * @size: bytes, so few that there is room for a redzone
 *
 * Context: Any.
 */
void kspan_redzone_set(struct kspan_span *span, void *ptr, size_t size)
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

/* The first byte of a redzone that is wrong, or NULL. */
static const u8 *overwritten_redzone(const struct kspan_span *span, const void *ptr)
{
	size_t size = kspan_redzone_asked(span, ptr);

	return overwritten_bytes(ptr + size, RED_BYTE, kspan_span_size(span) - size);
}

/* The first byte of a free object that is wrong, or NULL. */
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
 * kspan_redzone_check - look at a redzone, and report a write into it
 * @span: the object's span
 * @ptr: an object whose free only the caller can do
 *
 * Context: Any, NMI too.
 * Return: whether it is as it should be.
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
 * kspan_redzone_check_live - look at the redzone of an object that is not ours
 * @span: the object's span, kept by preemption off
 * @ptr: the object, live or not
 * @state: its state byte: the object's, or the life of a large one
 * @live: the state of a live one
 * @overrun: the state of one that was reported
 *
 * The client may free or resize the object at any moment.  If its state is @live
 * after a wrong byte was read it has been live since before: to become live
 * again it would have had to be poisoned, which waits for the lock.  Whoever
 * takes it out of that state reports it: this function, or the free.
 *
 * Context: Any but NMI, with preemption off.
 * Return: false if a write into it was found now, and reported.
 */
bool kspan_redzone_check_live(struct kspan_span *span, const void *ptr,
			      u8 *state, u8 live, u8 overrun)
{
	size_t room = kspan_span_size(span), size = room;
	raw_spinlock_t *lock = lock_of(span);
	const u8 *bad = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	/* Its redzone came before its state. */
	if (smp_load_acquire(state) == live)
		size = kspan_redzone_asked(span, ptr);
	/* A large object that an NMI frees meanwhile has a link there. */
	if (size < room && room - size < KSPAN_PAGE_SIZE + KSPAN_SMALL_MAX)
		bad = overwritten_bytes(ptr + size, RED_BYTE, room - size);
	if (bad && cmpxchg(state, live, overrun) != live)
		bad = NULL;
	raw_spin_unlock_irqrestore(lock, flags);
	if (likely(!bad))
		return true;
	/* Nobody gets its memory any more, and a resize leaves it alone. */
	kspan_report_overrun(ptr, span, size, bad, RED_BYTE);
	return false;
}

/**
 * kspan_redzone_wipe - forget what a damaged object held, if that is promised
 * @span: its span
 * @ptr: the object, which nobody will use again
 *
 * The redzone stays as it was found.
 *
 * Context: Any, NMI too.
 */
void kspan_redzone_wipe(const struct kspan_span *span, void *ptr)
{
	if (want_init_on_free())
		kspan_fill_object(ptr, 0, kspan_redzone_asked(span, ptr));
}

/**
 * kspan_redzone_resize - change the size of an object where it is
 * @span: its span
 * @ptr: the object, live
 * @size: bytes, not 0
 * @zero: whether to zero the bytes that are added
 *
 * As without redzones, an object stays while its class or number of pages is
 * the right one, and one with a class above its size's own, for an alignment,
 * while it fits.
 *
 * Context: Any.
 * Return: false, and nothing done, if it has to move; also with a redzone
 * that was written to, which the free after the move reports.
 */
bool kspan_redzone_resize(struct kspan_span *span, void *ptr, size_t size,
			  bool zero)
{
	size_t old = kspan_redzone_asked(span, ptr), room = kspan_span_size(span);
	unsigned int class = kspan_sc_class(kspan_span_sc(span));
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;
	bool sound;

	/* One of a named cache has the size that all of them have. */
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
 * kspan_redzone_shrink - let an object have fewer bytes where it is
 * @span: its span
 * @ptr: the object, live
 * @size: bytes, not 0 and no more than it has
 *
 * The redzone begins earlier.  What it was before stays as it is, so that the free
 * finds what was written there.
 *
 * Context: Any.
 */
void kspan_redzone_shrink(struct kspan_span *span, void *ptr, size_t size)
{
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;

	/* Without the lock, as it may be much; all this is the object yet. */
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
 * @ptr: the object, nobody's any more
 *
 * Context: Any but NMI.
 */
void kspan_redzone_poison(const struct kspan_span *span, void *ptr)
{
	raw_spinlock_t *lock = lock_of(span);
	unsigned long flags;

	/* Who has seen it live has finished with its bytes, or has not begun. */
	raw_spin_lock_irqsave(lock, flags);
	raw_spin_unlock_irqrestore(lock, flags);
	fill_with_poison(span, ptr);
}

/**
 * kspan_redzone_poison_span - fill the objects of a new span
 * @span: a small span that nobody else knows yet
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
 * kspan_redzone_check_poison - look at a free object, and report a write to it
 * @span: its span
 * @ptr: the object, poisoned; the caller's or under its central lock
 *
 * Context: Any.
 * Return: whether it is as it should be.
 */
bool kspan_redzone_check_poison(const struct kspan_span *span, const void *ptr)
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
 * kspan_redzone_next_overwritten - the next free object that was written to
 * @span: a small span, under its central lock or the caller's alone
 * @i: index of the first object to look at
 *
 * Context: Any.
 * Return: its index, or the number of objects if there is none.
 */
unsigned int kspan_redzone_next_overwritten(const struct kspan_span *span,
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
