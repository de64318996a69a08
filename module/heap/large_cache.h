/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kept.h - spans of freed large objects, kept for the next request.
 */
#ifndef KSPAN_LARGE_CACHE_H
#define KSPAN_LARGE_CACHE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/types.h>

#include "span/span.h"

/* Bytes of all regions, of kept ones, and of kept runs of the page heap. */
extern atomic_long_t kspan_region_sys;
extern atomic_long_t kspan_region_idle;
extern atomic_long_t kspan_run_idle;

static inline bool kspan_is_region(const struct kspan_span *span)
{
	return span->region_pages != 0;
}

/* Bytes that a large object's span has room for. */
static inline unsigned long kspan_room_bytes(const struct kspan_span *span)
{
	unsigned long pages = span->region_pages ?: span->nr_pages;

	return pages << KSPAN_PAGE_SHIFT;
}

/*
 * Ages of kept spans, in ticks, two of which are scavenge_ms: one of the last
 * age has idled at least that long at the next tick.
 */
#define KSPAN_LARGE_CACHE_AGES	3U
#define KSPAN_LARGE_CACHE_OLD	(KSPAN_LARGE_CACHE_AGES - 1)

/* What became of a span that was given to be kept. */
enum kspan_large_cache_result {
	KSPAN_LARGE_CACHE_DECLINED,	/* a run: the page heap should have it */
	KSPAN_LARGE_CACHE_KEPT,
	KSPAN_LARGE_CACHE_SURPLUS,	/* a region: kept until the worker comes */
};

struct kspan_span *kspan_large_cache_take(unsigned long pages, size_t align, int node);
enum kspan_large_cache_result kspan_large_cache_put(struct kspan_span *span);
void kspan_large_cache_add_region(struct kspan_span *span);
void kspan_large_cache_collect(unsigned int age, unsigned long max_bytes,
			       struct hlist_head *gone);
void kspan_large_cache_age(void);
void kspan_large_cache_init(void);

#endif /* KSPAN_LARGE_CACHE_H */
