// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: how they give back what they hold: what is beyond a CPU's
 * budget, the classes that nobody used lately, all of it when memory is short,
 * and what a CPU leaves behind that is gone.
 *
 * Whoever is to give back, one magazine at a time leaves the cache; so
 * interrupts are off for a few instructions and preemption for the objects of
 * one magazine, however much there is to drain.
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

/* Bounds of kspan_cache_budget. */
#define BUDGET_MIN	(64UL << 10)
#define BUDGET_MAX	(2UL << 20)
/* Of memory, what the caches of all CPUs should hold at most: 1 / this. */
#define BUDGET_SHARE	256

unsigned long kspan_cache_budget __read_mostly;

/* A magazine on its way out of a cache. */
struct leaving {
	struct kspan_mag *mag;
	unsigned int nr;
};

/* Take what a magazine holds to the depot or, failing that, to the spans. */
static void return_mag(struct kspan_ctx_cache *c, unsigned int sc,
		       struct leaving *leaving)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap, nr = leaving->nr;
	struct kspan_mag *mag = leaving->mag, *empty;

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
	leaving->nr = kspan_sc_info(sc)->mag_cap;
	leaving->mag = kspan_spare_take(c, sc);
	if (leaving->mag)
		return true;
	leaving->nr = kspan_f_count(c, sc);
	leaving->mag = kspan_f_mag(c, sc);
	if (leaving->mag) {
		kspan_set_f(c, sc, NULL, 0);
		kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], leaving->nr);
		return true;
	}
	leaving->nr = kspan_a_count(c, sc);
	leaving->mag = kspan_a_mag(c, sc);
	if (leaving->mag) {
		kspan_set_a(c, sc, NULL, 0);
		kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_LOADED], leaving->nr);
	}
	return leaving->mag;
}

/*
 * Give back one magazine of a class.  It leaves the cache with interrupts off,
 * which keeps every context of the CPU out, and its objects go their way with
 * preemption off.
 *
 * Context: Any but NMI; on the cache's CPU, or that is offline.
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

/* Empty magazines of a class, as many as it can have at a time. */
static void drain_class(struct kspan_ctx_cache *c, unsigned int sc)
{
	/* Its owner may take new ones meanwhile: do not go on for ever. */
	unsigned int left = KSPAN_SPARE_MAX + 3;

	while (!kspan_is_bare(c, sc) && left--)
		drain_mag(c, sc);
}

/* Objects that a cache holds of a span class. */
static unsigned long held_by(const struct kspan_ctx_cache *c, unsigned int sc)
{
	return kspan_a_count(c, sc) + kspan_f_count(c, sc) +
	       kspan_spare_count(c, sc) * kspan_sc_info(sc)->mag_cap;
}

/**
 * kspan_cache_age - keep what a CPU holds near its budget
 * @c: a cache of this CPU
 * @busy_sc: the class whose magazine the caller is about to change
 *
 * A hand goes round the span classes, one for each step's worth of objects that
 * are loaded, so once round while a budget's worth is.  It adds up what they
 * hold, and drains what would exceed the budget, a magazine a call.
 *
 * A probe in what it calls may use the cache meanwhile.
 *
 * Context: the cache's, with preemption off.  The caller should look at @c->moved
 * before it moves more objects, or preemption would be off for two magazines.
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
		return; /* what interrupts hold goes when it is not used */
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
		/* What is left of the class is the next step's. */
		if (!kspan_is_bare(c, cc->hand))
			cc->hand--;
	}
}

/**
 * kspan_cache_set_budget - share what caches may hold among the CPUs there are
 * @nr_cpus: how many are online; those that might come get nothing yet
 *
 * Context: Any; module load, and CPU hotplug, which come one at a time.
 */
void kspan_cache_set_budget(unsigned int nr_cpus)
{
	unsigned long share = totalram_pages() / BUDGET_SHARE / nr_cpus;

	/* More than a magazine of each class is of little use. */
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
 * kspan_cache_drain_sc - empty what this CPU has of a span class
 * @sc: span class, which stays
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

/* Whether the CPU should drain a class; not any more. */
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
 * kspan_cache_drain_marked - drain the classes that somebody marked
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

/* Allocs and frees of a class in a cache, ever, less what does not fit. */
static u16 nr_calls(const struct kspan_ctx_cache *c, unsigned int sc)
{
	const unsigned long *counts = kspan_counts_of(c, sc);

	return READ_ONCE(counts[KSPAN_LOADED]) - kspan_a_count(c, sc) +
	       READ_ONCE(counts[KSPAN_UNLOADED]) + kspan_f_count(c, sc);
}

/* Mark a class, if it is idle or @all are to go.  Return: whether it is. */
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

/* Mark classes of all contexts.  Return: whether there was one to mark. */
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
 * A class that was neither allocated from nor freed to since the last call is
 * marked for kspan_cache_drain_marked(); one in use stays, however much else
 * the CPU does or does not.
 *
 * Context: Any; the tick only, which compares with its last call.
 * Return: whether there is anything to drain.
 */
bool kspan_cache_mark_idle(unsigned int cpu)
{
	return mark_classes(cpu, false);
}

/**
 * kspan_cache_mark_all - mark every class that a CPU holds
 * @cpu: the CPU
 *
 * Context: Any.
 * Return: whether there is anything to drain.
 */
bool kspan_cache_mark_all(unsigned int cpu)
{
	return mark_classes(cpu, true);
}

/* Whether a CPU's caches hold anything.  Context: Any; a hint. */
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
