/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quota.h - what a client's heap holds and may hold, for the parts of kspan
 * that move memory into it and out of it.
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
 * @peak: the most that @live has been
 * @total: usable bytes ever allocated of large objects, and with check=2 of all
 * @large_bytes: usable bytes of live large objects
 * @nr_large: live large objects
 * @nr_large_spans: spans of large objects, live or kept for the next one
 * @held: bytes of all its spans
 * @limit: the most that @held may be, 0 for no limit; written by its client
 * @kept: spans of large objects that were freed, the newest first; guarded by
 *	large_cache_lock
 * @ended: whether the client has destroyed the heap.  Then nothing is kept for
 *	it any more
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

/* Remember that so many bytes were live at a time.  Context: Any. */
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

/* Count an object that was resized where it is.  Context: Any. */
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
 * kspan_quota_charge - let a heap hold so many bytes more
 * @quota: the heap's account, or NULL for memory that is no heap's
 * @bytes: bytes of spans
 * @force: whether to do so beyond its limit
 *
 * Context: Any.
 * Return: false, and nothing is charged, if the limit does not allow it.
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

/* Give back what kspan_quota_charge() took.  Context: Any. */
static inline void kspan_quota_uncharge(struct kspan_quota *quota,
					unsigned long bytes)
{
	if (unlikely(quota))
		atomic_long_sub(bytes, &quota->held);
}

#endif /* KSPAN_QUOTA_H */
