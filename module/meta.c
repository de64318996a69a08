// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata memory: pools of fixed-size blocks, and single pieces for tables.
 *
 * Pools give nothing back before the module is unloaded.  That bounds them by
 * the peak of the structures they hold, about 2% of the heap, and is what
 * lets a lockless reader look at a descriptor that is being recycled.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/vmalloc.h>

#include "inject.h"
#include "meta.h"

/* Slabs of 16 KiB, as the seed's fixalloc takes them. */
#define SLAB_BYTES	(16UL << 10)
#define SLAB_ORDER	get_order(SLAB_BYTES)

atomic_long_t kspan_sys_bytes[KSPAN_NR_SYS];
atomic_long_t kspan_inuse_bytes[KSPAN_NR_SYS];

/**
 * kspan_may_sleep - whether a request may call what sleeps, vmalloc() above all
 * @gfp: the caller's flags
 *
 * The flags alone do not tell: vmalloc() is fatal in interrupt context, and
 * with softirqs disabled counts as that.  A caller that passes GFP_KERNEL
 * there has a bug, which might_alloc() reports; kspan serves it as an atomic
 * one.
 *
 * Context: Any.
 * Return: whether flags and context both allow it.
 */
bool kspan_may_sleep(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !in_interrupt() &&
	       !irqs_disabled() && !(IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
				     preempt_count());
}

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
 */
void kspan_pool_init(struct kspan_pool *pool, u32 size, enum kspan_sys sys)
{
	raw_spin_lock_init(&pool->lock);
	pool->free = NULL;
	INIT_LIST_HEAD(&pool->slabs);
	pool->size = size;
	pool->sys = sys;
}

/* Give every slab back.  Context: nobody uses the pool any more. */
void kspan_pool_exit(struct kspan_pool *pool)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &pool->slabs, lru) {
		list_del(&page->lru);
		__free_pages(page, SLAB_ORDER);
		kspan_meta_account(pool->sys, -(long)SLAB_BYTES);
	}
	pool->free = NULL;
}

/**
 * kspan_pool_refill - add a slab to a pool
 * @pool: the pool
 * @gfp: how hard to try
 *
 * On PREEMPT_RT the page allocator takes sleeping locks, so there a caller
 * that cannot sleep gets nothing and has to live on what the pool holds.
 *
 * Context: Any but NMI.
 * Return: whether there is a block now.
 */
bool kspan_pool_refill(struct kspan_pool *pool, gfp_t gfp)
{
	gfp_t flags = GFP_NOWAIT | __GFP_NOWARN;
	unsigned long flags_irq;
	struct page *page;
	char *block, *end;

	if (kspan_may_sleep(gfp))
		flags = (gfp & (GFP_KERNEL | __GFP_NORETRY)) |
			__GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	else if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return false;
	else if (gfp & __GFP_HIGH)
		flags |= __GFP_HIGH;
	if (kspan_inject(KSPAN_INJECT_SLAB))
		return false;
	page = alloc_pages(flags | __GFP_ZERO, SLAB_ORDER);
	if (!page)
		return false;
	kspan_meta_account(pool->sys, SLAB_BYTES);

	block = page_address(page);
	end = block + SLAB_BYTES;
	raw_spin_lock_irqsave(&pool->lock, flags_irq);
	list_add(&page->lru, &pool->slabs);
	for (; block + pool->size <= end; block += pool->size) {
		*(void **)block = pool->free;
		pool->free = block;
	}
	raw_spin_unlock_irqrestore(&pool->lock, flags_irq);
	return true;
}

static void *pool_take(struct kspan_pool *pool)
{
	unsigned long flags;
	void **block;

	raw_spin_lock_irqsave(&pool->lock, flags);
	block = pool->free;
	if (block)
		pool->free = *block;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	return block;
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
	} while (!block && kspan_pool_refill(pool, gfp));
	if (block)
		atomic_long_add(pool->size, &kspan_inuse_bytes[pool->sys]);
	return block;
}

/* Put @block back.  Context: Any but NMI. */
void kspan_pool_free(struct kspan_pool *pool, void *block)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pool->lock, flags);
	*(void **)block = pool->free;
	pool->free = block;
	raw_spin_unlock_irqrestore(&pool->lock, flags);
	atomic_long_sub(pool->size, &kspan_inuse_bytes[pool->sys]);
}

/**
 * kspan_meta_alloc - zeroed memory for a table
 * @bytes: size
 * @sys: the statistics line
 * @gfp: flags; must allow sleeping
 *
 * Context: Process context that may sleep.
 * Return: memory, or NULL.
 */
void *kspan_meta_alloc(size_t bytes, enum kspan_sys sys, gfp_t gfp)
{
	void *mem = NULL;

	if ((gfp & __GFP_NOFAIL) || !kspan_inject(KSPAN_INJECT_TABLE))
		mem = kvzalloc(bytes, gfp | __GFP_NOWARN);
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
