// SPDX-License-Identifier: GPL-2.0
/*
 * What KASAN, kmemleak and lockdep are told about objects.
 *
 * A free tells before the object is anybody else's, so an object that the
 * next user has is never poisoned; two frees of one object at the same time
 * may be told twice, which harms nothing.
 *
 * Tiny objects with check below 2 share 16-byte blocks, less than KASAN can
 * tell apart: they are poisoned by the block (tiny.c), and kmemleak, which
 * must not see two objects at one address, does not know them.
 */
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
#include "span/redzone.h"

/* Bytes of the slot of a small or large object; 0 for a part of a block. */
static size_t room_of(const struct kspan_span *span)
{
	return span->kind == KSPAN_TINY ? 0 : kspan_span_size(span);
}

/* The span of a live object, which stays. */
static const struct kspan_span *span_of_live(const void *ptr)
{
	const struct kspan_span *span;

	preempt_disable();
	span = kspan_span_find(ptr);
	preempt_enable();
	return span;
}

/*
 * kmemleak takes memory for each object, under locks that sleep on PREEMPT_RT.
 * What it is not told of it does not know.
 */
static bool may_tell_kmemleak(void)
{
	if (KSPAN_RT_RULES)
		return preemptible();
	return !in_hardirq() && !irqs_disabled();
}

/*
 * How many pointers to a live object there are at least.  What begins an area
 * of vmalloc() has one in the kernel's description of that, which would hide
 * that nobody else has any.
 */
static int min_pointers(const struct kspan_span *span, const void *ptr)
{
	const void *area;

	if (span->kind == KSPAN_LARGE && kspan_is_region(span))
		area = span->mem;
	else
		area = span->chunk->mem;
	return ptr == area && !kspan_is_direct(area) ? 2 : 1;
}

/**
 * kspan_sanitize_object - an object goes to a client
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @size: bytes asked for
 * @gfp: the client's flags
 *
 * Context: Any but NMI; as @gfp.
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
	/* All that kspan_size() would say may hold pointers. */
	kmemleak_alloc(ptr, kspan_redzone_on() ? size : room,
		       min_pointers(span, ptr), gfp);
	if (span->kind == KSPAN_DATA || (span->kind == KSPAN_LARGE && span->data))
		kmemleak_no_scan(ptr);
}

/**
 * kspan_sanitize_objects - objects go to a client
 * @objs: the objects
 * @n: how many
 * @size: bytes asked for, of each
 * @gfp: the client's flags
 *
 * Context: Any but NMI; as @gfp.
 */
void kspan_sanitize_objects(void **objs, size_t n, size_t size, gfp_t gfp)
{
	while (n--)
		kspan_sanitize_object(*objs++, size, gfp);
}

/**
 * kspan_sanitize_forget - an object ends
 * @ptr: the object
 * @room: bytes of its slot
 *
 * Context: Any but NMI.
 */
void kspan_sanitize_forget(const void *ptr, size_t room)
{
	debug_check_no_locks_freed(ptr, room);
	kmemleak_free(ptr);
	/* Readers may look at it for as long as its span lasts. */
	if (!kspan_sc_is_rcu(kspan_span_sc(kspan_span_find(ptr))))
		kspan_kasan_poison_object(ptr, room);
}

/**
 * kspan_sanitize_free_object - a client frees something
 * @ptr: any value; what is no live object is left alone
 *
 * In NMI nothing is told: that is done when the object leaves the list of
 * deferred frees, kspan_sanitize_forget().
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
	/* Not later: the span may end with somebody else's free of it. */
	if (room)
		kspan_sanitize_forget(ptr, room);
	preempt_enable();
}

/**
 * kspan_sanitize_resize_object - an object has another size now
 * @ptr: the object, live
 * @size: bytes
 * @gfp: the client's flags
 *
 * Context: Any but NMI; as @gfp.
 */
void kspan_sanitize_resize_object(void *ptr, size_t size, gfp_t gfp)
{
	/* Where it could not be told again it stays as it was known. */
	if (span_of_live(ptr)->kind != KSPAN_TINY && may_tell_kmemleak())
		kmemleak_free(ptr);
	kspan_sanitize_object(ptr, size, gfp);
}

/**
 * kspan_sanitize_whole - a client may use more of an object than it asked for
 * @ptr: the object, live
 * @size: bytes
 *
 * Context: Any.
 */
void kspan_sanitize_whole(const void *ptr, size_t size)
{
	kspan_kasan_unpoison_object(ptr, size, room_of(span_of_live(ptr)));
}
