// SPDX-License-Identifier: GPL-2.0
/* Regions: memory from the kernel for one large object each. */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "heap/backing.h"
#include "heap/large_cache.h"
#include "heap/region.h"
#include "span/arena.h"

/*
 * Bytes to request from vmalloc().  With @slack there is room to align the
 * object.  Without, the memory is aligned only if huge pages map it.
 */
static unsigned long region_bytes(unsigned long pages, size_t align, bool slack)
{
	/* A heap page may be smaller than a page of the kernel. */
	unsigned long bytes = PAGE_ALIGN(pages << KSPAN_PAGE_SHIFT);

	if (align <= PAGE_SIZE)
		return kspan_vmalloc_round(bytes);
	if (!slack)
		return ALIGN(bytes, PMD_SIZE);
	/*
	 * Room is counted in heap pages from span->mem, so that all of it is
	 * heap memory.
	 */
	bytes = ALIGN(bytes + align - PAGE_SIZE, KSPAN_PAGE_SIZE);
	return kspan_vmalloc_round(bytes);
}

/*
 * Get memory for an aligned object.  Returns NULL, or the memory and its
 * *@bytes.
 */
static void *get_aligned(unsigned long pages, size_t align, gfp_t gfp, int *node,
			 unsigned long *bytes, int *err)
{
	unsigned long most = region_bytes(pages, align, true);
	int want = *node;
	void *mem;

	*bytes = region_bytes(pages, align, false);
	if (KSPAN_HUGE_CHUNKS && *bytes <= most) {
		mem = kspan_backing_get(*bytes, gfp, node, err);
		if (!mem || IS_ALIGNED((unsigned long)mem, align))
			return mem;
		kspan_backing_put(mem, *bytes, *bytes);
	}
	*bytes = most;
	*node = want;
	return kspan_backing_get(most, gfp, node, err);
}

/*
 * Heap pages of the largest object that a region will serve: all pages from its
 * base on, unless that is much more than it was made for.
 */
static unsigned long region_fit(const struct kspan_span *span)
{
	unsigned long end = (unsigned long)span->mem + kspan_room_bytes(span);
	unsigned long pages = span->nr_pages;

	/*
	 * The end may be that of the address space, so use the difference only.
	 */
	return min((end - span->base) >> KSPAN_PAGE_SHIFT, pages + pages / 3);
}

/**
 * kspan_region_get - get a region from the kernel
 * @pages: heap pages of the object
 * @req: the request; its error is set if there is no region
 *
 * A region begins where vmalloc() puts it, even in the middle of a heap page.
 * No other region uses its first and last heap page all the same: a guard page,
 * of at least half a heap page, separates the areas of vmalloc().  A block of
 * the direct map, for a caller that may not sleep, begins and ends with a heap
 * page.
 *
 * Context: Any but NMI; sleeps if the flags and the context allow it.
 * Return: a span that is not in the arena map yet, or NULL.
 */
struct kspan_span *kspan_region_get(unsigned long pages, struct kspan_request *req)
{
	size_t align = req->align;
	struct kspan_span *span;
	int node = req->node;
	unsigned long bytes;

	req->err = -ENOMEM;
	span = kspan_span_alloc(0, req->gfp);
	if (!span)
		return NULL;
	if (align > PAGE_SIZE) {
		span->mem = get_aligned(pages, align, req->gfp, &node, &bytes,
					&req->err);
	} else {
		bytes = region_bytes(pages, align, false);
		span->mem = kspan_backing_get(bytes, req->gfp, &node, &req->err);
	}
	if (!span->mem)
		goto free_span;
	span->region_pages = bytes >> KSPAN_PAGE_SHIFT;
	span->nr_pages = pages;
	span->base = ALIGN((unsigned long)span->mem, align ?: PAGE_SIZE);
	span->node = node;
	span->needzero = !want_init_on_alloc(GFP_KERNEL);
	kspan_large_of(span)->fit_pages = region_fit(span);
	kspan_large_cache_add_region(span);
	return span;

free_span:
	kspan_span_free(span);
	return NULL;
}

/**
 * kspan_region_put - return a region to the kernel
 * @span: a region that is neither in use nor cached
 *
 * Context: Process context that may sleep.
 */
void kspan_region_put(struct kspan_span *span)
{
	kspan_arena_forget((unsigned long)span->mem, kspan_room_bytes(span));
	kspan_backing_put(span->mem, kspan_room_bytes(span), kspan_room_bytes(span));
	kspan_span_end(span);
}
