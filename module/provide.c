// SPDX-License-Identifier: GPL-2.0
/*
 * From "nothing at hand" to memory or to a failure with a reason.
 *
 * A caller that may sleep grows the heap, then, before it fails, has idle
 * memory collected once and tries again.  One that may not lives on the
 * heap's reserve and has a worker refill it.  __GFP_NOFAIL goes on for ever
 * and past memory_limit, as its name says.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/nodemask.h>
#include <linux/topology.h>

#include "central.h"
#include "heap.h"
#include "large.h"
#include "meta.h"
#include "provide.h"
#include "report.h"
#include "scavenge.h"

/* Dead descriptors that make it worth waiting for a grace period. */
#define LIMBO_KICK	256U

/*
 * Objects to provide at once for classes up to a heap page: with one or two in
 * its cache a CPU trades magazines every call or two.
 */
#define MIN_OBJS	8U

/* What to do after a failure; one for each request. */
struct effort {
	gfp_t gfp;
	bool reclaimed;
};

/* Whether another attempt makes sense after @err. */
static bool try_again(struct effort *effort, int err)
{
	/* -EINVAL: no effort can meet the request. */
	if (err == -EINVAL || !kspan_may_sleep(effort->gfp))
		return false;
	if (!effort->reclaimed) {
		effort->reclaimed = true;
		kspan_reclaim();
		return true;
	}
	if (!(effort->gfp & __GFP_NOFAIL))
		return false;
	/* Memory that others have to free first: give them time. */
	msleep(20);
	return true;
}

static int grow_class(unsigned int sc, int node, gfp_t gfp, bool *low)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	bool sleep = kspan_may_sleep(gfp);
	int err;

	for (;;) {
		err = kspan_central_grow(node, sc, gfp, !sleep, low);
		if (err != -ENOSPC || !sleep)
			return err;
		err = kspan_heap_grow(kspan_heap_of(node), info->nr_pages, gfp);
		if (err)
			return err;
	}
}

/* Bring a class that just grew to MIN_OBJS, if the heap has the pages. */
static void grow_more(unsigned int sc, int node, gfp_t gfp)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	unsigned int nr_objs;
	bool low;

	if (info->size > KSPAN_PAGE_SIZE)
		return;
	for (nr_objs = info->nr_objs; nr_objs < MIN_OBJS;
	     nr_objs += info->nr_objs)
		if (kspan_central_grow(node, sc, gfp, false, &low))
			break;
}

/**
 * kspan_provide - add objects to the central list of a span class
 * @sc: span class
 * @node: preferred node, or NUMA_NO_NODE
 * @gfp: how hard to try
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0 if it is worth looking for an object again, -EDQUOT at the memory
 * limit, -ENOMEM otherwise.
 */
int kspan_provide(unsigned int sc, int node, gfp_t gfp)
{
	struct effort effort = { .gfp = gfp };
	bool low = false;
	int err;

	/* The caches of this CPU look on its own node. */
	if (node == NUMA_NO_NODE)
		node = numa_mem_id();
	err = grow_class(sc, node, gfp, &low);
	if (!err)
		grow_more(sc, node, gfp);
	if (err && try_again(&effort, err)) {
		/* Reclaim may have brought objects of this very class. */
		if (READ_ONCE(kspan_central_of(node, sc)->nr_free))
			return 0;
		do {
			err = grow_class(sc, node, gfp, &low);
		} while (err && try_again(&effort, err));
	}
	if (low || kspan_span_limbo() > LIMBO_KICK)
		kspan_kick();
	return err == -EDQUOT ? -EDQUOT : err ? -ENOMEM : 0;
}

/* A large object when none is kept: grow, reclaim, or report the failure. */
static noinline void *provide_large_slow(size_t size, size_t align, gfp_t gfp,
					 int node, bool zero)
{
	struct effort effort = { .gfp = gfp };
	bool low = false;
	void *ptr;
	int err;

	if (node == NUMA_NO_NODE)
		node = numa_mem_id();
	do {
		ptr = kspan_large_alloc(size, align, gfp, node, zero, &low, &err);
	} while (!ptr && try_again(&effort, err));
	if (low)
		kspan_kick();
	if (!ptr)
		kspan_report_fail(size, gfp, err);
	return ptr;
}

/* The node a kept span must be of: remote memory is no bargain. */
static int reuse_node(int node)
{
	if (nr_online_nodes == 1)
		return NUMA_NO_NODE;
	return node == NUMA_NO_NODE ? numa_mem_id() : node;
}

/**
 * kspan_provide_large - a large object, or a report why there is none
 * @size: bytes, not 0
 * @align: power of two up to KSPAN_MAX_ALIGN
 * @gfp: how hard to try
 * @node: preferred node, or NUMA_NO_NODE
 * @zero: whether to zero it
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: the object, or NULL.
 */
void *kspan_provide_large(size_t size, size_t align, gfp_t gfp, int node,
			  bool zero)
{
	void *ptr = kspan_large_reuse(size, align, reuse_node(node), zero);

	if (likely(ptr))
		return ptr;
	return provide_large_slow(size, align, gfp, node, zero);
}
