/* SPDX-License-Identifier: GPL-2.0 */
/*
 * free.h - the fast path of a free, shared by single and bulk frees.
 */
#ifndef KSPAN_FREE_H
#define KSPAN_FREE_H

#include <linux/compiler.h>
#include <linux/minmax.h>

#include "cache/cache.h"
#include "span/arena.h"

/**
 * kspan_is_plain - whether a pointer is the first byte of a plain small object
 * @span: the entry of the arena map for @ptr
 * @ptr: any value
 * @state: set to the address of its state byte, if it is
 *
 * One product decides: its upper half is the index of the object, and its lower
 * half is below the divisor only for the first byte of an object.  The divisor
 * of marker spans, tiny spans and large objects is 0, and nothing is below 0.
 *
 * Context: Preemption off.
 * Return: whether it is.
 */
static __always_inline bool kspan_is_plain(const struct kspan_span *span,
					   const void *ptr, u8 **state)
{
	u32 magic = READ_ONCE(span->magic);
	u64 prod = (u64)(u32)((unsigned long)ptr - span->base) * magic;

	if (unlikely((u32)prod >= magic))
		return false;
	*state = span->state + (prod >> 32);
	return true;
}

/**
 * kspan_is_live - whether a pointer is a live plain small object
 * @span: the entry of the arena map for @ptr
 * @ptr: any value
 *
 * Context: Preemption off.
 * Return: whether it is, at this moment.
 */
static __always_inline bool kspan_is_live(const struct kspan_span *span,
					  const void *ptr)
{
	u8 *state;

	return kspan_is_plain(span, ptr, &state) &&
	       READ_ONCE(*state) == KSPAN_OBJ_LIVE;
}

/**
 * kspan_free_to - push a plain small object on F of the task cache
 * @span: the entry of the arena map for @ptr
 * @ptr: any value
 *
 * Context: Task, with preemption off.
 * Return: false, and nothing is done, if the fast path cannot free @ptr.
 */
static __always_inline bool kspan_free_to(struct kspan_span *span,
					  const void *ptr)
{
	u8 *state;

	return likely(kspan_is_plain(span, ptr, &state)) &&
	       kspan_cache_push(span->index, ptr, state);
}

/**
 * kspan_free_row - push plain small objects of one class on F of the task cache
 * @span: the entry of the arena map for the first of them
 * @f: the index of the class's F
 * @objs: any values
 * @nr: number of values, not 0
 *
 * This stops at the first value that is not such an object, or when F is full.
 * The top of F stays in a register meanwhile.
 *
 * Context: Task, with preemption off.
 * Return: number of objects freed.
 */
static __always_inline unsigned int kspan_free_row(struct kspan_span *span,
						   unsigned long f, void **objs,
						   unsigned int nr)
{
	struct kspan_slot *slot = __this_cpu_read(kspan_tops[f]);
	unsigned int room = (-(unsigned long)slot & KSPAN_MAG_MASK) / sizeof(*slot);
	void **obj = objs, **end = objs + min(nr, room);
	unsigned long page = (unsigned long)objs[0] & ~(KSPAN_PAGE_SIZE - 1);
	u8 *state;

	for (; obj != end; obj++) {
		/*
		 * Adjacent objects, as bulk allocation returns them, often
		 * share a span.
		 */
		if ((page ^ (unsigned long)*obj) >= KSPAN_PAGE_SIZE) {
			page = (unsigned long)*obj & ~(KSPAN_PAGE_SIZE - 1);
			span = kspan_span_of(*obj);
		}
		if (unlikely(!kspan_is_plain(span, *obj, &state) ||
			     span->index != f ||
			     !kspan_obj_claim(state, KSPAN_OBJ_LIVE,
					      KSPAN_OBJ_FREE)))
			break;
		slot->ptr = *obj;
		slot->state = state;
		slot++;
	}
	kspan_top_write(f, slot);
	return obj - objs;
}

void kspan_free_slow(const void *ptr);
void kspan_free_unwatched(const void *ptr);
void kspan_free_on(const void *ptr);
bool kspan_free_if_live(const void *ptr);

#endif /* KSPAN_FREE_H */
