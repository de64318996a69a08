/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arena.h - the arena map: from any address to its span.
 *
 * The address space is cut into frames of 64 MiB (4 MiB on 32-bit), the Go
 * runtime's arenas.  A frame kspan has memory in has a table with one span
 * pointer a heap page, that runtime's heapArena.  A frame is a slot of the
 * map, not a reservation: chunks lie wherever vmalloc() puts them, several in
 * a frame or across two.
 *
 * Frames are found in two levels.  The window is an array over all frames from
 * the lowest to the highest that kspan ever had memory in.  vmalloc() hands out
 * low addresses first, so that is a small array, which is replaced by a larger
 * one when memory comes that lies outside of it.  Memory so far away that the
 * array would be out of proportion to this machine's memory stands in an xarray
 * that only the slow path asks.
 *
 * No entry of a table is ever NULL, nor of the window: pages and frames that are
 * not kspan's lead to kspan_null_span, whose magic of 0 sends every free of them
 * to the slow path without a test of its own.
 */
#ifndef KSPAN_ARENA_H
#define KSPAN_ARENA_H

#include <linux/compiler.h>
#include <linux/gfp.h>
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
 * @rcu: for the end of a window that a larger one replaced
 * @base: address of the first frame; set once
 * @nr_frames: how many; set once
 * @origin: for each frame where the entry of heap page 0 of the address space
 *	would be, if its table began there; so that an entry is found by the page's
 *	number as it is.  An entry changes from the null table to another one once
 *	(release), under arena_lock.
 */
struct kspan_window {
	struct rcu_head rcu;
	unsigned long base;
	unsigned long nr_frames;
	unsigned long origin[];
};

/*
 * The window; replaced under arena_lock (release).  Readers need no lock, but a
 * section in which nothing preempts, as for a span.
 */
extern struct kspan_window *kspan_window;

/**
 * kspan_span_of - the span of an address in the window
 * @ptr: any value
 *
 * Context: Any, with preemption off: spans are recycled after a grace period.
 * Return: a span or a marker span; kspan_null_span for an address outside the
 * window, where kspan_span_find() knows more.
 */
static __always_inline struct kspan_span *kspan_span_of(const void *ptr)
{
	const struct kspan_window *window = READ_ONCE(kspan_window);
	unsigned long addr = (unsigned long)ptr;
	unsigned long frame = (addr - window->base) >> KSPAN_FRAME_SHIFT;
	unsigned long page = addr >> KSPAN_PAGE_SHIFT, origin;
	struct kspan_span *span;

	if (unlikely(frame >= window->nr_frames))
		return &kspan_null_span;
	/*
	 * READ_ONCE() twice, but for its volatile, which makes gcc compute the
	 * address by an instruction of its own.  What hides the values from it
	 * keeps it from reading them again.
	 */
	origin = data_race(window->origin[frame]);
	OPTIMIZER_HIDE_VAR(origin);
	/* Or gcc scales it here, and then has an add where a load would do. */
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
