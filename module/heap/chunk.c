// SPDX-License-Identifier: GPL-2.0
/*
 * Chunks: backing memory with a bitmap of heap pages.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/string.h>

#include "base/gfp.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/pool.h"
#include "heap/backing.h"
#include "heap/chunk.h"
#include "span/arena.h"

static struct kspan_pool chunk_pool;

/*
 * vmalloc() aligns to PAGE_SIZE.  This is what aligning to a heap page may
 * cost.
 */
#define ALIGN_SLACK \
	(PAGE_SIZE < KSPAN_PAGE_SIZE ? KSPAN_PAGE_SIZE - PAGE_SIZE : 0)

/* Set up the pool of descriptors.  Context: module load. */
int kspan_chunk_init(void)
{
	kspan_pool_init(&chunk_pool, sizeof(struct kspan_chunk), KSPAN_SYS_OTHER);
	return 0;
}

/* Context: module unload.  Only chunks with live objects still exist. */
void kspan_chunk_exit(void)
{
	kspan_pool_exit(&chunk_pool);
}

/**
 * kspan_chunk_get - allocate a chunk
 * @node: preferred NUMA node
 * @nr_pages: number of heap pages
 * @gfp: flags for the allocation
 * @err: set to the error if there is none
 *
 * The chunk belongs to the node of its memory, which may differ from @node.
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: an unused chunk that is in no list, or NULL.
 */
struct kspan_chunk *kspan_chunk_get(int node, unsigned int nr_pages, gfp_t gfp,
				    int *err)
{
	unsigned long bytes = nr_pages * KSPAN_PAGE_SIZE, slack;
	struct kspan_chunk *chunk;
	unsigned long base;
	int where = node;

	/*
	 * A huge mapping is aligned already and must not grow by a page.  There
	 * is none with __GFP_THISNODE.  A block of the direct map is aligned to
	 * its size.
	 */
	if (kspan_may_sleep(gfp) &&
	    !(KSPAN_HUGE_CHUNKS && nr_pages == KSPAN_CHUNK_PAGES &&
	      !(gfp & __GFP_THISNODE)))
		bytes += ALIGN_SLACK;
	bytes = PAGE_ALIGN(bytes);
	*err = -ENOMEM;
	chunk = kspan_pool_alloc(&chunk_pool, gfp);
	if (!chunk)
		return NULL;
	memset(chunk, 0, sizeof(*chunk));
	chunk->mem = kspan_backing_get(bytes, gfp, &where, err);
	if (!chunk->mem)
		goto free_chunk;

	/*
	 * A page heap should have only memory of its own node, so refuse a
	 * mixed chunk.  The caller then tries a smaller one, which may be
	 * mixed.
	 */
	if (where == NUMA_NO_NODE && kspan_nr_nodes > 1 &&
	    nr_pages > KSPAN_CHUNK_SMALL && !(gfp & __GFP_NOFAIL))
		goto free_mem;

	base = ALIGN((unsigned long)chunk->mem, KSPAN_PAGE_SIZE);
	chunk->base = base;
	chunk->bytes = bytes;
	chunk->far = IS_ENABLED(CONFIG_64BIT) && kspan_is_direct(chunk->mem);
	/* A chunk on several nodes belongs to the node it was requested for. */
	chunk->node = where == NUMA_NO_NODE ? node : where;
	chunk->nr_pages = min_t(unsigned long, nr_pages,
				((unsigned long)chunk->mem + bytes - base) >>
				KSPAN_PAGE_SHIFT);
	chunk->longest = chunk->nr_pages;
	chunk->idle_since = jiffies;
	/* With init_on_alloc, the kernel has just zeroed all of it. */
	if (!want_init_on_alloc(GFP_KERNEL))
		bitmap_fill(chunk->dirty, chunk->nr_pages);

	kspan_arena_set(base, chunk->nr_pages, &kspan_fresh_span);
	/* Count the bytes lost to alignment as metadata, not as heap pages. */
	slack = bytes - chunk->nr_pages * KSPAN_PAGE_SIZE;
	atomic_long_sub(slack, &kspan_heap_sys);
	kspan_meta_account(KSPAN_SYS_OTHER, slack);
	return chunk;

free_mem:
	*err = -ENOMEM;
	kspan_backing_put(chunk->mem, bytes, bytes);
free_chunk:
	kspan_pool_free(&chunk_pool, chunk);
	return NULL;
}

/**
 * kspan_chunk_put - return a chunk to the kernel
 * @chunk: an unused chunk that is in no list
 *
 * Context: Process context that may sleep.
 */
void kspan_chunk_put(struct kspan_chunk *chunk)
{
	unsigned long heap_bytes = chunk->nr_pages * KSPAN_PAGE_SIZE;

	kspan_arena_set(chunk->base, chunk->nr_pages, &kspan_null_span);
	kspan_meta_account(KSPAN_SYS_OTHER, -(long)(chunk->bytes - heap_bytes));
	kspan_backing_put(chunk->mem, chunk->bytes, heap_bytes);
	kspan_pool_free(&chunk_pool, chunk);
}
