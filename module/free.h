/* SPDX-License-Identifier: GPL-2.0 */
/*
 * free.h - the fast path of a free, shared by single and bulk frees.
 */
#ifndef KSPAN_FREE_H
#define KSPAN_FREE_H

#include <linux/compiler.h>

#include "arena.h"
#include "cache.h"

/**
 * kspan_free_to - put a plain small object into a cache
 * @span: what the arena map has for @ptr
 * @ptr: any value
 * @more: whether to trade magazines if F is full, and to serve interrupts; a
 *	constant
 *
 * The product tells everything about the pointer at once: its upper half is
 * the object's index, its lower half is below the divisor for an object's
 * first byte only.  A marker span, a tiny or a large one has divisor 0, which
 * nothing is below.
 *
 * Context: Preemption off.
 * Return: false, and nothing done, if it takes more than that.
 */
static __always_inline bool kspan_free_to(struct kspan_span *span,
					  const void *ptr, bool more)
{
	u32 magic = READ_ONCE(span->magic);
	u64 prod = (u64)(u32)((unsigned long)ptr - span->base) * magic;
	u8 *state;

	if (unlikely((u32)prod >= magic))
		return false;
	state = span->state + (prod >> 32);
	if (unlikely(*state != KSPAN_OBJ_LIVE))
		return false;
	if (unlikely(!kspan_in_task()))
		return more && kspan_cache_push_irq(span->top, ptr, state);
	if (likely(kspan_cache_push(span->top, ptr, state)))
		return true;
	return more && kspan_cache_trade_free(span->top) &&
	       kspan_cache_push(span->top, ptr, state);
}

void kspan_free_slow(const void *ptr);
void kspan_free_exit(void);

#endif /* KSPAN_FREE_H */
