// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects.
 *
 * Up to half a chunk they are runs of the page heap, above that regions of
 * their own from vmalloc().  Mapping and unmapping is what vmalloc() is slow
 * at, so freed regions are kept for the next request of about their size,
 * within a budget, until they have idled as long as chunks may.
 *
 * A large object is in the arena map with its first page only: allocating,
 * finding and freeing cost the same at 64 KiB and at 64 MiB.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "arena.h"
#include "heap.h"
#include "large.h"
#include "meta.h"

#define RUN_MAX		(KSPAN_CHUNK_PAGES / 2)	/* heap pages */
/* A kept region serves a request that uses at least 3/4 of it. */
#define REGION_FITS(pages, room) ((pages) <= (room) && (pages) >= (room) - (room) / 4)

atomic_long_t kspan_large_nmalloc;
atomic_long_t kspan_large_nfree;
atomic64_t kspan_large_alloc_bytes;
atomic64_t kspan_large_free_bytes;
atomic_long_t kspan_region_inuse;
atomic_long_t kspan_region_idle;

/*
 * Regions in use, and kept ones with the newest first.  The lock guards both
 * lists and the byte counts; any context but NMI, takes no other lock.
 */
static DEFINE_RAW_SPINLOCK(region_lock);
static LIST_HEAD(live_regions);
static LIST_HEAD(kept_regions);
static unsigned long region_budget;	/* bytes kept at most; set at load */

static unsigned long span_bytes(const struct kspan_span *span)
{
	return (unsigned long)span->nr_pages << KSPAN_PAGE_SHIFT;
}

static unsigned long room_bytes(const struct kspan_span *span)
{
	return (unsigned long)span->region_pages << KSPAN_PAGE_SHIFT;
}

/* Since when a kept region has idled: its base is unused until it is reused. */
static unsigned long idle_since(const struct kspan_span *span)
{
	return span->base;
}

/* First address in @mem with the alignment, or 0 if @bytes do not fit then. */
static unsigned long place_in(const struct kspan_span *span,
			      unsigned long bytes, size_t align)
{
	unsigned long mem = (unsigned long)span->mem;
	unsigned long base = ALIGN(mem, max_t(size_t, align, KSPAN_PAGE_SIZE));

	return base + bytes <= mem + room_bytes(span) ? base : 0;
}

static struct kspan_span *take_kept(unsigned long pages, size_t align, int node)
{
	struct kspan_span *span, *best = NULL;
	unsigned long flags;

	if (list_empty(&kept_regions))
		return NULL;
	raw_spin_lock_irqsave(&region_lock, flags);
	list_for_each_entry(span, &kept_regions, list) {
		if (!REGION_FITS(pages, span->region_pages) ||
		    !place_in(span, pages << KSPAN_PAGE_SHIFT, align) ||
		    (node != NUMA_NO_NODE && span->node != node))
			continue;
		if (!best || span->region_pages < best->region_pages)
			best = span;
		if (best->region_pages == pages)
			break;
	}
	if (best) {
		list_del_init(&best->list);
		atomic_long_sub(room_bytes(best), &kspan_region_idle);
	}
	raw_spin_unlock_irqrestore(&region_lock, flags);
	if (best)
		best->needzero = true;
	return best;
}

/* A region from the kernel.  Context: may sleep. */
static struct kspan_span *new_region(unsigned long pages, size_t align,
				     gfp_t gfp, int node, int *err)
{
	unsigned long bytes = pages << KSPAN_PAGE_SHIFT;
	unsigned long slack = max_t(size_t, align, KSPAN_PAGE_SIZE) - PAGE_SIZE;
	struct kspan_span *span;

	*err = -ENOMEM;
	span = kspan_span_alloc(0, gfp);
	if (!span)
		return NULL;
	/* Room is counted in heap pages from mem, so that all of it is heap. */
	slack = PAGE_ALIGN(slack);
	bytes = ALIGN(bytes + slack, KSPAN_PAGE_SIZE);
	span->mem = kspan_backing_get(bytes, gfp, node, err);
	if (!span->mem)
		goto free_span;
	*err = kspan_arena_cover((unsigned long)span->mem, bytes, gfp);
	if (*err) {
		vfree(span->mem);
		goto free_span;
	}
	span->region_pages = bytes >> KSPAN_PAGE_SHIFT;
	span->node = node;
	span->needzero = !want_init_on_alloc(GFP_KERNEL);
	atomic_long_add(bytes, &kspan_heap_sys);
	return span;

free_span:
	kspan_span_free(span);
	return NULL;
}

static struct kspan_span *get_region(unsigned long pages, size_t align,
				     gfp_t gfp, int node, int *err)
{
	struct kspan_span *span;
	unsigned long flags;

	span = take_kept(pages, align, gfp & __GFP_THISNODE ? node : NUMA_NO_NODE);
	if (!span && kspan_may_sleep(gfp))
		span = new_region(pages, align, gfp, node, err);
	if (!span)
		return NULL;
	span->base = place_in(span, pages << KSPAN_PAGE_SHIFT, align);
	span->nr_pages = pages;
	atomic_long_add(room_bytes(span), &kspan_region_inuse);
	raw_spin_lock_irqsave(&region_lock, flags);
	list_add(&span->list, &live_regions);
	raw_spin_unlock_irqrestore(&region_lock, flags);
	return span;
}

/* A run of the page heap, growing it if need be. */
static struct kspan_span *get_run(unsigned long pages, size_t align, gfp_t gfp,
				  int node, bool *low, int *err)
{
	unsigned int align_pages = max_t(size_t, align >> KSPAN_PAGE_SHIFT, 1);
	struct kspan_heap *heap = kspan_heap_of(node);
	bool sleep = kspan_may_sleep(gfp);
	struct kspan_span *span;
	struct kspan_run run;

	*err = -ENOMEM;
	span = kspan_span_alloc(0, gfp);
	if (!span)
		return NULL;
	while (!kspan_heap_alloc(heap, pages, align_pages, !sleep, &run)) {
		*low = true;
		if (sleep)
			*err = kspan_heap_grow(heap, pages + align_pages - 1, gfp);
		if (!sleep || *err) {
			kspan_span_free(span);
			return NULL;
		}
	}
	*low |= run.low;
	span->base = run.addr;
	span->chunk = run.chunk;
	span->nr_pages = pages;
	span->node = heap->node;
	span->needzero = run.dirty;
	return span;
}

/**
 * kspan_large_alloc - a large object
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN
 * @gfp: how hard to try
 * @node: preferred node
 * @zero: whether to zero it
 * @low: set when the heap fell below its reserve
 * @err: why there is none
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: the object, or NULL.
 */
void *kspan_large_alloc(size_t size, size_t align, gfp_t gfp, int node,
			bool zero, bool *low, int *err)
{
	struct kspan_span *span;
	unsigned long pages;

	*err = -EINVAL;
	/* What vmalloc() would refuse anyway, before a sum can overflow. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return NULL;
	pages = DIV_ROUND_UP(size, KSPAN_PAGE_SIZE);
	*err = -ENOMEM;
	if (pages + (align >> KSPAN_PAGE_SHIFT) <= RUN_MAX)
		span = get_run(pages, align, gfp, node, low, err);
	else
		span = get_region(pages, align, gfp, node, err);
	if (!span)
		return NULL;
	if (zero && span->needzero)
		memset((void *)span->base, 0, span_bytes(span));
	atomic_long_inc(&kspan_large_nmalloc);
	atomic64_add(span_bytes(span), &kspan_large_alloc_bytes);
	WRITE_ONCE(span->live, KSPAN_LIFE_LIVE);
	kspan_arena_publish(span);
	return (void *)span->base;
}

/**
 * kspan_large_claim - win the right to free a large object
 * @span: its span
 * @ptr: the object
 * @next: KSPAN_LIFE_NONE to free it now, KSPAN_LIFE_DEFERRED from NMI
 *
 * Context: Any.
 * Return: KSPAN_FAULT_NONE, or why @ptr is not to be freed.
 */
enum kspan_fault kspan_large_claim(struct kspan_span *span, const void *ptr,
				   enum kspan_life next)
{
	if (span->base != (unsigned long)ptr)
		return KSPAN_FAULT_INTERIOR;
	if (cmpxchg(&span->live, KSPAN_LIFE_LIVE, next) != KSPAN_LIFE_LIVE)
		return KSPAN_FAULT_DOUBLE;
	return KSPAN_FAULT_NONE;
}

/**
 * kspan_large_free - take a large object back
 * @span: its span, claimed
 *
 * Context: Any but NMI.
 * Return: true if more regions are kept than should be: kick the scavenger.
 */
bool kspan_large_free(struct kspan_span *span)
{
	unsigned long flags, room, kept;

	if (want_init_on_free())
		memset((void *)span->base, 0, span_bytes(span));
	atomic_long_inc(&kspan_large_nfree);
	atomic64_add(span_bytes(span), &kspan_large_free_bytes);
	kspan_arena_withdraw(span);
	if (!span->region_pages) {
		kspan_heap_free(kspan_heap_of(span->node), span->chunk,
				span->base, span->nr_pages);
		kspan_span_free(span);
		return false;
	}
	room = room_bytes(span);
	span->base = jiffies;
	atomic_long_sub(room, &kspan_region_inuse);
	raw_spin_lock_irqsave(&region_lock, flags);
	list_move(&span->list, &kept_regions);
	kept = atomic_long_add_return(room, &kspan_region_idle);
	raw_spin_unlock_irqrestore(&region_lock, flags);
	return kept > region_budget;
}

/**
 * kspan_large_trim - give kept regions back to the kernel
 * @idle_jiffies: those that idled so long; and the oldest above the budget
 *
 * Context: Process context that may sleep.
 * Return: bytes given back.
 */
unsigned long kspan_large_trim(unsigned long idle_jiffies)
{
	struct kspan_span *span, *next;
	unsigned long flags, bytes = 0;
	LIST_HEAD(gone);

	raw_spin_lock_irqsave(&region_lock, flags);
	list_for_each_entry_safe_reverse(span, next, &kept_regions, list) {
		if (time_before(jiffies, idle_since(span) + idle_jiffies) &&
		    atomic_long_read(&kspan_region_idle) <= region_budget)
			break;
		list_move(&span->list, &gone);
		atomic_long_sub(room_bytes(span), &kspan_region_idle);
	}
	raw_spin_unlock_irqrestore(&region_lock, flags);
	list_for_each_entry_safe(span, next, &gone, list) {
		bytes += room_bytes(span);
		kspan_arena_mark((unsigned long)span->mem, span->region_pages,
				 &kspan_null_span);
		kspan_backing_put(span->mem, room_bytes(span));
		kspan_span_free(span);
	}
	return bytes;
}

/**
 * kspan_large_walk - visit every region
 * @fn: called with the lock held; its second argument: whether it is in use
 * @arg: for @fn
 *
 * Context: Any but NMI.
 */
void kspan_large_walk(kspan_region_fn fn, void *arg)
{
	struct kspan_span *span;
	unsigned long flags;

	raw_spin_lock_irqsave(&region_lock, flags);
	list_for_each_entry(span, &live_regions, list)
		fn(span, true, arg);
	list_for_each_entry(span, &kept_regions, list)
		fn(span, false, arg);
	raw_spin_unlock_irqrestore(&region_lock, flags);
}

/* Set the budget of kept regions.  Context: module load.  Return: 0. */
int kspan_large_init(void)
{
	region_budget = min(totalram_pages() / 16, (256UL << 20) / PAGE_SIZE) *
			PAGE_SIZE;
	return 0;
}

/* Context: module unload. */
void kspan_large_exit(void)
{
	kspan_large_trim(0);
}
