/* SPDX-License-Identifier: GPL-2.0 */
/*
 * meta.h - memory for kspan's own structures, every byte counted.
 *
 * Metadata comes from the page allocator and never stands beside objects, so
 * that an overrun of an object cannot reach it.  Pools are the Go runtime's
 * fixalloc: fixed-size blocks cut from slabs that are kept until the module
 * goes, which makes a block safe to read (if not to trust) for ever.
 */
#ifndef KSPAN_META_H
#define KSPAN_META_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct page;

/* Which line of the statistics a byte of metadata belongs to. */
enum kspan_sys {
	KSPAN_SYS_MSPAN,	/* span descriptors */
	KSPAN_SYS_MCACHE,	/* per-CPU caches, magazines */
	KSPAN_SYS_BUCKHASH,	/* heap profile */
	KSPAN_SYS_GC,		/* arena map, bitmaps, object states */
	KSPAN_SYS_OTHER,	/* the rest */
	KSPAN_NR_SYS,
};

/* Bytes obtained from the kernel and, of these, in use; by enum kspan_sys. */
extern atomic_long_t kspan_sys_bytes[KSPAN_NR_SYS];
extern atomic_long_t kspan_inuse_bytes[KSPAN_NR_SYS];

/**
 * struct kspan_pool - blocks of one size
 * @lock: guards @free, @slabs and the numbers; a leaf, taken in any context
 *	but NMI
 * @free: blocks not in use, linked through their first word
 * @slabs: pages the blocks are cut from, linked through page->lru
 * @nr_free: blocks not in use
 * @nr_short: requests that were refused since the worker last came
 * @all: place in the list of pools; changes at load and unload only
 * @size: bytes of a block, a multiple of the alignment; set once
 * @sys: the statistics line; set once
 * @ready: whether some blocks are kept ready for who cannot sleep; set at load
 * @new_slab: called for a new slab, which nobody else knows yet, or NULL; set at
 *	load
 * @free_slab: called before such a slab goes back to the kernel; as @new_slab
 */
struct kspan_pool {
	raw_spinlock_t lock;
	void *free;
	struct list_head slabs;
	unsigned int nr_free;
	unsigned int nr_short;
	struct list_head all;
	u32 size;
	enum kspan_sys sys;
	bool ready;
	void (*new_slab)(struct page *slab, unsigned int order, gfp_t gfp);
	void (*free_slab)(struct page *slab, unsigned int order);
};

/* The order of a slab, in page_private() of its first page. */
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

void *kspan_meta_alloc(size_t bytes, enum kspan_sys sys, gfp_t gfp);
void kspan_meta_free(void *mem, size_t bytes, enum kspan_sys sys);
void kspan_meta_forget(size_t bytes, enum kspan_sys sys);
void __percpu *kspan_meta_percpu(size_t bytes, enum kspan_sys sys);
void kspan_meta_percpu_free(void __percpu *mem, size_t bytes,
			    enum kspan_sys sys);
void kspan_meta_account(enum kspan_sys sys, long bytes);

#endif /* KSPAN_META_H */
