// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects of clients' heaps, and how the account of a heap counts them.
 *
 * A span joins a heap with its first object.  When the object is freed, the
 * span is cached and stays with the heap.  It leaves the heap when it is
 * returned.
 */
#include <linux/atomic.h>
#include <linux/rcupdate.h>

#include "base/quota.h"
#include "base/spanclass.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/large_owned.h"
#include "span/redzone.h"

/**
 * kspan_large_leave - remove a span from its client's heap
 * @span: the span, which has no object
 *
 * Context: Any but NMI; the caller owns the span.
 */
void kspan_large_leave(struct kspan_span *span)
{
	struct kspan_quota *quota;

	rcu_read_lock();
	quota = kspan_sc_quota(span->sc);
	kspan_quota_uncharge(quota, kspan_room_bytes(span));
	WRITE_ONCE(span->sc, 0);
	/* This is last: when a heap has no spans, it may be freed. */
	atomic_long_dec(&quota->nr_large_spans);
	rcu_read_unlock();
}

/**
 * kspan_large_enter - add a large object to a client's heap
 * @span: its span; the caller owns the object
 * @class: the span class of the heap for large objects
 * @charged: bytes that were charged to the heap for a new span, or 0 for a span
 *	that already belongs to the heap
 *
 * When the object is freed, the span stays with the heap until it is returned.
 *
 * Context: Any, with preemption off.
 */
void kspan_large_enter(struct kspan_span *span,
		       const struct kspan_span_class *class, unsigned long charged)
{
	struct kspan_quota *quota = class->quota;
	unsigned long bytes = kspan_usable_size(span, (void *)span->base);

	if (!span->sc) {
		/* A region may have more bytes than requested. */
		atomic_long_add(kspan_room_bytes(span) - charged, &quota->held);
		atomic_long_inc(&quota->nr_large_spans);
		WRITE_ONCE(span->sc, class->sc);
	}
	atomic_long_inc(&quota->nr_large);
	atomic64_add(bytes, &quota->large_bytes);
	atomic64_add(bytes, &quota->total);
	kspan_quota_add(quota, bytes);
}

/**
 * kspan_large_uncount - count the free of a large object in its client's heap
 * @span: its span, which stays with the heap
 *
 * Context: Any, with preemption off.
 */
void kspan_large_uncount(const struct kspan_span *span)
{
	unsigned long bytes = kspan_usable_size(span, (void *)span->base);
	struct kspan_quota *quota = kspan_sc_quota(span->sc);

	atomic_long_dec(&quota->nr_large);
	atomic64_sub(bytes, &quota->large_bytes);
	kspan_quota_sub(quota, bytes);
}

/**
 * kspan_large_shrink_owned - count that a large object of a client's heap
 * shrinks
 * @span: its span, which still has the old size
 * @by: number of bytes
 *
 * Context: Any but NMI; the caller owns the object.
 */
void kspan_large_shrink_owned(struct kspan_span *span, unsigned long by)
{
	unsigned long bytes = kspan_usable_size(span, (void *)span->base);

	rcu_read_lock();
	kspan_quota_resize(kspan_sc_quota(span->sc), bytes, bytes - by, true);
	rcu_read_unlock();
}
