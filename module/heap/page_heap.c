// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap.
 *
 * A request takes the chunk whose longest free run is the shortest that fits,
 * and among those the fullest chunk.  This is the rule of TCMalloc's hugepage
 * filler: long runs stay whole, and chunks that are nearly free are left alone
 * so that they can return to the kernel.  One search of a fixed bitmap finds
 * the list of such chunks, whatever their number.  The run in the chunk is a
 * first fit over up to 256 bits.  In a bitmap, adjacent free runs are one run,
 * so there is no coalescing.
 *
 * Limit: a run lies within one chunk.  Large objects have regions; see large.c.
 *
 * scripts/model/heap.pml is a model of this algorithm that is searched
 * exhaustively.  Change both together.
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

/* Chunks searched for an aligned run while the lock is held. */
#define ALIGNED_LOOKS	8U

/* Maximum bytes of empty spans on a node, and their share of all memory. */
#define EMPTY_BUDGET		SZ_64M
#define EMPTY_PART		32U

/* The bucket of a chunk that failed a check. */
#define QUARANTINED		U16_MAX

/* Page heaps by node; set only at load and unload. */
struct kspan_page_heap *kspan_page_heaps[MAX_NUMNODES];

/* The page heap of a node, never NULL for an online node.  Context: Any. */
__kspan_noprobe struct kspan_page_heap *kspan_page_heap_of(int node)
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

/*
 * The size of the reserve while @used pages are in use.  A small client should not
 * need a chunk in addition to the reserve, so the first pages of all callers come
 * from the reserve.  When more pages are in use, the reserve is whole again.
 */
static unsigned long __kspan_noprobe reserve_beside(const struct kspan_page_heap *heap,
						    unsigned long used)
{
	unsigned long limit = READ_ONCE(kspan_params.memory_limit);
	unsigned long pages = heap->reserve_pages;

	if (unlikely(limit)) {
		limit = (limit >> KSPAN_PAGE_SHIFT) / 2 / kspan_nr_nodes;
		pages = min(pages, limit);
	}
	return used > heap->first_pages ? pages : pages - min(pages, used);
}

/**
 * kspan_page_heap_reserve - free pages of a page heap that only atomic callers
 * may use
 * @heap: the page heap
 *
 * With a memory_limit, the reserve is at most half of it, so that other callers
 * can get memory too.
 *
 * Context: Any.
 * Return: number of heap pages.
 */
unsigned long __kspan_noprobe kspan_page_heap_reserve(const struct kspan_page_heap *heap)
{
	return reserve_beside(heap, READ_ONCE(heap->used_pages));
}

/* Whether a caller that may not use the reserve can have @nr_pages of @free pages. */
static bool __kspan_noprobe spares_locked(const struct kspan_page_heap *heap,
					  unsigned long free, unsigned int nr_pages)
{
	lockdep_assert_held(&heap->lock);
	return free >= reserve_beside(heap, heap->used_pages + nr_pages) + nr_pages;
}

/* Pages that are left to callers that may not use the reserve. */
static unsigned long __kspan_noprobe left_locked(const struct kspan_page_heap *heap)
{
	unsigned long used = heap->used_pages, reserve, near;

	lockdep_assert_held(&heap->lock);
	near = kspan_page_heap_near(heap);
	reserve = reserve_beside(heap, heap->first_pages + 1);
	if (near > reserve)
		return near - reserve;
	return heap->first_pages - min(heap->first_pages, used);
}

/**
 * kspan_page_heap_wants_ahead_locked - whether callers will soon find no page
 * @heap: the heap
 *
 * This is assumed while the number of pages in use is at its recent maximum and
 * few pages are left.
 *
 * Context: The heap's lock is held.
 * Return: whether a worker should add a chunk.
 */
bool __kspan_noprobe kspan_page_heap_wants_ahead_locked(const struct kspan_page_heap *heap)
{
	unsigned long least = heap->ahead_pages;

	lockdep_assert_held(&heap->lock);
	if (heap->used_pages < heap->first_pages)
		least = min(least, heap->first_pages / 2);
	return least && heap->used_pages == heap->peak_pages &&
	       left_locked(heap) < least;
}

/**
 * kspan_page_heap_setup - set up an empty page heap
 * @heap: zeroed memory for it
 * @node: NUMA node of its chunks
 * @reserve_pages: free pages reserved for atomic callers
 *
 * Context: No other CPU uses the page heap yet.
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

/*
 * Record the length of the run that an atomic caller did not get, for the
 * worker.
 */
static void __kspan_noprobe want_run_locked(struct kspan_page_heap *heap,
					    unsigned int nr_pages)
{
	lockdep_assert_held(&heap->lock);
	heap->reserve_run = clamp(nr_pages, heap->reserve_run, KSPAN_CHUNK_PAGES);
}

/*
 * A quarantined chunk is in no list, because its free pages cannot be trusted.
 */
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

/* Count @nr_pages of @chunk as free, or as used if negative. */
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
 * kspan_page_heap_remove_locked - take an idle chunk out of a page heap
 * @heap: the page heap
 * @chunk: the chunk, which the caller owns from now on
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

/* The free run around free page @at, from *@start to before *@end. */
static void __kspan_noprobe run_around(const struct kspan_chunk *chunk,
				       unsigned int at, unsigned int *start,
				       unsigned int *end)
{
	unsigned int last = find_last_bit(chunk->map, at);

	*start = last < at ? last + 1 : 0;
	*end = find_next_bit(chunk->map, chunk->nr_pages, at);
}

/*
 * Index of an aligned run of free pages in @chunk; chunk->nr_pages if there is
 * none.
 */
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

/* Quarantine a chunk that failed a check; the spans in it live on. */
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

/*
 * The first bucket of chunks that have a run of @need pages, or
 * KSPAN_PAGE_HEAP_LISTS.
 */
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

/*
 * Find a chunk with a run of this length, and set *@at to the run.  NULL if
 * none.
 */
static __kspan_noprobe struct kspan_chunk *find_chunk_locked(struct kspan_page_heap *heap,
							     unsigned int nr_pages,
							     unsigned int align_pages,
							     bool use_far,
							     unsigned int *at)
{
	/* A run of this length contains an aligned one wherever it begins. */
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
	run->ahead = !heap->ahead && kspan_page_heap_wants_ahead_locked(heap);
	heap->ahead |= run->ahead;
}

/**
 * kspan_page_heap_alloc - allocate a run of heap pages
 * @heap: the page heap
 * @nr_pages: its length, at most KSPAN_CHUNK_MAX
 * @align_pages: power of two; alignment of its address in heap pages
 * @use_reserve: whether the caller may use the reserve and far chunks
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
	    !spares_locked(heap, kspan_page_heap_near(heap), nr_pages))
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
 * Find a chunk with an aligned run in a free run that is not long enough to
 * guarantee one, and set *@at to the run.  This searches one chunk of each of
 * the shortest lengths, and an empty chunk.  Returns NULL if there is none.
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
 * kspan_page_heap_alloc_aligned - allocate an aligned run wherever there is one
 * @heap: the page heap
 * @nr_pages: its length, at most KSPAN_CHUNK_MAX
 * @align_pages: power of two; alignment of its address in heap pages
 * @use_reserve: whether the caller may go below the reserve
 * @run: the result
 *
 * kspan_page_heap_alloc() takes a free run that is long enough to contain an
 * aligned one wherever it begins.  Most chunks are aligned, so a run just as
 * long as the request may be aligned as well.  This function tries such runs
 * first.
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
	if (use_reserve || spares_locked(heap, heap->free_pages, nr_pages))
		chunk = find_aligned_locked(heap, nr_pages, align_pages, &at);
	if (chunk)
		take_run_locked(heap, chunk, at, nr_pages, run);
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return chunk || kspan_page_heap_alloc(heap, nr_pages, align_pages,
					      use_reserve, run);
}

/**
 * kspan_page_heap_free - free a run of heap pages
 * @heap: the page heap
 * @chunk: the chunk of the run
 * @addr: address of its first byte
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

/* Add @chunk to @heap.  Context: Any but NMI. */
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

/* What a check has counted in a page heap. */
struct seen {
	unsigned long nr;
	unsigned long used;
	unsigned long free;
	unsigned long far;
	const char *wrong;
};

static __kspan_noprobe void check_chunk(const struct kspan_chunk *chunk, void *arg)
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
 * kspan_page_heap_check - check a page heap and its chunks
 * @heap: the page heap
 *
 * The sums are compared only if nothing changed during the walk.
 *
 * Context: Process context that may sleep.
 * Return: NULL, or a description of the error.
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
