// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: how they give back what they hold, by age, when their CPU
 * idles or when it is gone.
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

unsigned long kspan_cache_budget __ro_after_init;

/* Take what a magazine holds to the depot or, failing that, to the spans. */
static void return_mag(struct kspan_ctx_cache *c, unsigned int sc,
		       struct kspan_mag *mag, unsigned int nr)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	struct kspan_mag *empty = mag;

	if (nr != cap || !kspan_depot_put(c->node, sc, mag, &empty)) {
		kspan_central_flush(sc, &mag->slot[kspan_sc_first(sc)], nr);
		empty = mag;
	}
	if (empty)
		kspan_mag_free(empty);
}

/* Empty all magazines of a span class and give them up. */
static void drain_class(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int nr_a = kspan_a_count(c, sc), nr_f = kspan_f_count(c, sc);
	struct kspan_mag *a = kspan_a_mag(c, sc), *f = kspan_f_mag(c, sc);
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	struct kspan_mag *full, *empty;

	full = kspan_spare_take_all(c, sc, &empty);
	kspan_set_a(c, sc, NULL, 0);
	kspan_set_f(c, sc, NULL, 0);
	kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_LOADED], nr_a);
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], nr_f);
	if (a)
		return_mag(c, sc, a, nr_a);
	if (f)
		return_mag(c, sc, f, nr_f);
	while (full)
		return_mag(c, sc, kspan_mag_pop(&full, sc), cap);
	while (empty)
		kspan_mag_free(kspan_mag_pop(&empty, sc));
}

/* Objects that a cache holds of a span class. */
static unsigned long held_by(const struct kspan_ctx_cache *c, unsigned int sc)
{
	return kspan_a_count(c, sc) + kspan_f_count(c, sc) +
	       kspan_spare_count(c, sc) * kspan_sc_info(sc)->mag_cap;
}

/*
 * Keep a CPU's hoard near its budget: a hand goes round the span classes, one
 * for each step's worth of objects that are loaded, so once round while a
 * budget's worth is.  It adds up what they hold, and drains what would exceed
 * the budget.
 */
void kspan_cache_age(struct kspan_ctx_cache *c, unsigned int busy_sc)
{
	const struct kspan_class *busy = kspan_sc_info(busy_sc);
	unsigned int nr_sc = READ_ONCE(kspan_sc_limit);
	unsigned long step = kspan_cache_budget / nr_sc;
	struct kspan_cache_cpu *cc = c->cpu;
	unsigned long bytes;

	/* One that an interrupt makes meanwhile may be lost: enough that it grew. */
	WRITE_ONCE(cc->nr_events, READ_ONCE(cc->nr_events) + 1);
	if (c->ctx != KSPAN_CTX_TASK)
		return; /* interrupts leave this to tasks */
	cc->hand_bytes += busy->size * busy->mag_cap;
	for (; cc->hand_bytes >= step; cc->hand_bytes -= step) {
		if (++cc->hand >= nr_sc) {
			cc->hand = 1;
			cc->seen_bytes = 0;
		}
		if (!kspan_sc_exists(cc->hand) || kspan_is_bare(c, cc->hand))
			continue;
		bytes = held_by(c, cc->hand) * kspan_sc_info(cc->hand)->size;
		if (cc->seen_bytes + bytes > kspan_cache_budget &&
		    cc->hand != busy_sc)
			drain_class(c, cc->hand);
		else
			cc->seen_bytes += bytes;
	}
}

/* Set the budget for this machine.  Context: module load. */
void kspan_cache_drain_init(void)
{
	unsigned long share = totalram_pages() / BUDGET_SHARE / num_possible_cpus();

	/* More than a magazine of each class is of little use. */
	kspan_cache_budget = clamp(share, BUDGET_MIN / PAGE_SIZE,
				   BUDGET_MAX / PAGE_SIZE) * PAGE_SIZE;
}

/**
 * kspan_cache_drain_local - empty the caches of this CPU
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	unsigned long flags;
	struct kspan_ctx_cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			if (!kspan_is_bare(&c, sc)) {
				/* This keeps every context of the CPU out. */
				local_irq_save(flags);
				drain_class(&c, sc);
				local_irq_restore(flags);
			}
			kspan_sc_leave();
		}
	}
	WRITE_ONCE(c.cpu->nr_seen, READ_ONCE(c.cpu->nr_events));
}

/**
 * kspan_cache_drain_sc - empty what this CPU has of a span class
 * @sc: span class, which stays
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_sc(unsigned int sc)
{
	unsigned int ctx;
	unsigned long flags;
	struct kspan_ctx_cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(smp_processor_id(), ctx);
		if (kspan_is_bare(&c, sc))
			continue;
		local_irq_save(flags);
		drain_class(&c, sc);
		local_irq_restore(flags);
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
			preempt_disable();
			if (kspan_sc_exists(sc) && !kspan_is_bare(&c, sc))
				drain_class(&c, sc);
			preempt_enable();
		}
	}
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

/**
 * kspan_cache_is_idle - whether a CPU allocates and frees nothing
 * @cpu: the CPU
 *
 * Context: Process; the scavenger only, which compares with its last call.
 * Return: true if no slow path ran since then.
 */
bool kspan_cache_is_idle(unsigned int cpu)
{
	struct kspan_cache_cpu *cc = per_cpu_ptr(kspan_cache_cpus, cpu);
	unsigned long events = READ_ONCE(cc->nr_events);
	bool idle = READ_ONCE(cc->nr_seen) == events;

	WRITE_ONCE(cc->nr_seen, events);
	return idle;
}
