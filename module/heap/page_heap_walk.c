// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap: walks over all chunks.  A walk drops the lock from time to
 * time.  The page heap stores the chunk with which the walk continues.  When
 * that chunk is removed, the next one takes its place.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "heap/page_heap.h"

/* Chunks that a walk visits before it drops the lock. */
#define WALK_BATCH	32U

/* Only one walk runs at a time: it owns walk_next. */
static DEFINE_MUTEX(walk_lock);

/* Visit the next chunks of a walk.  Returns whether there are more. */
static bool walk_batch(struct kspan_page_heap *heap, kspan_chunk_fn fn, void *arg)
{
	struct kspan_chunk *chunk;
	unsigned long flags;
	unsigned int nr;
	bool more;

	raw_spin_lock_irqsave(&heap->lock, flags);
	for (nr = 0; nr < WALK_BATCH && heap->walk_next != &heap->chunks; nr++) {
		chunk = list_entry(heap->walk_next, struct kspan_chunk, all);
		heap->walk_next = chunk->all.next;
		fn(chunk, arg);
	}
	more = heap->walk_next != &heap->chunks;
	raw_spin_unlock_irqrestore(&heap->lock, flags);
	return more;
}

/**
 * kspan_page_heap_walk - visit every chunk that exists during the whole walk
 * @heap: the page heap
 * @fn: function to call, with the lock held for WALK_BATCH chunks at a time
 * @arg: argument for @fn
 *
 * Context: Process context that may sleep.
 * Return: value of heap->nr_moves at the beginning.
 */
unsigned long kspan_page_heap_walk(struct kspan_page_heap *heap, kspan_chunk_fn fn,
				   void *arg)
{
	unsigned long flags, moves;

	mutex_lock(&walk_lock);
	raw_spin_lock_irqsave(&heap->lock, flags);
	heap->walk_next = heap->chunks.next;
	moves = heap->nr_moves;
	raw_spin_unlock_irqrestore(&heap->lock, flags);

	while (walk_batch(heap, fn, arg))
		cond_resched();
	mutex_unlock(&walk_lock);
	return moves;
}
