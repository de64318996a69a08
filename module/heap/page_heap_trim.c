// SPDX-License-Identifier: GPL-2.0
/*
 * What a page heap keeps and what it gives back: the reserve for callers that
 * cannot sleep, a tenth of the recent peak, and idle chunks beyond.
 *
 * The reserve is a number of free pages, and one run among them which is as
 * long as such callers need: pages alone may be holes between spans.
 */
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>

#include "base/counters.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "heap/page_heap.h"

/* Chunks taken off a heap at a time, with its lock held. */
#define TRIM_BATCH	16U

/* Whether @chunk, an idle one, is what the reserve has its long run from. */
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
 * Move chunks without users that have idled long enough to @gone, TRIM_BATCH at
 * most.  A list has those on top that idle since lately, so what is below one
 * that may not go need not be looked at.
 *
 * Return: how many.
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
			/* Nothing of what is to stay is in far chunks. */
			if (!chunk->far && kspan_page_heap_near(heap) <
					   keep + chunk->nr_pages)
				break;
			/* No time_before(): on 32 bits that fails after months. */
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
 * kspan_page_heap_trim - give idle chunks back to the kernel
 * @heap: the heap
 * @keep_pages: free pages to keep
 * @idle_jiffies: how long a chunk must have been without users
 *
 * Context: Process context that may sleep.
 * Return: bytes given back.
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
 * kspan_page_heap_is_settled - whether no tick will give back any more of a heap
 * @heap: the heap
 *
 * Live objects do not matter: what is in use goes nowhere.
 *
 * Context: Any but NMI.
 * Return: true if the recent peak has decayed to what is in use and each idle
 * chunk is one that a tick keeps.
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
		/* Those that are kept are no more than a reserve's chunks. */
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
 * kspan_page_heap_keep - free pages a heap should keep when it is trimmed
 * @heap: the heap
 *
 * A tenth of the recent peak above the reserve, so that the next wave does
 * not begin with vmalloc().  Each call lets the peak decay by half its
 * distance from what is in use, and the length of the reserve's run by half.
 *
 * Context: Any but NMI; the scavenger only.
 * Return: heap pages that a tick should leave in the heap.
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
