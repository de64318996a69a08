// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap: walks through its chunks, which let go of its lock now and
 * then.  The heap knows the chunk that a walk goes on with, and who takes that
 * one away puts the next in its place.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "heap/page_heap.h"

/* Chunks that a walk visits before it lets others have the lock. */
#define WALK_BATCH	32U

/* One walk at a time: it owns walk_next. */
static DEFINE_MUTEX(walk_lock);

/* Visit the next chunks of a walk.  Return: whether there are more. */
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
 * kspan_page_heap_walk - visit every chunk that is there all the time
 * @heap: the heap
 * @fn: called with the lock held, for WALK_BATCH chunks at a stretch
 * @arg: for @fn
 *
 * Context: Process context that may sleep.
 * Return: heap->nr_moves when it began.
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
