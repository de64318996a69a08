// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics.  The fast paths count nothing: the numbers of allocations and
 * frees follow from the tops of the caches (cache.h).  All else is counted
 * where memory moves between the parts of the allocator.
 */
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "api/guard.h"
#include "api/lookup.h"
#include "base/counters.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "base/profile.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/backing.h"
#include "heap/chunk.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "reclaim/scavenge.h"
#include "reclaim/shrink.h"
#include "show/stats.h"
#include "span/redzone.h"
#include "span/report.h"

/* Read the statistics of a span class.  Context: Any. */
void kspan_read_sc(unsigned int sc, struct kspan_class_stats *out)
{
	const struct kspan_central *central;
	u64 combined;
	int node;

	*out = (struct kspan_class_stats){};
	/* An empty current tiny block does not count as allocated. */
	if (sc == KSPAN_SC_TINY)
		kspan_tiny_read(&out->nmalloc, &out->nfree, &combined);
	else
		kspan_cache_count(sc, &out->nmalloc, &out->nfree);
	for_each_kspan_node(node) {
		central = kspan_central_of(node, sc);
		out->nr_spans += READ_ONCE(central->nr_spans);
		out->nr_partial += READ_ONCE(central->nr_partial);
		/*
		 * Each was freed twice in a race, and both frees were counted.
		 */
		out->nfree -= READ_ONCE(central->nr_twice);
	}
}

/* Read the statistics of a size class.  Context: Any. */
void kspan_read_class(unsigned int class, struct kspan_class_stats *out)
{
	struct kspan_class_stats one;
	unsigned int sc;

	*out = (struct kspan_class_stats){};
	out->nmalloc = atomic64_read(&kspan_sc_gone[class]);
	out->nfree = out->nmalloc;
	for_each_kspan_sc(sc) {
		if (!kspan_sc_enter(sc))
			continue;
		if (kspan_sc_class(sc) == class)
			kspan_read_sc(sc, &one);
		else
			memset(&one, 0, sizeof(one));
		kspan_sc_leave();
		out->nmalloc += one.nmalloc;
		out->nfree += one.nfree;
		out->nr_spans += one.nr_spans;
		out->nr_partial += one.nr_partial;
	}
}

/* On 32 bits, counters wrap at 2^32. */
static u64 count(const atomic_long_t *counter)
{
	return (unsigned long)atomic_long_read(counter);
}

/*
 * Add the objects of named caches, and their bytes unless check=2 counts them.
 */
static void read_caches(struct kspan_stats *out, u64 *freed_bytes)
{
	u64 gone = atomic64_read(&kspan_sc_gone_bytes);
	struct kspan_class_stats one;
	unsigned int sc;

	kspan_read_class(0, &one);
	out->nmalloc += one.nmalloc;
	out->nfree += one.nfree;
	if (kspan_redzone_on())
		return;
	out->total_alloc += gone;
	*freed_bytes += gone;
	for_each_kspan_sc(sc) {
		if (kspan_sc_is_static(sc) || !kspan_sc_enter(sc))
			continue;
		if (!kspan_sc_class(sc)) {
			kspan_read_sc(sc, &one);
			out->total_alloc += one.nmalloc * kspan_sc_info(sc)->size;
			*freed_bytes += one.nfree * kspan_sc_info(sc)->size;
		}
		kspan_sc_leave();
	}
}

static void read_objects(struct kspan_stats *out)
{
	u64 freed_bytes, tiny_nmalloc, tiny_nfree;
	struct kspan_class_stats one;
	unsigned int class;

	kspan_tiny_read(&tiny_nmalloc, &tiny_nfree, &out->tinyallocs);
	kspan_pair_counts(count(&kspan_large_nmalloc),
			  count(&kspan_large_nfree), &out->large_nmalloc,
			  &out->large_nfree);
	/* Read the frees first, so that they never exceed the allocations. */
	freed_bytes = atomic64_read(&kspan_large_free_bytes);
	out->total_alloc = atomic64_read(&kspan_large_alloc_bytes);
	out->large_alloc = out->total_alloc - freed_bytes;
	if (kspan_redzone_on()) {
		freed_bytes += atomic64_read(&kspan_redzone_free_bytes);
		out->total_alloc += atomic64_read(&kspan_redzone_alloc_bytes);
	}
	/*
	 * A tiny object that shares a block counts as freed together with the
	 * block.
	 */
	out->nmalloc = out->large_nmalloc + out->tinyallocs;
	out->nfree = out->large_nfree + out->tinyallocs;
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		kspan_read_class(class, &one);
		out->nmalloc += one.nmalloc;
		out->nfree += one.nfree;
		/*
		 * With check=2 the bytes of each object are counted when it is
		 * allocated.
		 */
		if (kspan_redzone_on())
			continue;
		out->total_alloc += one.nmalloc * kspan_classes[class].size;
		freed_bytes += one.nfree * kspan_classes[class].size;
	}
	read_caches(out, &freed_bytes);
	out->heap_objects = out->nmalloc - out->nfree;
	out->alloc = out->total_alloc - freed_bytes;
	out->heap_alloc = out->alloc;
}

static void read_memory(struct kspan_stats *out)
{
	unsigned long used_pages = 0;
	struct kspan_page_heap *heap;
	int node;

	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		used_pages += READ_ONCE(heap->used_pages) -
			      atomic_long_read(&heap->empty_pages);
		out->reserve += kspan_page_heap_reserve(heap) * KSPAN_PAGE_SIZE;
	}
	out->heap_sys = count(&kspan_heap_sys);
	out->heap_inuse = (u64)used_pages * KSPAN_PAGE_SIZE -
			  count(&kspan_run_idle) - count(&kspan_heap_run_idle) +
			  count(&kspan_region_sys) -
			  count(&kspan_region_idle) -
			  count(&kspan_deferred_bytes);
	out->heap_idle = out->heap_sys - out->heap_inuse;
	out->heap_released = atomic64_read(&kspan_heap_released);
	out->mspan_inuse = count(&kspan_inuse_bytes[KSPAN_SYS_MSPAN]);
	out->mspan_sys = count(&kspan_sys_bytes[KSPAN_SYS_MSPAN]);
	out->mcache_inuse = count(&kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
	out->mcache_sys = count(&kspan_sys_bytes[KSPAN_SYS_MCACHE]);
	out->buckhash_sys = count(&kspan_sys_bytes[KSPAN_SYS_BUCKHASH]);
	out->gc_sys = count(&kspan_sys_bytes[KSPAN_SYS_GC]);
	out->other_sys = count(&kspan_sys_bytes[KSPAN_SYS_OTHER]);
	out->sys = out->heap_sys + out->mspan_sys + out->mcache_sys +
		   out->buckhash_sys + out->gc_sys + out->other_sys;
}

/**
 * kspan_read_stats - read all statistics
 * @out: set to the statistics
 *
 * Context: Any but NMI.
 */
void kspan_read_stats(struct kspan_stats *out)
{
	memset(out, 0, sizeof(*out));
	read_objects(out);
	read_memory(out);
	out->nlookup = kspan_lookup_count();
	out->bad_free = count(&kspan_nr_bad_free);
	out->double_free = count(&kspan_nr_double_free);
	out->bad_copy = count(&kspan_nr_bad_copy);
	out->overrun = count(&kspan_nr_overrun);
	out->use_after_free = count(&kspan_nr_use_after_free);
	out->linked_free = count(&kspan_nr_linked_free);
	out->atomic_fail = count(&kspan_nr_atomic_fail);
	out->oom_fail = count(&kspan_nr_oom_fail);
	out->limit_fail = count(&kspan_nr_limit_fail);
	out->refill = count(&kspan_nr_refill);
	out->flush = count(&kspan_nr_flush);
	out->swap = kspan_depot_swaps();
	out->grow = count(&kspan_nr_grow);
	out->release = count(&kspan_nr_release);
	out->scavenge_runs = count(&kspan_nr_scavenge);
	out->shrink_runs = count(&kspan_nr_shrink);
	out->corrupt = count(&kspan_nr_corrupt);
	out->quarantine = kspan_quarantine_bytes();
	kspan_profile_count(&out->samples, &out->samples_lost);
	out->guards = kspan_guard_count();
	out->limit = READ_ONCE(kspan_params.memory_limit);
}
EXPORT_SYMBOL_GPL(kspan_read_stats);
