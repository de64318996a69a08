// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the samples of the heap profile, and looks for guard objects.
 *
 * The object in A that is to be sampled has the state MARKED, which the fast
 * path takes for the end of A.  So the fast path needs no test for samples, and
 * the slow path, which finds the mark, has the time to save a stack.  When the
 * object is freed, its state is not LIVE, so the free takes the slow path as
 * well.
 *
 * While guard objects are on, more objects are MARKED than are sampled, so that
 * allocations take the slow path often enough.  If a guard object is due then,
 * the client gets that, and the mark stays for the next allocation.
 */
#include <linux/irqflags.h>
#include <linux/preempt.h>

#include "base/noprobe.h"
#include "base/profile.h"
#include "cache/cache_tops.h"

/*
 * Draw a new distance to the next sample.  A mark for guard objects may come before
 * it.  Then the distance is drawn anew at that mark, which is the same process: the
 * rest of an exponentially distributed distance has the same distribution.
 *
 * Context: that of the cache.
 */
__kspan_noprobe void kspan_sampler_arm(struct kspan_sampler *sampler, size_t size)
{
	unsigned long reach = READ_ONCE(kspan_sample_reach), near;

	sampler->mark = 0;
	sampler->left = kspan_sample_distance(size);
	sampler->sample = true;
	if (likely(!reach))
		return;
	near = (u64)kspan_sample_random() * reach >> 32;
	if (near < sampler->left) {
		sampler->left = near;
		sampler->sample = false;
	}
}

/**
 * kspan_sampler_load - count the objects in A, and mark the one to be sampled
 * @c: a cache of this CPU
 * @sc: span class, of whose A no object has been counted yet
 *
 * Context: that of the cache, with preemption off.
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
	/* A corrupt state byte is detected when the object is allocated. */
	if (unlikely(sampler->was > KSPAN_OBJ_ZEROED)) {
		kspan_sampler_arm(sampler, kspan_sc_info(sc)->size);
		return;
	}
	WRITE_ONCE(*slot->state, KSPAN_OBJ_MARKED);
	sampler->mark = kspan_slot_index(slot);
}

/**
 * kspan_sampler_unload - undo kspan_sampler_load(), before objects leave A
 * @c: a cache of this CPU, or of an offline one
 * @sc: span class
 *
 * The distance to the next sample becomes what it was before these objects came
 * into A.  If it were drawn anew, samples would be lost whenever a mark is
 * removed.
 *
 * Context: that of the cache, with preemption off; or no other code uses the
 * cache.
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
 * @size: its size in bytes
 *
 * Context: Any but NMI.
 * Return: KSPAN_OBJ_TRACKED, to be added to its state, or 0.
 */
u8 kspan_sampler_record(const void *ptr, size_t size)
{
	return kspan_profile_alloc(ptr, size) ? KSPAN_OBJ_TRACKED : 0;
}

/*
 * Decide by chance whether to sample an object that did not come from a
 * magazine.  Context: Any but NMI.
 */
void kspan_sampler_one(const void *ptr, u8 *state, size_t size)
{
	if (unlikely(kspan_sample_one(size)))
		WRITE_ONCE(*state, KSPAN_OBJ_LIVE |
				   kspan_sampler_record(ptr, size));
}

/* Whether A's next object is the marked one.  Context: the cache's. */
bool kspan_sampler_is_next(const struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int mark = kspan_sampler_of(c, sc)->mark;

	return mark && kspan_slot_index(kspan_tops_of(c, sc)[KSPAN_A]) == mark;
}

/**
 * kspan_sampler_take - allocate the marked object, if it is the next one of A
 * @c: a cache of this CPU
 * @sc: span class
 * @was: set to its previous state, FREE or ZEROED
 *
 * Context: that of the cache, with preemption off.
 * Return: the object, now LIVE and perhaps recorded; NULL if it is not the next
 * one, and then nothing has changed.
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
	if (unlikely(!kspan_sampler_marks(c, sc, slot)))
		return NULL;
	taken = *slot;
	*was = sampler->was;
	sample = sampler->sample && READ_ONCE(kspan_sample_rate);
	WRITE_ONCE(*taken.state, KSPAN_OBJ_LIVE);
	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A], slot - 1);
	kspan_sampler_arm(sampler, size);
	kspan_sampler_load(c, sc);
	/* This is last because a probe in the unwinder may use this cache. */
	if (sample)
		WRITE_ONCE(*taken.state, KSPAN_OBJ_LIVE |
					 kspan_sampler_record(taken.ptr, size));
	return taken.ptr;
}

/* Draw the distance of one class anew, for kspan_cache_resample(). */
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
