// SPDX-License-Identifier: GPL-2.0
/*
 * Limits of clients' heaps: what an allocation does when its heap may not hold
 * more memory.
 *
 * A limit applies to the bytes of the heap's spans.  It is checked when a span
 * is added, so no other call becomes slower.  Memory that the heap holds and
 * does not use is returned first: that in the caches of this CPU and in the
 * central lists, then that in the caches of other CPUs.  If this does not help,
 * the client's function is called, and after that the caller waits, if the heap
 * was created with KSPAN_HEAP_WAIT.
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

/* Attempts of a caller that may not sleep.  Each returns a few empty spans. */
#define ATOMIC_TRIES	4U
/* How long an allocation waits for other CPUs to drain their caches. */
#define ANSWER_TIME	(HZ / 20 + 1)
/* The longest pause between two attempts. */
#define PAUSE_MAX	(HZ / 10)

/*
 * Return the memory that the heap does not use; @wait: jiffies to wait for
 * other CPUs.
 */
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
 * @tries: number of attempts for this request, 0 at first; incremented here
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: whether the caller should try again.
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
	/* The caller has an alternative to this allocation. */
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
 * kspan_heap_set_limit - limit the memory of a heap
 * @h: the heap
 * @bytes: maximum of the bytes of its spans, which are somewhat more than those
 *	of its live objects; 0 for no limit
 *
 * An allocation that would exceed the limit returns NULL, unless the heap was
 * created with KSPAN_HEAP_WAIT or has a function that makes room, see
 * kspan_heap_on_limit().  An allocation with __GFP_NOFAIL may exceed the limit.
 * A new limit has no effect on memory that the heap already holds.
 *
 * Context: Any.
 */
void kspan_heap_set_limit(struct kspan_heap *h, size_t bytes)
{
	WRITE_ONCE(h->quota.limit, bytes);
}
EXPORT_SYMBOL_GPL(kspan_heap_set_limit);

/**
 * kspan_heap_on_limit - set a function that is called at the limit of a heap
 * @h: the heap, from which no object has been allocated yet
 * @fn: called by an allocation that may sleep and would exceed the limit; may
 *	sleep and free objects of the heap, but must not allocate from it;
 *	returns whether the allocation should try again
 * @arg: last argument of @fn
 *
 * Context: Any.
 */
void kspan_heap_on_limit(struct kspan_heap *h, kspan_heap_limit_fn fn, void *arg)
{
	h->on_limit_arg = arg;
	h->on_limit = fn;
}
EXPORT_SYMBOL_GPL(kspan_heap_on_limit);
