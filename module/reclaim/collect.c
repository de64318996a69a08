// SPDX-License-Identifier: GPL-2.0
/*
 * Collecting idle memory for requests that would fail.
 *
 * A full collection takes some hundred thousand instructions.  A client that
 * goes on asking at the memory limit must not pay for one with each request when
 * nothing was freed in between.  Therefore a collection that nothing disturbed
 * leaves a note that there is no idle memory.  Whoever makes memory idle removes
 * it in kspan_tick_watch(): who gives an empty cache a magazine, a depot one, or
 * a central list objects, and who takes a chunk's last page out of use.  Objects
 * that are freed into a magazine which is in a cache already need no note: each
 * collection empties the caches of its CPU and has the others empty theirs, which
 * disturbs it.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>

#include "base/params.h"
#include "base/tick.h"
#include "heap/large_cache.h"
#include "reclaim/collect.h"
#include "reclaim/scavenge.h"

atomic_long_t kspan_nr_collect;

/* The memory limit that the note was made with: it bounds the reserve. */
static unsigned long noted_limit;

/**
 * kspan_may_collect - whether idle memory may be there to be collected
 *
 * Context: Any.
 * Return: false if nothing became idle since a collection found nothing.
 */
bool kspan_may_collect(void)
{
	/* Large objects' memory is counted, and leaves no other trace. */
	return READ_ONCE(kspan_idle_state) != KSPAN_IDLE_NONE ||
	       READ_ONCE(noted_limit) != READ_ONCE(kspan_params.memory_limit) ||
	       atomic_long_read(&kspan_region_idle) ||
	       atomic_long_read(&kspan_region_surplus) ||
	       atomic_long_read(&kspan_run_idle);
}

/**
 * kspan_collect - have all idle memory given back, and note if there is none
 *
 * Only the one that began last may leave the note, since another may still be
 * about to give memory back.
 *
 * Context: as for kspan_reclaim().
 */
void kspan_collect(void)
{
	/* The address of a variable of this call is no other call's. */
	unsigned long self;

	self = (unsigned long)&self;
	WRITE_ONCE(noted_limit, READ_ONCE(kspan_params.memory_limit));
	WRITE_ONCE(kspan_idle_state, self);
	/* Before the look at what there is; pairs with kspan_tick_watch(). */
	smp_mb();
	kspan_reclaim(0);
	atomic_long_inc(&kspan_nr_collect);
	cmpxchg(&kspan_idle_state, self, KSPAN_IDLE_NONE);
}
