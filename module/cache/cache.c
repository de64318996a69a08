// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: whatever an allocation or a free needs off the fast path.
 *
 * Everything here runs with preemption off and on the cache of its own CPU
 * and context, except the drain of a dead CPU.  Whoever is without memory for
 * a magazine works on single objects, so that a free can never fail.
 *
 * scripts/model/magazine.pml is a model of this and of what lies behind it, searched
 * exhaustively; change it along with the code.
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
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/report.h"

/* half_slot() of the static span classes. */
static u8 half_slots[KSPAN_NR_SC] __ro_after_init;

/*
 * An object out of a magazine or a span that is not free: its state byte was
 * overwritten.  Nobody gets it, whoever has it.
 */
static void report_not_free(struct kspan_ctx_cache *c, unsigned int sc)
{
	kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_UNLOADED], 1);
	kspan_report_corrupt("state of an object that should be free", sc);
}

/* The same for the next one in A. */
static void drop_not_free(struct kspan_ctx_cache *c, unsigned int sc)
{
	kspan_set_a(c, sc, kspan_a_mag(c, sc), kspan_a_count(c, sc) - 1);
	kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_LOADED], 1);
	report_not_free(c, sc);
}

/* A single object straight from the spans. */
static void *take_one(struct kspan_ctx_cache *c, unsigned int sc, int node,
		      u8 *was)
{
	struct kspan_slot slot;

	while (kspan_central_fill(node, sc, &slot, 1)) {
		*was = *slot.state;
		if (unlikely(*was > KSPAN_OBJ_ZEROED)) {
			report_not_free(c, sc);
			continue;
		}
		WRITE_ONCE(*slot.state, KSPAN_OBJ_LIVE);
		kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_LOADED], 1);
		return slot.ptr;
	}
	return NULL;
}

/* Put an object that was claimed into F, which has room. */
static __always_inline void push(struct kspan_slot **tops, const void *ptr,
				 u8 *state)
{
	struct kspan_slot *slot = tops[KSPAN_F];

	WRITE_ONCE(*state, KSPAN_OBJ_FREE);
	slot->ptr = (void *)ptr;
	slot->state = state;
	WRITE_ONCE(tops[KSPAN_F], slot + 1);
}

/* The slot that A's top is below when A holds half a magazine or less. */
static unsigned int half_slot(unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return half_slots[sc];
	return kspan_sc_first(sc) + kspan_sc_info(sc)->mag_cap / 2;
}

/**
 * kspan_cache_swap_free - let F, which is full, be A, if A has drained by half
 * @span: a small span of the class
 *
 * Context: Task, with preemption off.
 * Return: whether F has room now.
 */
noinline bool kspan_cache_swap_free(const struct kspan_span *span)
{
	unsigned long f = span->index;
	struct kspan_slot *a = __this_cpu_read(kspan_tops[f - 1]);
	struct kspan_slot *last = __this_cpu_read(kspan_tops[f]) - 1;
	unsigned long diff = kspan_cache_diff(a, last);

	if (kspan_slot_index(a) >= half_slot(kspan_span_sc(span)) ||
	    kspan_mag_of(last) == &kspan_no_mag)
		return false;
	kspan_top_write(f - 1, last);
	kspan_top_write(f, a + 1);
	kspan_cache_count_swap(f - 1, diff, false);
	return true;
}

/**
 * kspan_cache_take - take an object, wherever one is at hand
 * @sc: span class
 * @was: the state it had, FREE or ZEROED
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL: neither cache nor depot nor span has one,
 * or this is an NMI.
 */
void *kspan_cache_take(unsigned int sc, u8 *was)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;
	void *ptr;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	for (;;) {
		if (kspan_top_pop(kspan_tops_of(&c, sc), &ptr, was))
			return ptr;
		if (unlikely(kspan_a_count(&c, sc)))
			drop_not_free(&c, sc);
		else if (!kspan_cache_refill(&c, sc))
			return take_one(&c, sc, c.node, was);
	}
}

/* Drain A into @objs.  Return: how many objects, at most @nr. */
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
		if (zero && was != KSPAN_OBJ_ZEROED)
			kspan_fill_object(*obj, 0, kspan_sc_info(sc)->size);
	}
	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A], slot);
	return obj - objs;
}

/**
 * kspan_cache_take_many - take several objects at once
 * @sc: span class
 * @objs: where they go
 * @nr: how many, at most
 * @zero: whether to zero them
 *
 * Context: Any, with preemption off.
 * Return: how many there were at hand, or could be fetched while preemption may
 * be off: there may be more for another call.
 */
unsigned int kspan_cache_take_many(unsigned int sc, void **objs,
				   unsigned int nr, bool zero)
{
	unsigned int ctx = kspan_context(), done = 0;
	struct kspan_ctx_cache c;

	if (ctx == KSPAN_CTX_NMI)
		return 0;
	c = kspan_cache_of(smp_processor_id(), ctx);
	for (;;) {
		/* Twice, so that the common loop is without the test. */
		if (zero)
			done += pop_many(&c, sc, objs + done, nr - done, true);
		else
			done += pop_many(&c, sc, objs + done, nr - done, false);
		if (done == nr)
			return done;
		if (unlikely(kspan_a_count(&c, sc)))
			drop_not_free(&c, sc);
		else if (c.moved + kspan_sc_info(sc)->mag_cap > KSPAN_MOVE_MAX ||
			 !kspan_cache_refill(&c, sc))
			return done;
	}
}

/**
 * kspan_cache_take_node - an object from the spans of a given node
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
	return take_one(&c, sc, node, was);
}

/* An object straight to its span, or out of use for ever. */
static void free_one(struct kspan_ctx_cache *c, unsigned int sc,
		     const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };
	bool wipe = want_init_on_free() && !kspan_sc_keeps(sc);

	if (kspan_redzone_on()) {
		kspan_cache_put_redzoned(c, sc, ptr, state);
		return;
	}
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], 1);
	/* Also what is never used again: what it held is a secret still. */
	if (wipe)
		kspan_fill_object((void *)ptr, 0, kspan_sc_info(sc)->size);
	if (kspan_params.sbrk) {
		WRITE_ONCE(*state, KSPAN_OBJ_QUARANTINED);
		return;
	}
	WRITE_ONCE(*state, wipe ? KSPAN_OBJ_ZEROED : KSPAN_OBJ_FREE);
	kspan_central_flush(sc, &slot, 1);
}

/**
 * kspan_cache_put - take an object back
 * @sc: span class
 * @ptr: the object
 * @state: its state byte, LIVE; DEFERRED or SPENT with check=2
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_cache_put(unsigned int sc, const void *ptr, u8 *state)
{
	struct kspan_ctx_cache c;

	c = kspan_cache_of(smp_processor_id(), kspan_context());
	if (unlikely(kspan_direct_free) || !kspan_cache_make_room(&c, sc)) {
		free_one(&c, sc, ptr, state);
		return;
	}
	push(kspan_tops_of(&c, sc), ptr, state);
}

/* Set up what the functions above look at.  Context: module load. */
void kspan_cache_setup(void)
{
	unsigned int sc;

	kspan_direct_free = kspan_params.sbrk || want_init_on_free() ||
		      kspan_redzone_on();
	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		half_slots[sc] = kspan_sc_first(sc) +
				 kspan_sc_info(sc)->mag_cap / 2;
}
