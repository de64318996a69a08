/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guard.h - guard objects: now and then an allocation gets pages of its own.
 *
 * Unmapped pages lie in front of these pages and behind them.  The object begins
 * where they begin or ends where they end, at random, so an access outside of it
 * on that side faults at once.  After the free the pages are unmapped, and every
 * access faults.  What does not fault is found at the free and at the unmapping,
 * by the bytes around the object and by the poison in it.
 *
 * A slot describes one guard object.  Its life:
 *
 *	EMPTY	no pages
 *	READY	pages, mapped, filled with a pattern; made by the worker
 *	TAKEN	an allocation makes an object of it
 *	LIVE	a client has the object
 *	ENDING	a free has claimed the object, and fills it with poison
 *	QUEUED	waits for the worker, which checks the poison and unmaps the pages
 *	GONE	no pages; what is known of the object stays until the slot is reused
 *
 * An allocation takes READY to TAKEN and a free takes LIVE to ENDING by
 * compare-and-exchange, in any context.  Whoever did that, or the worker, takes
 * the other steps.  A slot is reused only after a grace period, as a span is.
 *
 * vunmap() does not hand the addresses out again for a while, which is the
 * quarantine of the addresses.
 */
#ifndef KSPAN_GUARD_H
#define KSPAN_GUARD_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "span/span.h"

/* Largest guard object, bytes. */
#define KSPAN_GUARD_MAX		(64UL << 10)
/* Most pages of a slot; the last one is for the alignment. */
#define KSPAN_GUARD_PAGES	((unsigned int)(KSPAN_GUARD_MAX >> PAGE_SHIFT) + 1)
/* Objects that are described: those that are live, ready, and the last freed ones. */
#define KSPAN_NR_GUARDS		128U
/* Return addresses that are kept of each stack. */
#define KSPAN_GUARD_FRAMES	16U
/* Bytes that are kept of the name of a task. */
#define KSPAN_GUARD_COMM	16U
/* Bytes that are kept of the name of a cache or heap. */
#define KSPAN_GUARD_NAME	32U

/* Around the object, and in an object that is new; and in one that was freed. */
#define KSPAN_GUARD_AROUND	0xbb
#define KSPAN_GUARD_FREED	0x6b

enum kspan_guard_state {
	KSPAN_GUARD_EMPTY,
	KSPAN_GUARD_READY,
	KSPAN_GUARD_TAKEN,
	KSPAN_GUARD_LIVE,
	KSPAN_GUARD_ENDING,
	KSPAN_GUARD_QUEUED,
	KSPAN_GUARD_GONE,
};

/* Who did something to an object. */
struct kspan_guard_event {
	unsigned long frames[KSPAN_GUARD_FRAMES];
	unsigned int nr_frames;
	int pid;
	char comm[KSPAN_GUARD_COMM];
};

/**
 * struct kspan_guard - a slot
 * @span: what look-ups give: @span.base is the object, @span.asked its bytes,
 *	@span.sc its span class, for a large object 0 or that of its heap
 * @state: enum kspan_guard_state; all other fields belong to who took the last step
 * @area: address of the pages
 * @nr_pages: how many
 * @large: the object is above KSPAN_SMALL_MAX, and counts as such
 * @any_size: any smaller size is valid in kspan_free_sized()
 * @tracked: the object was sampled for the heap profile
 * @uncounted: freed in NMI, and not counted as free yet; by xchg()
 * @tag: number of the call site of the object, see callsites.c; by xchg()
 * @turn: orders the slots that are GONE
 * @name: "cache" or "heap" and its name, for it may end before the slot is reused;
 *	or ""
 * @allocated: by whom
 * @freed: by whom
 * @pages: the pages
 */
struct kspan_guard {
	struct kspan_span span;
	int state;
	unsigned int nr_pages;
	char *area;
	bool large;
	bool any_size;
	bool tracked;
	int uncounted;
	u32 tag;
	unsigned long turn;
	char name[KSPAN_GUARD_NAME];
	struct kspan_guard_event allocated;
	struct kspan_guard_event freed;
	struct page *pages[KSPAN_GUARD_PAGES];
};

/*
 * The slots, NULL until guard objects are switched on the first time; then they stay
 * until unload.
 */
extern struct kspan_guard *kspan_guards;

#define for_each_kspan_guard(guard) \
	for ((guard) = kspan_guards; (guard) < kspan_guards + KSPAN_NR_GUARDS; (guard)++)

/* How many guard objects are wanted now.  The worker sets it, each takes one off. */
extern atomic_t kspan_guard_due;

/* Whether an allocation off the fast path should ask for a guard object. */
static inline bool kspan_guard_is_due(void)
{
	return unlikely(atomic_read(&kspan_guard_due) > 0);
}

static inline struct kspan_guard *kspan_guard_of(const struct kspan_span *span)
{
	return container_of((struct kspan_span *)span, struct kspan_guard, span);
}

static inline void *kspan_guard_object(const struct kspan_guard *guard)
{
	return (void *)guard->span.base;
}

static inline unsigned long kspan_guard_area_bytes(const struct kspan_guard *guard)
{
	return (unsigned long)guard->nr_pages << PAGE_SHIFT;
}

bool kspan_guards_make(void);
void kspan_guards_unmake(void);
void kspan_guard_cover(const struct kspan_guard *guard);
struct kspan_guard *kspan_guard_find(const void *ptr);
struct kspan_span *kspan_guard_span(const void *ptr, struct kspan_span *other);
struct kspan_guard *kspan_guard_near(const void *ptr);
bool kspan_guard_has(const struct kspan_guard *guard, const void *ptr);
void kspan_guard_note(struct kspan_guard_event *event);
const u8 *kspan_guard_bad_around(const struct kspan_guard *guard);
void kspan_guard_print(const struct kspan_guard *guard);

#endif /* KSPAN_GUARD_H */
