/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pool.h - metadata of one size: blocks that are cut from slabs.
 *
 * Pools are like the fixalloc of the Go runtime, except that they return
 * memory: a slab whose blocks are all free returns to the kernel at some time.
 * So a block must not be accessed after it was freed.  Code whose blocks have
 * lockless readers waits for a grace period before it frees one.
 */
#ifndef KSPAN_POOL_H
#define KSPAN_POOL_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "base/meta.h"

struct page;

/**
 * struct kspan_pool - blocks of one size
 * @lock: guards the lists, the state of the slabs and the numbers; a leaf,
 *	taken in any context but NMI
 * @partial: slabs with some free blocks, linked through page->lru
 * @full: slabs without a free block
 * @empty: slabs whose blocks are all free
 * @nr_slabs: number of slabs in all lists
 * @nr_empty: number of slabs in @empty
 * @nr_idle: minimum of @nr_empty since the last tick of the scavenger
 * @nr_free: number of free blocks
 * @nr_short: number of requests that were refused since the worker last ran
 * @nr_unvisited: number of slabs that the walk of the pool has yet to visit
 * @walked: whether there is a walk, during which no slab is returned
 * @mark: the mark of slabs that the current or the last walk has visited
 * @all: node in the list of pools; changes at load and unload only
 * @size: size of a block in bytes, a multiple of the alignment; set once
 * @sys: the line of the statistics; set once
 * @ready: whether some blocks are held ready for callers that may not sleep;
 *	set at load
 * @new_slab: called for a new slab that no other code knows yet, or NULL; set
 *	at load
 * @free_slab: called before such a slab is returned to the kernel; set with
 *	@new_slab
 */
struct kspan_pool {
	raw_spinlock_t lock;
	struct list_head partial;
	struct list_head full;
	struct list_head empty;
	unsigned int nr_slabs;
	unsigned int nr_empty;
	unsigned int nr_idle;
	unsigned int nr_free;
	unsigned int nr_short;
	unsigned int nr_unvisited;
	bool walked;
	bool mark;
	struct list_head all;
	u32 size;
	enum kspan_sys sys;
	bool ready;
	void (*new_slab)(struct page *slab, unsigned int order, gfp_t gfp);
	void (*free_slab)(struct page *slab, unsigned int order);
};

/*
 * The order of a slab, in page_private() of each of its pages.  The other bits
 * are for the functions @new_slab and @free_slab.
 */
#define KSPAN_SLAB_ORDER_MASK	3UL

void kspan_pool_init(struct kspan_pool *pool, u32 size, enum kspan_sys sys);
void kspan_pool_exit(struct kspan_pool *pool);
void kspan_pool_keep_ready(struct kspan_pool *pool);
void *kspan_pool_alloc(struct kspan_pool *pool, gfp_t gfp);
void *kspan_pool_take(struct kspan_pool *pool);
void kspan_pool_free(struct kspan_pool *pool, void *block);
bool kspan_pools_walk_tagged(bool (*fn)(struct page *slab, unsigned int order));
bool kspan_pools_are_low(void);
void kspan_pools_fill(void);
unsigned long kspan_pools_idle(void);
unsigned long kspan_pools_trim(bool all);

#endif /* KSPAN_POOL_H */
