// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: numbers of objects, and self-checks.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "base/counters.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "cache/stash.h"
#include "span/arena.h"

/* Numbers of objects of a span class ever allocated and freed.  Context: Any. */
void kspan_cache_count(unsigned int sc, u64 *nmalloc, u64 *nfree)
{
	unsigned long loaded = 0, unloaded = 0;
	unsigned int cpu, ctx;

	if (kspan_sc_is_static(sc)) {
		loaded = kspan_stash_given(sc);
	} else {
		unloaded = atomic_long_read(&kspan_sc_find(sc)->nr_returned);
		loaded = atomic_long_read(&kspan_sc_find(sc)->nr_given);
	}
	for_each_possible_cpu(cpu) {
		if (!kspan_sc_has_mags(sc))
			break;
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

/* Number of objects of a span class in the magazines of all CPUs.  Context: Any. */
unsigned long kspan_cache_held(unsigned int sc)
{
	unsigned int cpu, ctx;
	unsigned long held = 0;

	if (!kspan_sc_has_mags(sc))
		return 0;
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

/**
 * kspan_cache_count_guard - count a guard object, which no cache has held
 * @sc: its span class
 * @which: KSPAN_LOADED for an alloc, KSPAN_UNLOADED for a free
 * @bytes: its usable bytes
 *
 * Context: Any but NMI.
 */
void kspan_cache_count_guard(unsigned int sc, enum kspan_count which, size_t bytes)
{
	struct kspan_span_class *class;
	struct kspan_ctx_cache c;

	if (kspan_sc_is_static(sc)) {
		preempt_disable();
		c = kspan_cache_of(smp_processor_id(), kspan_context());
		kspan_counter_add(kspan_counts_of(&c, sc)[which], 1);
		preempt_enable();
		return;
	}
	class = kspan_sc_find(sc);
	if (class->quota)
		kspan_cache_count_direct(sc, which, bytes);
	else
		atomic_long_inc(which == KSPAN_LOADED ? &class->nr_given :
							&class->nr_returned);
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
		if (*slot->state > KSPAN_OBJ_ZEROED &&
		    *slot->state != KSPAN_OBJ_MARKED)
			return "cache: object in a magazine is not free";
		if (test_bit(i, kspan_span_bitmap(span)))
			return "cache: object is in its span as well";
	}
	return NULL;
}

/* The @nr-th spare, or NULL. */
static struct kspan_mag *nth_spare(const struct kspan_ctx_cache *c,
				   unsigned int sc, unsigned int nr)
{
	struct kspan_mag *mag;

	if (c->ctx != KSPAN_CTX_TASK)
		return NULL;
	mag = kspan_spares_of(c, sc)->full;
	while (mag && nr--)
		mag = kspan_mag_sentinel(mag, sc)->ptr;
	return mag;
}

static const char *check_spare_count(const struct kspan_ctx_cache *c,
				     unsigned int sc)
{
	unsigned int nr = kspan_spare_count(c, sc);

	if (nth_spare(c, sc, nr))
		return "cache: more spares than counted";
	return nr && !nth_spare(c, sc, nr - 1) ? "cache: number of spares" : NULL;
}

/* Make the @nr-th check of a class.  Return: whether there may be more. */
static bool check_nth(const struct kspan_ctx_cache *c, unsigned int sc,
		      unsigned int nr, const char **wrong)
{
	struct kspan_mag *mag;

	switch (nr) {
	case 0:
		*wrong = check_spare_count(c, sc);
		return true;
	case 1:
		mag = kspan_a_mag(c, sc);
		if (mag)
			*wrong = check_slots(mag, sc, kspan_a_count(c, sc));
		return true;
	case 2:
		mag = kspan_f_mag(c, sc);
		if (mag)
			*wrong = check_slots(mag, sc, kspan_f_count(c, sc));
		return true;
	default:
		mag = nth_spare(c, sc, nr - 3);
		if (mag)
			*wrong = check_slots(mag, sc, kspan_sc_info(sc)->mag_cap);
		return mag;
	}
}

/**
 * kspan_cache_check_local - check the caches of this CPU
 *
 * Interrupts are off for a magazine at a time.
 *
 * Context: Task context, migration not possible.
 * Return: NULL, or what is wrong.
 */
const char *kspan_cache_check_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc, nr;
	const char *wrong = NULL;
	unsigned long flags;
	bool more;

	for (ctx = 0; ctx < KSPAN_NR_CTX && !wrong; ctx++) {
		struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

		for_each_kspan_sc(sc) {
			for (nr = 0, more = true; more && !wrong; nr++) {
				local_irq_save(flags);
				more = kspan_sc_exists(sc) &&
				       kspan_sc_has_mags(sc) &&
				       check_nth(&c, sc, nr, &wrong);
				local_irq_restore(flags);
			}
		}
	}
	return wrong;
}
