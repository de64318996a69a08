// SPDX-License-Identifier: GPL-2.0
/*
 * What a page heap keeps and what it returns: it keeps the reserve for callers
 * that cannot sleep and a tenth of the recent peak, and returns idle chunks
 * beyond that.
 *
 * The reserve is a number of free pages, of which one run is as long as such
 * callers need: single free pages may be scattered between spans.
 */
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>

#include "base/counters.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "heap/page_heap.h"

/* Chunks removed from a page heap while its lock is held. */
#define TRIM_BATCH	16U

/*
 * Whether the idle chunk @chunk is the only one with a run as long as the
 * reserve needs.
 */
static bool __kspan_noprobe is_last_run(const struct kspan_page_heap *heap,
					const struct kspan_chunk *chunk)
{
	unsigned int first = heap->reserve_run * KSPAN_PAGE_HEAP_FILL;

	return !chunk->far && chunk->bucket >= first &&
	       list_is_singular(&heap->lists[chunk->bucket]) &&
	       find_next_bit(heap->filled, KSPAN_PAGE_HEAP_BUCKETS, first) ==
	       chunk->bucket &&
	       find_next_bit(heap->filled, KSPAN_PAGE_HEAP_BUCKETS,
			     chunk->bucket + 1U) >= KSPAN_PAGE_HEAP_BUCKETS;
}

/*
 * Move up to TRIM_BATCH unused chunks that have idled long enough to @gone.
 * The chunk that became idle last is first in its list.  So the search from the
 * end of a list stops at the first chunk that has to stay.
 *
 * Return: number of chunks moved.
 */
static unsigned int __kspan_noprobe collect_idle_locked(struct kspan_page_heap *heap,
							unsigned long keep,
							unsigned long idle_jiffies,
							struct list_head *gone)
{
	struct kspan_chunk *chunk, *next;
	unsigned int bucket, nr = 0;

	lockdep_assert_held(&heap->lock);
	for_each_set_bit(bucket, heap->filled, KSPAN_PAGE_HEAP_LISTS) {
		if (bucket % KSPAN_PAGE_HEAP_FILL != KSPAN_PAGE_HEAP_FILL - 1)
			continue;
		list_for_each_entry_safe_reverse(chunk, next,
						 &heap->lists[bucket], list) {
			if (nr == TRIM_BATCH)
				return nr;
			/* Far chunks do not count for what has to stay. */
			if (!chunk->far && kspan_page_heap_near(heap) <
					   keep + chunk->nr_pages)
				break;
			/*
			 * time_before() fails on 32 bits for a chunk that has
			 * idled for weeks.
			 */
			if (jiffies - chunk->idle_since < idle_jiffies)
				break;
			if (keep && is_last_run(heap, chunk))
				break;
			kspan_page_heap_remove_locked(heap, chunk);
			list_add(&chunk->all, gone);
			nr++;
		}
	}
	return nr;
}

/**
 * kspan_page_heap_trim - return idle chunks to the kernel
 * @heap: the page heap
 * @keep_pages: free pages to keep
 * @idle_jiffies: how long a chunk must have been unused
 *
 * Context: Process context that may sleep.
 * Return: bytes returned.
 */
unsigned long kspan_page_heap_trim(struct kspan_page_heap *heap, unsigned long keep_pages,
				   unsigned long idle_jiffies)
{
	struct kspan_chunk *chunk, *next;
	unsigned long flags, bytes = 0;
	unsigned int nr;

	do {
		LIST_HEAD(gone);

		raw_spin_lock_irqsave(&heap->lock, flags);
		heap->ahead = false;
		nr = collect_idle_locked(heap, keep_pages, idle_jiffies, &gone);
		raw_spin_unlock_irqrestore(&heap->lock, flags);
		list_for_each_entry_safe(chunk, next, &gone, all) {
			bytes += chunk->nr_pages * KSPAN_PAGE_SIZE;
			kspan_chunk_put(chunk);
		}
	} while (nr == TRIM_BATCH);
	return bytes;
}

/**
 * kspan_page_heap_forget_peak - let the recent peak be what is in use now
 * @heap: the heap
 *
 * Context: Any but NMI.
 */
void kspan_page_heap_forget_peak(struct kspan_page_heap *heap)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->lock, flags);
	heap->peak_pages = heap->used_pages;
	raw_spin_unlock_irqrestore(&heap->lock, flags);
}

/**
 * kspan_page_heap_is_settled - whether later ticks would return nothing more
 * @heap: the page heap
 *
 * Live objects do not matter, because a tick never returns what is in use.
 *
 * Context: Any but NMI.
 * Return: true if the recent peak has decayed to what is in use and ticks keep
 * each chunk that is idle now.
 */
bool kspan_page_heap_is_settled(struct kspan_page_heap *heap)
{
	unsigned long flags, keep;
	struct kspan_chunk *chunk;
	unsigned int bucket;
	bool settled;

	raw_spin_lock_irqsave(&heap->lock, flags);
	keep = kspan_page_heap_reserve(heap) + heap->peak_pages / 10;
	settled = heap->peak_pages == heap->used_pages;
	for_each_set_bit(bucket, heap->filled, KSPAN_PAGE_HEAP_BUCKETS) {
		if (bucket % KSPAN_PAGE_HEAP_FILL != KSPAN_PAGE_HEAP_FILL - 1)
			continue;
		/*
		 * The idle chunks that are kept are at most as many as the
		 * reserve needs.
		 */
		list_for_each_entry(chunk, &heap->lists[bucket], list) {
			if (!settled)
				break;
			settled = !chunk->far &&
				  (heap->free_pages < keep + chunk->nr_pages ||
				   (keep && is_last_run(heap, chunk)));
		}
	}
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return settled;
}

/**
 * kspan_page_heap_keep - free pages that a trim should keep
 * @heap: the page heap
 *
 * These are the reserve and a tenth of the recent peak, so that the next wave
 * need not begin with vmalloc().  Each call halves the distance of the recent
 * peak from what is in use, and the length of the run in the reserve.
 *
 * Context: Any but NMI; only the scavenger calls it.
 * Return: number of heap pages that a tick should keep.
 */
unsigned long kspan_page_heap_keep(struct kspan_page_heap *heap)
{
	unsigned long flags, keep;

	raw_spin_lock_irqsave(&heap->lock, flags);
	keep = kspan_page_heap_reserve(heap) + heap->peak_pages / 10;
	heap->peak_pages = heap->used_pages +
			   (heap->peak_pages - heap->used_pages) / 2;
	heap->reserve_run = max(heap->reserve_run / 2, kspan_page_heap_longest_span());
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return keep;
}
