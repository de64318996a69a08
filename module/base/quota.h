/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quota.h - the account of a client's heap: the memory that it holds, and its
 * limit.  The parts of kspan that add memory to a heap and remove it update the
 * account.
 */
#ifndef KSPAN_QUOTA_H
#define KSPAN_QUOTA_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/types.h>

/**
 * struct kspan_quota - the account of a client's heap
 * @live: usable bytes of live objects.  Objects that are allocated one by one
 *	count at once, those of a magazine when the magazine changes
 * @peak: maximum of @live
 * @total: usable bytes of all large objects allocated so far, and with check=2
 *	of all objects
 * @large_bytes: usable bytes of live large objects
 * @nr_large: number of live large objects
 * @nr_large_spans: number of spans of large objects, live or cached
 * @held: bytes of all its spans
 * @limit: maximum of @held, 0 for no limit; written by its client
 * @kept: the cached spans of freed large objects, the newest first; guarded by
 *	large_cache_lock
 * @ended: whether the client has destroyed the heap, which then caches nothing
 *	any more
 */
struct kspan_quota {
	atomic64_t live;
	atomic64_t peak;
	atomic64_t total;
	atomic64_t large_bytes;
	atomic_long_t nr_large;
	atomic_long_t nr_large_spans;
	atomic_long_t held;
	unsigned long limit;
	struct hlist_head kept;
	bool ended;
};

/* Raise the peak to @live if that is more.  Context: Any. */
static inline void kspan_quota_saw(struct kspan_quota *quota, s64 live)
{
	s64 peak = atomic64_read(&quota->peak);

	while (live > peak && !atomic64_try_cmpxchg(&quota->peak, &peak, live))
		;
}

/* Count bytes that were allocated.  Context: Any. */
static inline void kspan_quota_add(struct kspan_quota *quota, s64 bytes)
{
	kspan_quota_saw(quota, atomic64_add_return(bytes, &quota->live));
}

/* Count bytes that were freed.  Context: Any. */
static inline void kspan_quota_sub(struct kspan_quota *quota, s64 bytes)
{
	atomic64_sub(bytes, &quota->live);
}

/* Count a change of the size of an object in place.  Context: Any. */
static inline void kspan_quota_resize(struct kspan_quota *quota, size_t old,
				      size_t size, bool large)
{
	if (size > old)
		atomic64_add(size - old, &quota->total);
	if (large)
		atomic64_add((s64)size - (s64)old, &quota->large_bytes);
	kspan_quota_add(quota, (s64)size - (s64)old);
}

/**
 * kspan_quota_charge - charge bytes of spans to a heap
 * @quota: the heap's account, or NULL for memory that belongs to no heap
 * @bytes: bytes of the spans
 * @force: whether they may exceed the limit
 *
 * Context: Any.
 * Return: false if the limit does not allow it; nothing is charged then.
 */
static inline bool kspan_quota_charge(struct kspan_quota *quota,
				      unsigned long bytes, bool force)
{
	unsigned long limit, held;

	if (likely(!quota))
		return true;
	held = atomic_long_add_return(bytes, &quota->held);
	limit = READ_ONCE(quota->limit);
	if (likely(!limit || held <= limit || force))
		return true;
	atomic_long_sub(bytes, &quota->held);
	return false;
}

/* Undo kspan_quota_charge().  Context: Any. */
static inline void kspan_quota_uncharge(struct kspan_quota *quota,
					unsigned long bytes)
{
	if (unlikely(quota))
		atomic_long_sub(bytes, &quota->held);
}

#endif /* KSPAN_QUOTA_H */
