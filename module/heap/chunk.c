// SPDX-License-Identifier: GPL-2.0
/*
 * Backing memory: the one place that calls vmalloc() and vfree() for objects,
 * and therefore the one that honours memory_limit.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/kmemleak.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/inject.h"
#include "base/kasan.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "heap/chunk.h"
#include "span/arena.h"

atomic_long_t kspan_heap_sys;
atomic64_t kspan_heap_released;
atomic_long_t kspan_nr_grow;
atomic_long_t kspan_nr_release;

/*
 * Bytes that all who ask right now want, since each of them may see the same
 * free memory.  What one gets it has, and is no longer free, while it still
 * asks for the rest; so nobody counts for more than ASKED_MAX.
 */
static atomic_long_t asked;
#define ASKED_MAX	SZ_4M

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

/* Bytes obtained from the kernel for whatever purpose.  Context: Any. */
unsigned long kspan_sys_total(void)
{
	unsigned long total = atomic_long_read(&kspan_heap_sys);
	unsigned int i;

	for (i = 0; i < KSPAN_NR_SYS; i++)
		total += atomic_long_read(&kspan_sys_bytes[i]);
	return total;
}

/*
 * Whether the kernel would have to go to extremes for so many bytes.  What of
 * its caches is slab it may not get back, which matters where memory is small.
 */
static bool is_short(unsigned long bytes)
{
	long margin = totalram_pages() / 64 + SZ_2M / PAGE_SIZE;
	long slab = global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);

	return si_mem_available() - min_t(long, slab, SZ_16M / PAGE_SIZE) <
	       (long)(bytes >> PAGE_SHIFT) + margin;
}

/* Memory from vmalloc(), unless that is short of it. */
static void *ask(unsigned long bytes, gfp_t gfp, int node)
{
	long own = min_t(unsigned long, bytes, ASKED_MAX);
	long all = atomic_long_add_return(own, &asked);
	unsigned int scope = 0;
	void *mem = NULL;

	if (is_short(bytes + all - own) && !(gfp & __GFP_NOFAIL))
		goto out;
	/* vmalloc() takes page tables with GFP_KERNEL: narrow that as well. */
	if (!(gfp & __GFP_IO))
		scope = memalloc_noio_save();
	else if (!(gfp & __GFP_FS))
		scope = memalloc_nofs_save();
	mem = kspan_vmalloc(bytes, kspan_gentle(gfp | GFP_KERNEL), node);
	if (!(gfp & __GFP_IO))
		memalloc_noio_restore(scope);
	else if (!(gfp & __GFP_FS))
		memalloc_nofs_restore(scope);
out:
	atomic_long_sub(own, &asked);
	return mem;
}

/**
 * kspan_is_on_node - whether all pages of a piece of heap memory are a node's
 * @mem: the memory
 * @bytes: its size
 * @node: the node
 *
 * Context: Any; a look-up for each page where there are several nodes.
 * Return: whether they are.
 */
bool kspan_is_on_node(const void *mem, unsigned long bytes, int node)
{
	const void *end = mem + bytes;

	if (kspan_nr_nodes == 1)
		return true;
	for (mem = PTR_ALIGN_DOWN(mem, PAGE_SIZE); mem < end; mem += PAGE_SIZE)
		if (page_to_nid(vmalloc_to_page(mem)) != node)
			return false;
	return true;
}

/**
 * kspan_backing_get - heap memory from the kernel
 * @bytes: size, a multiple of PAGE_SIZE
 * @gfp: the caller's flags; __GFP_ZERO is the caller's own business
 * @node: preferred NUMA node
 * @err: 0, -EDQUOT at the memory limit or -ENOMEM
 *
 * A client that can do without an object must not cost a process its life.
 * The pages are asked for so that the OOM killer is left alone, but vmalloc()
 * takes page tables by its own flags; so nothing is asked for when memory is
 * as short as that.
 *
 * Context: Process context that may sleep.
 * Return: page-aligned memory, not yet counted in heap_sys, or NULL.
 */
void *kspan_backing_get(unsigned long bytes, gfp_t gfp, int node, int *err)
{
	unsigned long limit = READ_ONCE(kspan_params.memory_limit);
	void *mem;

	*err = -EDQUOT;
	if (limit && !(gfp & __GFP_NOFAIL) &&
	    (bytes > limit || kspan_sys_total() > limit - bytes))
		return NULL;

	*err = -ENOMEM;
	if (!(gfp & __GFP_NOFAIL) && kspan_inject(KSPAN_INJECT_CHUNK))
		return NULL;
	mem = ask(bytes, gfp, node);
	/* Where vmalloc() was asked for, it may have looked elsewhere as well. */
	if (mem && (gfp & __GFP_THISNODE) &&
	    !kspan_is_on_node(mem, bytes, node)) {
		vfree(mem);
		mem = NULL;
	}
	if (!mem)
		return NULL;
	/* Its objects are what has users; kmemleak is told of each. */
	kmemleak_free(mem);
	kspan_kasan_poison_new(mem, bytes);
	*err = 0;
	atomic_long_inc(&kspan_nr_grow);
	return mem;
}

/**
 * kspan_backing_drop - give back what was not counted in heap_sys yet
 * @mem: what kspan_backing_get() gave
 *
 * Context: Process context that may sleep.
 */
void kspan_backing_drop(void *mem)
{
	vfree(mem);
	atomic_long_inc(&kspan_nr_release);
}

/**
 * kspan_backing_put - give heap memory back to the kernel
 * @mem: what kspan_backing_get() gave
 * @heap_bytes: how much of it was counted in heap_sys
 *
 * Context: Process context that may sleep.
 */
void kspan_backing_put(void *mem, unsigned long heap_bytes)
{
	kspan_backing_drop(mem);
	atomic_long_sub(heap_bytes, &kspan_heap_sys);
	atomic64_add(heap_bytes, &kspan_heap_released);
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
