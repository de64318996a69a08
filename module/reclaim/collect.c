// SPDX-License-Identifier: GPL-2.0
/*
 * Collecting idle memory for requests that would fail.
 *
 * A full collection takes some hundred thousand instructions.  A client that keeps
 * allocating at the memory limit must not pay for one with each request when
 * nothing was freed in between.  Therefore a collection notes that no idle memory
 * is left, unless memory became idle meanwhile.  Code that makes memory idle
 * removes the note by kspan_tick_watch(): code that gives a magazine to an empty
 * cache or to a depot, or objects to a central list, and code that frees the last
 * page of a chunk.  Objects that are freed into a magazine of a cache do not remove
 * the note: each collection empties the caches of its CPU and asks the other CPUs
 * to empty theirs, and these magazines remove it.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>

#include "base/params.h"
#include "base/tick.h"
#include "cache/quarantine.h"
#include "heap/large_cache.h"
#include "reclaim/collect.h"
#include "reclaim/scavenge.h"

atomic_long_t kspan_nr_collect;

/* The memory limit when the note was made.  It bounds the reserve. */
static unsigned long noted_limit;

/**
 * kspan_may_collect - whether a collection may find idle memory
 *
 * Context: Any.
 * Return: false if nothing became idle since a collection found nothing.
 */
bool kspan_may_collect(void)
{
	/* For the memory of large objects there are counters instead of the note. */
	return READ_ONCE(kspan_idle_state) != KSPAN_IDLE_NONE ||
	       READ_ONCE(noted_limit) != READ_ONCE(kspan_params.memory_limit) ||
	       atomic_long_read(&kspan_region_idle) ||
	       atomic_long_read(&kspan_region_surplus) ||
	       atomic_long_read(&kspan_run_idle) ||
	       atomic_long_read(&kspan_heap_run_idle) || kspan_quarantine_bytes();
}

/**
 * kspan_collect - return all idle memory, and note that none is left
 *
 * Of several concurrent collections only the one that began last leaves the note,
 * since the others may still be returning memory.
 *
 * Context: as for kspan_reclaim().
 */
void kspan_collect(void)
{
	/* The address of a local variable identifies this call. */
	unsigned long self;

	self = (unsigned long)&self;
	WRITE_ONCE(noted_limit, READ_ONCE(kspan_params.memory_limit));
	WRITE_ONCE(kspan_idle_state, self);
	/* Write the state before reading what is idle; pairs with kspan_tick_watch(). */
	smp_mb();
	kspan_reclaim(0);
	atomic_long_inc(&kspan_nr_collect);
	cmpxchg(&kspan_idle_state, self, KSPAN_IDLE_NONE);
}
