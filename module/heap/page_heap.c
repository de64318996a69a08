// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap.
 *
 * A request takes the chunk whose longest free run is the shortest that fits,
 * and among those the fullest (the rule of TCMalloc's hugepage filler): long
 * runs stay whole and chunks that empty are left alone, so that they can go
 * back to the kernel.  The chunks are filed so that this chunk is one search
 * of a fixed bitmap away, whatever the number of chunks; the run in it is a
 * first fit over 256 bits.  Neighbouring free runs are one run by nature of a
 * bitmap, so that there is no coalescing to get wrong.
 *
 * Limit: a run lies in one chunk.  Large objects own regions, see large.c.
 *
 * scripts/model/heap.pml is a model of this, searched exhaustively; change it along.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sizes.h>

#include "base/counters.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "base/tick.h"
#include "heap/page_heap.h"
#include "span/report.h"

/* Chunks that are looked at for an aligned run, under the lock. */
#define ALIGNED_LOOKS	8U

/* Bytes of empty spans of a node at most, and the part of all memory. */
#define EMPTY_BUDGET		SZ_64M
#define EMPTY_PART		32U

/* The bucket of a chunk that contradicted itself. */
#define QUARANTINED		U16_MAX

/* By node; set at load and at unload only. */
struct kspan_page_heap *kspan_page_heaps[MAX_NUMNODES];

/* The heap of a node.  Context: Any.  Return: never NULL for an online node. */
struct kspan_page_heap *kspan_page_heap_of(int node)
{
	struct kspan_page_heap *heap = node >= 0 ? kspan_page_heaps[node] : NULL;

	return heap ? heap : kspan_page_heaps[kspan_first_node];
}

/* Heap pages of the longest span of any class.  Context: Any. */
unsigned int __kspan_noprobe kspan_page_heap_longest_span(void)
{
	unsigned int class, pages = 0;

	for (class = 1; class <= KSPAN_NR_CLASSES; class++)
		pages = max_t(unsigned int, pages, kspan_classes[class].nr_pages);
	return pages;
}

/**
 * kspan_page_heap_reserve - free pages of a heap that are for atomic callers alone
 * @heap: the heap
 *
 * At most half of what a memory_limit allows, or nobody else would get any.
 *
 * Context: Any.
 * Return: heap pages.
 */
unsigned long __kspan_noprobe kspan_page_heap_reserve(const struct kspan_page_heap *heap)
{
	unsigned long limit = READ_ONCE(kspan_params.memory_limit);

	if (likely(!limit))
		return heap->reserve_pages;
	limit = (limit >> KSPAN_PAGE_SHIFT) / 2 / kspan_nr_nodes;
	return min(heap->reserve_pages, limit);
}

/**
 * kspan_page_heap_setup - an empty heap
 * @heap: zeroed memory for it
 * @node: NUMA node its chunks should come from
 * @reserve_pages: free pages kept for atomic callers
 *
 * Context: nobody uses the heap yet.
 */
void kspan_page_heap_setup(struct kspan_page_heap *heap, int node,
			   unsigned long reserve_pages)
{
	unsigned int i;

	raw_spin_lock_init(&heap->lock);
	for (i = 0; i < KSPAN_PAGE_HEAP_LISTS; i++)
		INIT_LIST_HEAD(&heap->lists[i]);
	INIT_LIST_HEAD(&heap->chunks);
	heap->walk_next = &heap->chunks;
	heap->node = node;
	heap->reserve_pages = reserve_pages;
	heap->reserve_run = kspan_page_heap_longest_span();
	heap->empty_budget = min(totalram_pages() / EMPTY_PART,
				 EMPTY_BUDGET / PAGE_SIZE) *
			     PAGE_SIZE >> KSPAN_PAGE_SHIFT;
}

/* Remember the run that an atomic caller did not get, for the worker. */
static void __kspan_noprobe want_run_locked(struct kspan_page_heap *heap,
					    unsigned int nr_pages)
{
	lockdep_assert_held(&heap->lock);
	heap->reserve_run = clamp(nr_pages, heap->reserve_run, KSPAN_CHUNK_PAGES);
}

/* In no list any more, for what was free in it is not to be trusted. */
static bool is_quarantined(const struct kspan_chunk *chunk)
{
	return chunk->bucket == QUARANTINED;
}

static unsigned int bucket_of(const struct kspan_chunk *chunk)
{
	unsigned int fill = 3;

	if (chunk->used)
		fill = 2 - min(2U, 3U * chunk->used / chunk->nr_pages);
	if (chunk->far)
		fill += KSPAN_PAGE_HEAP_BUCKETS;
	return chunk->longest * KSPAN_PAGE_HEAP_FILL + fill;
}

/* Count @nr_pages of @chunk as free, or as free no more. */
static void __kspan_noprobe add_free_locked(struct kspan_page_heap *heap,
					    const struct kspan_chunk *chunk,
					    long nr_pages)
{
	lockdep_assert_held(&heap->lock);
	kspan_counter_add(heap->free_pages, nr_pages);
	if (unlikely(chunk->far))
		kspan_counter_add(heap->far_pages, nr_pages);
}

static void __kspan_noprobe file_chunk_locked(struct kspan_page_heap *heap,
					      struct kspan_chunk *chunk)
{
	lockdep_assert_held(&heap->lock);
	chunk->bucket = bucket_of(chunk);
	list_add(&chunk->list, &heap->lists[chunk->bucket]);
	__set_bit(chunk->bucket, heap->filled);
}

static void __kspan_noprobe unfile_chunk_locked(struct kspan_page_heap *heap,
						struct kspan_chunk *chunk)
{
	lockdep_assert_held(&heap->lock);
	list_del(&chunk->list);
	if (list_empty(&heap->lists[chunk->bucket]))
		__clear_bit(chunk->bucket, heap->filled);
}

/**
 * kspan_page_heap_remove_locked - let an idle chunk go
 * @heap: the heap
 * @chunk: the chunk; the caller's from now on
 *
 * Context: The heap's lock is held.
 */
void __kspan_noprobe kspan_page_heap_remove_locked(struct kspan_page_heap *heap,
						   struct kspan_chunk *chunk)
{
	lockdep_assert_held(&heap->lock);
	unfile_chunk_locked(heap, chunk);
	if (heap->walk_next == &chunk->all)
		heap->walk_next = chunk->all.next;
	list_del(&chunk->all);
	heap->nr_chunks--;
	heap->nr_moves++;
	add_free_locked(heap, chunk, -(long)chunk->nr_pages);
}

static void __kspan_noprobe refile_chunk_locked(struct kspan_page_heap *heap,
						struct kspan_chunk *chunk)
{
	lockdep_assert_held(&heap->lock);
	if (is_quarantined(chunk) || bucket_of(chunk) == chunk->bucket)
		return;
	unfile_chunk_locked(heap, chunk);
	file_chunk_locked(heap, chunk);
}

static unsigned int __kspan_noprobe longest_run(const struct kspan_chunk *chunk)
{
	unsigned int start, end, longest = 0;

	for_each_clear_bitrange(start, end, chunk->map, chunk->nr_pages)
		longest = max(longest, end - start);
	return longest;
}

/* The free run around free page @at, as [@start, @end). */
static void __kspan_noprobe run_around(const struct kspan_chunk *chunk,
				       unsigned int at, unsigned int *start,
				       unsigned int *end)
{
	unsigned int last = find_last_bit(chunk->map, at);

	*start = last < at ? last + 1 : 0;
	*end = find_next_bit(chunk->map, chunk->nr_pages, at);
}

/* Where in @chunk an aligned run of free pages begins; nr_pages: nowhere. */
static unsigned int find_run(const struct kspan_chunk *chunk,
			     unsigned int nr_pages, unsigned int align_pages)
{
	unsigned long mask = align_pages - 1;
	unsigned long at;

	at = bitmap_find_next_zero_area_off((unsigned long *)chunk->map,
					    chunk->nr_pages, 0, nr_pages, mask,
					    (chunk->base >> KSPAN_PAGE_SHIFT) & mask);
	return min_t(unsigned long, at, chunk->nr_pages);
}

/* Take a chunk that contradicts itself out of use, but for what is in spans. */
static void __kspan_noprobe quarantine_chunk_locked(struct kspan_page_heap *heap,
						    struct kspan_chunk *chunk)
{
	lockdep_assert_held(&heap->lock);
	kspan_report_corrupt("longest run of a chunk, which is quarantined", 0);
	unfile_chunk_locked(heap, chunk);
	chunk->bucket = QUARANTINED;
	heap->nr_moves++;
	add_free_locked(heap, chunk, (long)chunk->used - chunk->nr_pages);
}

/* The first bucket with chunks that have such a run; KSPAN_PAGE_HEAP_LISTS: none. */
static unsigned int __kspan_noprobe find_bucket_locked(struct kspan_page_heap *heap,
						       unsigned int need,
						       bool use_far)
{
	unsigned int first = need * KSPAN_PAGE_HEAP_FILL, bucket;

	lockdep_assert_held(&heap->lock);
	bucket = find_next_bit(heap->filled, KSPAN_PAGE_HEAP_BUCKETS, first);
	if (likely(bucket < KSPAN_PAGE_HEAP_BUCKETS))
		return bucket;
	if (!use_far || !heap->far_pages)
		return KSPAN_PAGE_HEAP_LISTS;
	return find_next_bit(heap->filled, KSPAN_PAGE_HEAP_LISTS,
			     KSPAN_PAGE_HEAP_BUCKETS + first);
}

/* A chunk with a run of that length, and where.  Return: NULL for none. */
static __kspan_noprobe struct kspan_chunk *find_chunk_locked(struct kspan_page_heap *heap,
							     unsigned int nr_pages,
							     unsigned int align_pages,
							     bool use_far,
							     unsigned int *at)
{
	/* A run of this length holds an aligned one wherever it begins. */
	unsigned int need = nr_pages + align_pages - 1, bucket;
	struct kspan_chunk *chunk;

	lockdep_assert_held(&heap->lock);
	for (;;) {
		bucket = find_bucket_locked(heap, need, use_far);
		if (bucket >= KSPAN_PAGE_HEAP_LISTS)
			return NULL;
		chunk = list_first_entry(&heap->lists[bucket],
					 struct kspan_chunk, list);
		*at = find_run(chunk, nr_pages, align_pages);
		if (likely(*at < chunk->nr_pages))
			return chunk;
		quarantine_chunk_locked(heap, chunk);
	}
}

static void __kspan_noprobe take_run_locked(struct kspan_page_heap *heap,
					    struct kspan_chunk *chunk,
					    unsigned int at, unsigned int nr_pages,
					    struct kspan_run *run)
{
	unsigned int start, end;

	lockdep_assert_held(&heap->lock);
	run->chunk = chunk;
	run->addr = chunk->base + ((unsigned long)at << KSPAN_PAGE_SHIFT);
	run->dirty = find_next_bit(chunk->dirty, at + nr_pages, at) <
		     at + nr_pages;

	run_around(chunk, at, &start, &end);
	bitmap_set(chunk->map, at, nr_pages);
	bitmap_set(chunk->dirty, at, nr_pages);
	chunk->used += nr_pages;
	if (end - start == chunk->longest)
		chunk->longest = longest_run(chunk);
	refile_chunk_locked(heap, chunk);

	heap->nr_moves++;
	add_free_locked(heap, chunk, -(long)nr_pages);
	kspan_counter_add(heap->used_pages, nr_pages);
	heap->peak_pages = max(heap->peak_pages, heap->used_pages);
	run->low = kspan_page_heap_reserve(heap) &&
		   (kspan_page_heap_near(heap) < kspan_page_heap_reserve(heap) ||
		    !kspan_page_heap_has_run(heap, heap->reserve_run));
}

/**
 * kspan_page_heap_alloc - a run of heap pages
 * @heap: where from
 * @nr_pages: its length, at most KSPAN_CHUNK_MAX
 * @align_pages: power of two; alignment of its address in heap pages
 * @use_reserve: whether the caller may go below the reserve, and into far
 *	chunks
 * @run: the result
 *
 * Context: Any but NMI.
 * Return: whether there was one.
 */
bool kspan_page_heap_alloc(struct kspan_page_heap *heap, unsigned int nr_pages,
			   unsigned int align_pages, bool use_reserve,
			   struct kspan_run *run)
{
	unsigned int need = nr_pages + align_pages - 1;
	struct kspan_chunk *chunk = NULL;
	unsigned long flags;
	unsigned int at;

	if (need > KSPAN_CHUNK_MAX)
		return false;
	raw_spin_lock_irqsave(&heap->lock, flags);
	if (!use_reserve &&
	    kspan_page_heap_near(heap) < kspan_page_heap_reserve(heap) + nr_pages)
		goto unlock;
	chunk = find_chunk_locked(heap, nr_pages, align_pages, use_reserve, &at);
	if (chunk)
		take_run_locked(heap, chunk, at, nr_pages, run);
	else if (use_reserve)
		want_run_locked(heap, need);
unlock:
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return chunk;
}

/*
 * A chunk with an aligned run in a free run that need not hold one, and where
 * it begins.  Looks at a chunk of each of the shortest lengths, and at an empty
 * one.  Return: NULL for none.
 */
static __kspan_noprobe struct kspan_chunk *find_aligned_locked(struct kspan_page_heap *heap,
							       unsigned int nr_pages,
							       unsigned int align_pages,
							       unsigned int *at)
{
	unsigned int bucket = nr_pages * KSPAN_PAGE_HEAP_FILL, looks = 0;
	struct kspan_chunk *chunk;

	lockdep_assert_held(&heap->lock);
	for (; looks <= ALIGNED_LOOKS; looks++, bucket++) {
		if (looks == ALIGNED_LOOKS)
			bucket = max(bucket, KSPAN_PAGE_HEAP_BUCKETS - 1);
		bucket = find_next_bit(heap->filled, KSPAN_PAGE_HEAP_BUCKETS,
				       bucket);
		if (bucket >= KSPAN_PAGE_HEAP_BUCKETS)
			break;
		chunk = list_first_entry(&heap->lists[bucket],
					 struct kspan_chunk, list);
		*at = find_run(chunk, nr_pages, align_pages);
		if (*at < chunk->nr_pages)
			return chunk;
	}
	return NULL;
}

/**
 * kspan_page_heap_alloc_aligned - an aligned run, wherever one happens to be
 * @heap: where from
 * @nr_pages: its length, at most KSPAN_CHUNK_MAX
 * @align_pages: power of two; alignment of its address in heap pages
 * @use_reserve: whether the caller may go below the reserve
 * @run: the result
 *
 * kspan_page_heap_alloc() takes a free run that is so long that there must be
 * an aligned one in it.  Chunks are aligned as a rule, so that runs just as long
 * as the request may do as well; they are tried first.
 *
 * Context: Any but NMI.
 * Return: whether there was one.
 */
bool kspan_page_heap_alloc_aligned(struct kspan_page_heap *heap,
				   unsigned int nr_pages,
				   unsigned int align_pages, bool use_reserve,
				   struct kspan_run *run)
{
	struct kspan_chunk *chunk = NULL;
	unsigned long flags;
	unsigned int at;

	if (nr_pages > KSPAN_CHUNK_MAX)
		return false;
	raw_spin_lock_irqsave(&heap->lock, flags);
	if (use_reserve ||
	    heap->free_pages >= kspan_page_heap_reserve(heap) + nr_pages)
		chunk = find_aligned_locked(heap, nr_pages, align_pages, &at);
	if (chunk)
		take_run_locked(heap, chunk, at, nr_pages, run);
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return chunk || kspan_page_heap_alloc(heap, nr_pages, align_pages,
					      use_reserve, run);
}

/**
 * kspan_page_heap_free - take a run of pages back
 * @heap: where it is from
 * @chunk: its chunk
 * @addr: its first byte
 * @nr_pages: its length
 *
 * Context: Any but NMI.
 */
void kspan_page_heap_free(struct kspan_page_heap *heap, struct kspan_chunk *chunk,
			  unsigned long addr, unsigned int nr_pages)
{
	unsigned int at = (addr - chunk->base) >> KSPAN_PAGE_SHIFT;
	unsigned int start, end;
	unsigned long flags;
	bool idle;

	raw_spin_lock_irqsave(&heap->lock, flags);
	bitmap_clear(chunk->map, at, nr_pages);
	run_around(chunk, at, &start, &end);
	chunk->used -= nr_pages;
	chunk->longest = max_t(unsigned int, chunk->longest, end - start);
	idle = !chunk->used;
	if (idle)
		chunk->idle_since = jiffies;
	refile_chunk_locked(heap, chunk);
	heap->nr_moves++;
	if (likely(!is_quarantined(chunk)))
		add_free_locked(heap, chunk, nr_pages);
	kspan_counter_sub(heap->used_pages, nr_pages);
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	if (idle)
		kspan_tick_watch();
}

/* Make @chunk part of @heap.  Context: Any but NMI. */
void kspan_page_heap_add(struct kspan_page_heap *heap, struct kspan_chunk *chunk)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->lock, flags);
	list_add(&chunk->all, &heap->chunks);
	file_chunk_locked(heap, chunk);
	heap->nr_chunks++;
	heap->nr_moves++;
	add_free_locked(heap, chunk, chunk->nr_pages);
	raw_spin_unlock_irqrestore(&heap->lock, flags);
}

/* What a check has seen of a heap. */
struct seen {
	unsigned long nr;
	unsigned long used;
	unsigned long free;
	unsigned long far;
	const char *wrong;
};

static void check_chunk(const struct kspan_chunk *chunk, void *arg)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->used += chunk->used;
	if (is_quarantined(chunk))
		return;
	seen->free += chunk->nr_pages - chunk->used;
	if (chunk->far)
		seen->far += chunk->nr_pages - chunk->used;
	if (bitmap_weight(chunk->map, chunk->nr_pages) != chunk->used)
		seen->wrong = "heap: used pages differ from the chunk's bitmap";
	else if (longest_run(chunk) != chunk->longest)
		seen->wrong = "heap: longest run differs from the chunk's bitmap";
	else if (bucket_of(chunk) != chunk->bucket)
		seen->wrong = "heap: chunk is filed in the wrong list";
}

/**
 * kspan_page_heap_check - whether a heap agrees with itself
 * @heap: the heap
 *
 * Sums are compared if nothing moved while the chunks were looked at.
 *
 * Context: Process context that may sleep.
 * Return: NULL, or what is wrong.
 */
const char *kspan_page_heap_check(struct kspan_page_heap *heap)
{
	struct seen seen = {};
	unsigned long flags, moves;

	moves = kspan_page_heap_walk(heap, check_chunk, &seen);
	raw_spin_lock_irqsave(&heap->lock, flags);
	if (!seen.wrong && heap->nr_moves == moves) {
		if (seen.nr != heap->nr_chunks)
			seen.wrong = "heap: number of chunks";
		else if (seen.used != heap->used_pages ||
			 seen.free != heap->free_pages ||
			 seen.far != heap->far_pages)
			seen.wrong = "heap: number of pages";
	}
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return seen.wrong;
}
