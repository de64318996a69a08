/* SPDX-License-Identifier: GPL-2.0 */
/*
 * moved.h - modules that allocate from kspan through <linux/kspan_slab.h>: what
 * the files that serve them share.
 */
#ifndef KSPAN_MOVED_H
#define KSPAN_MOVED_H

#include <linux/gfp.h>
#include <linux/kspan.h>
#include <linux/kspan_slab.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "base/gfp.h"
#include "span/arena.h"
#include "span/span.h"

/*
 * Flags that kspan refuses; the kernel's allocators serve requests with them.
 */
#define KSPAN_MOVED_KERNEL	KSPAN_GFP_REFUSED

/*
 * To a moved module, a struct kspan_moved_cache or a struct kspan_heap looks
 * like an object of the kernel.  The module only passes the pointer on, so its
 * lowest bit can mark it as kspan's.
 */
#define KSPAN_MOVED_TAG		1UL

static __always_inline void *kspan_moved_tag(void *ptr)
{
	return (void *)((unsigned long)ptr | KSPAN_MOVED_TAG);
}

static __always_inline bool kspan_moved_is_tagged(const void *ptr)
{
	return (unsigned long)ptr & KSPAN_MOVED_TAG;
}

static __always_inline void *kspan_moved_untag(void *ptr)
{
	return (void *)((unsigned long)ptr & ~KSPAN_MOVED_TAG);
}

/*
 * Like kspan_contains(), for a pointer that a moved module frees; the most
 * common case comes first.  Context: Any.
 */
static inline bool kspan_moved_owns(const void *ptr)
{
	const struct kspan_span *span;
	bool owns;

	preempt_disable();
	span = kspan_span_of(ptr);
	owns = likely(span != &kspan_null_span && span->kind != KSPAN_LARGE) ||
	       kspan_arena_has(ptr);
	preempt_enable();
	return owns;
}

/* moved_heap.c */
struct kspan_heap *kspan_moved_attach(struct kspan_moved *m, gfp_t gfp);
bool kspan_moved_attach_now(struct kspan_moved *m);
void kspan_moved_end_heap(struct module *owner);

/* moved.c */
void kspan_moved_detach(struct module *owner);
#ifdef CONFIG_MODULES
int kspan_moved_init(void);
void kspan_moved_exit(void);
#else
static inline int kspan_moved_init(void)
{
	return 0;
}

static inline void kspan_moved_exit(void)
{
}
#endif

/* moved_alloc.c */
void *kspan_moved_object(struct kspan_moved *m, struct kspan_heap *h,
			 size_t size, gfp_t gfp, int node);
void kspan_moved_end_buckets(struct module *owner);

/* moved_cache.c */
void kspan_moved_end_caches(struct module *owner);

#endif /* KSPAN_MOVED_H */
