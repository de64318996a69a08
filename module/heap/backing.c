// SPDX-License-Identifier: GPL-2.0
/*
 * Backing memory: the one place that calls vmalloc() and vfree() for objects,
 * and therefore the one that honours memory_limit.
 */
#include <linux/errno.h>
#include <linux/kmemleak.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/inject.h"
#include "base/kasan.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "heap/backing.h"

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
