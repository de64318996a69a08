// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects.
 *
 * A large object has a region of its own from vmalloc(), so that each region
 * can return to the kernel by itself, and so that a request of any size finds a
 * cached one.  A caller that may not sleep, or for whom the kernel has no
 * memory, gets a run of the page heap.  Freed regions and runs are both cached
 * for a while; see large_cache.c.
 *
 * Chunks are aligned beyond a page, but regions are not unless huge pages map
 * them.  So for any caller, an aligned object of up to half a chunk is a run.
 *
 * A region is entered in the arena map once for all its pages, when it comes
 * from the kernel.  Therefore allocation from a cached region, look-up and free
 * cost the same at 64 KiB and at 64 MiB.
 */
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/gfp.h"
#include "base/kasan.h"
#include "base/meta.h"
#include "base/params.h"
#include "base/profile.h"
#include "base/sample.h"
#include "heap/backing.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/large_owned.h"
#include "heap/page_heap.h"
#include "heap/region.h"
#include "heap/request.h"
#include "span/arena.h"
#include "span/redzone.h"

/* In heap pages.  Longer runs would break up the space for small objects. */
#define RUN_MAX		(KSPAN_CHUNK_PAGES / 2)

atomic_long_t kspan_large_nmalloc;
atomic_long_t kspan_large_nfree;
atomic64_t kspan_large_alloc_bytes;
atomic64_t kspan_large_free_bytes;

static unsigned long span_bytes(const struct kspan_span *span)
{
	return (unsigned long)span->nr_pages << KSPAN_PAGE_SHIFT;
}

/* Allocate a run from the page heap. */
static struct kspan_span *get_run(struct kspan_request *req, int node,
				  bool use_reserve)
{
	unsigned int align_pages = max(req->align, PAGE_SIZE) >> KSPAN_PAGE_SHIFT ?: 1;
	unsigned long pages = kspan_large_pages(req->size);
	struct kspan_page_heap *heap = kspan_page_heap_of(node);
	struct kspan_span *span;
	struct kspan_run run;
	bool found;

	if (pages > RUN_MAX)
		return NULL;
	span = kspan_span_alloc(0, req->gfp);
	if (!span) {
		req->low = true;
		return NULL;
	}
	if (align_pages > 1)
		found = kspan_page_heap_alloc_aligned(heap, pages, align_pages,
						      use_reserve, &run);
	else
		found = kspan_page_heap_alloc(heap, pages, 1, use_reserve, &run);
	if (!found) {
		req->low = true;
		kspan_span_free(span);
		return NULL;
	}
	req->low |= run.low || run.ahead;
	span->base = run.addr;
	span->chunk = run.chunk;
	span->nr_pages = pages;
	span->node = heap->node;
	span->needzero = run.dirty;
	return span;
}

/* kspan_usable_size() of a large object. */
static unsigned long usable_bytes(const struct kspan_span *span)
{
	return kspan_redzone_on() ? kspan_redzone_asked(span, (void *)span->base) :
				    span_bytes(span);
}

/*
 * Allocate an aligned run, from a new chunk if the page heap has none.  That
 * chunk stays only if vmalloc() happened to align it well enough.
 */
static struct kspan_span *get_aligned_run(struct kspan_request *req)
{
	struct kspan_page_heap *heap = kspan_page_heap_of(req->node);
	unsigned long pages = kspan_large_pages(req->size);
	unsigned long bytes = pages << KSPAN_PAGE_SHIFT, end;
	struct kspan_chunk *chunk;
	struct kspan_span *span;
	int err;

	if (req->align <= PAGE_SIZE || pages > RUN_MAX || !kspan_may_sleep(req->gfp))
		return NULL;
	span = get_run(req, req->node, false);
	if (span)
		return span;
	chunk = kspan_chunk_get(heap->node, KSPAN_CHUNK_PAGES,
				req->gfp & ~__GFP_NOFAIL, &err);
	if (!chunk)
		return NULL;
	end = chunk->base + ((unsigned long)chunk->nr_pages << KSPAN_PAGE_SHIFT);
	if (ALIGN(chunk->base, req->align) - chunk->base + bytes >
	    end - chunk->base) {
		kspan_chunk_put(chunk);
		return NULL;
	}
	kspan_page_heap_add(kspan_page_heap_of(chunk->node), chunk);
	return get_run(req, req->node, false);
}

static struct kspan_span *get_region(struct kspan_request *req)
{
	/* First unmap the regions left over by callers that could not sleep. */
	if (unlikely(atomic_long_read(&kspan_region_surplus)) &&
	    kspan_may_sleep(req->gfp))
		kspan_large_trim(KSPAN_LARGE_CACHE_SURPLUS, ULONG_MAX);
	return kspan_region_get(kspan_large_pages(req->size), req);
}

/* Begin the life of a large object.  Returns its memory. */
static void *begin(struct kspan_span *span, size_t size, bool zero)
{
	if (zero && span->needzero)
		kspan_fill_object((void *)span->base, 0, span_bytes(span));
	if (kspan_redzone_on())
		kspan_redzone_set(span, (void *)span->base, size);
	span->data = false;
	WRITE_ONCE(kspan_large_of(span)->shrunk, false);
	kspan_large_of(span)->tracked = kspan_sample_one(usable_bytes(span)) &&
		kspan_profile_alloc((void *)span->base, usable_bytes(span));
	atomic_long_inc(&kspan_large_nmalloc);
	atomic64_add(usable_bytes(span), &kspan_large_alloc_bytes);
	/*
	 * The arena map may lead to the span already: set its size before its
	 * life.
	 */
	smp_store_release(&span->live, KSPAN_LIFE_LIVE);
	return (void *)span->base;
}

static void free_run(struct kspan_span *span)
{
	kspan_arena_withdraw(span);
	kspan_page_heap_free(kspan_page_heap_of(span->node), span->chunk, span->base,
			     span->nr_pages);
	kspan_span_end(span);
}

/*
 * Cache the span of an object that was freed, and return the spans that no
 * longer fit in the cache.  A caller that may not sleep leaves regions to the
 * scavenger.  Returns whether the scavenger has work to do.
 */
static bool keep_span(struct kspan_span *span)
{
	struct hlist_node *next;
	bool deferred = false;
	HLIST_HEAD(gone);

	kspan_large_cache_put(span, &gone);
	if (likely(hlist_empty(&gone)))
		return false;
	hlist_for_each_entry_safe(span, next, &gone, kept) {
		kspan_large_leave_heap(span);
		if (!kspan_is_region(span)) {
			free_run(span);
		} else if (kspan_free_may_sleep()) {
			kspan_region_put(span);
		} else {
			kspan_large_cache_defer(span);
			deferred = true;
		}
	}
	return deferred || kspan_span_nr_dead() > KSPAN_DEAD_KICK;
}

/*
 * When the node of @span had no memory, vmalloc() may have used another node.
 * File such a span where a request with __GFP_THISNODE does not find it again.
 */
static bool is_elsewhere(struct kspan_span *span)
{
	bool region = kspan_is_region(span);
	const void *mem = region ? span->mem : (void *)span->base;

	if (kspan_is_on_node(mem, kspan_room_bytes(span), span->node))
		return false;
	if (region) {
		span->node = NUMA_NO_NODE;
		keep_span(span);
	} else {
		kspan_large_cache_drop(span);
		kspan_large_leave_heap(span);
		free_run(span);
	}
	return true;
}

/*
 * With check=2: whether a cached span was written to.  If so, it is never
 * reused.
 */
static bool is_spoilt(struct kspan_span *span)
{
	if (!kspan_redzone_on() ||
	    kspan_redzone_check_poison(span, (void *)span->base))
		return false;
	kspan_large_leave_heap(span);
	return true;
}

/**
 * kspan_large_reuse - allocate a large object from a cached span
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN; 0 for that of a page
 * @node: the node that the span must belong to, or NUMA_NO_NODE
 * @insist: whether all its memory must be on @node
 * @zero: whether to zero it
 * @quota: account of the client's heap that the object is for, which reuses
 *	only its own spans; NULL for no heap
 *
 * Context: Any but NMI.
 * Return: the object, or NULL if no cached span fits.
 */
void *kspan_large_reuse(size_t size, size_t align, int node, bool insist,
			bool zero, struct kspan_quota *quota)
{
	unsigned long pages = kspan_large_pages(size);
	struct kspan_span *span;

	do {
		span = kspan_large_cache_take(pages, align, node, quota);
	} while (span && (is_spoilt(span) ||
			  (unlikely(insist) && is_elsewhere(span))));
	if (unlikely(!span))
		return NULL;
	if (unlikely(span->nr_pages != pages))
		WRITE_ONCE(span->nr_pages, pages);
	span->needzero = true;
	return begin(span, size, zero);
}

/*
 * Like begin(), for a new span that is not in the arena map yet, or for NULL.
 */
static void *begin_new(struct kspan_span *span, const struct kspan_request *req)
{
	void *ptr;

	if (!span)
		return NULL;
	ptr = begin(span, req->size, req->zero);
	kspan_arena_publish(span);
	return ptr;
}

/**
 * kspan_large_alloc - allocate a large object from memory that was not cached
 * @req: the request
 *
 * Context: Any but NMI; sleeps if the flags and the context allow it.
 * Return: the object; or NULL, and the error is in @req.
 */
void *kspan_large_alloc(struct kspan_request *req)
{
	struct kspan_span *span;

	req->err = -EINVAL;
	/*
	 * Refuse what vmalloc() would refuse anyway, and what could overflow a
	 * sum.
	 */
	if (req->size >> PAGE_SHIFT > totalram_pages() ||
	    req->size > LONG_MAX / 2)
		return NULL;
	/*
	 * A run of the reserve is quick to get and cheaper to free than a
	 * block.
	 */
	if (kspan_may_sleep(req->gfp)) {
		span = get_aligned_run(req);
		if (!span)
			span = get_region(req);
		if (!span)
			span = get_run(req, req->node, false);
	} else {
		span = get_run(req, req->node, true);
		if (!span)
			span = get_region(req);
	}
	return begin_new(span, req);
}

/**
 * kspan_large_alloc_run - allocate a large object from the page heap of a node
 * @req: the request, which kspan_large_alloc() did not find invalid
 * @node: the node
 * @use_reserve: whether the caller may go below the reserve
 *
 * Context: Any but NMI; sleeps if the flags and the context allow it.
 * Return: the object, or NULL.
 */
void *kspan_large_alloc_run(struct kspan_request *req, int node, bool use_reserve)
{
	return begin_new(get_run(req, node, use_reserve), req);
}

/**
 * kspan_large_shrink - mark a large object as smaller than its pages
 * @span: its span; the caller owns the object
 *
 * The object keeps its memory, because there was no other memory to move it to.
 * The next user of the memory gets a size of its own.
 *
 * Context: Any.
 */
void kspan_large_shrink(struct kspan_span *span)
{
	WRITE_ONCE(kspan_large_of(span)->shrunk, true);
}

/**
 * kspan_large_resize - change the number of pages of a large object in place
 * @span: its span; the caller owns the object
 * @size: bytes, not 0
 *
 * A region has a single object, and may have more pages than that.  An object
 * of a client's heap only shrinks in place, because its heap may have a limit.
 *
 * Context: Any but NMI; not with check=2.
 * Return: whether the object has @size bytes now.
 */
bool kspan_large_resize(struct kspan_span *span, size_t size)
{
	unsigned long pages = kspan_large_pages(size), was = span->nr_pages, room;
	long by = ((long)pages - (long)was) * (long)KSPAN_PAGE_SIZE;

	if (!kspan_is_region(span) || (by > 0 && span->sc))
		return false;
	room = ((unsigned long)span->mem + kspan_room_bytes(span) - span->base) >>
	       KSPAN_PAGE_SHIFT;
	if (pages > room)
		return false;
	if (by > 0) {
		atomic64_add(by, &kspan_large_alloc_bytes);
	} else {
		kspan_kasan_poison_object((void *)span->base +
					  (pages << KSPAN_PAGE_SHIFT), -by);
		atomic64_add(-by, &kspan_large_free_bytes);
		if (unlikely(span->sc))
			kspan_large_shrink_owned(span, -by);
	}
	WRITE_ONCE(span->nr_pages, pages);
	return true;
}

/* Context: preemption off. */
static void count_free(const struct kspan_span *span)
{
	unsigned long bytes = usable_bytes(span);

	atomic_long_inc(&kspan_large_nfree);
	atomic64_add(bytes, &kspan_large_free_bytes);
	if (unlikely(span->sc))
		kspan_large_uncount(span);
}

/**
 * kspan_large_claim - win the right to free a large object, and count the free
 * @span: its span
 * @ptr: the object
 * @next: KSPAN_LIFE_NONE to free it now, KSPAN_LIFE_DEFERRED from NMI
 * @overrun: set to whether a check has already found the object overrun
 *
 * Context: Any, with preemption off.
 * Return: KSPAN_FAULT_NONE, or the reason why @ptr cannot be freed.
 */
enum kspan_fault kspan_large_claim(struct kspan_span *span, const void *ptr,
				   enum kspan_life next, bool *overrun)
{
	u8 was = KSPAN_LIFE_LIVE;

	if (unlikely(span->base != (unsigned long)ptr))
		return kspan_not_first(span, ptr);
	/*
	 * kspan_verify() may change LIVE to OVERRUN meanwhile, but never back.
	 */
	if (!try_cmpxchg(&span->live, &was, next) &&
	    (was != KSPAN_LIFE_OVERRUN || !try_cmpxchg(&span->live, &was, next)))
		return KSPAN_FAULT_DOUBLE;
	*overrun = was == KSPAN_LIFE_OVERRUN;
	count_free(span);
	return KSPAN_FAULT_NONE;
}

/**
 * kspan_large_quarantine - end a large object that was found damaged
 * @span: its span, claimed by the caller; its memory is never used again
 *
 * Context: Any, including NMI.
 */
void kspan_large_quarantine(struct kspan_span *span)
{
	kspan_large_leave_heap(span);
	WRITE_ONCE(span->live, KSPAN_LIFE_QUARANTINED);
}

/**
 * kspan_large_fill - fill a large object that was freed
 * @span: its span, claimed by the caller
 *
 * Context: Any but NMI.
 * Return: false if the memory must not be used again.
 */
bool kspan_large_fill(struct kspan_span *span)
{
	if (unlikely(kspan_large_of(span)->tracked))
		kspan_profile_free((void *)span->base);
	if (kspan_redzone_on())
		kspan_redzone_poison(span, (void *)span->base);
	else if (want_init_on_free())
		kspan_fill_object((void *)span->base, 0, span_bytes(span));
	if (unlikely(kspan_params.sbrk)) {
		kspan_large_quarantine(span);
		return false;
	}
	return true;
}

/**
 * kspan_large_keep - cache the span of a large object, or return it
 * @span: its span, filled
 *
 * Context: Any but NMI.
 * Return: true if the caller should kick the scavenger.
 */
bool kspan_large_keep(struct kspan_span *span)
{
	/* A heap that has ended caches nothing. */
	if (unlikely(span->sc) && READ_ONCE(kspan_sc_quota(span->sc)->ended))
		kspan_large_leave_heap(span);
	return keep_span(span);
}

static unsigned long give_back(struct hlist_head *gone)
{
	struct kspan_span *span;
	unsigned long bytes = 0;
	struct hlist_node *next;

	hlist_for_each_entry_safe(span, next, gone, kept) {
		kspan_large_leave_heap(span);
		if (!kspan_is_region(span)) {
			free_run(span);
			continue;
		}
		bytes += kspan_room_bytes(span);
		kspan_region_put(span);
	}
	return bytes;
}

/**
 * kspan_large_trim - return cached spans: regions to the kernel, runs to the
 * page heap
 * @age: minimum age; regions that wait to be unmapped go in any case
 * @max_bytes: stop after this many bytes
 *
 * Context: Process context that may sleep.
 * Return: bytes returned to the kernel; those of runs do not count.
 */
unsigned long kspan_large_trim(unsigned int age, unsigned long max_bytes)
{
	HLIST_HEAD(gone);

	kspan_large_cache_collect(age, max_bytes, &gone);
	return give_back(&gone);
}

/**
 * kspan_large_end_kept - return the spans that are cached for a client's heap
 * @quota: the heap's account
 *
 * Context: Process context that may sleep.
 */
void kspan_large_end_kept(struct kspan_quota *quota)
{
	HLIST_HEAD(gone);

	while (kspan_large_cache_pop(quota, &gone)) {
		give_back(&gone);
		INIT_HLIST_HEAD(&gone);
		cond_resched();
	}
}

/**
 * kspan_large_sweep - quarantine cached spans that were overwritten
 *
 * The spans are out of their lists during the check, which takes too long to
 * hold a lock.
 *
 * Context: Process context that may sleep; check=2.
 * Return: number of spans quarantined; each was reported.
 */
unsigned int kspan_large_sweep(void)
{
	struct kspan_span *span;
	struct hlist_node *next;
	unsigned int nr = 0;
	HLIST_HEAD(taken);

	kspan_large_cache_collect(0, ULONG_MAX, &taken);
	hlist_for_each_entry_safe(span, next, &taken, kept) {
		__hlist_del(&span->kept);
		if (kspan_is_region(span))
			kspan_large_cache_add_region(span);
		if (is_spoilt(span))
			nr++;
		else
			keep_span(span);
		cond_resched();
	}
	return nr;
}

/* Context: module load.  Return: 0. */
int kspan_large_init(void)
{
	kspan_large_cache_init();
	return 0;
}

/* Context: module unload. */
void kspan_large_exit(void)
{
	kspan_large_trim(0, ULONG_MAX);
}
