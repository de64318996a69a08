/* SPDX-License-Identifier: GPL-2.0 */
/* large_cache.h - spans of freed large objects, cached for later requests. */
#ifndef KSPAN_LARGE_CACHE_H
#define KSPAN_LARGE_CACHE_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/types.h>

#include "span/span.h"

/*
 * Bytes of regions that are in use or cached; of cached regions; of regions
 * that wait to be unmapped; of cached runs of the page heap; and of such runs
 * that are cached for clients' heaps.
 */
extern atomic_long_t kspan_region_sys;
extern atomic_long_t kspan_region_idle;
extern atomic_long_t kspan_region_surplus;
extern atomic_long_t kspan_run_idle;
extern atomic_long_t kspan_heap_run_idle;

struct kspan_quota;

/*
 * Ages of cached spans, in ticks of half of scavenge_ms.  A span of age
 * KSPAN_LARGE_CACHE_OLD has idled for at least scavenge_ms at the next tick.
 * No cached span reaches age KSPAN_LARGE_CACHE_SURPLUS, so a collection with
 * that age gets only the regions that wait to be unmapped.
 */
#define KSPAN_LARGE_CACHE_OLD		2U
#define KSPAN_LARGE_CACHE_SURPLUS	UINT_MAX

struct kspan_span *kspan_large_cache_take(unsigned long pages, size_t align,
					  int node, struct kspan_quota *quota);
bool kspan_large_cache_pop(struct kspan_quota *quota, struct hlist_head *gone);
void kspan_large_cache_put(struct kspan_span *span, struct hlist_head *gone);
void kspan_large_cache_drop(struct kspan_span *span);
void kspan_large_cache_defer(struct kspan_span *span);
void kspan_large_cache_add_region(struct kspan_span *span);
void kspan_large_cache_collect(unsigned int age, unsigned long max_bytes,
			       struct hlist_head *gone);
void kspan_large_cache_age(void);
void kspan_large_cache_init(void);

#endif /* KSPAN_LARGE_CACHE_H */
