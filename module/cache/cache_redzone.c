// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches with check=2, which hold no objects.  Every object comes
 * directly from its span and returns there, so that a free object has its
 * poison and its state in one place.  Only the counts of the cache are used, by
 * their owner as always.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/numa.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "base/counters.h"
#include "base/kasan.h"
#include "base/params.h"
#include "base/sample.h"
#include "cache/cache_tops.h"
#include "cache/quarantine.h"
#include "span/arena.h"
#include "span/redzone.h"

/**
 * kspan_cache_take_redzoned - allocate an object and put a redzone behind it
 * @sc: span class, from kspan_redzone_class()
 * @node: the node, or NUMA_NO_NODE for that of the CPU
 * @size: requested size in bytes
 * @zero: whether to zero the object
 * @reserved: whether to take it out of what the class has in reserve
 *
 * The object gets its live state last.  Until then, a second free by its
 * previous user is detected as a double free.
 *
 * Context: Any, with preemption off.
 * Return: a REDZONED object; NULL if no span has one, or in an NMI.
 */
void *kspan_cache_take_redzoned(unsigned int sc, int node, size_t size,
				bool zero, bool reserved)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;
	struct kspan_span *span;
	struct kspan_slot slot;
	u8 tracked;

	if (ctx == KSPAN_CTX_NMI)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	if (node == NUMA_NO_NODE)
		node = c.node;
	while (reserved ? kspan_central_fill_reserved(node, sc, &slot) :
			  kspan_central_fill(node, sc, &slot, 1)) {
		span = kspan_span_find(slot.ptr);
		/* An object that keeps its content has no poison. */
		if (*slot.state == KSPAN_OBJ_POISONED &&
		    unlikely(!kspan_redzone_check_poison(span, slot.ptr))) {
			WRITE_ONCE(*slot.state, KSPAN_OBJ_QUARANTINED);
			continue;
		}
		if (zero)
			kspan_fill_object(slot.ptr, 0, size);
		kspan_redzone_set(span, slot.ptr, size);
		kspan_count_one(&c, sc, KSPAN_LOADED, size);
		atomic64_add(size, &kspan_redzone_alloc_bytes);
		tracked = kspan_sample_one(size) ?
				  kspan_sampler_record(slot.ptr, size) : 0;
		/*
		 * The size comes first, for code that reads it once the object
		 * is live.
		 */
		smp_store_release(slot.state, KSPAN_OBJ_REDZONED | tracked);
		return slot.ptr;
	}
	return NULL;
}

/**
 * kspan_cache_put_redzoned - return an object to its span
 * @c: the cache of this CPU and context
 * @sc: span class
 * @ptr: the object, whose redzone has been checked
 * @state: its state byte: DEFERRED, or QUARANTINED for an object that is never
 *	reused
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_cache_put_redzoned(struct kspan_ctx_cache *c, unsigned int sc,
			      const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };
	struct kspan_span *span = kspan_span_find(ptr);
	bool keeps;

	kspan_count_one(c, sc, KSPAN_UNLOADED, kspan_redzone_asked(span, ptr));
	atomic64_add(kspan_redzone_asked(span, ptr), &kspan_redzone_free_bytes);
	if (*state == KSPAN_OBJ_QUARANTINED)
		return;
	keeps = kspan_sc_keeps(sc);
	if (!keeps)
		kspan_redzone_poison(span, slot.ptr);
	if (kspan_params.sbrk) {
		WRITE_ONCE(*state, KSPAN_OBJ_QUARANTINED);
		return;
	}
	WRITE_ONCE(*state, keeps ? KSPAN_OBJ_FREE : KSPAN_OBJ_POISONED);
	if (kspan_quarantine_on() && kspan_quarantine_object(ptr, state))
		return;
	kspan_central_flush(sc, &slot, 1);
}
