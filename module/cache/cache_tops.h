/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache_tops.h - the cache of one CPU and context, and its magazines.
 *
 * Only the files of the cache include this.  All functions but those that count
 * may be called only by the owner of the cache, with preemption off; see DOC:
 * Locking.
 */
#ifndef KSPAN_CACHE_TOPS_H
#define KSPAN_CACHE_TOPS_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/topology.h>
#include <linux/types.h>

#include "base/counters.h"
#include "base/noprobe.h"
#include "base/tick.h"
#include "cache/cache.h"

/* Contexts whose tops are in kspan_irq_tops. */
#define KSPAN_NR_IRQ_CTX (KSPAN_NR_CTX - 1)

/**
 * struct kspan_cache_cpu - the remaining data of the caches of a CPU
 * @counts: counts for kspan_irq_tops, as kspan_task_counts for the task cache
 * @samplers: samplers for kspan_irq_tops, by context and class
 * @spares: spare magazines of task context; only their CPU writes them
 * @aging: by context and class
 * @hand: the last class that kspan_cache_age() examined
 * @seen_bytes: bytes that it has found in this round
 * @hand_bytes: bytes loaded for which the hand has not moved yet, at most those of
 *	one round
 * @random: state of the random generator for randomize=1
 */
struct kspan_cache_cpu {
	unsigned long counts[KSPAN_NR_IRQ_CTX][KSPAN_NR_TOPS];
	struct kspan_sampler samplers[KSPAN_NR_IRQ_CTX][KSPAN_NR_SC];
	struct kspan_spares spares[KSPAN_NR_SC];
	struct kspan_aging aging[KSPAN_NR_CTX][KSPAN_NR_SC];
	unsigned int hand;
	unsigned long seen_bytes;
	unsigned long hand_bytes;
	u32 random;
};

extern struct kspan_cache_cpu __percpu *kspan_cache_cpus;

/*
 * Maximal number of objects that are moved between magazines and spans one by one
 * while preemption or interrupts are off, as DOC: Locking promises.
 */
#define KSPAN_MOVE_MAX	KSPAN_MAG_SLOTS

/*
 * One cache, the argument of the functions below.  @moved counts the objects that
 * were moved one by one since the caller set this up.
 */
struct kspan_ctx_cache {
	struct kspan_cache_cpu *cpu;
	unsigned int nr;
	unsigned int ctx;
	struct kspan_slot **tops;
	unsigned long *counts;
	struct kspan_sampler *samplers;
	int node;
	unsigned int moved;
};

static inline __kspan_noprobe struct kspan_ctx_cache kspan_cache_of(unsigned int cpu,
								    unsigned int ctx)
{
	struct kspan_cache_cpu *cc = per_cpu_ptr(kspan_cache_cpus, cpu);

	return (struct kspan_ctx_cache){
		.cpu = cc,
		.nr = cpu,
		.ctx = ctx,
		.tops = ctx ? per_cpu_ptr(kspan_irq_tops, cpu) +
			      (ctx - 1) * KSPAN_NR_TOPS :
			      per_cpu_ptr(kspan_tops, cpu),
		.counts = ctx ? cc->counts[ctx - 1] :
				per_cpu_ptr(kspan_task_counts, cpu),
		.samplers = ctx ? cc->samplers[ctx - 1] :
			(void *)(per_cpu_ptr(kspan_task_counts, cpu) +
				 KSPAN_NR_TOPS),
		.node = cpu_to_mem(cpu),
	};
}

static inline __kspan_noprobe struct kspan_sc_cpu *
kspan_sc_cpu_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	return per_cpu_ptr(kspan_sc_find(sc)->cpu, c->nr);
}

/* The tops, counts and spares of a span class in a cache. */
static inline __kspan_noprobe struct kspan_slot **
kspan_tops_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return c->tops + KSPAN_A_INDEX(sc);
	return kspan_sc_cpu_of(c, sc)->tops[c->ctx];
}

static inline __kspan_noprobe unsigned long *
kspan_counts_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return c->counts + KSPAN_A_INDEX(sc);
	return kspan_sc_cpu_of(c, sc)->counts[c->ctx];
}

static inline __kspan_noprobe struct kspan_sampler *
kspan_sampler_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return &c->samplers[sc];
	return &kspan_sc_cpu_of(c, sc)->samplers[c->ctx];
}

static inline __kspan_noprobe struct kspan_spares *
kspan_spares_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return &c->cpu->spares[sc];
	return &kspan_sc_cpu_of(c, sc)->spares;
}

static inline __kspan_noprobe struct kspan_aging *
kspan_aging_of(const struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return &c->cpu->aging[c->ctx][sc];
	return &kspan_sc_cpu_of(c, sc)->aging[c->ctx];
}

static inline __kspan_noprobe struct kspan_mag *kspan_mag_of(const struct kspan_slot *slot)
{
	return (struct kspan_mag *)((unsigned long)slot & ~KSPAN_MAG_MASK);
}

static inline __kspan_noprobe unsigned int kspan_slot_index(const struct kspan_slot *slot)
{
	return ((unsigned long)slot & KSPAN_MAG_MASK) / sizeof(*slot);
}

static inline __kspan_noprobe unsigned int kspan_sc_first(unsigned int sc)
{
	return kspan_mag_first(kspan_sc_info(sc)->mag_cap);
}

/* The magazines of the tops, NULL without one; and their numbers of objects. */
static inline __kspan_noprobe struct kspan_mag *kspan_a_mag(const struct kspan_ctx_cache *c,
							    unsigned int sc)
{
	struct kspan_mag *mag =
		kspan_mag_of(READ_ONCE(kspan_tops_of(c, sc)[KSPAN_A]));

	return mag == &kspan_no_mag ? NULL : mag;
}

static inline __kspan_noprobe struct kspan_mag *kspan_f_mag(const struct kspan_ctx_cache *c,
							    unsigned int sc)
{
	struct kspan_mag *mag =
		kspan_mag_of(READ_ONCE(kspan_tops_of(c, sc)[KSPAN_F]) - 1);

	return mag == &kspan_no_mag ? NULL : mag;
}

static inline __kspan_noprobe unsigned int kspan_a_count(const struct kspan_ctx_cache *c,
							 unsigned int sc)
{
	const struct kspan_slot *top = READ_ONCE(kspan_tops_of(c, sc)[KSPAN_A]);

	return kspan_mag_of(top) == &kspan_no_mag ?
		       0 :
		       kspan_slot_index(top) + 1 - kspan_sc_first(sc);
}

static inline __kspan_noprobe unsigned int kspan_f_count(const struct kspan_ctx_cache *c,
							 unsigned int sc)
{
	const struct kspan_slot *top =
		READ_ONCE(kspan_tops_of(c, sc)[KSPAN_F]) - 1;

	return kspan_mag_of(top) == &kspan_no_mag ?
		       0 :
		       kspan_slot_index(top) + 1 - kspan_sc_first(sc);
}

/* The tops of a cache without magazines. */
#define KSPAN_NO_A	(&kspan_no_mag.slot[KSPAN_MAG_SLOTS - 1])
#define KSPAN_NO_F	(&kspan_no_mag.slot[KSPAN_MAG_SLOTS])

/* Whether a span class has magazines rather than only its central lists. */
static inline __kspan_noprobe bool kspan_sc_has_mags(unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return true;
	/* Pairs with the release in kspan_sc_init_cpus(). */
	return smp_load_acquire(&kspan_sc_find(sc)->cpu);
}

/*
 * Count an object that goes past the magazines; @bytes are those that it counts
 * with in a client's heap.
 */
static inline void kspan_count_one(struct kspan_ctx_cache *c, unsigned int sc,
				   enum kspan_count which, size_t bytes)
{
	if (likely(kspan_sc_has_mags(sc)))
		kspan_counter_add(kspan_counts_of(c, sc)[which], 1);
	else
		kspan_cache_count_direct(sc, which, bytes);
}

static inline __kspan_noprobe bool kspan_is_bare(const struct kspan_ctx_cache *c,
						 unsigned int sc)
{
	if (!kspan_sc_has_mags(sc))
		return true;
	return READ_ONCE(kspan_tops_of(c, sc)[KSPAN_A]) == KSPAN_NO_A &&
	       READ_ONCE(kspan_tops_of(c, sc)[KSPAN_F]) == KSPAN_NO_F &&
	       (c->ctx || (!READ_ONCE(kspan_spares_of(c, sc)->full) &&
			   !READ_ONCE(kspan_spares_of(c, sc)->empty)));
}

/*
 * Make @mag with @nr objects A; NULL for no magazine.  It may be the first magazine
 * in the caches since the tick of the scavenger stopped, so start the tick.
 */
static inline __kspan_noprobe void kspan_set_a(struct kspan_ctx_cache *c,
					       unsigned int sc, struct kspan_mag *mag,
					       unsigned int nr)
{
	bool was_bare = mag && kspan_is_bare(c, sc);

	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_A],
		   mag ? &mag->slot[kspan_sc_first(sc) + nr - 1] :
			 KSPAN_NO_A);
	/* An empty magazine is not idle memory that could be collected. */
	if (unlikely(was_bare) && nr)
		kspan_tick_watch();
	else if (unlikely(was_bare))
		kspan_tick_keep();
}

/*
 * Make @mag with @nr objects F; NULL for no magazine.  Frees into an F that is
 * already there need not wake the tick: setting the F did.
 */
static inline __kspan_noprobe void kspan_set_f(struct kspan_ctx_cache *c,
					       unsigned int sc, struct kspan_mag *mag,
					       unsigned int nr)
{
	bool had_none = READ_ONCE(kspan_tops_of(c, sc)[KSPAN_F]) == KSPAN_NO_F;

	WRITE_ONCE(kspan_tops_of(c, sc)[KSPAN_F],
		   mag ? &mag->slot[kspan_sc_first(sc) + nr] :
			 KSPAN_NO_F);
	if (mag && had_none)
		kspan_tick_watch();
}

/* cache_sample.c */
void kspan_sampler_arm(struct kspan_sampler *sampler, size_t size);
void kspan_sampler_load(struct kspan_ctx_cache *c, unsigned int sc);
void kspan_sampler_unload(struct kspan_ctx_cache *c, unsigned int sc);
bool kspan_sampler_is_next(const struct kspan_ctx_cache *c, unsigned int sc);
void *kspan_sampler_take(struct kspan_ctx_cache *c, unsigned int sc, u8 *was);
u8 kspan_sampler_record(const void *ptr, size_t size);

/* Whether the object in this slot of A is the one that will be sampled. */
static inline __kspan_noprobe bool kspan_sampler_marks(const struct kspan_ctx_cache *c,
						       unsigned int sc,
						       const struct kspan_slot *slot)
{
	return *slot->state == KSPAN_OBJ_MARKED &&
	       kspan_slot_index(slot) == kspan_sampler_of(c, sc)->mark;
}

void kspan_sampler_one(const void *ptr, u8 *state, size_t size);

/* Swap A and F with their objects. */
static inline __kspan_noprobe void kspan_swap_mags(struct kspan_ctx_cache *c,
						   unsigned int sc)
{
	unsigned long nr_a = kspan_a_count(c, sc), nr_f = kspan_f_count(c, sc);
	struct kspan_mag *a = kspan_a_mag(c, sc);

	kspan_sampler_unload(c, sc);
	kspan_set_a(c, sc, kspan_f_mag(c, sc), nr_f);
	kspan_set_f(c, sc, a, nr_a);
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_LOADED], nr_f - nr_a);
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], nr_f - nr_a);
	kspan_sampler_load(c, sc);
}

void kspan_cache_setup(void);
void kspan_cache_age(struct kspan_ctx_cache *c, unsigned int busy_sc);
void kspan_cache_put_redzoned(struct kspan_ctx_cache *c, unsigned int sc,
			      const void *ptr, u8 *state);

/* cache_trade.c; kspan_direct_free is written at load. */
extern bool kspan_direct_free;
bool kspan_cache_refill(struct kspan_ctx_cache *c, unsigned int sc);
bool kspan_cache_make_room(struct kspan_ctx_cache *c, unsigned int sc);

#endif /* KSPAN_CACHE_TOPS_H */
