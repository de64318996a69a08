/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tiny.h - the tiny allocator: objects below 16 bytes without pointers, several
 * of which share a block of 16 bytes.
 */
#ifndef KSPAN_TINY_H
#define KSPAN_TINY_H

#include <linux/types.h>

#include "span/report.h"
#include "span/span.h"

/*
 * By CPU: blocks taken, blocks returned, and objects put into a block in use.
 */
struct kspan_tiny_count {
	unsigned long nmalloc;
	unsigned long nfree;
	unsigned long combined;
};

int kspan_tiny_init(void);
void kspan_tiny_exit(void);
void *kspan_tiny_alloc(size_t size, int node, bool zero);
enum kspan_fault kspan_tiny_free(struct kspan_span *span, const void *ptr,
				 bool wipe, void **block);
void kspan_tiny_release(struct kspan_span *span, void *block);
bool kspan_tiny_is_bare(const struct kspan_span *span, const void *ptr);
bool kspan_tiny_inside(const struct kspan_span *span, const void *ptr);
size_t kspan_tiny_size(const struct kspan_span *span, const void *ptr);
void kspan_tiny_shrink(struct kspan_span *span, const void *ptr, size_t size);
bool kspan_tiny_holds(unsigned int cpu);
bool kspan_tiny_mark(unsigned int cpu, bool all);
void kspan_tiny_drain_marked(void);
void kspan_tiny_drain_local(void);
void kspan_tiny_drain_dead(unsigned int cpu);
void kspan_tiny_read(u64 *nmalloc, u64 *nfree, u64 *combined);

#endif /* KSPAN_TINY_H */
