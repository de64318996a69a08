// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of objects to KASAN, kmemleak and lockdep.
 *
 * A free is reported before the memory can belong to another client, so a live
 * object of the next client is never poisoned.  Two racing frees of one object
 * may both be reported, which is harmless.
 *
 * With check below 2, tiny objects share 16-byte blocks, which KASAN cannot
 * divide. tiny.c poisons whole blocks. kmemleak does not track tiny objects,
 * because it must not see two objects at one address.
 */
#include <linux/align.h>
#include <linux/debug_locks.h>
#include <linux/irqflags.h>
#include <linux/kmemleak.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "api/lookup.h"
#include "api/sanitize.h"
#include "base/gfp.h"
#include "heap/backing.h"
#include "heap/chunk.h"
#include "heap/large_cache.h"
#include "span/arena.h"
#include "span/guard.h"
#include "span/redzone.h"

/*
 * Bytes of the slot of a small or large object; 0 for a tiny object in a block.
 */
static size_t room_of(const struct kspan_span *span)
{
	return span->kind == KSPAN_TINY ? 0 : ALIGN(kspan_span_size(span), 8);
}

/* The span of a live object; it exists as long as the object does. */
static const struct kspan_span *span_of_live(const void *ptr)
{
	const struct kspan_span *span;

	preempt_disable();
	span = kspan_span_find(ptr);
	preempt_enable();
	return span;
}

/*
 * kmemleak allocates memory for each object, under locks that sleep on
 * PREEMPT_RT.  It does not track objects that are allocated where this returns
 * false.
 */
static bool may_tell_kmemleak(void)
{
	if (KSPAN_RT_RULES)
		return preemptible();
	return !in_hardirq() && !irqs_disabled();
}

/*
 * The least number of pointers to a live object.  At the start of a vmalloc()
 * area there is one more, in the kernel's description of the area.  It would
 * hide a leak.
 */
static int min_pointers(const struct kspan_span *span, const void *ptr)
{
	const void *area;

	if (span->kind == KSPAN_GUARD)
		area = kspan_guard_of(span)->area;
	else if (span->kind == KSPAN_LARGE && kspan_is_region(span))
		area = span->mem;
	else
		area = span->chunk->mem;
	return ptr == area && !kspan_is_direct(area) ? 2 : 1;
}

/**
 * kspan_sanitize_object - report the allocation of an object
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @size: requested bytes
 * @gfp: the client's flags
 *
 * Context: Any but NMI, as @gfp allows.
 */
void kspan_sanitize_object(void *ptr, size_t size, gfp_t gfp)
{
	const struct kspan_span *span;
	size_t room;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	span = span_of_live(ptr);
	room = room_of(span);
	kspan_kasan_unpoison_object(ptr, size, room);
	if (!room || !may_tell_kmemleak())
		return;
	/* All bytes up to kspan_size() may hold pointers. */
	kmemleak_alloc(ptr, kspan_redzone_on() ? size : room,
		       min_pointers(span, ptr), gfp);
	if (span->kind == KSPAN_DATA ||
	    ((span->kind == KSPAN_LARGE || span->kind == KSPAN_GUARD) && span->data))
		kmemleak_no_scan(ptr);
}

/**
 * kspan_sanitize_objects - report the allocation of several objects
 * @objs: the objects
 * @n: number of objects
 * @size: requested bytes of each
 * @gfp: the client's flags
 *
 * Context: Any but NMI, as @gfp allows.
 */
void kspan_sanitize_objects(void **objs, size_t n, size_t size, gfp_t gfp)
{
	while (n--)
		kspan_sanitize_object(*objs++, size, gfp);
}

/**
 * kspan_sanitize_forget - report the end of an object
 * @ptr: the object
 * @room: bytes of its slot
 *
 * Context: Any but NMI.
 */
void kspan_sanitize_forget(const void *ptr, size_t room)
{
	debug_check_no_locks_freed(ptr, room);
	kmemleak_free(ptr);
	/* RCU readers may access it as long as its span exists. */
	if (!kspan_sc_is_rcu(kspan_span_sc(kspan_span_find(ptr))))
		kspan_kasan_poison_object(ptr, room);
}

/**
 * kspan_sanitize_free_object - report that a client frees something
 * @ptr: any value; nothing is reported unless it is a live object
 *
 * In NMI nothing is reported. kspan_sanitize_forget() does that when the object
 * leaves the list of deferred frees.
 *
 * Context: Any.
 */
void kspan_sanitize_free_object(const void *ptr)
{
	struct kspan_object object;
	size_t room = 0;

	if (ZERO_OR_NULL_PTR(ptr) || in_nmi())
		return;
	preempt_disable();
	if (kspan_lookup_silent(ptr, &object))
		room = room_of(object.span);
	/* Before preemption is on: a concurrent free may end the span. */
	if (room)
		kspan_sanitize_forget(ptr, room);
	preempt_enable();
}

/**
 * kspan_sanitize_resize_object - report the new size of an object
 * @ptr: the object, live
 * @size: bytes
 * @gfp: the client's flags
 *
 * Context: Any but NMI, as @gfp allows.
 */
void kspan_sanitize_resize_object(void *ptr, size_t size, gfp_t gfp)
{
	/*
	 * kmemleak keeps the old size if the new one cannot be reported here.
	 */
	if (span_of_live(ptr)->kind != KSPAN_TINY && may_tell_kmemleak())
		kmemleak_free(ptr);
	kspan_sanitize_object(ptr, size, gfp);
}

/**
 * kspan_sanitize_whole - report that a client may use more bytes than requested
 * @ptr: the object, live
 * @size: bytes
 *
 * Context: Any.
 */
void kspan_sanitize_whole(const void *ptr, size_t size)
{
	kspan_kasan_unpoison_object(ptr, size, room_of(span_of_live(ptr)));
}
