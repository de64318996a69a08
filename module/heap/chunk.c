// SPDX-License-Identifier: GPL-2.0
/*
 * Chunks: backing memory with a bitmap of heap pages.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "base/meta.h"
#include "heap/backing.h"
#include "heap/chunk.h"
#include "span/arena.h"

static struct kspan_pool chunk_pool;

/* vmalloc() aligns to PAGE_SIZE; what a heap page may lose to alignment. */
#define ALIGN_SLACK \
	(PAGE_SIZE < KSPAN_PAGE_SIZE ? KSPAN_PAGE_SIZE - PAGE_SIZE : 0)

/* Set up the pool of descriptors.  Context: module load. */
int kspan_chunk_init(void)
{
	kspan_pool_init(&chunk_pool, sizeof(struct kspan_chunk), KSPAN_SYS_OTHER);
	return 0;
}

/* Context: module unload; every chunk is gone or lost to live objects. */
void kspan_chunk_exit(void)
{
	kspan_pool_exit(&chunk_pool);
}

/**
 * kspan_chunk_get - a new chunk
 * @node: preferred NUMA node
 * @nr_pages: heap pages it should have
 * @gfp: how hard to try
 * @err: why there is none
 *
 * Context: Process context that may sleep.
 * Return: a chunk without users that is in no list, or NULL.
 */
struct kspan_chunk *kspan_chunk_get(int node, unsigned int nr_pages, gfp_t gfp,
				    int *err)
{
	unsigned long bytes = nr_pages * KSPAN_PAGE_SIZE;
	struct kspan_chunk *chunk;
	unsigned long base;

	/* A huge mapping is aligned by itself and must not grow a page. */
	if (!(KSPAN_HUGE_CHUNKS && nr_pages == KSPAN_CHUNK_PAGES))
		bytes = PAGE_ALIGN(bytes + ALIGN_SLACK);
	*err = -ENOMEM;
	chunk = kspan_pool_alloc(&chunk_pool, gfp);
	if (!chunk)
		return NULL;
	memset(chunk, 0, sizeof(*chunk));
	chunk->mem = kspan_backing_get(bytes, gfp, node, err);
	if (!chunk->mem)
		goto free_chunk;

	base = ALIGN((unsigned long)chunk->mem, KSPAN_PAGE_SIZE);
	chunk->base = base;
	chunk->bytes = bytes;
	chunk->node = node;
	chunk->nr_pages = min_t(unsigned long, nr_pages,
				((unsigned long)chunk->mem + bytes - base) >>
				KSPAN_PAGE_SHIFT);
	chunk->longest = chunk->nr_pages;
	chunk->idle_since = jiffies;
	/* With init_on_alloc the kernel has just zeroed all of it. */
	if (!want_init_on_alloc(GFP_KERNEL))
		bitmap_fill(chunk->dirty, chunk->nr_pages);

	*err = kspan_arena_cover(base, chunk->nr_pages * KSPAN_PAGE_SIZE, gfp);
	if (*err)
		goto free_mem;
	atomic_long_add(chunk->nr_pages * KSPAN_PAGE_SIZE, &kspan_heap_sys);
	kspan_meta_account(KSPAN_SYS_OTHER,
			   bytes - chunk->nr_pages * KSPAN_PAGE_SIZE);
	return chunk;

free_mem:
	kspan_backing_drop(chunk->mem);
free_chunk:
	kspan_pool_free(&chunk_pool, chunk);
	return NULL;
}

/**
 * kspan_chunk_put - give a chunk back to the kernel
 * @chunk: a chunk without users, in no list
 *
 * Context: Process context that may sleep.
 */
void kspan_chunk_put(struct kspan_chunk *chunk)
{
	unsigned long heap_bytes = chunk->nr_pages * KSPAN_PAGE_SIZE;

	kspan_arena_set(chunk->base, chunk->nr_pages, &kspan_null_span);
	kspan_meta_account(KSPAN_SYS_OTHER, -(long)(chunk->bytes - heap_bytes));
	kspan_backing_put(chunk->mem, heap_bytes);
	kspan_pool_free(&chunk_pool, chunk);
}
