// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of metadata: blocks of one size, cut from slabs.
 *
 * A pool takes blocks from slabs in use before it begins a slab whose blocks
 * are all free.  Such slabs return to the kernel when they were not needed for
 * a while, when memory is short, and when the user requests it.
 *
 * Where the size of a block is a power of two, a header in the slab would cost
 * as much as a block.  So the state of a slab is stored in the struct page of
 * its first page, and its order in the struct page of each of its pages.  A
 * slab is aligned to its size, so the order leads from a block to the slab.
 */
#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/counters.h"
#include "base/inject.h"
#include "base/noprobe.h"
#include "base/pool.h"

/* Slabs of 16 KiB, as in the fixalloc of the Go runtime. */
#define SLAB_ORDER	get_order(16UL << 10)
#define SLAB_BYTES	(PAGE_SIZE << SLAB_ORDER)

/* Slabs that a pool gets at a time to serve requests that were refused. */
#define SHORT_SLABS	8U

/* Slabs that are removed from a pool at a time, with its lock held. */
#define TRIM_BATCH	16U

/* Slabs that a walk checks at a time, with the lock of the pool held. */
#define WALK_LOOKS	48U

/*
 * kspan_page_word() of the first page of a slab: the mark of a walk, the number
 * of free blocks, and the offset of the first free block in units of FIRST_UNIT
 * bytes.
 */
#define MARK_SHIFT	31
#define MARK		(1UL << MARK_SHIFT)
#define FREE_SHIFT	16
#define FREE_MASK	0x7fffUL
#define FIRST_MASK	0xffffUL
#define FIRST_UNIT	sizeof(u64)

/* All pools.  The list changes only at load and unload. */
static LIST_HEAD(pools);
/* A hint that some pool is low.  Cleared before the pools are filled. */
static bool pools_low;

/**
 * kspan_pool_init - set up an empty pool
 * @pool: the pool
 * @size: size of a block in bytes; a power of two is also its alignment
 * @sys: the line of the statistics that counts its memory
 *
 * Context: module load; one pool at a time.
 */
void kspan_pool_init(struct kspan_pool *pool, u32 size, enum kspan_sys sys)
{
	*pool = (struct kspan_pool){
		.size = ALIGN(size, FIRST_UNIT),
		.sys = sys,
	};
	raw_spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->partial);
	INIT_LIST_HEAD(&pool->full);
	INIT_LIST_HEAD(&pool->empty);
	list_add_tail(&pool->all, &pools);
}

static __kspan_noprobe unsigned int order_of(const struct page *page)
{
	return READ_ONCE(page->private) & KSPAN_SLAB_ORDER_MASK;
}

/* The first page of the slab that contains a block. */
static __kspan_noprobe struct page *slab_of(const void *block)
{
	unsigned long bytes = PAGE_SIZE << order_of(virt_to_page(block));

	return virt_to_page((void *)ALIGN_DOWN((unsigned long)block, bytes));
}

static __kspan_noprobe unsigned int slab_blocks(const struct kspan_pool *pool,
						const struct page *slab)
{
	return (PAGE_SIZE << order_of(slab)) / pool->size;
}

static __kspan_noprobe unsigned int slab_nr_free(const struct page *slab)
{
	return kspan_page_word(slab) >> FREE_SHIFT & FREE_MASK;
}

static __kspan_noprobe void **slab_first(struct page *slab)
{
	return page_address(slab) + (kspan_page_word(slab) & FIRST_MASK) * FIRST_UNIT;
}

/*
 * Record that a slab has @nr_free free blocks, and that @first is the first one
 * if there are any.
 */
static __kspan_noprobe void slab_set(struct page *slab, unsigned int nr_free, void **first)
{
	unsigned long offset = 0;

	if (nr_free)
		offset = (void *)first - page_address(slab);
	kspan_page_word(slab) = (kspan_page_word(slab) & MARK) |
				(unsigned long)nr_free << FREE_SHIFT |
				offset / FIRST_UNIT;
}

static bool slab_mark(const struct page *slab)
{
	return kspan_page_word(slab) & MARK;
}

static void set_slab_mark(struct page *slab, bool mark)
{
	kspan_page_word(slab) = (kspan_page_word(slab) & ~MARK) |
				(unsigned long)mark << MARK_SHIFT;
}

/*
 * Return slabs that are in no list of the pool to the kernel.  Return: their
 * bytes.
 */
static unsigned long free_slabs(struct kspan_pool *pool, struct list_head *slabs)
{
	struct page *slab, *next;
	unsigned long bytes = 0;
	unsigned int order, i;

	list_for_each_entry_safe(slab, next, slabs, lru) {
		order = order_of(slab);
		list_del(&slab->lru);
		if (pool->free_slab)
			pool->free_slab(slab, order);
		for (i = 0; i < 1U << order; i++)
			set_page_private(slab + i, 0);
		kspan_page_word(slab) = 0;
		__free_pages(slab, order);
		bytes += PAGE_SIZE << order;
	}
	kspan_meta_account(pool->sys, -(long)bytes);
	return bytes;
}

/* Return every slab.  Context: the pool is not used any more. */
void kspan_pool_exit(struct kspan_pool *pool)
{
	free_slabs(pool, &pool->partial);
	free_slabs(pool, &pool->full);
	free_slabs(pool, &pool->empty);
	list_del(&pool->all);
}

/* Keep blocks ready for callers that may not sleep.  Context: module load. */
void kspan_pool_keep_ready(struct kspan_pool *pool)
{
	pool->ready = true;
}

/* Allocate a slab, or a single page if there is no more. */
static struct page *get_slab(const struct kspan_pool *pool, gfp_t flags)
{
	unsigned int order = SLAB_ORDER, i;
	struct page *slab;

	slab = alloc_pages(flags, order);
	if (!slab && pool->size <= PAGE_SIZE) {
		order = 0;
		slab = alloc_pages(flags, order);
	}
	/* The kernel does not promise what page->private contains. */
	for (i = 0; slab && i < 1U << order; i++)
		set_page_private(slab + i, order);
	return slab;
}

/* Link the blocks of a new slab.  Context: no other code knows the slab yet. */
static void init_slab(const struct kspan_pool *pool, struct page *slab)
{
	unsigned int nr = slab_blocks(pool, slab), i;
	void *block = page_address(slab);

	BUILD_BUG_ON((16UL << 10) / FIRST_UNIT > FREE_MASK);
	BUILD_BUG_ON(PAGE_SIZE / FIRST_UNIT > FREE_MASK);
	for (i = 1; i < nr; i++, block += pool->size)
		*(void **)block = block + pool->size;
	*(void **)block = NULL;
	kspan_page_word(slab) = 0;
	slab_set(slab, nr, page_address(slab));
}

/* Add a slab to a pool.  Context: Any but NMI.  Return: whether it has one. */
static bool refill(struct kspan_pool *pool, gfp_t gfp)
{
	gfp_t flags = kspan_meta_gfp(gfp);
	unsigned long flags_irq;
	struct page *slab;

	if (!flags)
		return false;
	if (!(gfp & __GFP_NOFAIL) && kspan_inject(KSPAN_INJECT_SLAB))
		return false;
	slab = get_slab(pool, flags | __GFP_ZERO);
	if (!slab)
		return false;
	kspan_meta_account(pool->sys, PAGE_SIZE << order_of(slab));
	if (pool->new_slab)
		pool->new_slab(slab, order_of(slab), gfp);
	init_slab(pool, slab);
	raw_spin_lock_irqsave(&pool->lock, flags_irq);
	set_slab_mark(slab, pool->mark);
	list_add(&slab->lru, &pool->empty);
	pool->nr_slabs++;
	kspan_counter_add(pool->nr_empty, 1);
	kspan_counter_add(pool->nr_free, slab_nr_free(slab));
	raw_spin_unlock_irqrestore(&pool->lock, flags_irq);
	return true;
}

/*
 * Blocks that a pool should hold for callers that may not sleep: half a slab.
 */
static unsigned int ready_blocks(const struct kspan_pool *pool)
{
	return pool->ready ? SLAB_BYTES / pool->size / 2 : 0;
}

/* The slab that provides the next block, or NULL. */
static __kspan_noprobe struct page *pick_slab_locked(struct kspan_pool *pool)
{
	struct page *slab;

	lockdep_assert_held(&pool->lock);
	slab = list_first_entry_or_null(&pool->partial, struct page, lru);
	if (slab || list_empty(&pool->empty))
		return slab;
	slab = list_first_entry(&pool->empty, struct page, lru);
	list_move(&slab->lru, &pool->partial);
	kspan_counter_sub(pool->nr_empty, 1);
	WRITE_ONCE(pool->nr_idle, min(pool->nr_idle, pool->nr_empty));
	return slab;
}

static __kspan_noprobe void *take_block_locked(struct kspan_pool *pool)
{
	struct page *slab = pick_slab_locked(pool);
	unsigned int nr_free;
	void **block;

	lockdep_assert_held(&pool->lock);
	if (!slab)
		return NULL;
	block = slab_first(slab);
	nr_free = slab_nr_free(slab) - 1;
	slab_set(slab, nr_free, *block);
	if (!nr_free)
		list_move(&slab->lru, &pool->full);
	kspan_counter_sub(pool->nr_free, 1);
	return block;
}

static void __kspan_noprobe put_block_locked(struct kspan_pool *pool, void **block)
{
	struct page *slab = slab_of(block);
	unsigned int nr_free = slab_nr_free(slab);

	lockdep_assert_held(&pool->lock);
	*block = nr_free ? slab_first(slab) : NULL;
	slab_set(slab, nr_free + 1, block);
	kspan_counter_add(pool->nr_free, 1);
	if (nr_free + 1 == slab_blocks(pool, slab)) {
		list_move(&slab->lru, &pool->empty);
		kspan_counter_add(pool->nr_empty, 1);
	} else if (!nr_free) {
		list_move(&slab->lru, &pool->partial);
	}
}

static void *pool_take(struct kspan_pool *pool)
{
	unsigned long flags;
	void *block;

	raw_spin_lock_irqsave(&pool->lock, flags);
	block = take_block_locked(pool);
	if (pool->nr_free < ready_blocks(pool))
		WRITE_ONCE(pools_low, true);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return block;
}

/* Note for the worker that a request was refused. */
static void note_short(struct kspan_pool *pool)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	pool->nr_short++;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	WRITE_ONCE(pools_low, true);
}

/**
 * kspan_pool_alloc - allocate a block
 * @pool: the pool
 * @gfp: flags for a new slab, if there is no free block
 *
 * Context: Any but NMI; sleeps only if @gfp and the context allow it.
 * Return: a block of unspecified content, or NULL.
 */
void *kspan_pool_alloc(struct kspan_pool *pool, gfp_t gfp)
{
	void *block;

	/* Another CPU may take the new blocks first. */
	do {
		block = pool_take(pool);
	} while (!block && refill(pool, gfp));
	if (likely(block))
		atomic_long_add(pool->size, &kspan_inuse_bytes[pool->sys]);
	else
		note_short(pool);
	return block;
}

/**
 * kspan_pool_take - allocate a block without asking the kernel for memory
 * @pool: the pool
 *
 * Context: Any but NMI.
 * Return: a block of unspecified content; NULL if there is none, and then
 * kspan_pools_fill() will add some.
 */
void *kspan_pool_take(struct kspan_pool *pool)
{
	void *block = pool_take(pool);

	if (likely(block))
		atomic_long_add(pool->size, &kspan_inuse_bytes[pool->sys]);
	else
		note_short(pool);
	return block;
}

/* Free @block, which is not accessed any more.  Context: Any but NMI. */
void kspan_pool_free(struct kspan_pool *pool, void *block)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	put_block_locked(pool, block);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	atomic_long_sub(pool->size, &kspan_inuse_bytes[pool->sys]);
}

/* Begin a walk, during which no slab is returned.  New slabs need no visit. */
static void begin_walk(struct kspan_pool *pool)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	pool->walked = true;
	pool->mark = !pool->mark;
	pool->nr_unvisited = pool->nr_slabs;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
}

static void end_walk(struct kspan_pool *pool)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	pool->walked = false;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
}

/*
 * Find the next slab to visit, and mark it.  The lists are checked in turn.  A
 * slab that was checked goes to the end of its list, so every slab gets its
 * turn although slabs move between the lists in the meantime.  Return: false
 * after the last one; @slab is NULL if only visited ones were found so far.
 */
static bool next_unvisited(struct kspan_pool *pool, struct page **slab)
{
	struct list_head *lists[] = { &pool->partial, &pool->full, &pool->empty };
	unsigned long flags;
	unsigned int looks;
	struct page *page;
	bool more;

	*slab = NULL;
	raw_spin_lock_irqsave(&pool->lock, flags);
	more = pool->nr_unvisited;
	for (looks = 0; more && !*slab && looks < WALK_LOOKS; looks++) {
		struct list_head *list = lists[looks % ARRAY_SIZE(lists)];

		page = list_first_entry_or_null(list, struct page, lru);
		if (!page)
			continue;
		list_move_tail(&page->lru, list);
		if (slab_mark(page) == pool->mark)
			continue;
		set_slab_mark(page, pool->mark);
		pool->nr_unvisited--;
		*slab = page;
	}
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return more;
}

static bool walk_pool(struct kspan_pool *pool,
		      bool (*fn)(struct page *slab, unsigned int order))
{
	struct page *slab;
	bool good = true;

	begin_walk(pool);
	/*
	 * Always go to the end, or the next walk would take the rest for
	 * visited.
	 */
	while (next_unvisited(pool, &slab))
		if (slab && good)
			good = fn(slab, order_of(slab));
	end_walk(pool);
	return good;
}

/**
 * kspan_pools_walk_tagged - visit the slabs of the pools whose blocks have tags
 * @fn: called for each slab; false ends the walk
 *
 * Slabs that are added during the walk are not visited.
 *
 * Context: Process context that may sleep; one walk at a time.
 * Return: whether @fn always returned true.
 */
bool kspan_pools_walk_tagged(bool (*fn)(struct page *slab, unsigned int order))
{
	struct kspan_pool *pool;

	list_for_each_entry(pool, &pools, all)
		if (pool->new_slab && !walk_pool(pool, fn))
			return false;
	return true;
}

/* Whether some pool needs kspan_pools_fill().  Context: Any. */
bool kspan_pools_are_low(void)
{
	return READ_ONCE(pools_low);
}

/* The number of blocks that a pool should get now.  Context: Any but NMI. */
static unsigned int take_wish(struct kspan_pool *pool)
{
	unsigned int wish, most = SHORT_SLABS * SLAB_BYTES / pool->size;
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	wish = ready_blocks(pool) + min(pool->nr_short, most);
	wish -= min(wish, pool->nr_free);
	pool->nr_short = 0;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return wish;
}

/**
 * kspan_pools_fill - refill the pools for callers that may not sleep
 *
 * On PREEMPT_RT per-CPU caches get their magazines only from here.
 *
 * Context: Process context that may sleep.
 */
void kspan_pools_fill(void)
{
	struct kspan_pool *pool;
	unsigned int wish, nr;

	WRITE_ONCE(pools_low, false);
	list_for_each_entry(pool, &pools, all) {
		nr = SLAB_BYTES / pool->size;
		for (wish = take_wish(pool); wish; wish -= min(wish, nr))
			if (!refill(pool, GFP_KERNEL))
				return;
	}
}

/*
 * Slabs that a pool could return without the blocks that it should hold ready.
 */
static unsigned int nr_spare(const struct kspan_pool *pool)
{
	unsigned int ready = ready_blocks(pool);
	unsigned int nr_free = READ_ONCE(pool->nr_free);

	return min(READ_ONCE(pool->nr_empty),
		   (nr_free - min(nr_free, ready)) / (SLAB_BYTES / pool->size));
}

/* Bytes of slabs that could be returned to the kernel.  Context: Any. */
unsigned long kspan_pools_idle(void)
{
	unsigned long bytes = 0;
	struct kspan_pool *pool;

	list_for_each_entry(pool, &pools, all)
		bytes += nr_spare(pool) * SLAB_BYTES;
	return bytes;
}

/* Move up to TRIM_BATCH of @nr empty slabs to @gone.  Return: their number. */
static unsigned int take_empty(struct kspan_pool *pool, unsigned int nr,
			       struct list_head *gone)
{
	unsigned int taken = 0, blocks;
	unsigned long flags;
	struct page *slab;

	raw_spin_lock_irqsave(&pool->lock, flags);
	nr = pool->walked ? 0 : min3(nr, TRIM_BATCH, pool->nr_empty);
	for (; taken < nr; taken++) {
		slab = list_last_entry(&pool->empty, struct page, lru);
		blocks = slab_blocks(pool, slab);
		if (pool->nr_free < ready_blocks(pool) + blocks)
			break;
		list_move(&slab->lru, gone);
		pool->nr_slabs--;
		kspan_counter_sub(pool->nr_empty, 1);
		kspan_counter_sub(pool->nr_free, blocks);
	}
	WRITE_ONCE(pool->nr_idle, pool->nr_empty);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return taken;
}

/**
 * kspan_pools_trim - return slabs whose blocks are all free
 * @all: true for all of them; false for those that were free since the last
 *	call
 *
 * A pool keeps the blocks that it should hold ready.
 *
 * Context: Process context that may sleep; takes no lock that a caller of the
 * page allocator could hold.
 * Return: bytes returned to the kernel.
 */
unsigned long kspan_pools_trim(bool all)
{
	unsigned int nr, taken;
	struct kspan_pool *pool;
	unsigned long bytes = 0;

	list_for_each_entry(pool, &pools, all) {
		nr = all ? UINT_MAX : READ_ONCE(pool->nr_idle);
		do {
			LIST_HEAD(gone);

			taken = take_empty(pool, nr, &gone);
			nr -= taken;
			if (taken)
				bytes += free_slabs(pool, &gone);
		} while (taken == TRIM_BATCH);
	}
	return bytes;
}
