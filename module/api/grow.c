// SPDX-License-Identifier: GPL-2.0
/*
 * From "nothing at hand" to memory or to a failure with a reason.
 *
 * A caller that may sleep grows the heap, then, before it fails, has idle
 * memory collected, first about as much as it needs, then once all of it, and
 * tries again.  One that may not lives on the heap's reserve and has a worker
 * refill it.  The last resort of both is what other nodes have.  __GFP_NOFAIL
 * goes on for ever, past memory_limit and into the reserve, as its name says.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/topology.h>

#include "api/deferred.h"
#include "api/grow.h"
#include "base/gfp.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "heap/large.h"
#include "heap/page_heap.h"
#include "reclaim/collect.h"
#include "reclaim/shrink.h"
#include "reclaim/worker.h"
#include "span/report.h"

/*
 * Objects to provide at once for classes up to a heap page: with one or two in
 * its cache a CPU trades magazines every call or two.
 */
#define MIN_OBJS	8U

/* What a small request needs at most: a chunk. */
#define GROW_BYTES	(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE)

/*
 * Heap pages to take back from empty spans at a time: a chunk's worth, so that a
 * wave of another class comes here seldom.  And spans at most, for who must be
 * quick.
 */
#define TAKE_BACK_PAGES	256UL
#define TAKE_BACK_QUICK	32U

/**
 * struct effort - what is done for one request
 * @gfp: the caller's flags
 * @node: where it looks
 * @bytes: how much it is after
 * @sleep: whether it may sleep
 * @low: whether a heap fell below its reserve
 * @shrunk: whether idle memory was given back for it
 * @reclaimed: whether all idle memory was
 * @took_back: whether, being unable to sleep, it took pages back from empty spans
 * @vain: whether it met the memory limit with no idle memory to give back
 */
struct effort {
	gfp_t gfp;
	int node;
	unsigned long bytes;
	bool sleep;
	bool low;
	bool shrunk;
	bool reclaimed;
	bool took_back;
	bool vain;
};

static struct effort begin_effort(gfp_t gfp, int node, unsigned long bytes)
{
	return (struct effort){
		.gfp = gfp,
		/* The caches of this CPU look on its own node. */
		.node = node == NUMA_NO_NODE ? numa_mem_id() : node,
		.bytes = bytes,
		.sleep = kspan_may_sleep(gfp),
	};
}

/*
 * What a request that is over leaves to the worker.  One that failed at the memory
 * limit, where the worker cannot fill the reserve either, leaves nothing.  One
 * that failed has made no memory idle, so the tick need not hear of it.
 */
static void end_effort(const struct effort *effort, bool failed)
{
	bool low = effort->low && !(failed && effort->vain);

	if (low || kspan_pools_are_low() ||
	    kspan_span_nr_dead() > KSPAN_DEAD_KICK)
		kspan_kick();
	else if (!failed)
		kspan_tick_watch();
}

/*
 * Whether another attempt makes sense after @err.  First what nobody misses
 * goes, and about as much as is wanted; then all that idles, once.  Both are
 * skipped while it is known that nothing idles.
 */
static bool try_again(struct effort *effort, int err)
{
	/* -EINVAL: no effort can meet the request. */
	if (err == -EINVAL || !effort->sleep)
		return false;
	/* What is freed here is idle. */
	if (!effort->shrunk && atomic_long_read(&kspan_deferred_bytes))
		kspan_deferred_free_large();
	if (!effort->shrunk && !kspan_may_collect()) {
		effort->shrunk = true;
		effort->reclaimed = true;
		effort->vain = err == -EDQUOT;
	}
	if (!effort->shrunk) {
		effort->shrunk = true;
		if (kspan_shrink(effort->bytes) >= effort->bytes)
			return true;
	}
	if (!effort->reclaimed) {
		effort->reclaimed = true;
		kspan_collect();
		return true;
	}
	if (!(effort->gfp & __GFP_NOFAIL))
		return false;
	/* Memory that others have to free first: give them time. */
	msleep(20);
	return true;
}

/*
 * Pages that other classes' empty spans have, before the heap grows.  Who may not
 * sleep takes back a few, once.
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
	return kspan_central_take_back(effort->node, max(nr_pages, TAKE_BACK_PAGES),
				       most);
}

static int grow_class(unsigned int sc, struct effort *effort)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	bool reserve = !effort->sleep;
	int err;

	for (;;) {
		err = kspan_central_grow(effort->node, sc, effort->gfp, reserve,
					 &effort->low);
		if (err != -ENOSPC)
			return err;
		if (take_back(effort, info->nr_pages))
			continue;
		err = kspan_page_heap_grow(kspan_page_heap_of(effort->node),
					   info->nr_pages, effort->gfp);
		if (err)
			return err;
		/* It may have what it has brought. */
		reserve = true;
	}
}

/* Bring a class that just grew to MIN_OBJS, if the heap has the pages. */
static void grow_more(unsigned int sc, struct effort *effort)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	unsigned int nr_objs;

	if (info->size > KSPAN_PAGE_SIZE)
		return;
	for (nr_objs = info->nr_objs; nr_objs < MIN_OBJS;
	     nr_objs += info->nr_objs)
		if (kspan_central_grow(effort->node, sc, effort->gfp, false,
				       &effort->low))
			break;
}

/* The reserve, for a caller that nothing else serves.  Return: 0 or @err. */
static int last_resort(unsigned int sc, struct effort *effort, int err)
{
	if (err == -EINVAL ||
	    kspan_central_grow(effort->node, sc, effort->gfp, true, &effort->low))
		return err;
	return 0;
}

/* Look at the other nodes.  Return: whether one has an object, in @node. */
static bool look_elsewhere(unsigned int sc, struct effort *effort, int *node)
{
	int other;

	if (effort->gfp & __GFP_THISNODE)
		return false;
	for_each_kspan_node(other) {
		if (other == effort->node)
			continue;
		if (READ_ONCE(kspan_central_of(other, sc)->nr_free) ||
		    !kspan_central_grow(other, sc, effort->gfp, true,
					&effort->low)) {
			*node = other;
			return true;
		}
	}
	return false;
}

/**
 * kspan_grow_class - add objects to the central list of a span class
 * @sc: span class
 * @node: preferred node, or NUMA_NO_NODE; another if only that has objects
 * @gfp: how hard to try
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0 if it is worth looking for an object again, -EDQUOT at the memory
 * limit, -ENOMEM otherwise.
 */
int kspan_grow_class(unsigned int sc, int *node, gfp_t gfp)
{
	struct effort effort = begin_effort(gfp, *node, GROW_BYTES);
	int err;

	err = grow_class(sc, &effort);
	if (!err)
		grow_more(sc, &effort);
	while (err && err != -EXDEV && try_again(&effort, err)) {
		/* Reclaim may have brought objects of this very class. */
		if (READ_ONCE(kspan_central_of(effort.node, sc)->nr_free))
			err = 0;
		else
			err = grow_class(sc, &effort);
	}
	/* Who waits gets no less than who cannot. */
	if (err && err != -EXDEV && effort.sleep)
		err = last_resort(sc, &effort, err);
	if (err && look_elsewhere(sc, &effort, node))
		err = 0;
	/* Who cannot sleep has what waits as the last resort. */
	if (err && kspan_quarantine_on() && !effort.sleep &&
	    (kspan_quarantine_release_some() || kspan_cache_reuse(sc)))
		err = 0;
	end_effort(&effort, err);
	return err == -EDQUOT && effort.sleep ? -EDQUOT : err ? -ENOMEM : 0;
}

/* A run of what the heaps of other nodes have. */
static void *large_elsewhere(size_t size, size_t align, bool zero,
			     struct effort *effort)
{
	void *ptr = NULL;
	int other;

	if (effort->gfp & __GFP_THISNODE)
		return NULL;
	for_each_kspan_node(other)
		if (!ptr && other != effort->node)
			ptr = kspan_large_alloc_run(size, align, effort->gfp,
						    other, zero, true,
						    &effort->low);
	return ptr;
}

/* The node a kept span must be of: remote memory is no bargain. */
static int reuse_node(int node)
{
	if (kspan_nr_nodes == 1)
		return NUMA_NO_NODE;
	return node == NUMA_NO_NODE ? numa_mem_id() : node;
}

/* A large object from a span that was kept, or NULL. */
static void *reuse_large(size_t size, size_t align, gfp_t gfp, int node,
			 bool zero)
{
	bool insist = kspan_nr_nodes > 1 && gfp & __GFP_THISNODE;

	return kspan_large_reuse(size, align, reuse_node(node), insist, zero);
}

/* A large object when none is kept: grow, reclaim, or report the failure. */
static noinline void *grow_large_slow(size_t size, size_t align, gfp_t gfp,
				      int node, bool zero)
{
	struct effort effort = begin_effort(gfp, node, size);
	void *ptr;
	int err;

	/* Freed objects that wait to be filled come before new memory. */
	if (effort.sleep && atomic_long_read(&kspan_deferred_bytes)) {
		kspan_deferred_free_large();
		ptr = reuse_large(size, align, gfp, node, zero);
		if (ptr)
			return ptr;
	}
	do {
		ptr = kspan_large_alloc(size, align, gfp, effort.node, zero,
					&effort.low, &err);
	} while (!ptr && (try_again(&effort, err) ||
			  (!effort.sleep && err != -EINVAL &&
			   take_back(&effort, size >> KSPAN_PAGE_SHIFT))));
	/* Who waits gets no less than who cannot. */
	if (!ptr && effort.sleep && err != -EINVAL)
		ptr = kspan_large_alloc_run(size, align, gfp, effort.node, zero,
					    true, &effort.low);
	else if (!ptr && err == -EDQUOT)
		err = -ENOMEM;
	/* Who cannot sleep has what waits as the last resort. */
	if (!ptr && err != -EINVAL && !effort.sleep &&
	    kspan_quarantine_release_some())
		ptr = reuse_large(size, align, gfp, node, zero) ?:
		      kspan_large_alloc(size, align, gfp, effort.node, zero,
					&effort.low, &err);
	if (!ptr && err != -EINVAL)
		ptr = large_elsewhere(size, align, zero, &effort);
	end_effort(&effort, !ptr);
	if (!ptr)
		kspan_report_fail(size, gfp, err);
	return ptr;
}

/**
 * kspan_grow_large - a large object, or a report why there is none
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN
 * @gfp: how hard to try
 * @node: preferred node, or NUMA_NO_NODE
 * @zero: whether to zero it
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: the object, or NULL.
 */
void *kspan_grow_large(size_t size, size_t align, gfp_t gfp, int node,
		       bool zero)
{
	void *ptr = reuse_large(size, align, gfp, node, zero);

	if (likely(ptr))
		return ptr;
	return grow_large_slow(size, align, gfp, node, zero);
}
