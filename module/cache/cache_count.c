// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: what they hold, what they have given and taken, and whether
 * they are sound.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/smp.h>

#include "base/counters.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "span/arena.h"

/* Objects of a span class ever allocated and freed.  Context: Any. */
void kspan_cache_count(unsigned int sc, u64 *nmalloc, u64 *nfree)
{
	unsigned long loaded = 0, unloaded = 0;
	unsigned int cpu, ctx;

	for_each_possible_cpu(cpu) {
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

			loaded += READ_ONCE(kspan_counts_of(&c, sc)[KSPAN_LOADED]) -
				  kspan_a_count(&c, sc);
			unloaded += READ_ONCE(kspan_counts_of(&c, sc)[KSPAN_UNLOADED]) +
				    kspan_f_count(&c, sc);
		}
	}
	kspan_pair_counts(loaded, unloaded, nmalloc, nfree);
}

/* Objects of a span class in the magazines of all CPUs.  Context: Any. */
unsigned long kspan_cache_held(unsigned int sc)
{
	unsigned int cpu, ctx;
	unsigned long held = 0;

	for_each_possible_cpu(cpu) {
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

			held += kspan_a_count(&c, sc) + kspan_f_count(&c, sc) +
				kspan_spare_count(&c, sc) *
				kspan_sc_info(sc)->mag_cap;
		}
	}
	return held;
}

static const char *check_slots(const struct kspan_mag *mag, unsigned int sc,
			       unsigned int nr)
{
	const struct kspan_slot *slot = &mag->slot[kspan_sc_first(sc)];

	if (slot[-1].state != &kspan_none_state)
		return "cache: magazine without a sentinel";
	for (; nr; nr--, slot++) {
		const struct kspan_span *span = kspan_span_find(slot->ptr);
		unsigned long i = slot->state - span->state;

		if (kspan_span_sc(span) != sc)
			return "cache: object of another class in a magazine";
		if (i >= span->nr_objs)
			return "cache: state of another span";
		if (kspan_span_addr(span, i) != (unsigned long)slot->ptr)
			return "cache: state of another object";
		if (*slot->state > KSPAN_OBJ_ZEROED)
			return "cache: object in a magazine is not free";
		if (test_bit(i, kspan_span_bitmap(span)))
			return "cache: object is in its span as well";
	}
	return NULL;
}

static const char *check_spares(const struct kspan_ctx_cache *c,
				unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap, nr = 0;
	const char *wrong = NULL;
	struct kspan_mag *mag;

	for (mag = kspan_spares_of(c, sc)->full; mag && !wrong;
	     mag = kspan_mag_sentinel(mag, sc)->ptr) {
		if (++nr > kspan_spares_of(c, sc)->nr_full)
			return "cache: more spares than counted";
		wrong = check_slots(mag, sc, cap);
	}
	if (!wrong && nr != kspan_spares_of(c, sc)->nr_full)
		wrong = "cache: number of spares";
	return wrong;
}

/**
 * kspan_cache_check_local - whether the caches of this CPU are sound
 *
 * Context: Task context, migration not possible.
 * Return: NULL, or what is wrong.
 */
const char *kspan_cache_check_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	const char *wrong = NULL;
	unsigned long flags;

	for (ctx = 0; ctx < KSPAN_NR_CTX && !wrong; ctx++) {
		struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

		for_each_kspan_sc(sc) {
			if (wrong)
				break;
			local_irq_save(flags);
			if (!kspan_sc_exists(sc) || !kspan_sc_has_mags(sc)) {
				local_irq_restore(flags);
				continue;
			}
			if (kspan_a_mag(&c, sc))
				wrong = check_slots(kspan_a_mag(&c, sc), sc,
						    kspan_a_count(&c, sc));
			if (kspan_f_mag(&c, sc) && !wrong)
				wrong = check_slots(kspan_f_mag(&c, sc), sc,
						    kspan_f_count(&c, sc));
			if (ctx == KSPAN_CTX_TASK && !wrong)
				wrong = check_spares(&c, sc);
			local_irq_restore(flags);
		}
	}
	return wrong;
}
