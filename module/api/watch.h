/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h - reports of allocations and frees to the watchers: the tracepoints
 * and the accounting by call site.
 *
 * Each public function reports the objects that it allocates or frees once,
 * with the return address of its own caller.  So a public function that needs
 * another one calls it through the functions here, which pass that address on:
 * kspan_alloc_for() instead of kspan_alloc(), and so on.
 */
#ifndef KSPAN_WATCH_H
#define KSPAN_WATCH_H

#include <linux/kspan.h>
#include <linux/numa.h>
#include <linux/types.h>

#include "base/watch.h"

/*
 * Whether kspan's own code counts as a client, as that of the test suites does.
 * Only the suites set it.
 */
extern bool kspan_watch_own;

/* The reports. */
void kspan_watch_alloc(const void *ptr, size_t size, gfp_t gfp, int node,
		       unsigned long ip);
void kspan_watch_free(const void *ptr, unsigned long ip);
void kspan_watch_pending(const void *ptr, unsigned long ip);

/* The public functions with watchers. */
void *kspan_alloc_watched(size_t size, gfp_t gfp, int node, bool data,
			  unsigned long ip);
void *kspan_heap_alloc_watched(struct kspan_heap *h, size_t size, gfp_t gfp,
			       unsigned long ip);
void *kspan_cache_alloc_watched(struct kspan_cache *c, gfp_t gfp,
				unsigned long ip);
void kspan_free_watched(const void *ptr, unsigned long ip);
void kspan_free_bulk_watched(size_t n, void **objs, unsigned long ip);

void *kspan_realloc_for(const void *ptr, size_t new_size, gfp_t gfp,
			unsigned long ip);

/* kspan_alloc() for a public function with the return address @ip. */
static __always_inline void *kspan_alloc_for(size_t size, gfp_t gfp,
					     unsigned long ip)
{
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp, NUMA_NO_NODE, false, ip);
	return kspan_alloc(size, gfp);
}

/* kspan_zalloc() for a public function with the return address @ip. */
static __always_inline void *kspan_zalloc_for(size_t size, gfp_t gfp,
					      unsigned long ip)
{
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp | __GFP_ZERO, NUMA_NO_NODE,
					   false, ip);
	return kspan_zalloc(size, gfp);
}

/* kspan_alloc_data() for a public function with the return address @ip. */
static __always_inline void *kspan_alloc_data_for(size_t size, gfp_t gfp,
						  unsigned long ip)
{
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp, NUMA_NO_NODE, true, ip);
	return kspan_alloc_data(size, gfp);
}

/* kspan_alloc_node() for a public function with the return address @ip. */
static __always_inline void *kspan_alloc_node_for(size_t size, gfp_t gfp,
						  int node, unsigned long ip)
{
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp, node, false, ip);
	return kspan_alloc_node(size, gfp, node);
}

/* kspan_heap_alloc() for a public function with the return address @ip. */
static __always_inline void *kspan_heap_alloc_for(struct kspan_heap *h,
						  size_t size, gfp_t gfp,
						  unsigned long ip)
{
	if (kspan_is_watched())
		return kspan_heap_alloc_watched(h, size, gfp, ip);
	return kspan_heap_alloc(h, size, gfp);
}

/* kspan_free() for a public function with the return address @ip. */
static __always_inline void kspan_free_for(const void *ptr, unsigned long ip)
{
	if (kspan_is_watched())
		kspan_free_watched(ptr, ip);
	else
		kspan_free(ptr);
}

/* kspan_free_bulk() for a public function with the return address @ip. */
static __always_inline void kspan_free_bulk_for(size_t n, void **objs,
						unsigned long ip)
{
	if (kspan_is_watched())
		kspan_free_bulk_watched(n, objs, ip);
	else
		kspan_free_bulk(n, objs);
}

#endif /* KSPAN_WATCH_H */
