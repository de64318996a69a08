/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arena.h - the arena map: from any address to its span.
 *
 * The address space is divided into frames of 64 MiB (4 MiB on 32-bit), which are
 * the arenas of the Go runtime.  Each frame in which kspan has memory has a table
 * with one span pointer for each heap page (heapArena in that runtime).  A frame
 * is a slot of the map and reserves nothing: chunks lie where vmalloc() puts
 * them, and may cross from one frame into the next.
 *
 * The map has two levels.  The window is an array over all frames from the lowest
 * to the highest in which kspan ever had memory.  vmalloc() hands out low addresses
 * first, so the array is small.  A larger one replaces it when memory arrives
 * outside of it.  If the array would become too large for the memory of the
 * machine, the frame goes into an xarray, which only the slow path reads.
 *
 * No entry of a table or of the window is ever NULL.  Pages and frames without
 * memory of kspan lead to kspan_null_span.  Its magic is 0, which sends every
 * free of such a page to the slow path without an extra test.
 */
#ifndef KSPAN_ARENA_H
#define KSPAN_ARENA_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/types.h>

#include "span/span.h"

#ifdef CONFIG_64BIT
#define KSPAN_FRAME_SHIFT	26
#else
#define KSPAN_FRAME_SHIFT	22
#endif
#define KSPAN_FRAME_SIZE	(1UL << KSPAN_FRAME_SHIFT)
#define KSPAN_FRAME_PAGES	(KSPAN_FRAME_SIZE >> KSPAN_PAGE_SHIFT)

/**
 * struct kspan_window - the tables of a row of frames
 * @rcu: to free a window after a larger one replaced it
 * @base: address of the first frame; set once
 * @nr_frames: number of frames; set once
 * @origin: for each frame the address that the entry of heap page 0 of the address
 *	space would have if the frame's table began there, so that the number of
 *	a page leads to its entry without being masked.  An entry changes once, from
 *	the null table to another one (release), under arena_lock.
 */
struct kspan_window {
	struct rcu_head rcu;
	unsigned long base;
	unsigned long nr_frames;
	unsigned long origin[];
};

/*
 * The window; replaced under arena_lock (release).  Readers need no lock, but must
 * have preemption off, as for a span.
 */
extern struct kspan_window *kspan_window;

/*
 * Whether the CPU performs its loads in program order, as x86 does.  All
 * architectures that are not named here are taken to reorder loads.
 */
#define KSPAN_LOADS_IN_ORDER \
	(IS_ENABLED(CONFIG_X86) || IS_ENABLED(CONFIG_UML_X86))

/**
 * kspan_window_of - the window, as it was when a pointer was handed out, or newer
 * @ptr: any value
 *
 * The caller has loaded @ptr from memory.  A CPU that reorders loads could have
 * loaded the pointer to the window before, when the memory of the object was not
 * yet in the window.  Such a CPU keeps the order if the address of the second load
 * depends on the value of the first one.  Therefore a zero that is computed from
 * @ptr is added to the address; it costs one or two instructions there, and none
 * on x86.
 *
 * Context: Any, with preemption off.
 * Return: the window.
 */
static __always_inline const struct kspan_window *
kspan_window_of(const void *ptr)
{
	unsigned long same = (unsigned long)ptr;

	if (KSPAN_LOADS_IN_ORDER)
		return READ_ONCE(kspan_window);
	/* The compiler must not see that the difference is 0. */
	OPTIMIZER_HIDE_VAR(same);
	same ^= (unsigned long)ptr;
	return READ_ONCE(*(struct kspan_window **)((char *)&kspan_window + same));
}

/**
 * kspan_span_of - the span of an address in the window
 * @ptr: any value
 *
 * Context: Any, with preemption off: spans are reused after a grace period.
 * Return: a span or a marker span; kspan_null_span for any address outside the
 * window, for which kspan_span_find() also searches the xarray.
 */
static __always_inline struct kspan_span *kspan_span_of(const void *ptr)
{
	const struct kspan_window *window = kspan_window_of(ptr);
	unsigned long addr = (unsigned long)ptr;
	unsigned long frame = (addr - window->base) >> KSPAN_FRAME_SHIFT;
	unsigned long page = addr >> KSPAN_PAGE_SHIFT, origin;
	struct kspan_span *span;

	if (unlikely(frame >= window->nr_frames))
		return &kspan_null_span;
	/*
	 * These two loads would be READ_ONCE(), but its volatile makes gcc compute
	 * the address by a separate instruction.  OPTIMIZER_HIDE_VAR() keeps gcc
	 * from loading the values again.
	 */
	origin = data_race(window->origin[frame]);
	OPTIMIZER_HIDE_VAR(origin);
	/* Otherwise gcc scales it here, and needs an add besides the load. */
	OPTIMIZER_HIDE_VAR(page);
	/* Entries change while others read them; see DOC: Locking. */
	span = data_race(*(struct kspan_span **)(origin + page * sizeof(void *)));
	OPTIMIZER_HIDE_VAR(span);
	return span;
}

int kspan_arena_init(void);
void kspan_arena_exit(void);
int kspan_arena_cover(unsigned long addr, unsigned long bytes, gfp_t gfp);
void kspan_arena_publish(struct kspan_span *span);
void kspan_arena_forget(unsigned long addr, unsigned long bytes);
void kspan_arena_set(unsigned long addr, unsigned long nr_pages,
		     struct kspan_span *marker);
void kspan_arena_withdraw(struct kspan_span *span);
struct kspan_span *kspan_span_find(const void *ptr);
bool kspan_arena_has(const void *ptr);
unsigned long kspan_arena_index(unsigned long addr);
unsigned long kspan_arena_window_max(void);
struct kspan_span **kspan_arena_frame(unsigned long *addr);

#endif /* KSPAN_ARENA_H */
