// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: draining.  A CPU drains what exceeds its budget, the classes that
 * were not used lately, and everything when memory is short.  The hotplug callback
 * drains the caches of a CPU that has gone offline.
 *
 * One magazine at a time leaves the cache.  So interrupts are off for a few
 * instructions, and preemption is off for the objects of one magazine, however much
 * there is to drain.
 */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "base/counters.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "cache/quarantine.h"
#include "cache/stash.h"

/* Bounds of kspan_cache_budget. */
#define BUDGET_MIN	(64UL << 10)
#define BUDGET_MAX	(2UL << 20)
/* The caches of all CPUs together may hold 1/256 of memory. */
#define BUDGET_SHARE	256

unsigned long kspan_cache_budget __read_mostly;

/* A magazine that leaves a cache; whether frees have filled it. */
struct leaving {
	struct kspan_mag *mag;
	unsigned int nr;
	bool is_f;
};

/*
 * Return the objects of a magazine to the depot or else to the spans.  With a
 * quarantine freed objects go there.
 */
static void return_mag(struct kspan_ctx_cache *c, unsigned int sc,
		       struct leaving *leaving)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap, nr = leaving->nr;
	struct kspan_mag *mag = leaving->mag, *empty;

	if (kspan_quarantine_on() && leaving->is_f &&
	    kspan_quarantine_mag(c->node, sc, mag, nr, &c->moved))
		return;
	if (nr == cap && kspan_depot_put(c->node, sc, mag, &empty)) {
		if (empty)
			kspan_mag_free(empty);
		return;
	}
	kspan_central_flush(sc, &mag->slot[kspan_sc_first(sc)], nr);
	kspan_mag_free(mag);
	c->moved += nr;
}

/* Take a magazine of a class out of a cache: a spare, or F, or A. */
static bool detach_mag(struct kspan_ctx_cache *c, unsigned int sc,
		       struct leaving *leaving)
{
	leaving->is_f = false;
	leaving->nr = kspan_sc_info(sc)->mag_cap;
	leaving->mag = kspan_spare_take(c, sc);
	if (leaving->mag)
		return true;
	leaving->nr = kspan_f_count(c, sc);
	leaving->mag = kspan_f_mag(c, sc);
	if (leaving->mag) {
		leaving->is_f = true;
		kspan_set_f(c, sc, NULL, 0);
		kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], leaving->nr);
		return true;
	}
	leaving->nr = kspan_a_count(c, sc);
	leaving->mag = kspan_a_mag(c, sc);
	if (leaving->mag) {
		kspan_sampler_unload(c, sc);
		kspan_set_a(c, sc, NULL, 0);
		kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_LOADED], leaving->nr);
	}
	return leaving->mag;
}

/*
 * Drain one magazine of a class.  It leaves the cache with interrupts off, which
 * excludes all contexts of the CPU.  Its objects are returned with preemption off.
 *
 * Context: Any but NMI; on the CPU of the cache, or while that CPU is offline.
 */
static void drain_mag(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *empty = NULL;
	struct leaving leaving;
	unsigned long flags;
	bool found;

	preempt_disable();
	local_irq_save(flags);
	found = detach_mag(c, sc, &leaving);
	if (!found)
		empty = kspan_spare_take_empty(c, sc);
	local_irq_restore(flags);
	if (found)
		return_mag(c, sc, &leaving);
	while (empty)
		kspan_mag_free(kspan_mag_pop(&empty, sc));
	preempt_enable();
}

/* Drain all magazines of a class. */
static void drain_class(struct kspan_ctx_cache *c, unsigned int sc)
{
	/* Bounded, since the owner may take new magazines meanwhile. */
	unsigned int left = KSPAN_SPARE_MAX + 3;

	while (!kspan_is_bare(c, sc) && left--)
		drain_mag(c, sc);
}

/* Number of objects of a span class in a cache. */
static unsigned long held_by(const struct kspan_ctx_cache *c, unsigned int sc)
{
	return kspan_a_count(c, sc) + kspan_f_count(c, sc) +
	       kspan_spare_count(c, sc) * kspan_sc_info(sc)->mag_cap;
}

/**
 * kspan_cache_age - keep the objects of a CPU near its budget
 * @c: a cache of this CPU
 * @busy_sc: the class whose magazine the caller is about to exchange
 *
 * A clock hand moves over the span classes, one round for each budget's worth of
 * objects that are loaded.  It adds up what the classes hold, and drains what would
 * exceed the budget, at most one magazine a call.
 *
 * A probe in a function called here may use the cache meanwhile.
 *
 * Context: that of the cache, with preemption off.  The caller must check @c->moved
 * before it moves more objects; otherwise preemption would be off for two magazines.
 */
void kspan_cache_age(struct kspan_ctx_cache *c, unsigned int busy_sc)
{
	const struct kspan_class *busy = kspan_sc_info(busy_sc);
	unsigned long budget = READ_ONCE(kspan_cache_budget);
	unsigned int nr_sc = READ_ONCE(kspan_sc_limit);
	unsigned long step = budget / nr_sc;
	struct kspan_cache_cpu *cc = c->cpu;
	unsigned long bytes;

	if (c->ctx != KSPAN_CTX_TASK)
		return; /* the tick drains the caches of interrupts */
	cc->hand_bytes = min(cc->hand_bytes + busy->size * busy->mag_cap,
			     budget);
	for (; cc->hand_bytes >= step && !c->moved; cc->hand_bytes -= step) {
		if (++cc->hand >= nr_sc) {
			cc->hand = 1;
			cc->seen_bytes = 0;
		}
		if (!kspan_sc_exists(cc->hand) || kspan_is_bare(c, cc->hand))
			continue;
		bytes = held_by(c, cc->hand) * kspan_sc_info(cc->hand)->size;
		if (cc->seen_bytes + bytes <= budget ||
		    cc->hand == busy_sc) {
			cc->seen_bytes += bytes;
			continue;
		}
		drain_mag(c, cc->hand);
		/* If more of the class is left, the next step continues there. */
		if (!kspan_is_bare(c, cc->hand))
			cc->hand--;
	}
}

/**
 * kspan_cache_set_budget - divide the budget of all caches among the online CPUs
 * @nr_cpus: number of online CPUs
 *
 * Context: Module load or a CPU hotplug callback, which are serialised.
 */
void kspan_cache_set_budget(unsigned int nr_cpus)
{
	unsigned long share = totalram_pages() / BUDGET_SHARE / nr_cpus;

	/* Much more than a magazine of each class is of little use. */
	WRITE_ONCE(kspan_cache_budget,
		   clamp(share, BUDGET_MIN / PAGE_SIZE, BUDGET_MAX / PAGE_SIZE) *
		   PAGE_SIZE);
}

/**
 * kspan_cache_drain_local - empty the caches of this CPU
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	struct kspan_ctx_cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			drain_class(&c, sc);
			kspan_sc_leave();
		}
	}
}

/**
 * kspan_cache_drain_sc - drain a span class on this CPU
 * @sc: span class, which must stay meanwhile
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_sc(unsigned int sc)
{
	struct kspan_ctx_cache c;
	unsigned int ctx;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(smp_processor_id(), ctx);
		drain_class(&c, sc);
	}
}

/* Empty the caches of a CPU that is offline.  Context: Process. */
void kspan_cache_drain_dead(unsigned int cpu)
{
	unsigned int ctx, sc;
	struct kspan_ctx_cache c;

	kspan_stash_drain(cpu);
	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			drain_class(&c, sc);
			kspan_sc_leave();
		}
	}
}

/* Test and clear the mark by which a CPU is asked to drain a class. */
static bool take_mark(const struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_aging *aging;

	if (!kspan_sc_has_mags(sc))
		return false;
	aging = kspan_aging_of(c, sc);
	if (!READ_ONCE(aging->marked))
		return false;
	WRITE_ONCE(aging->marked, false);
	return true;
}

/**
 * kspan_cache_drain_marked - drain the marked classes of this CPU
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_marked(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	struct kspan_ctx_cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			if (take_mark(&c, sc))
				drain_class(&c, sc);
			kspan_sc_leave();
		}
	}
}

/* Number of allocations and frees of a class in a cache, modulo 2^16. */
static u16 nr_calls(const struct kspan_ctx_cache *c, unsigned int sc)
{
	const unsigned long *counts = kspan_counts_of(c, sc);

	return READ_ONCE(counts[KSPAN_LOADED]) - kspan_a_count(c, sc) +
	       READ_ONCE(counts[KSPAN_UNLOADED]) + kspan_f_count(c, sc);
}

/* Mark a class if it is idle, or @all classes.  Return: whether it was marked. */
static bool mark(struct kspan_ctx_cache *c, unsigned int sc, bool all)
{
	struct kspan_aging *aging;
	u16 now;

	if (kspan_is_bare(c, sc))
		return false;
	aging = kspan_aging_of(c, sc);
	if (!all) {
		now = nr_calls(c, sc);
		if (aging->seen != now) {
			aging->seen = now;
			return false;
		}
	}
	WRITE_ONCE(aging->marked, true);
	return true;
}

/* Mark classes of all contexts.  Return: whether any was marked. */
static bool mark_classes(unsigned int cpu, bool all)
{
	unsigned int ctx, sc;
	struct kspan_ctx_cache c;
	bool any = false;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			any |= mark(&c, sc, all);
			kspan_sc_leave();
		}
	}
	return any;
}

/**
 * kspan_cache_mark_idle - mark the classes that a CPU has not used lately
 * @cpu: the CPU
 *
 * A class without an allocation or a free since the last call is marked for
 * kspan_cache_drain_marked().  A class in use is not, whatever else the CPU did.
 *
 * Context: Any; only the tick, since the function compares with its last call.
 * Return: whether there is anything to drain.
 */
bool kspan_cache_mark_idle(unsigned int cpu)
{
	return mark_classes(cpu, false);
}

/**
 * kspan_cache_mark_all - mark all classes of which a CPU holds magazines
 * @cpu: the CPU
 *
 * Context: Any.
 * Return: whether there is anything to drain.
 */
bool kspan_cache_mark_all(unsigned int cpu)
{
	return mark_classes(cpu, true);
}

/**
 * kspan_cache_mark_sc - mark a class of which a CPU holds magazines
 * @cpu: the CPU
 * @sc: span class, which must stay meanwhile
 *
 * Context: Any.
 * Return: whether there is anything to drain.
 */
bool kspan_cache_mark_sc(unsigned int cpu, unsigned int sc)
{
	struct kspan_ctx_cache c;
	unsigned int ctx;
	bool any = false;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		any |= mark(&c, sc, true);
	}
	return any;
}

/* Whether the caches of a CPU hold any magazine.  Context: Any; a hint only. */
bool kspan_cache_holds(unsigned int cpu)
{
	struct kspan_ctx_cache c;
	unsigned int ctx, sc;
	bool holds = false;

	for (ctx = 0; ctx < KSPAN_NR_CTX && !holds; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (holds)
				break;
			if (!kspan_sc_enter(sc))
				continue;
			holds = !kspan_is_bare(&c, sc);
			kspan_sc_leave();
		}
	}
	return holds;
}
