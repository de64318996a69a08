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
 * Frames are found in two levels.  vmalloc() hands out low addresses first,
 * so the window, a flat array over the 128 GiB around the first chunk, holds
 * all of them in practice; a frame outside it stands in an xarray that only
 * the slow path asks.  No entry of the window or of a table is ever NULL:
 * pages and frames that are not kspan's lead to kspan_null_span, whose magic
 * of 0 sends every free of them to the slow path without a test of its own.
 */
#ifndef KSPAN_ARENA_H
#define KSPAN_ARENA_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "span/span.h"

#ifdef CONFIG_64BIT
#define KSPAN_FRAME_SHIFT	26
#define KSPAN_NR_WINDOW		2048UL
#else
#define KSPAN_FRAME_SHIFT	22
#define KSPAN_NR_WINDOW		1024UL	/* the whole address space */
#endif
#define KSPAN_FRAME_SIZE	(1UL << KSPAN_FRAME_SHIFT)
#define KSPAN_FRAME_PAGES	(KSPAN_FRAME_SIZE >> KSPAN_PAGE_SHIFT)

/*
 * The window and the address of its first frame.  The base is written once,
 * before the first span exists; entries change from the null frame to a table
 * once (release), and readers need no lock.
 */
extern struct kspan_span **kspan_window[KSPAN_NR_WINDOW];
extern unsigned long kspan_window_base;

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
	unsigned long addr = (unsigned long)ptr;
	unsigned long frame = (addr - kspan_window_base) >> KSPAN_FRAME_SHIFT;
	struct kspan_span **table;
	unsigned long page;

	if (unlikely(frame >= KSPAN_NR_WINDOW))
		return &kspan_null_span;
	table = READ_ONCE(kspan_window[frame]);
	page = (addr >> KSPAN_PAGE_SHIFT) & (KSPAN_FRAME_PAGES - 1);
	/* Or gcc scales it here, and then has an add where a load would do. */
	OPTIMIZER_HIDE_VAR(page);
	return READ_ONCE(table[page]);
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
struct kspan_span **kspan_arena_frame(unsigned long *addr);

#endif /* KSPAN_ARENA_H */
