// SPDX-License-Identifier: GPL-2.0
/*
 * Growth of a page heap: by a chunk for a caller, back to its reserve, and ahead of
 * need.
 *
 * Getting a chunk takes long, above all if the kernel zeroes it (init_on_alloc=1).
 * Therefore a worker adds the next chunk while callers still have half a chunk left.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include "base/gfp.h"
#include "base/node.h"
#include "base/params.h"
#include "heap/backing.h"
#include "heap/page_heap.h"

/*
 * Serialises filling of the reserves, which sleeps for memory.  Two tasks that
 * see the same shortage would each add a chunk.
 */
static DEFINE_MUTEX(fill_mutex);

/* Heap pages to request first when a run of @nr_pages is needed. */
static unsigned int first_try(unsigned int nr_pages, gfp_t gfp)
{
	if (kspan_may_sleep(gfp) &&
	    !kspan_memory_is_tight(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE))
		return max(KSPAN_CHUNK_PAGES, nr_pages);
	return max(KSPAN_CHUNK_SMALL, nr_pages);
}

/**
 * kspan_page_heap_grow - add a chunk
 * @heap: the page heap
 * @nr_pages: length of the run that the caller needs
 * @gfp: flags for the allocation
 *
 * If the kernel cannot give a whole chunk, this adds a smaller one.  Memory of
 * another node goes to the page heap of that node.
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0, -EXDEV if the chunk went to another page heap, -EDQUOT at the
 * memory limit, or -ENOMEM.
 */
int kspan_page_heap_grow(struct kspan_page_heap *heap, unsigned int nr_pages, gfp_t gfp)
{
	unsigned int pages = first_try(nr_pages, gfp);
	struct kspan_chunk *chunk;
	int err;

	for (;;) {
		/*
		 * With __GFP_NOFAIL, insist only on the smallest size that will
		 * do.
		 */
		gfp_t flags = pages > nr_pages ? gfp & ~__GFP_NOFAIL : gfp;

		chunk = kspan_chunk_get(heap->node, pages, flags, &err);
		if (chunk || pages <= nr_pages)
			break;
		pages = max(pages / 4, nr_pages);
	}
	if (!chunk)
		return err;
	if (likely(chunk->node == heap->node)) {
		kspan_page_heap_add(heap, chunk);
		return 0;
	}
	kspan_page_heap_add(kspan_page_heap_of(chunk->node), chunk);
	return -EXDEV;
}

/**
 * kspan_page_heap_lacks - what a page heap lacks to have its reserve
 * @heap: the page heap
 *
 * Context: Any but NMI.
 * Return: length of the run that should be added, in heap pages; 0 if it lacks
 * none.
 */
unsigned int kspan_page_heap_lacks(struct kspan_page_heap *heap)
{
	unsigned long reserve = kspan_page_heap_reserve(heap);
	unsigned int lacks = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&heap->lock, flags);
	if (reserve && !kspan_page_heap_has_run(heap, heap->reserve_run))
		lacks = heap->reserve_run;
	else if (kspan_page_heap_near(heap) < reserve)
		lacks = 1;
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return lacks;
}

/**
 * kspan_page_heap_fill_reserve - fill the reserves of all page heaps
 *
 * Context: Process context that may sleep for memory.
 * Return: 0, or the error that stopped it.
 */
int kspan_page_heap_fill_reserve(void)
{
	/* Only without __GFP_THISNODE can the kernel map a chunk as a huge page. */
	gfp_t gfp = GFP_KERNEL | (kspan_nr_nodes > 1 ? __GFP_THISNODE : 0);
	struct kspan_page_heap *heap;
	unsigned int lacks;
	int node, err = 0;

	mutex_lock(&fill_mutex);
	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		while (!err && (lacks = kspan_page_heap_lacks(heap)))
			err = kspan_page_heap_grow(heap, lacks, gfp);
	}
	mutex_unlock(&fill_mutex);
	return err;
}

/* Whether a heap should get a chunk now because an allocation asked for it. */
static bool take_ahead(struct kspan_page_heap *heap)
{
	unsigned long flags;
	bool ahead;

	raw_spin_lock_irqsave(&heap->lock, flags);
	ahead = heap->ahead && kspan_page_heap_wants_ahead_locked(heap);
	heap->ahead = false;
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	/* A memory_limit is for what callers need, and so is the last of memory. */
	return ahead && !READ_ONCE(kspan_params.memory_limit) &&
	       !kspan_memory_is_tight(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE);
}

/**
 * kspan_page_heap_grow_ahead - add a chunk to each heap that soon needs one
 *
 * Context: Process context that may sleep for memory.
 */
void kspan_page_heap_grow_ahead(void)
{
	struct kspan_page_heap *heap;
	int node;

	for_each_kspan_node(node) {
		heap = kspan_page_heap_of(node);
		if (take_ahead(heap))
			kspan_page_heap_grow(heap, KSPAN_CHUNK_PAGES,
					     GFP_KERNEL | __GFP_NORETRY);
	}
}
