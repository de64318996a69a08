// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of clients' heaps: what an allocation does when its heap may hold no
 * more memory.
 *
 * A limit is on the bytes of the heap's spans, so it is looked at when a span is
 * added and no call costs more for it.  What the heap holds and does not use
 * goes first: what this CPU's caches and the central lists have, then what other
 * CPUs have.  After that the client is asked, and after that the caller waits,
 * if the client wants that.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "api/client_heap.h"
#include "api/client_heap_limit.h"
#include "base/gfp.h"
#include "heap/large.h"
#include "reclaim/drain.h"

/* Attempts of who cannot sleep; each gives a few empty spans back. */
#define ATOMIC_TRIES	4U
/* How long an allocation waits for what other CPUs hold. */
#define ANSWER_TIME	(HZ / 20 + 1)
/* The longest pause between two attempts. */
#define PAUSE_MAX	(HZ / 10)

/* Give back what the heap does not use; @wait: jiffies to wait for other CPUs. */
static void drain(struct kspan_heap *h, unsigned long wait)
{
	kspan_drain_at_hand(h->class, ARRAY_SIZE(h->class), wait);
	kspan_large_end_kept(&h->quota);
}

/**
 * kspan_client_heap_make_room - make room in a heap that is at its limit
 * @quota: the heap's account
 * @size: bytes of the request
 * @gfp: the caller's flags
 * @tries: how often it was tried for this request, counted here; from 0
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: whether it is worth another attempt.
 */
bool kspan_client_heap_make_room(struct kspan_quota *quota, size_t size,
				 gfp_t gfp, unsigned int *tries)
{
	struct kspan_heap *h = kspan_heap_of_quota(quota);
	unsigned int nr = (*tries)++;

	if (!kspan_may_sleep(gfp))
		return nr < ATOMIC_TRIES &&
		       kspan_drain_some(h->class, ARRAY_SIZE(h->class));
	if (nr < 2) {
		drain(h, nr ? ANSWER_TIME : 0);
		return true;
	}
	/* It can be done without. */
	if (gfp & KSPAN_GFP_TRY)
		return false;
	if (h->on_limit && h->on_limit(h, size, gfp, h->on_limit_arg)) {
		drain(h, ANSWER_TIME);
		return true;
	}
	if (!(h->flags & KSPAN_HEAP_WAIT) || gfp & __GFP_NORETRY ||
	    fatal_signal_pending(current))
		return false;
	schedule_timeout_killable(min_t(unsigned long, nr, PAUSE_MAX));
	drain(h, ANSWER_TIME);
	return true;
}

/**
 * kspan_heap_set_limit - set how much memory a heap may hold
 * @h: the heap
 * @bytes: bytes of its spans, which are somewhat more than those of its live
 *	objects; 0 for no limit
 *
 * An allocation that would exceed it gives NULL, unless the heap was made with
 * KSPAN_HEAP_WAIT or has a function for that, see kspan_heap_on_limit().  One
 * with __GFP_NOFAIL exceeds it.  What the heap holds already stays.
 *
 * Context: Any.
 */
void kspan_heap_set_limit(struct kspan_heap *h, size_t bytes)
{
	WRITE_ONCE(h->quota.limit, bytes);
}
EXPORT_SYMBOL_GPL(kspan_heap_set_limit);

/**
 * kspan_heap_on_limit - have a function called at a heap's limit
 * @h: the heap, which nobody allocates from yet
 * @fn: called for an allocation that may sleep and would exceed the limit; it may
 *	free objects of the heap and sleep, and must not allocate from it; returns
 *	whether it is worth another attempt
 * @arg: handed on
 *
 * Context: Any.
 */
void kspan_heap_on_limit(struct kspan_heap *h, kspan_heap_limit_fn fn, void *arg)
{
	h->on_limit_arg = arg;
	h->on_limit = fn;
}
EXPORT_SYMBOL_GPL(kspan_heap_on_limit);
