// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the samples of the heap profile.
 *
 * The object in A that will be sampled is MARKED, a state that the fast path
 * takes for the end of A.  So the fast path has no test for samples, and the
 * slow path, which meets the mark, has the time to save a stack.  A free of the
 * object finds a state other than LIVE, and takes the slow path likewise.
 */
#include <linux/irqflags.h>
#include <linux/preempt.h>

#include "base/noprobe.h"
#include "base/profile.h"
#include "cache/cache_tops.h"

/* Draw a new distance.  Context: the sampler's owner's. */
__kspan_noprobe void kspan_sampler_arm(struct kspan_sampler *sampler, size_t size)
{
	sampler->mark = 0;
	sampler->left = kspan_sample_distance(size);
	sampler->sample = true;
}

/**
 * kspan_sampler_load - count what A holds, and mark what is to be sampled of it
 * @c: a cache of this CPU
 * @sc: span class; nothing of what A holds has been counted
 *
 * Context: the cache's, with preemption off.
 */
__kspan_noprobe void kspan_sampler_load(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_sampler *sampler = kspan_sampler_of(c, sc);
	unsigned int nr = kspan_a_count(c, sc);
	struct kspan_slot *slot;

	if (likely(sampler->left >= nr)) {
		sampler->left -= nr;
		return;
	}
	slot = kspan_tops_of(c, sc)[KSPAN_A] - sampler->left;
	sampler->left = 0;
	sampler->was = *slot->state;
	/* One that is damaged is found when it is its turn. */
	if (unlikely(sampler->was > KSPAN_OBJ_ZEROED)) {
		kspan_sampler_arm(sampler, kspan_sc_info(sc)->size);
		return;
	}
	WRITE_ONCE(*slot->state, KSPAN_OBJ_MARKED);
	sampler->mark = kspan_slot_index(slot);
}

/**
 * kspan_sampler_unload - what A holds will not be allocated from it
 * @c: a cache of this CPU, or of one that is gone
 * @sc: span class
 *
 * The distance to the next sample is as long as it was before these objects came
 * into A.  Were it drawn anew, samples would be lost whenever a mark went.
 *
 * Context: the cache's, with preemption off; or nobody else uses the cache.
 */
__kspan_noprobe void kspan_sampler_unload(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_sampler *sampler = kspan_sampler_of(c, sc);
	struct kspan_slot *slot, *top = kspan_tops_of(c, sc)[KSPAN_A];

	if (likely(!sampler->mark)) {
		sampler->left += kspan_a_count(c, sc);
		return;
	}
	slot = &kspan_a_mag(c, sc)->slot[sampler->mark];
	if (likely(*slot->state == KSPAN_OBJ_MARKED))
		WRITE_ONCE(*slot->state, sampler->was);
	sampler->left = top - slot;
	sampler->mark = 0;
}

/**
 * kspan_sampler_record - record an object in the profile
 * @ptr: the object, which its client does not have yet
 * @size: its bytes
 *
 * Context: Any but NMI.
 * Return: KSPAN_OBJ_TRACKED to be added to its state, or 0.
 */
u8 kspan_sampler_record(const void *ptr, size_t size)
{
	return kspan_profile_alloc(ptr, size) ? KSPAN_OBJ_TRACKED : 0;
}

/* Sample an object that no magazine held, by chance.  Context: Any but NMI. */
void kspan_sampler_one(const void *ptr, u8 *state, size_t size)
{
	if (unlikely(kspan_sample_one(size)))
		WRITE_ONCE(*state, KSPAN_OBJ_LIVE |
				   kspan_sampler_record(ptr, size));
}

/**
 * kspan_sampler_take - take the marked object, if it is A's next one
 * @c: a cache of this CPU
 * @sc: span class
 * @was: the state it had, FREE or ZEROED
 *
 * Context: the cache's, with preemption off.
 * Return: the object, LIVE and perhaps recorded; or NULL, and nothing is done.
 */
void *kspan_sampler_take(struct kspan_ctx_cache *c, unsigned int sc, u8 *was)
{
	struct kspan_sampler *sampler = kspan_sampler_of(c, sc);
	size_t size = kspan_sc_info(sc)->size;
	struct kspan_slot *slot, taken;
	bool sample;

	if (likely(!sampler->mark))
		return NULL;
	slot = kspan_tops_of(c, sc)[KSPAN_A];
	if (unlikely(kspan_slot_index(slot) != sampler->mark ||
		     *slot->state != KSPAN_OBJ_MARKED))
		return NULL;
	taken = *slot;
	*was = sampler->was;
	sample = sampler->sample && READ_ONCE(kspan_sample_rate);
	WRITE_ONCE(*taken.state, KSPAN_OBJ_LIVE);
	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A], slot - 1);
	kspan_sampler_arm(sampler, size);
	kspan_sampler_load(c, sc);
	/* Last: a probe in the unwinder may use this cache. */
	if (sample)
		WRITE_ONCE(*taken.state, KSPAN_OBJ_LIVE |
					 kspan_sampler_record(taken.ptr, size));
	return taken.ptr;
}

/* One class of kspan_cache_resample(). */
static void resample_class(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned long flags;

	local_irq_save(flags);
	if (kspan_sc_has_mags(sc)) {
		kspan_sampler_unload(c, sc);
		kspan_sampler_arm(kspan_sampler_of(c, sc),
				  kspan_sc_info(sc)->size);
		kspan_sampler_load(c, sc);
	}
	local_irq_restore(flags);
}

/**
 * kspan_cache_resample - draw all distances of a CPU anew, for a new rate
 * @cpu: this CPU, or one that is offline
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_resample(unsigned int cpu)
{
	struct kspan_ctx_cache c;
	unsigned int ctx, sc;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			resample_class(&c, sc);
			kspan_sc_leave();
		}
	}
}
