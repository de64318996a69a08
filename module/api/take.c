// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation by span class, off the fast paths: an object from the caches and
 * central lists, or from memory added for it.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>

#include "api/alloc.h"
#include "api/client_heap_limit.h"
#include "api/free.h"
#include "api/grow.h"
#include "api/guard.h"
#include "base/gfp.h"
#include "base/kasan.h"
#include "base/node.h"
#include "cache/cache.h"
#include "heap/backing.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/report.h"

/*
 * Take an object that its class holds in reserve on any node.  Return: NULL if
 * there is none.
 */
static void *take_reserved(unsigned int sc, size_t size, bool zero, u8 *was)
{
	void *ptr = NULL;
	int node;

	for_each_kspan_node(node) {
		preempt_disable();
		if (!ptr && kspan_redzone_on())
			ptr = kspan_cache_take_redzoned(sc, node, size, zero,
							true);
		else if (!ptr)
			ptr = kspan_cache_take_reserved(sc, node, was);
		preempt_enable();
	}
	return ptr;
}

/**
 * kspan_take_object - allocate a small object off the fast path
 * @sc: span class
 * @size: requested bytes
 * @gfp: as for kmalloc()
 * @node: node that the request is bound to, or NUMA_NO_NODE
 * @zero: whether to zero it
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, or NULL after a report of the failure.
 */
void *kspan_take_object(unsigned int sc, size_t size, gfp_t gfp, int node,
			bool zero)
{
	void *ptr;
	u8 was = KSPAN_OBJ_ZEROED;
	unsigned int tries = 0;
	int err = 0;

	for (;;) {
		preempt_disable();
		if (kspan_redzone_on())
			ptr = kspan_cache_take_redzoned(sc, node, size, zero,
							false);
		else if (node == NUMA_NO_NODE)
			ptr = kspan_cache_take(sc, &was);
		else
			ptr = kspan_cache_take_node(sc, node, &was);
		preempt_enable();
		if (likely(ptr || err))
			break;
		/*
		 * Search once more after a failure, because others free objects
		 * meanwhile.
		 */
		err = kspan_grow_class(sc, &node, gfp);
		if (unlikely(err == -ENOBUFS) &&
		    kspan_client_heap_make_room(kspan_sc_quota(sc), size, gfp,
						&tries))
			err = 0;
	}
	if (unlikely(!ptr) && kspan_sc_quota(sc))
		ptr = take_reserved(sc, size, zero, &was);
	if (unlikely(!ptr)) {
		kspan_report_fail(size, gfp, err);
		return NULL;
	}
	if (zero && was != KSPAN_OBJ_ZEROED)
		kspan_fill_object(ptr, 0, kspan_sc_info(sc)->size);
	return ptr;
}

/*
 * The node that a request is bound to, or NUMA_NO_NODE if any node will do.
 * The latter includes invalid nodes and nodes that got memory after kspan was
 * loaded.
 */
int kspan_bound_node(int node)
{
	if (kspan_nr_nodes == 1)
		return NUMA_NO_NODE;
	return kspan_has_node(node) ? node : NUMA_NO_NODE;
}

/**
 * kspan_alloc_sc - allocate an object of a dynamic span class off its fast path
 * @sc: span class
 * @size: requested bytes
 * @gfp: as for kmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @zero: whether to zero it
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: the object, or NULL.
 */
void *kspan_alloc_sc(unsigned int sc, size_t size, gfp_t gfp, int node, bool zero)
{
	void *ptr;

	if (unlikely(!kspan_gfp_ok(gfp) || in_nmi()))
		return NULL;
	gfp = current_gfp_context(gfp);
	might_alloc(gfp);
	if (likely(!(gfp & __GFP_THISNODE))) {
		node = kspan_bound_node(node);
		if (kspan_guard_is_due() && node == NUMA_NO_NODE) {
			ptr = kspan_guard_alloc(sc, size, false, zero);
			if (ptr)
				return ptr;
		}
		return kspan_take_object(sc, size, gfp, node, zero);
	}
	if (node == NUMA_NO_NODE)
		node = numa_mem_id();
	if (!kspan_has_node(node)) {
		kspan_report_fail(size, gfp, -EINVAL);
		return NULL;
	}
	ptr = kspan_take_object(sc, size, gfp, kspan_bound_node(node), zero);
	if (!ptr || kspan_is_on_node(ptr, size, node))
		return ptr;
	kspan_free_on(ptr);
	kspan_report_fail(size, gfp, -ENOMEM);
	return NULL;
}

/**
 * kspan_mark_aligned - mark an object of a larger class than its size needs
 * @ptr: the object, small
 *
 * So kspan_free_sized() accepts any size that fits.
 *
 * Context: Any; the caller owns the object.
 */
void kspan_mark_aligned(void *ptr)
{
	struct kspan_span *span;
	u8 *state;

	preempt_disable();
	span = kspan_span_find(ptr);
	if (unlikely(span->kind == KSPAN_GUARD)) {
		kspan_guard_of(span)->any_size = true;
	} else {
		state = span->state + kspan_span_index(span, (unsigned long)ptr);
		WRITE_ONCE(*state, KSPAN_OBJ_ALIGNED | (*state & KSPAN_OBJ_TRACKED));
	}
	preempt_enable();
}
