// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the slow paths of allocations and frees.
 *
 * All functions run with preemption off and use the cache of their own CPU and
 * context.  Without memory for a magazine they move single objects, so that a
 * free never fails.
 *
 * scripts/model/magazine.pml is a model of this file and of the layers behind
 * it, which Spin searches exhaustively.  Change it together with the code.
 */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/counters.h"
#include "base/kasan.h"
#include "base/meta.h"
#include "base/params.h"
#include "base/profile.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "cache/quarantine.h"
#include "span/arena.h"
#include "span/guard.h"
#include "span/redzone.h"
#include "span/report.h"

/* half_slot() of the static span classes. */
static u8 half_slots[KSPAN_NR_SC] __ro_after_init;

/*
 * Report an object in a magazine or a span that is not free, because its state
 * byte was overwritten.  The object is never used again.
 */
static void report_not_free(struct kspan_ctx_cache *c, unsigned int sc)
{
	if (likely(kspan_sc_has_mags(sc)))
		kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_UNLOADED], 1);
	else
		atomic_long_dec(&kspan_sc_find(sc)->nr_returned);
	kspan_report_corrupt("state of an object that should be free", sc);
}

/*
 * Remove such an object from the top of A and report it.  A probe may have
 * exchanged A since the caller saw one there; then the caller looks again.
 */
static void drop_not_free(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_slot *slot = kspan_tops_of(c, sc)[KSPAN_A];

	if (unlikely(!kspan_a_count(c, sc) ||
		     *slot->state <= KSPAN_OBJ_ZEROED ||
		     kspan_sampler_marks(c, sc, slot)))
		return;
	/* It may be the marked object. */
	kspan_sampler_unload(c, sc);
	kspan_set_a(c, sc, kspan_a_mag(c, sc), kspan_a_count(c, sc) - 1);
	kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_LOADED], 1);
	kspan_sampler_load(c, sc);
	report_not_free(c, sc);
}

/*
 * Take one object directly from the spans; with @reserved even one in reserve.
 */
static void *take_one(struct kspan_ctx_cache *c, unsigned int sc, int node,
		      u8 *was, bool reserved)
{
	struct kspan_slot slot;

	while (reserved ? kspan_central_fill_reserved(node, sc, &slot) :
			  kspan_central_fill(node, sc, &slot, 1)) {
		*was = *slot.state;
		if (unlikely(*was > KSPAN_OBJ_ZEROED)) {
			report_not_free(c, sc);
			continue;
		}
		WRITE_ONCE(*slot.state, KSPAN_OBJ_LIVE);
		kspan_count_one(c, sc, KSPAN_LOADED, kspan_sc_info(sc)->size);
		kspan_sampler_one(slot.ptr, slot.state, kspan_sc_info(sc)->size);
		return slot.ptr;
	}
	return NULL;
}

/* Push a claimed object on F, which has room. */
static __always_inline void push(struct kspan_slot **tops, const void *ptr,
				 u8 *state)
{
	struct kspan_slot *slot = tops[KSPAN_F];

	WRITE_ONCE(*state, KSPAN_OBJ_FREE);
	slot->ptr = (void *)ptr;
	slot->state = state;
	WRITE_ONCE(tops[KSPAN_F], slot + 1);
}

/* If the top of A is below this slot, A is at most half full. */
static unsigned int half_slot(unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return half_slots[sc];
	return kspan_sc_first(sc) + kspan_sc_info(sc)->mag_cap / 2;
}

/**
 * kspan_cache_swap_free - swap A and a full F, if A is at most half full
 * @span: a small span of the class
 *
 * Context: Task, with preemption off.
 * Return: whether F has room now; false as well if there is a sample in A or F.
 */
noinline bool kspan_cache_swap_free(const struct kspan_span *span)
{
	unsigned long f = span->index;
	struct kspan_slot *a = __this_cpu_read(kspan_tops[f - 1]);
	struct kspan_slot *last = __this_cpu_read(kspan_tops[f]) - 1;
	unsigned long __percpu *counts = kspan_cache_counts_at(f - 1, false);
	unsigned long __percpu *left = kspan_cache_left_at(counts, f - 1, false);
	unsigned long diff = kspan_cache_diff(a, last);

	/* With a quarantine, freed objects have to wait. */
	if (kspan_quarantine_on() ||
	    kspan_slot_index(a) >= half_slot(kspan_span_sc(span)) ||
	    kspan_mag_of(last) == &kspan_no_mag ||
	    __this_cpu_read(*left) < diff)
		return false;
	if (kspan_sc_quota(kspan_span_sc(span)))
		kspan_cache_account(kspan_span_sc(span), true);
	kspan_top_write(f - 1, last);
	kspan_top_write(f, a + 1);
	__this_cpu_sub(*left, diff);
	kspan_cache_count_swap(counts, diff);
	return true;
}

/**
 * kspan_cache_take - take an object from the cache, the depot or a span
 * @sc: span class
 * @was: the state it had, FREE or ZEROED
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL if the cache, the depot and the spans have
 * none, or in NMI.
 */
void *kspan_cache_take(unsigned int sc, u8 *was)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;
	void *ptr;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	if (unlikely(!kspan_sc_has_mags(sc)))
		return take_one(&c, sc, c.node, was, false);
	for (;;) {
		if (kspan_top_pop(kspan_tops_of(&c, sc), &ptr, was))
			return ptr;
		ptr = kspan_sampler_take(&c, sc, was);
		if (ptr)
			return ptr;
		if (unlikely(kspan_a_count(&c, sc)))
			drop_not_free(&c, sc);
		else if (!kspan_cache_refill(&c, sc))
			return take_one(&c, sc, c.node, was, false);
	}
}

/* Pop up to @nr objects off A into @objs.  Return: their number. */
static __always_inline unsigned int pop_many(struct kspan_ctx_cache *c,
					     unsigned int sc, void **objs,
					     unsigned int nr, bool zero)
{
	struct kspan_slot *slot = kspan_tops_of(c, sc)[KSPAN_A];
	void **obj = objs, **end = objs + nr;
	u8 *state, was;

	for (; obj != end; obj++, slot--) {
		state = slot->state;
		was = *state;
		if (unlikely(was > KSPAN_OBJ_ZEROED))
			break;
		WRITE_ONCE(*state, KSPAN_OBJ_LIVE);
		*obj = slot->ptr;
		if (zero && was != KSPAN_OBJ_ZEROED) {
			/* A probe in memset() may use this cache. */
			WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A], slot - 1);
			kspan_fill_object(*obj, 0, kspan_sc_info(sc)->size);
			slot = kspan_tops_of(c, sc)[KSPAN_A] + 1;
		}
	}
	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A], slot);
	return obj - objs;
}

/**
 * kspan_cache_take_many - take several objects at once
 * @sc: span class
 * @objs: receives the objects
 * @nr: maximal number of objects
 * @zero: whether to zero them
 *
 * Context: Any, with preemption off.
 * Return: the number of objects.  One call moves only as many objects as are
 * allowed with preemption off, so another call may find more.
 */
unsigned int kspan_cache_take_many(unsigned int sc, void **objs,
				   unsigned int nr, bool zero)
{
	unsigned int ctx = kspan_context(), done = 0;
	struct kspan_ctx_cache c;
	u8 was;

	if (ctx == KSPAN_CTX_NMI)
		return 0;
	c = kspan_cache_of(smp_processor_id(), ctx);
	for (;;) {
		/* Two calls, so that the common loop does not test @zero. */
		if (zero)
			done += pop_many(&c, sc, objs + done, nr - done, true);
		else
			done += pop_many(&c, sc, objs + done, nr - done, false);
		if (done == nr)
			return done;
		/* The caller goes on in the slow path, which makes one. */
		if (kspan_guard_is_due() && kspan_sampler_is_next(&c, sc))
			return done;
		objs[done] = kspan_sampler_take(&c, sc, &was);
		if (objs[done]) {
			if (zero && was != KSPAN_OBJ_ZEROED)
				kspan_fill_object(objs[done], 0,
						  kspan_sc_info(sc)->size);
			if (++done == nr)
				return done;
			continue;
		}
		if (unlikely(kspan_a_count(&c, sc)))
			drop_not_free(&c, sc);
		else if (c.moved + kspan_sc_info(sc)->mag_cap > KSPAN_MOVE_MAX ||
			 !kspan_cache_refill(&c, sc))
			return done;
	}
}

/**
 * kspan_cache_take_node - take an object from the spans of a given node
 * @sc: span class
 * @node: the node
 * @was: the state it had
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL.
 */
void *kspan_cache_take_node(unsigned int sc, int node, u8 *was)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	return take_one(&c, sc, node, was, false);
}

/**
 * kspan_cache_take_reserved - take an object that a class holds in reserve
 * @sc: span class
 * @node: the node to search
 * @was: set to its previous state
 *
 * For an allocation that would fail otherwise.
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL.
 */
void *kspan_cache_take_reserved(unsigned int sc, int node, u8 *was)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;

	if (ctx == KSPAN_CTX_NMI)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	return take_one(&c, sc, node, was, true);
}

/* Return an object directly to its span, or quarantine it with sbrk=1. */
static void free_one(struct kspan_ctx_cache *c, unsigned int sc,
		     const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };
	bool wipe = want_init_on_free() && !kspan_sc_keeps(sc);

	if (kspan_redzone_on()) {
		kspan_cache_put_redzoned(c, sc, ptr, state);
		return;
	}
	kspan_count_one(c, sc, KSPAN_UNLOADED, kspan_sc_info(sc)->size);
	/* Wipe quarantined objects too: their contents may be secret. */
	if (wipe)
		kspan_fill_object((void *)ptr, 0, kspan_sc_info(sc)->size);
	if (kspan_params.sbrk) {
		WRITE_ONCE(*state, KSPAN_OBJ_QUARANTINED);
		return;
	}
	WRITE_ONCE(*state, wipe ? KSPAN_OBJ_ZEROED : KSPAN_OBJ_FREE);
	if (kspan_quarantine_on() && kspan_quarantine_object(ptr, state))
		return;
	kspan_central_flush(sc, &slot, 1);
}

/*
 * A span that was created before its class had magazines has another index, so
 * each free of one of its objects gets here.  Give the span the index of its
 * class.
 */
static void adopt_index(unsigned int sc, const void *ptr)
{
	struct kspan_span *span = kspan_span_find(ptr);
	unsigned long index = kspan_sc_index(sc);

	kspan_cache_account(sc, true);
	if (READ_ONCE(span->index) != index)
		WRITE_ONCE(span->index, index);
}

/**
 * kspan_cache_put - free an object
 * @sc: span class
 * @ptr: the object, which the caller has claimed
 * @state: its state byte; with KSPAN_OBJ_TRACKED if the free must be recorded
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_cache_put(unsigned int sc, const void *ptr, u8 *state)
{
	struct kspan_ctx_cache c;

	if (unlikely(*state & KSPAN_OBJ_TRACKED)) {
		kspan_profile_free(ptr);
		WRITE_ONCE(*state, kspan_obj_untracked(*state));
	}
	c = kspan_cache_of(smp_processor_id(), kspan_context());
	if (unlikely(kspan_sc_quota(sc)))
		adopt_index(sc, ptr);
	if (unlikely(kspan_direct_free) || unlikely(!kspan_sc_has_mags(sc)) ||
	    !kspan_cache_make_room(&c, sc)) {
		free_one(&c, sc, ptr, state);
		return;
	}
	push(kspan_tops_of(&c, sc), ptr, state);
}

/* Set up the variables of this file.  Context: module load. */
void kspan_cache_setup(void)
{
	unsigned int sc;

	kspan_direct_free = kspan_params.sbrk || want_init_on_free() ||
		      kspan_redzone_on();
	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		half_slots[sc] = kspan_sc_first(sc) +
				 kspan_sc_info(sc)->mag_cap / 2;
}
