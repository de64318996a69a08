// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata memory: pools of fixed-size blocks, and single pieces for tables.
 *
 * Pools give nothing back before the module is unloaded.  That bounds them by
 * the peak of the structures they hold, about 2% of the heap, and is what
 * lets a lockless reader look at a descriptor that is being recycled.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"

/* Slabs of 16 KiB, as the seed's fixalloc takes them. */
#define SLAB_BYTES	(16UL << 10)
#define SLAB_ORDER	get_order(SLAB_BYTES)

/* Slabs that a pool gets at a time for requests that went without. */
#define SHORT_SLABS	8U

/* Every pool; changes at load and unload only. */
static LIST_HEAD(pools);
/* A hint, by whoever found a pool low; cleared before they are filled. */
static bool pools_low;

atomic_long_t kspan_sys_bytes[KSPAN_NR_SYS];
atomic_long_t kspan_inuse_bytes[KSPAN_NR_SYS];

/* Add @bytes, which may be negative, to what was obtained from the kernel. */
void kspan_meta_account(enum kspan_sys sys, long bytes)
{
	atomic_long_add(bytes, &kspan_sys_bytes[sys]);
}

/**
 * kspan_pool_init - set up an empty pool
 * @pool: the pool
 * @size: bytes of a block; a power of two is also its alignment
 * @sys: the statistics line its memory is counted in
 *
 * Context: module load; one pool at a time.
 */
void kspan_pool_init(struct kspan_pool *pool, u32 size, enum kspan_sys sys)
{
	raw_spin_lock_init(&pool->lock);
	pool->free = NULL;
	INIT_LIST_HEAD(&pool->slabs);
	pool->nr_free = 0;
	pool->nr_short = 0;
	pool->size = size;
	pool->sys = sys;
	pool->ready = false;
	pool->new_slab = NULL;
	pool->free_slab = NULL;
	list_add_tail(&pool->all, &pools);
}

static unsigned int slab_order(const struct page *slab)
{
	return page_private(slab) & KSPAN_SLAB_ORDER_MASK;
}

/* Give every slab back.  Context: nobody uses the pool any more. */
void kspan_pool_exit(struct kspan_pool *pool)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pool->slabs, lru) {
		unsigned int order = slab_order(page);

		list_del(&page->lru);
		if (pool->free_slab)
			pool->free_slab(page, order);
		set_page_private(page, 0);
		__free_pages(page, order);
		kspan_meta_account(pool->sys, -(long)(PAGE_SIZE << order));
	}
	list_del(&pool->all);
	pool->free = NULL;
	pool->nr_free = 0;
}

/* Have blocks ready for who cannot sleep.  Context: module load. */
void kspan_pool_keep_ready(struct kspan_pool *pool)
{
	pool->ready = true;
}

/*
 * Flags for a slab, 0 if there is no asking.  PREEMPT_RT's page allocator takes
 * sleeping locks, so who is not preemptible there lives on what the pool holds;
 * and so where lockdep is told to judge as if it were that.
 */
static gfp_t slab_flags(gfp_t gfp)
{
	if (kspan_may_sleep(gfp))
		return (gfp & (GFP_KERNEL | __GFP_NORETRY)) |
		       __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	if (KSPAN_RT_RULES && !preemptible())
		return 0;
	return (gfp & (__GFP_HIGH | __GFP_NOMEMALLOC | __GFP_KSWAPD_RECLAIM)) |
	       __GFP_NOWARN;
}

/* A slab, or a single page where there is no more. */
static struct page *get_slab(const struct kspan_pool *pool, gfp_t flags)
{
	unsigned int order = SLAB_ORDER;
	struct page *page;

	page = alloc_pages(flags, order);
	if (!page && pool->size <= PAGE_SIZE) {
		order = 0;
		page = alloc_pages(flags, order);
	}
	if (page)
		set_page_private(page, order);
	return page;
}

/* Add a slab to a pool.  Context: Any but NMI.  Return: whether it has one. */
static bool refill(struct kspan_pool *pool, gfp_t gfp)
{
	gfp_t flags = slab_flags(gfp);
	unsigned long flags_irq, bytes;
	unsigned int order;
	struct page *page;
	char *block, *end;

	if (!flags)
		return false;
	if (!(gfp & __GFP_NOFAIL) && kspan_inject(KSPAN_INJECT_SLAB))
		return false;
	page = get_slab(pool, flags | __GFP_ZERO);
	if (!page)
		return false;
	order = slab_order(page);
	bytes = PAGE_SIZE << order;
	kspan_meta_account(pool->sys, bytes);

	if (pool->new_slab)
		pool->new_slab(page, order, gfp);

	block = page_address(page);
	end = block + bytes;
	raw_spin_lock_irqsave(&pool->lock, flags_irq);
	list_add(&page->lru, &pool->slabs);
	for (; block + pool->size <= end; block += pool->size) {
		*(void **)block = pool->free;
		pool->free = block;
		pool->nr_free++;
	}
	raw_spin_unlock_irqrestore(&pool->lock, flags_irq);
	return true;
}

/* Blocks that a pool should have for who cannot sleep: half a slab of them. */
static unsigned int ready_blocks(const struct kspan_pool *pool)
{
	return pool->ready ? SLAB_BYTES / pool->size / 2 : 0;
}

static void *pool_take(struct kspan_pool *pool)
{
	unsigned long flags;
	void **block;

	raw_spin_lock_irqsave(&pool->lock, flags);
	block = pool->free;
	if (block) {
		pool->free = *block;
		pool->nr_free--;
	}
	if (pool->nr_free < ready_blocks(pool))
		WRITE_ONCE(pools_low, true);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return block;
}

/* Remember for the worker that somebody goes without a block. */
static void note_short(struct kspan_pool *pool)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	pool->nr_short++;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	WRITE_ONCE(pools_low, true);
}

/**
 * kspan_pool_alloc - take a block
 * @pool: the pool
 * @gfp: how hard to try to get a slab when there is no block
 *
 * Context: Any but NMI; sleeps only if @gfp and the context allow it.
 * Return: a block of unspecified content, or NULL.
 */
void *kspan_pool_alloc(struct kspan_pool *pool, gfp_t gfp)
{
	void *block;

	/* Another CPU may take what a refill brought. */
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
 * kspan_pool_take - take a block, and ask the kernel for nothing
 * @pool: the pool
 *
 * Context: Any but NMI.
 * Return: a block of unspecified content; or NULL, and kspan_pools_fill() will
 * bring some.
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

/* Put @block back.  Context: Any but NMI. */
void kspan_pool_free(struct kspan_pool *pool, void *block)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	*(void **)block = pool->free;
	pool->free = block;
	pool->nr_free++;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	atomic_long_sub(pool->size, &kspan_inuse_bytes[pool->sys]);
}

/* The first slab of a pool, or NULL. */
static struct page *first_slab(struct kspan_pool *pool)
{
	struct page *slab;
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	slab = list_first_entry_or_null(&pool->slabs, struct page, lru);
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return slab;
}

/**
 * kspan_pools_walk_tagged - visit the slabs of the pools whose blocks have tags
 * @fn: called for each; false ends the walk
 *
 * A slab that comes meanwhile is put in front of the others, and not visited.
 *
 * Context: Process context that may sleep.
 * Return: whether @fn always returned true.
 */
bool kspan_pools_walk_tagged(bool (*fn)(struct page *slab, unsigned int order))
{
	struct kspan_pool *pool;
	struct page *slab;

	list_for_each_entry(pool, &pools, all) {
		slab = pool->new_slab ? first_slab(pool) : NULL;
		if (!slab)
			continue;
		/* Slabs never go while there is the pool. */
		list_for_each_entry_from(slab, &pool->slabs, lru)
			if (!fn(slab, slab_order(slab)))
				return false;
	}
	return true;
}

/* Whether some pool could do with kspan_pools_fill().  Context: Any. */
bool kspan_pools_are_low(void)
{
	return READ_ONCE(pools_low);
}

/* Blocks a pool should get now.  Context: Any but NMI. */
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
 * kspan_pools_fill - give pools what callers went without who cannot sleep
 *
 * On PREEMPT_RT this is where per-CPU caches have their magazines from.
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

static void *get_table(size_t bytes, gfp_t gfp)
{
	gfp_t flags;

	if (kspan_may_sleep(gfp))
		return kvzalloc(bytes, kspan_gentle(gfp));
	flags = slab_flags(gfp);
	return flags ? kzalloc(bytes, flags) : NULL;
}

/**
 * kspan_meta_alloc - zeroed memory for a table
 * @bytes: size
 * @sys: the statistics line
 * @gfp: flags for the allocation
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: memory, or NULL.
 */
void *kspan_meta_alloc(size_t bytes, enum kspan_sys sys, gfp_t gfp)
{
	void *mem = NULL;

	if ((gfp & __GFP_NOFAIL) || !kspan_inject(KSPAN_INJECT_TABLE))
		mem = get_table(bytes, gfp);
	if (mem) {
		kspan_meta_account(sys, bytes);
		atomic_long_add(bytes, &kspan_inuse_bytes[sys]);
	}
	return mem;
}

/* Give back what kspan_meta_alloc() gave.  Context: Process. */
void kspan_meta_free(void *mem, size_t bytes, enum kspan_sys sys)
{
	if (!mem)
		return;
	kvfree(mem);
	kspan_meta_account(sys, -(long)bytes);
	atomic_long_sub(bytes, &kspan_inuse_bytes[sys]);
}

/* The caller gives back by itself what kspan_meta_alloc() gave.  Context: Any. */
void kspan_meta_forget(size_t bytes, enum kspan_sys sys)
{
	kspan_meta_account(sys, -(long)bytes);
	atomic_long_sub(bytes, &kspan_inuse_bytes[sys]);
}

/* Bytes of what each possible CPU has @bytes of. */
static long percpu_bytes(size_t bytes)
{
	return bytes * num_possible_cpus();
}

/**
 * kspan_meta_percpu - zeroed memory for every possible CPU
 * @bytes: size for each of them
 * @sys: the statistics line
 *
 * Context: Process context that may sleep.
 * Return: memory that begins a cache line, or NULL.
 */
void __percpu *kspan_meta_percpu(size_t bytes, enum kspan_sys sys)
{
	void __percpu *mem;

	if (kspan_inject(KSPAN_INJECT_PERCPU))
		return NULL;
	mem = __alloc_percpu(bytes, SMP_CACHE_BYTES);
	if (mem) {
		kspan_meta_account(sys, percpu_bytes(bytes));
		atomic_long_add(percpu_bytes(bytes), &kspan_inuse_bytes[sys]);
	}
	return mem;
}

/* Give back what kspan_meta_percpu() gave, or NULL.  Context: Process. */
void kspan_meta_percpu_free(void __percpu *mem, size_t bytes,
			    enum kspan_sys sys)
{
	if (!mem)
		return;
	free_percpu(mem);
	kspan_meta_account(sys, -percpu_bytes(bytes));
	atomic_long_sub(percpu_bytes(bytes), &kspan_inuse_bytes[sys]);
}
