// SPDX-License-Identifier: GPL-2.0
/*
 * What an allocation does when the caches and spans have no object: find
 * memory, or fail with a reason.
 *
 * A caller that may sleep grows the heap.  Before it fails, it collects idle
 * memory, first about as much as it needs, then once all of it, and tries
 * again.  A caller that may not sleep uses the reserve of the heap, and a
 * worker refills the reserve.  The last resort of both is the memory of other
 * nodes.  A request with __GFP_NOFAIL never stops trying, exceeds memory_limit
 * and uses the reserve.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/topology.h>

#include "api/deferred.h"
#include "api/grow.h"
#include "base/gfp.h"
#include "base/node.h"
#include "base/pool.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "heap/large.h"
#include "heap/page_heap.h"
#include "heap/request.h"
#include "reclaim/collect.h"
#include "reclaim/shrink.h"
#include "reclaim/worker.h"
#include "span/report.h"

/*
 * Number of objects to add at once for classes up to a heap page.  With only
 * one or two objects in its cache, a CPU would exchange magazines at almost
 * every call.
 */
#define MIN_OBJS	8U

/* The most that a small request needs: a chunk. */
#define GROW_BYTES	(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE)

/*
 * Heap pages to take from empty spans at once: as many as a chunk has, so that
 * a wave of another class seldom comes here.  A caller that may not sleep takes
 * no more than TAKE_BACK_QUICK spans.
 */
#define TAKE_BACK_PAGES	256UL
#define TAKE_BACK_QUICK	32U

/**
 * struct effort - the state of one request
 * @req: what the layers below know of it; its node is where it searches
 * @sleep: whether it may sleep
 * @shrunk: whether some idle memory was returned for it
 * @reclaimed: whether all idle memory was returned for it
 * @took_back: whether it took pages from empty spans although it cannot sleep
 * @vain: whether it reached the memory limit without idle memory to return
 */
struct effort {
	struct kspan_request req;
	bool sleep;
	bool shrunk;
	bool reclaimed;
	bool took_back;
	bool vain;
};

static struct effort begin_effort(gfp_t gfp, int node, size_t size)
{
	return (struct effort){
		.req = {
			.gfp = gfp,
			/* The caches of this CPU use its own node. */
			.node = node == NUMA_NO_NODE ? numa_mem_id() : node,
			.size = size,
		},
		.sleep = kspan_may_sleep(gfp),
	};
}

/*
 * What a finished request leaves to the worker.  A request that failed at the
 * memory limit leaves nothing, because the worker cannot fill the reserve
 * either.  A failed request has made no memory idle, so the tick need not run
 * for it.
 */
static void end_effort(const struct effort *effort, bool failed)
{
	bool low = effort->req.low && !(failed && effort->vain);

	if (low || kspan_pools_are_low() ||
	    kspan_span_nr_dead() > KSPAN_DEAD_KICK)
		kspan_kick();
	else if (!failed)
		kspan_tick_watch();
}

/*
 * Whether another attempt makes sense after @err.  The first time this returns
 * about as much idle memory as is needed; the second time all of it.  Both
 * steps are skipped while it is known that no memory is idle.
 */
static bool try_again(struct effort *effort, int err)
{
	/* -EINVAL: the request can never succeed. */
	if (err == -EINVAL || !effort->sleep)
		return false;
	/* Freeing these makes their memory idle. */
	if (!effort->shrunk && atomic_long_read(&kspan_deferred_bytes))
		kspan_deferred_free_large();
	if (!effort->shrunk && !kspan_may_collect()) {
		effort->shrunk = true;
		effort->reclaimed = true;
		effort->vain = err == -EDQUOT;
	}
	if (!effort->shrunk) {
		effort->shrunk = true;
		if (kspan_shrink(effort->req.size) >= effort->req.size)
			return true;
	}
	if (!effort->reclaimed) {
		effort->reclaimed = true;
		kspan_collect();
		return true;
	}
	if (!(effort->req.gfp & __GFP_NOFAIL))
		return false;
	/* Other tasks have to free memory first, so wait for them. */
	msleep(20);
	return true;
}

/*
 * Take pages from the empty spans of other classes, before the heap grows.  A
 * caller that may not sleep does so once, for a few spans.
 */
static bool take_back(struct effort *effort, unsigned long nr_pages)
{
	unsigned int most = UINT_MAX;

	if (!effort->sleep) {
		if (effort->took_back)
			return false;
		effort->took_back = true;
		most = TAKE_BACK_QUICK;
	}
	return kspan_central_take_back(effort->req.node, max(nr_pages, TAKE_BACK_PAGES),
				       most);
}

static int grow_class(unsigned int sc, struct effort *effort)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	bool reserve = !effort->sleep;
	int err;

	for (;;) {
		err = kspan_central_grow(effort->req.node, sc, effort->req.gfp, reserve,
					 &effort->req.low);
		if (err != -ENOSPC)
			return err;
		if (take_back(effort, info->nr_pages))
			continue;
		err = kspan_page_heap_grow(kspan_page_heap_of(effort->req.node),
					   info->nr_pages, effort->req.gfp);
		if (err)
			return err;
		/*
		 * The chunk was added for this request, so it may use all its
		 * pages.
		 */
		reserve = true;
	}
}

/*
 * Add spans to a class that just grew, up to MIN_OBJS objects, from free pages.
 */
static void grow_more(unsigned int sc, struct effort *effort)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	unsigned int nr_objs;

	if (info->size > KSPAN_PAGE_SIZE)
		return;
	for (nr_objs = info->nr_objs; nr_objs < MIN_OBJS;
	     nr_objs += info->nr_objs)
		if (kspan_central_grow(effort->req.node, sc, effort->req.gfp, false,
				       &effort->req.low))
			break;
}

/* Use the reserve when all else failed.  Returns 0 or @err. */
static int last_resort(unsigned int sc, struct effort *effort, int err)
{
	if (err == -EINVAL ||
	    kspan_central_grow(effort->req.node, sc, effort->req.gfp, true, &effort->req.low))
		return err;
	return 0;
}

/* Search the other nodes.  Returns whether one has an object, in *@node. */
static bool look_elsewhere(unsigned int sc, struct effort *effort, int *node)
{
	int other;

	if (effort->req.gfp & __GFP_THISNODE)
		return false;
	for_each_kspan_node(other) {
		if (other == effort->req.node)
			continue;
		if (kspan_central_has_free(kspan_central_of(other, sc)) ||
		    !kspan_central_grow(other, sc, effort->req.gfp, true,
					&effort->req.low)) {
			*node = other;
			return true;
		}
	}
	return false;
}

/**
 * kspan_grow_class - add objects to the central list of a span class
 * @sc: span class
 * @node: preferred node, or NUMA_NO_NODE; set to another node if only that has
 *	objects
 * @gfp: flags for the allocation
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0 if the caller should search again, -EDQUOT at the memory limit,
 * -ENOBUFS at the limit of the client's heap, -ENOMEM otherwise.
 */
int kspan_grow_class(unsigned int sc, int *node, gfp_t gfp)
{
	struct effort effort = begin_effort(gfp, *node, GROW_BYTES);
	int err;

	err = grow_class(sc, &effort);
	if (!err)
		grow_more(sc, &effort);
	/* Memory of other heaps does not help a heap that is at its limit. */
	if (err == -ENOBUFS) {
		if (look_elsewhere(sc, &effort, node))
			err = 0;
		end_effort(&effort, err);
		return err;
	}
	while (err && err != -EXDEV && try_again(&effort, err)) {
		/* Reclaim may have freed objects of this very class. */
		if (kspan_central_has_free(kspan_central_of(effort.req.node, sc)))
			err = 0;
		else
			err = grow_class(sc, &effort);
	}
	/*
	 * A caller that may sleep gets at least what one that may not sleep
	 * would get.
	 */
	if (err && err != -EXDEV && effort.sleep)
		err = last_resort(sc, &effort, err);
	if (err && look_elsewhere(sc, &effort, node))
		err = 0;
	/*
	 * The last resort of a caller that cannot sleep is memory in the
	 * quarantine.
	 */
	if (err && kspan_quarantine_on() && !effort.sleep &&
	    (kspan_quarantine_release_some() || kspan_cache_reuse(sc)))
		err = 0;
	end_effort(&effort, err);
	return err == -EDQUOT && effort.sleep ? -EDQUOT : err ? -ENOMEM : 0;
}

/* Allocate a run from the page heaps of other nodes. */
static void *large_elsewhere(struct kspan_request *req)
{
	void *ptr = NULL;
	int other;

	if (req->gfp & __GFP_THISNODE)
		return NULL;
	for_each_kspan_node(other)
		if (!ptr && other != req->node)
			ptr = kspan_large_alloc_run(req, other, true);
	return ptr;
}

/*
 * The node of a cached span to reuse: remote memory would cost more than it
 * saves.
 */
static int reuse_node(int node)
{
	if (kspan_nr_nodes == 1)
		return NUMA_NO_NODE;
	return node == NUMA_NO_NODE ? numa_mem_id() : node;
}

/**
 * kspan_grow_reuse - allocate a large object from a cached span
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN
 * @gfp: the caller's flags
 * @node: preferred node, or NUMA_NO_NODE
 * @zero: whether to zero it
 * @quota: the client's heap that it is for, or NULL
 *
 * Context: Any but NMI.
 * Return: the object, or NULL if no cached span fits.
 */
void *kspan_grow_reuse(size_t size, size_t align, gfp_t gfp, int node, bool zero,
		       struct kspan_quota *quota)
{
	bool insist = kspan_nr_nodes > 1 && gfp & __GFP_THISNODE;

	return kspan_large_reuse(size, align, reuse_node(node), insist, zero,
				 quota);
}

/*
 * A large object without a cached span: grow, reclaim, or report the failure.
 */
static noinline void *grow_large_slow(size_t size, size_t align, gfp_t gfp,
				      int node, bool zero)
{
	struct effort effort = begin_effort(gfp, node, size);
	struct kspan_request *req = &effort.req;
	void *ptr;

	req->align = align;
	req->zero = zero;
	/* First finish freed objects that wait to be filled. */
	if (effort.sleep && atomic_long_read(&kspan_deferred_bytes)) {
		kspan_deferred_free_large();
		ptr = kspan_grow_reuse(size, align, gfp, node, zero, NULL);
		if (ptr)
			return ptr;
	}
	do {
		ptr = kspan_large_alloc(req);
		/* What waits may fit as it is, before it is returned. */
		if (!ptr && req->err != -EINVAL && kspan_quarantine_on() &&
		    kspan_quarantine_release_some())
			ptr = kspan_grow_reuse(size, align, gfp, node, zero,
					       NULL) ?:
			      kspan_large_alloc(req);
	} while (!ptr && (try_again(&effort, req->err) ||
			  (!effort.sleep && req->err != -EINVAL &&
			   take_back(&effort, size >> KSPAN_PAGE_SHIFT))));
	/*
	 * A caller that may sleep gets at least what one that may not sleep
	 * would get.
	 */
	if (!ptr && effort.sleep && req->err != -EINVAL)
		ptr = kspan_large_alloc_run(req, req->node, true);
	else if (!ptr && req->err == -EDQUOT)
		req->err = -ENOMEM;
	if (!ptr && req->err != -EINVAL)
		ptr = large_elsewhere(req);
	end_effort(&effort, !ptr);
	if (!ptr)
		kspan_report_fail(size, gfp, req->err);
	return ptr;
}

/**
 * kspan_grow_large - allocate a large object, or report the failure
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN
 * @gfp: flags for the allocation
 * @node: preferred node, or NUMA_NO_NODE
 * @zero: whether to zero it
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: the object, or NULL.
 */
void *kspan_grow_large(size_t size, size_t align, gfp_t gfp, int node,
		       bool zero)
{
	void *ptr = kspan_grow_reuse(size, align, gfp, node, zero, NULL);

	if (likely(ptr))
		return ptr;
	return grow_large_slow(size, align, gfp, node, zero);
}
