// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its overview, its locking, its beginning and its end.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "api/alloc.h"
#include "api/deferred.h"
#include "base/meta.h"
#include "base/node.h"
#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/chunk.h"
#include "heap/large.h"
#include "heap/page_heap.h"
#include "reclaim/scavenge.h"
#include "reclaim/shrink.h"
#include "show/debugfs.h"
#include "show/stats.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/span.h"

/**
 * DOC: Overview
 *
 * kspan is a per-CPU allocator after the Go runtime's, with an explicit free.
 * Its parts, from the front to the back:
 *
 * - **cache**: per CPU and context, two magazines of free objects a class, and
 *   for tasks a few spare ones
 * - **depot**: per node, full magazines that CPUs trade
 * - **central**: per node and span class, the spans with free objects in them
 * - **page heap**: per node, runs of 8 KiB heap pages out of chunks
 * - **chunk**: memory from vmalloc(), 2 MiB each where that can be one entry
 *   of the page tables
 * - **arena map**: from any address to its span
 * - **span**: a run of heap pages cut into objects of one of 70 size classes
 *
 * An allocation of a small object:
 *
 * 1. A table turns the size into a class.  A class and a kind (pointer, data,
 *    tiny) are a span class; objects of two span classes never share a span.
 * 2. Preemption goes off and the cache of this CPU and context pops an object
 *    off the class's A magazine: no lock, no atomic operation, no interrupt
 *    masking.  The object's state byte turns from FREE into LIVE.
 * 3. If A is drained, A and F change roles: what was freed here is allocated
 *    here next, still without a lock.
 * 4. If F is empty too, A becomes a spare magazine of this CPU, or else a full
 *    one from the depot, for one short lock.
 * 5. If the depot has none, the central list fills A from the fullest spans,
 *    in address order, one lock for up to 63 objects.
 * 6. If no span has a free object, the page heap gives a run of pages for a
 *    new span; it is entered in the arena map.
 * 7. If no chunk has such a run, a caller that may sleep adds a chunk.  One
 *    that may not takes the run from the reserve in step 6, and a worker
 *    fills that up again.  What other nodes have is the last resort.
 *
 * A free of a small object:
 *
 * 1. The arena map gives the span: an index by 64 MiB frame, then by page.
 * 2. One multiplication gives the object's index in the span and, from its
 *    lower half, whether the pointer is an object's first byte at all.
 * 3. The state byte must be LIVE and becomes FREE; anything else is a bad or
 *    a double free, found by the call that makes it.
 * 4. The object is pushed on the F magazine of the CPU that frees.  Neither
 *    the object nor its span's memory is written.
 * 5. If F is full it becomes a spare of this CPU, or goes to the depot, or its
 *    objects to their spans' bitmaps; a span without live objects returns to
 *    the page heap.
 *
 * Large objects, above 32 KiB, skip all that: they are regions from vmalloc()
 * of their own, or runs of the page heap for who cannot sleep and for aligned
 * ones, and are kept for reuse when freed.
 *
 * Zeroing: a heap page remembers whether it may hold anything but zeros, and
 * so does an object that nobody has used since, by state ZEROED.
 *
 * With check=2 all of this goes past caches and depots: an object comes from
 * its span and returns there, with a redzone behind it while it lives and
 * poison in it when it is free; see redzone.c and cache_guarded.c.
 *
 * When there is no memory, idle memory is collected once and the attempt
 * repeated; then the allocation gives NULL.  See provide.c.
 */

/**
 * DOC: Locking
 *
 * All locks are raw spinlocks taken with interrupts off, in any context but
 * NMI, except where said.  Order, outermost first:
 *
 * 1. ``verify_lock`` (verify.c), a mutex: one verify at a time
 * 2. ``job_lock`` (worker.c), a mutex: work on all CPUs that somebody waits
 *    for; then cpus_read_lock().  ``walk_lock`` (heap_walk.c), a mutex: one walk
 *    through the chunks of a heap at a time
 * 3. ``kspan_central.lock``: the spans of one class and node: lists, bitmaps,
 *    free counts
 * 4. leaves, which take nothing else: ``kspan_heap.lock`` (chunks and their
 *    page bitmaps), ``kspan_depot.lock`` (the stack of magazines),
 *    ``large_cache_lock`` (regions, kept spans), ``kspan_pool.lock`` (metadata blocks),
 *    ``dead_spans_lock`` (dead descriptors), ``rest_lock`` (objects freed in NMI),
 *    ``span_locks`` (redzones of live objects, with check=2),
 *    ``arena_lock`` (placing tables; task context only)
 *
 * No lock is held while memory is obtained from the kernel or given back.
 *
 * Without a lock:
 *
 * - A per-CPU cache belongs to the code that runs on its CPU in its context
 *   with preemption off.  Nothing can nest into it: a hardirq has a cache of
 *   its own, so has a softirq, and an NMI uses none; but a probe in the page
 *   allocator can, while a magazine is asked for, so who asked looks again.
 *   (A probe at a contended lock must use kspan as little as kmalloc().)
 *   Others read its tops with READ_ONCE() for statistics.  Draining it happens
 *   on its CPU with interrupts off, or after that CPU is offline.
 * - An object's state byte is written by whoever holds the object: the client
 *   through alloc and free, then the magazine's owner.  With check=2 the same
 *   goes for its asked size and its redzone; poison is looked at under the
 *   central lock, or by who took the object out of its span.
 * - The arena map is read with preemption off; its entries and tables appear
 *   by release and never turn NULL.  A span's descriptor is used for another
 *   span only after an RCU grace period.
 *
 * - Numbers of the statistics, and hints like "has any", are read with
 *   READ_ONCE() and written by their owner or under their lock with
 *   WRITE_ONCE(), see marked.h.
 *
 * On PREEMPT_RT the raw locks stay spinning locks; everything done under them
 * is bounded by a magazine of objects, a chunk's bitmap or a batch of a list,
 * as are the stretches with preemption off by 64 objects or 64 KiB; with check=2
 * also by the bytes of a span.  Only a span that was found corrupt, which happens
 * once, has all others of its class counted anew.
 */

/* What clients forgot; its memory stays mapped. */
static void report_live(void)
{
	struct kspan_class_stats row;
	struct kspan_stats stats;
	unsigned int class;

	kspan_read_stats(&stats);
	if (!stats.heap_objects)
		return;
	pr_warn("unloaded with %llu live objects, %llu bytes; their memory is kept\n",
		stats.heap_objects, stats.alloc);
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		kspan_read_class(class, &row);
		if (row.nmalloc != row.nfree)
			pr_warn("  class %u: %llu objects of %u bytes\n", class,
				row.nmalloc - row.nfree,
				kspan_classes[class].size);
	}
	if (stats.large_nmalloc != stats.large_nfree)
		pr_warn("  large: %llu objects, %llu bytes\n",
			stats.large_nmalloc - stats.large_nfree,
			stats.large_alloc);
}

/* One part of the allocator: how it begins and how it ends. */
struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
};

/* Begun in this order, ended in the reverse. */
static const struct part parts[] = {
	{ "span classes", kspan_sc_init, kspan_sc_exit },
	{ "spans", kspan_span_init, kspan_span_exit },
	{ "chunks", kspan_chunk_init, kspan_chunk_exit },
	{ "arena map", kspan_arena_init, kspan_arena_exit },
	{ "page heap", kspan_page_heap_init, kspan_page_heap_exit },
	{ "central lists", kspan_central_init, kspan_central_exit },
	{ "depots", kspan_depot_init, kspan_depot_exit },
	{ "large objects", kspan_large_init, kspan_large_exit },
	{ "caches", kspan_cache_init, kspan_cache_exit },
	{ "tiny blocks", kspan_tiny_init, kspan_tiny_exit },
	{ "scavenger", kspan_scavenge_init, kspan_scavenge_exit },
	{ "shrinker", kspan_shrink_init, kspan_shrink_exit },
};

static void end_parts(unsigned int nr)
{
	while (nr--)
		parts[nr].exit();
}

static int __init kspan_init(void)
{
	unsigned int i;
	int err;

	kspan_node_init();
	kspan_redzone_init();
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			pr_err("no memory for the %s: error %d\n",
			       parts[i].name, err);
			end_parts(i);
			return err;
		}
	}
	/* Whoever cannot wait for metadata should find some. */
	kspan_pools_fill();
	kspan_alloc_init();
	kspan_debugfs_init();
	return 0;
}

static void __exit kspan_exit(void)
{
	kspan_debugfs_exit();
	kspan_deferred_exit();
	report_live();
	end_parts(ARRAY_SIZE(parts));
}

module_init(kspan_init);
module_exit(kspan_exit);

MODULE_DESCRIPTION("Per-CPU, span-based memory allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(KSPAN_VERSION);
