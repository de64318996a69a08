/* SPDX-License-Identifier: GPL-2.0 */
/*
 * page_heap.h - the page heap: runs of heap pages in chunks, one heap per node.
 */
#ifndef KSPAN_PAGE_HEAP_H
#define KSPAN_PAGE_HEAP_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/list.h>
#include <linux/numa.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "heap/chunk.h"

/*
 * A chunk is filed by the length of its longest free run and, within one
 * length, by how full it is: 0 for the fullest third, 2 for the emptiest, 3 for
 * an unused chunk.
 */
#define KSPAN_PAGE_HEAP_FILL		4
#define KSPAN_PAGE_HEAP_BUCKETS	((KSPAN_CHUNK_MAX + 1) * KSPAN_PAGE_HEAP_FILL)

/*
 * Far chunks, in which a free takes longer, are filed the same way in as many
 * further buckets.  Only callers that may not sleep use them.
 */
#define KSPAN_PAGE_HEAP_LISTS	(2 * KSPAN_PAGE_HEAP_BUCKETS)

/**
 * struct kspan_page_heap - the chunks of a NUMA node
 * @lock: protects the fields below and the chunks; taken in any context but
 *	NMI, also under a central lock; no other lock is taken under it
 * @lists: chunks by bucket
 * @filled: a bit for each list, set while the list is not empty
 * @chunks: all chunks
 * @walk_next: the next chunk of a walk, or the list head
 * @nr_chunks: number of chunks
 * @nr_moves: number of runs allocated and freed, and of chunks added and
 *	removed, since load
 * @free_pages: number of pages in no span
 * @far_pages: number of pages among them that are in far chunks
 * @used_pages: number of pages in spans
 * @peak_pages: recent maximum of @used_pages; the scavenger lets it decay
 * @reserve_pages: free pages that only atomic callers may use; set once
 * @first_pages: pages of the reserve that every caller may use, as long as no
 *	more pages are in use; set once
 * @ahead_pages: a worker adds a chunk if callers have fewer pages left; set once
 * @ahead: whether the worker should do so; cleared by the worker before it adds
 *	the chunk, and by a trim
 * @reserve_run: length of the free run to keep ready for them: the longest that
 *	one of them recently failed to get, at least the longest span of any
 *	class
 * @node: NUMA node; set once
 * @empty_budget: maximum number of heap pages in empty spans; set once
 * @empty_pages: number of heap pages in empty spans of the node; each central
 *	list changes it under its own lock
 */
struct kspan_page_heap {
	raw_spinlock_t lock;
	struct list_head lists[KSPAN_PAGE_HEAP_LISTS];
	DECLARE_BITMAP(filled, KSPAN_PAGE_HEAP_LISTS);
	struct list_head chunks;
	struct list_head *walk_next;
	unsigned long nr_chunks;
	unsigned long nr_moves;
	unsigned long free_pages;
	unsigned long far_pages;
	unsigned long used_pages;
	unsigned long peak_pages;
	unsigned long reserve_pages;
	unsigned long first_pages;
	unsigned long ahead_pages;
	bool ahead;
	unsigned int reserve_run;
	int node;
	long empty_budget;
	atomic_long_t empty_pages ____cacheline_aligned_in_smp;
};

/**
 * struct kspan_run - a run of heap pages
 * @addr: address of its first byte
 * @chunk: its chunk
 * @dirty: whether it may contain bytes other than 0
 * @low: whether the page heap is below its reserve now
 * @ahead: whether a worker should add a chunk before a caller has to
 */
struct kspan_run {
	unsigned long addr;
	struct kspan_chunk *chunk;
	bool dirty;
	bool low;
	bool ahead;
};

/*
 * Whether a near chunk has a free run of @nr_pages.  Context: The lock is held.
 */
static inline bool kspan_page_heap_has_run(const struct kspan_page_heap *heap,
					   unsigned int nr_pages)
{
	return find_next_bit(heap->filled, KSPAN_PAGE_HEAP_BUCKETS,
			     nr_pages * KSPAN_PAGE_HEAP_FILL) < KSPAN_PAGE_HEAP_BUCKETS;
}

/*
 * Free pages in near chunks, including the reserve; any caller may use those
 * chunks.
 */
static inline unsigned long kspan_page_heap_near(const struct kspan_page_heap *heap)
{
	return heap->free_pages - heap->far_pages;
}

/*
 * By node, NULL for nodes without a page heap; written only at load and unload.
 */
extern struct kspan_page_heap *kspan_page_heaps[MAX_NUMNODES];

void kspan_page_heap_setup(struct kspan_page_heap *heap, int node,
			   unsigned long reserve_pages);
int kspan_page_heap_init(void);
void kspan_page_heap_exit(void);
struct kspan_page_heap *kspan_page_heap_of(int node);

bool kspan_page_heap_alloc(struct kspan_page_heap *heap, unsigned int nr_pages,
			   unsigned int align_pages, bool use_reserve,
			   struct kspan_run *run);
bool kspan_page_heap_alloc_aligned(struct kspan_page_heap *heap,
				   unsigned int nr_pages,
				   unsigned int align_pages, bool use_reserve,
				   struct kspan_run *run);
void kspan_page_heap_free(struct kspan_page_heap *heap, struct kspan_chunk *chunk,
			  unsigned long addr, unsigned int nr_pages);
void kspan_page_heap_add(struct kspan_page_heap *heap, struct kspan_chunk *chunk);
void kspan_page_heap_remove_locked(struct kspan_page_heap *heap,
				   struct kspan_chunk *chunk);
int kspan_page_heap_grow(struct kspan_page_heap *heap, unsigned int nr_pages, gfp_t gfp);
int kspan_page_heap_fill_reserve(void);
unsigned int kspan_page_heap_longest_span(void);
unsigned int kspan_page_heap_lacks(struct kspan_page_heap *heap);
unsigned long kspan_page_heap_reserve(const struct kspan_page_heap *heap);
bool kspan_page_heap_wants_ahead_locked(const struct kspan_page_heap *heap);
void kspan_page_heap_grow_ahead(void);
unsigned long kspan_page_heap_trim(struct kspan_page_heap *heap, unsigned long keep_pages,
				   unsigned long idle_jiffies);
void kspan_page_heap_forget_peak(struct kspan_page_heap *heap);
bool kspan_page_heap_is_settled(struct kspan_page_heap *heap);
unsigned long kspan_page_heap_keep(struct kspan_page_heap *heap);
const char *kspan_page_heap_check(struct kspan_page_heap *heap);

/* Called for each chunk, with the lock of the page heap held. */
typedef void (*kspan_chunk_fn)(const struct kspan_chunk *chunk, void *arg);

unsigned long kspan_page_heap_walk(struct kspan_page_heap *heap, kspan_chunk_fn fn,
				   void *arg);

#endif /* KSPAN_PAGE_HEAP_H */
