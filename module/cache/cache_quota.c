// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: how the account of a client's heap learns of allocations and
 * frees.
 *
 * A class without magazines counts each of them at once.  A class with
 * magazines updates the account when a magazine changes.  The numbers of
 * allocations and frees since the last update follow from the tops (cache.h),
 * so no call becomes slower.
 */
#include <linux/smp.h>

#include "base/counters.h"
#include "base/quota.h"
#include "cache/cache_tops.h"
#include "span/redzone.h"

/**
 * kspan_cache_count_direct - count an object of a class without magazines
 * @sc: span class, of a client's heap
 * @which: KSPAN_LOADED for an allocation, KSPAN_UNLOADED for a free
 * @bytes: usable bytes of the object
 *
 * Context: Any but NMI.
 */
void kspan_cache_count_direct(unsigned int sc, enum kspan_count which,
			      size_t bytes)
{
	struct kspan_span_class *class = kspan_sc_find(sc);
	struct kspan_quota *quota = class->quota;

	if (which == KSPAN_UNLOADED) {
		atomic_long_inc(&class->nr_returned);
		kspan_quota_sub(quota, bytes);
		return;
	}
	atomic_long_inc(&class->nr_given);
	kspan_quota_add(quota, bytes);
	/* Without check=2 the total follows from the number of objects. */
	if (kspan_redzone_on())
		atomic64_add(bytes, &quota->total);
}

/**
 * kspan_cache_account - update the account of a heap from the cache of this CPU
 * @sc: span class, of a client's heap
 * @freeing: whether the caller is about to free an object
 *
 * The order of allocations and frees since the last update is unknown.  But a
 * free that finds its magazine full most often ends a series of frees that
 * followed a series of allocations.  So for a free the peak is assumed to have
 * been between the two.
 *
 * Context: Any but NMI, with preemption off.  The function calls nothing in
 * which a probe could use the cache.
 */
void kspan_cache_account(unsigned int sc, bool freeing)
{
	struct kspan_span_class *class = kspan_sc_find(sc);
	struct kspan_ctx_cache c;
	unsigned long given, returned, *seen, *counts;
	s64 size = class->info.size;

	if (!kspan_sc_has_mags(sc))
		return;
	c = kspan_cache_of(smp_processor_id(), kspan_context());
	counts = kspan_counts_of(&c, sc);
	seen = kspan_sc_cpu_of(&c, sc)->seen[c.ctx];
	given = counts[KSPAN_LOADED] - kspan_a_count(&c, sc) - seen[KSPAN_LOADED];
	returned = counts[KSPAN_UNLOADED] + kspan_f_count(&c, sc) -
		   seen[KSPAN_UNLOADED];
	kspan_counter_add(seen[KSPAN_LOADED], given);
	kspan_counter_add(seen[KSPAN_UNLOADED], returned);
	/*
	 * A series of frees may return more objects than the cache ever served.
	 */
	if (freeing) {
		kspan_quota_add(class->quota, (long)given * size);
		kspan_quota_sub(class->quota, (long)returned * size);
	} else {
		kspan_quota_add(class->quota, (long)(given - returned) * size);
	}
}
