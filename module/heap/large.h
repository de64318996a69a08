/* SPDX-License-Identifier: GPL-2.0 */
/* large.h - objects above KSPAN_SMALL_MAX; each has a span of its own. */
#ifndef KSPAN_LARGE_H
#define KSPAN_LARGE_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include "span/redzone.h"
#include "span/report.h"
#include "span/span.h"

/* Numbers of objects, and their bytes, since load. */
extern atomic_long_t kspan_large_nmalloc;
extern atomic_long_t kspan_large_nfree;
extern atomic64_t kspan_large_alloc_bytes;
extern atomic64_t kspan_large_free_bytes;

/* Heap pages for an object of @size bytes, not 0, and its redzone. */
static inline unsigned long kspan_large_pages(size_t size)
{
	unsigned long pages = ((size - 1) >> KSPAN_PAGE_SHIFT) + 1;

	if (kspan_redzone_on() && (-size & (KSPAN_PAGE_SIZE - 1)) < KSPAN_REDZONE_MIN)
		pages++;
	return pages;
}

struct kspan_request;

int kspan_large_init(void);
void kspan_large_exit(void);
void *kspan_large_reuse(size_t size, size_t align, int node, bool insist,
			bool zero, struct kspan_quota *quota);
void *kspan_large_alloc(struct kspan_request *req);
void *kspan_large_alloc_run(struct kspan_request *req, int node, bool use_reserve);
enum kspan_fault kspan_large_claim(struct kspan_span *span, const void *ptr,
				   enum kspan_life next, bool *overrun);
void kspan_large_shrink(struct kspan_span *span);
bool kspan_large_resize(struct kspan_span *span, size_t size);
void kspan_large_enter(struct kspan_span *span,
		       const struct kspan_span_class *class, unsigned long charged);
void kspan_large_end_kept(struct kspan_quota *quota);
bool kspan_large_fill(struct kspan_span *span);
bool kspan_large_keep(struct kspan_span *span);
void kspan_large_quarantine(struct kspan_span *span);
unsigned int kspan_large_sweep(void);
unsigned long kspan_large_trim(unsigned int age, unsigned long max_bytes);

#endif /* KSPAN_LARGE_H */
