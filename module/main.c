// SPDX-License-Identifier: GPL-2.0
/* The module: overview, locking, load and unload. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "api/alloc.h"
#include "api/callsites.h"
#include "api/client_heap.h"
#include "api/deferred.h"
#include "api/guard.h"
#include "api/module_heap.h"
#include "api/moved.h"
#include "api/named_cache.h"
#include "api/nmi_alloc.h"
#include "api/rcu.h"
#include "base/node.h"
#include "base/pool.h"
#include "base/profile.h"
#include "base/sample.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/chunk.h"
#include "heap/large.h"
#include "heap/page_heap.h"
#include "reclaim/scavenge.h"
#include "reclaim/shrink.h"
#include "show/debugfs.h"
#include "show/leaver.h"
#include "show/oops.h"
#include "show/stats.h"
#include "show/trap.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/span.h"

/**
 * DOC: Overview
 *
 * kspan is a per-CPU memory allocator modelled on the allocator of the Go
 * runtime, with an explicit free.  Each folder of module/ is a layer.  From the
 * front to the back of the allocator, the main layers are:
 *
 * - **cache**: each CPU has a cache for each context.  For each class a cache
 *   holds two magazines of free objects, A and F.  Task context also has a few
 *   spare magazines.
 * - **central**: each NUMA node has a depot and a central list for each class.
 *   CPUs exchange full magazines at the depot.  The central list holds the
 *   spans that have free objects.
 * - **heap**: each NUMA node has a page heap, which hands out runs of 8 KiB
 *   heap pages.  The pages come from chunks.  A chunk is memory from vmalloc(),
 *   2 MiB where vmalloc() can map that by a single page table entry.
 * - **span**: a span is a run of heap pages that is cut into objects of one
 *   class.  The arena map leads from any address to its span.
 *
 * kspan_alloc() of a small object takes these steps:
 *
 * 1. A table turns the size into one of 70 size classes.  A size class and a
 *    kind (pointer, data, tiny) make a span class.  Objects of different span
 *    classes never share a span.
 * 2. With preemption off, the cache of this CPU and context pops an object off
 *    the A magazine of the class.  This takes no lock, no atomic operation and
 *    no interrupt masking.  The state byte of the object changes from FREE to
 *    LIVE.
 * 3. When A is empty, A and F swap, still without a lock.  Objects that were
 *    freed on this CPU are allocated there next.
 * 4. When F is empty as well, a spare magazine of this CPU becomes A.  Without
 *    a spare, a full magazine comes from the depot, which costs one short lock.
 * 5. When the depot is empty, the central list fills A with up to 63 objects
 *    under one lock.  It takes the fullest spans first, in address order.
 * 6. When no span has a free object, the page heap provides the pages of a new
 *    span, which is then entered in the arena map.
 * 7. When no chunk has a long enough run of free pages, the empty spans of
 *    other classes return theirs.  If that is not enough, a caller that may
 *    sleep adds a chunk.  A caller that may not sleep uses the reserve of free
 *    pages in step 6, and a worker refills the reserve.  The last resort is the
 *    memory of other nodes.
 *
 * kspan_free() of a small object takes these steps:
 *
 * 1. The arena map gives the span of the pointer.  It is indexed by 64 MiB
 *    frame and then by heap page.
 * 2. One multiplication yields the index of the object in its span, and also
 *    tells whether the pointer is the first byte of an object.
 * 3. A compare-and-exchange changes the state byte from LIVE to FREE.  When
 *    several CPUs or contexts free the same object, exactly one succeeds.  The
 *    others report a double free.
 * 4. The object is pushed on the F magazine of the CPU that frees.  The memory
 *    of the object is not touched.
 * 5. When F is full and A is at most half full, A and F swap.  Otherwise F
 *    becomes a spare magazine or goes to the depot.  When both have enough, its
 *    objects return to the bitmaps of their spans.  A span without live objects
 *    stays for the next allocations of its class, within a budget, or returns
 *    to the page heap.
 *
 * Objects above 32 KiB are large objects.  Each has memory of its own: a region
 * from vmalloc(), or a run of the page heap when the caller cannot sleep.
 * Freed large objects are cached for reuse.
 *
 * While a tracepoint or the accounting by call site is switched on, static keys
 * take the public functions off their fast paths, and every allocation and free
 * is reported to them.  See api/watch.h.
 *
 * kspan records which memory is still zero, because the kernel zeroed it and no
 * object has used it since: heap pages by a bit, free objects by the state
 * ZEROED.  Such memory is not zeroed again.
 *
 * With check=2 every object comes directly from its span and returns directly
 * to it.  A live object is followed by a redzone and a free one is filled with
 * poison.  See redzone.c and cache_redzone.c.
 *
 * An allocation that finds no memory collects idle memory and tries again
 * before it returns NULL.  See grow.c.
 */

/**
 * DOC: Sampling
 *
 * A few allocations are sampled: kspan records their stack and size
 * (profile.c), and drops the record when the object is freed.  Which
 * allocations are sampled is drawn at random, by bytes (sample.h).  The fast
 * paths have no test for it.  The next object to be sampled has the state
 * MARKED while it is in A, and a state with the flag TRACKED while it is live.
 * To the fast paths, a MARKED object looks like the end of A and a TRACKED one
 * like an object that is not plain.  So the slow paths handle both.  See
 * cache_sample.c.
 */

/**
 * DOC: Guard objects
 *
 * With guard_ms an allocation now and then gets pages of its own, with unmapped
 * pages around them (span/guard.h).  A worker prepares the pages and says that a
 * guard object is due.  The next allocation off the fast path takes it, and marks
 * as for samples lead allocations there.  The arena map does not have guard
 * objects: kspan_span_find() looks for them where the map has nothing.  So a free
 * takes the slow path.
 */

/**
 * DOC: Locking
 *
 * Locks are raw spinlocks that are taken with interrupts off, in any context
 * but NMI, unless stated otherwise.  The order, outermost first:
 *
 * 0. ``moved_mutex`` (moved_heap.c), ``buckets_mutex`` (moved_alloc.c) and
 *    ``caches_mutex`` (moved_cache.c) protect the lists of heaps, buckets and
 *    caches of modules that use kspan_slab.h.  Heaps and named caches are
 *    created and destroyed inside them.
 * 1. ``verify_lock`` (verify.c), a mutex, serialises verify.
 *    ``callsites_mutex`` (callsites.c), a mutex, serialises switching the
 *    accounting by call site, reading it and naming its call sites.
 *    ``guard_mutex`` (guard_pool.c), a mutex, serialises mapping and unmapping
 *    the pages of guard objects, and changes of guard_ms.
 *    ``rate_mutex`` (debugfs_profile.c), a mutex, serialises changes of the
 *    rate of the profile, and ``walk_mutex`` (profile.c) is taken inside it.
 * 2. ``job_lock`` (worker.c), a mutex, serialises the work that verify runs on
 *    each CPU; cpus_read_lock() is taken inside it.
 *    ``walk_lock`` (page_heap_walk.c), a mutex, serialises walks through the
 *    chunks of a page heap.  ``sc_mutex`` (spanclass.c), a mutex, protects the
 *    table of dynamic span classes against other writers.
 * 3. ``kspan_central.lock`` protects the spans of one class on one node: their
 *    lists, bitmaps and free counts.
 * 4. The remaining locks are leaves, inside which no other lock is taken:
 *    ``kspan_page_heap.lock`` protects the chunks and their page bitmaps,
 *    ``kspan_depot.lock`` the magazines of a depot,
 *    ``large_cache_lock`` the regions and the cached large objects,
 *    ``kspan_pool.lock`` the free blocks of a metadata pool,
 *    ``profile_lock`` the records of sampled objects,
 *    ``dead_spans_lock`` the descriptors of spans that have ended,
 *    ``rest_lock`` the list of objects that were freed in NMI context,
 *    ``rcu_cpu.lock`` and ``heads_lock`` the objects that wait for a grace
 *    period,
 *    ``span_locks`` the redzones of live objects with check=2,
 *    ``kspan_queue_lock`` the queue of freed memory that waits, with
 *    quarantine_kb,
 *    ``wipe_lock`` and ``nmi_wipe_lock`` the wiping of tiny objects, and
 *    ``arena_lock`` the installation of tables, in task context only.
 *
 * No lock is held while kspan requests memory from the kernel or returns it.
 *
 * Data that is accessed without a lock:
 *
 * - A per-CPU cache belongs to the code that runs on its CPU, in its context,
 *   with preemption off.  Nothing but a probe can interrupt that code and use
 *   the same cache: softirqs and hardirqs have caches of their own, and NMIs
 *   use none.  Statistics read the tops of other CPUs by READ_ONCE().  A
 *   magazine is taken out of a cache by its own CPU with interrupts off, or
 *   after the CPU has gone offline.  Any CPU may mark a class of another CPU's
 *   cache to be drained; the CPU itself clears the mark and drains.
 * - A probe (the handler of a tracepoint, a kprobe or ftrace) may use kspan in
 *   three places: in the page allocator, at the entry of any function of kspan
 *   that the kernel allows it to probe, and when kspan begins to wait for a
 *   lock.  Code of kspan that calls out first takes the magazine in question
 *   out of the cache, and reads the cache again afterwards.  Functions that run
 *   while a lock is held or a magazine is being changed are marked
 *   __kspan_noprobe, and the kernel refuses probes there.  A probe must not use
 *   kspan in two other places.  One is an instruction in the middle of a
 *   function of kspan: the fast path may have read a top and not yet written
 *   it, and the probe would get the same object.  The other is code of the
 *   kernel that runs while kspan holds a lock, such as the tracepoint
 *   contention_end of that lock.  There the probe would wait for the lock for
 *   ever.
 * - The state byte of a live object changes by compare-and-exchange only, since
 *   any CPU may free it.  The state byte of a free object belongs to the owner
 *   of the magazine that holds it, or is protected by the central lock while
 *   the object is in its span.  With check=2 the requested size and the redzone
 *   belong to the owner of the object.
 * - The words of a stash (cache/stash.h) change by exchange, in any context and
 *   by any CPU.  Whoever takes an object out of one owns its state byte.
 * - The arena map is read with preemption off.  Its tables and entries are
 *   published with release semantics and never become NULL.  A span descriptor
 *   and its state bytes are reused only after an RCU grace period.  When a
 *   larger window replaces the window of the map, the old one is freed after a
 *   grace period.
 * - The table of call sites is read with preemption off and freed after a grace
 *   period.  Its entries are claimed by compare-and-exchange.  The tag of an
 *   object changes by exchange, so that exactly one caller counts its free.
 * - A guard object belongs to whoever changed its state last, by
 *   compare-and-exchange.  Its slot is reused after a grace period.
 * - Counters for the statistics, and hints, are written by their owner or under
 *   their lock with WRITE_ONCE(), and read with READ_ONCE().  See counters.h.
 *
 * On PREEMPT_RT the raw spinlocks still spin.  Work under a lock is bounded by
 * a magazine of objects, by the bitmap of a chunk, or by one batch of a list.
 * With preemption or interrupts off, one call moves at most 64 objects between
 * magazines and spans, and fills at most 64 KiB; with check=2 also the bytes of
 * a span.  Code that drains a cache takes one magazine at a time.  If a large
 * object has to be filled when it is freed and the caller cannot be preempted,
 * a worker fills it.  The exception to these bounds is a span that fails a
 * self-check: the free objects of its class are then recounted, once.
 */

/* Report the objects that clients have not freed; their memory stays mapped. */
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

/* A part of the allocator, with its setup and its removal. */
struct part {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
};

/* Set up in this order, removed in the reverse order. */
static const struct part parts[] = {
	{ "heap profile", kspan_profile_init, kspan_profile_exit },
	{ "span classes", kspan_sc_init, kspan_sc_exit },
	{ "spans", kspan_span_init, kspan_span_exit },
	{ "chunks", kspan_chunk_init, kspan_chunk_exit },
	{ "arena map", kspan_arena_init, kspan_arena_exit },
	{ "page heap", kspan_page_heap_init, kspan_page_heap_exit },
	{ "central lists", kspan_central_init, kspan_central_exit },
	{ "depots", kspan_depot_init, kspan_depot_exit },
	{ "large objects", kspan_large_init, kspan_large_exit },
	{ "named caches", kspan_named_cache_init, kspan_named_cache_exit },
	{ "heaps", kspan_client_heap_init, kspan_client_heap_exit },
	{ "quarantine", kspan_quarantine_init, kspan_quarantine_exit },
	{ "caches", kspan_cache_init, kspan_cache_exit },
	{ "tiny blocks", kspan_tiny_init, kspan_tiny_exit },
	{ "frees after a grace period", kspan_rcu_init, kspan_rcu_exit },
	/* Who looks at all pools of metadata comes after the last one. */
	{ "scavenger", kspan_scavenge_init, kspan_scavenge_exit },
	{ "guard objects", kspan_guard_init, kspan_guard_exit },
	{ "shrinker", kspan_shrink_init, kspan_shrink_exit },
	{ "allocation in NMI", kspan_nmi_init, kspan_nmi_exit },
	{ "moved modules", kspan_moved_init, kspan_moved_exit },
	{ "heaps of modules", kspan_module_heap_init, kspan_module_heap_exit },
	{ "modules that go", kspan_leaver_init, kspan_leaver_exit },
	{ "reports of oopses", kspan_oops_init, kspan_oops_exit },
	{ "probes", kspan_trap_init, kspan_trap_exit },
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
	kspan_sample_init();
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
	/*
	 * Fill the pools of metadata for callers that cannot wait for memory.
	 */
	kspan_pools_fill();
	kspan_alloc_init();
	kspan_debugfs_init();
	return 0;
}

static void __exit kspan_exit(void)
{
	kspan_debugfs_exit();
	kspan_callsites_end();
	kspan_rcu_barrier();
	kspan_deferred_exit();
	report_live();
	end_parts(ARRAY_SIZE(parts));
}

/* When built in, kspan starts before the drivers that may be its clients. */
subsys_initcall(kspan_init);
module_exit(kspan_exit);

MODULE_DESCRIPTION("Per-CPU, span-based memory allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(KSPAN_VERSION);
