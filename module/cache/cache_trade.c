// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: exchanging an empty A for a full magazine, and a full F for
 * an empty one, with the spares of the CPU, the depot or the spans.
 *
 * All functions run with preemption off, use the cache of their own CPU and
 * context, and move at most one magazine of objects one by one.
 */
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "base/counters.h"
#include "base/params.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "cache/quarantine.h"

/*
 * Whether frees return objects to their spans one by one, because objects must
 * not be reused, or because each free wipes or poisons them.
 */
bool kspan_direct_free __read_mostly;

static void shuffle(struct kspan_ctx_cache *c, struct kspan_slot *slots,
		    unsigned int nr)
{
	while (nr > 1) {
		u32 r = READ_ONCE(c->cpu->random) * 1664525U + 1013904223U;
		unsigned int i = ((u64)r * nr) >> 32;

		/*
		 * An interrupt may change it in the meantime; the result is
		 * equally random.
		 */
		WRITE_ONCE(c->cpu->random, r);
		swap(slots[i], slots[nr - 1]);
		nr--;
	}
}

/*
 * A probe may use kspan, and thereby this cache: in the page allocator, at the
 * entry of a function that is called here, or at a contended lock.  So code
 * that calls out first takes the magazine in question out of the cache, and
 * afterwards tests whether the cache has got another one.
 */

/* Make @mag, which is empty, A again, unless the cache has another A now. */
static void restore_a(struct kspan_ctx_cache *c, unsigned int sc,
		      struct kspan_mag *mag)
{
	if (likely(!kspan_a_mag(c, sc)))
		kspan_set_a(c, sc, mag, 0);
	else
		kspan_mag_free(mag);
}

/* Take the empty A out of the cache.  Return: the magazine, or NULL without one. */
static struct kspan_mag *detach_a(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *mag = kspan_a_mag(c, sc);

	if (mag)
		kspan_set_a(c, sc, NULL, 0);
	return mag;
}

/* Make @mag with @nr objects A.  Return: whether A holds an object. */
static bool load(struct kspan_ctx_cache *c, unsigned int sc,
		 struct kspan_mag *mag, unsigned int nr)
{
	struct kspan_mag *old = kspan_a_mag(c, sc);

	if (unlikely(old)) {
		if (kspan_a_count(c, sc)) {
			kspan_central_flush(sc, &mag->slot[kspan_sc_first(sc)],
					    nr);
			kspan_mag_free(mag);
			return true;
		}
		kspan_set_a(c, sc, NULL, 0);
	}
	kspan_set_a(c, sc, mag, nr);
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_LOADED], nr);
	kspan_sampler_load(c, sc);
	if (unlikely(old))
		kspan_mag_free(old);
	return true;
}

/* Fill A with up to @want objects from the spans.  Return: whether A holds one. */
static bool fill_from_spans(struct kspan_ctx_cache *c, unsigned int sc,
			    unsigned int want)
{
	unsigned int first = kspan_sc_first(sc), nr;
	struct kspan_mag *mag = detach_a(c, sc);

	if (!mag)
		mag = kspan_mag_alloc(sc, KSPAN_MAG_GFP);
	if (!mag)
		return kspan_a_count(c, sc);
	nr = kspan_central_fill(c->node, sc, &mag->slot[first], want);
	c->moved += nr;
	if (!nr) {
		restore_a(c, sc, mag);
		return kspan_a_count(c, sc);
	}
	if (nr < want)
		memmove(&mag->slot[first], &mag->slot[first + want - nr],
			nr * sizeof(mag->slot[0]));
	if (kspan_params.randomize)
		shuffle(c, &mag->slot[first], nr);
	return load(c, sc, mag, nr);
}

/*
 * Make a full magazine A.  The empty A becomes F if there is none; otherwise it
 * is exchanged for the full one.  Return: whether there was a full magazine.
 */
static bool fill_from_full(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *full, *drained = detach_a(c, sc), *to_f = NULL;
	struct kspan_mag *left;

	if (!kspan_direct_free && !kspan_f_mag(c, sc))
		swap(to_f, drained);
	left = drained;
	full = kspan_spare_get(c, sc, &left);
	if (!full) {
		full = kspan_depot_get(c->node, sc, left);
		if (full)
			left = NULL;
	}
	/* There is no full magazine: restore the empty one. */
	if (!full) {
		left = to_f ?: left;
		if (left)
			restore_a(c, sc, left);
		return false;
	}
	if (left)
		kspan_mag_free(left);
	if (to_f && likely(!kspan_f_mag(c, sc)))
		kspan_set_f(c, sc, to_f, 0);
	else if (to_f)
		kspan_mag_free(to_f);
	return load(c, sc, full, kspan_sc_info(sc)->mag_cap);
}

/**
 * kspan_cache_refill - put objects into an empty A
 * @c: a cache of this CPU
 * @sc: span class whose A is empty
 *
 * Context: that of the cache, with preemption off.
 * Return: whether A holds an object now.
 */
bool kspan_cache_refill(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int want = kspan_sc_info(sc)->mag_cap;

	/* With a quarantine, freed objects have to wait. */
	if (!kspan_quarantine_on() && kspan_f_count(c, sc)) {
		kspan_swap_mags(c, sc);
		return true;
	}
	kspan_cache_age(c, sc);
	/* kspan_cache_age() may have moved a magazine of objects already. */
	if (c->moved)
		want = 1;
	/* A probe may have filled A in the meantime. */
	return kspan_a_count(c, sc) || fill_from_full(c, sc) ||
	       kspan_a_count(c, sc) || fill_from_spans(c, sc, want);
}

/**
 * kspan_cache_reuse - allow allocations from the objects that were freed here
 * @sc: span class
 *
 * For an allocation that cannot sleep and would fail, with a quarantine: the
 * objects in F become available at once.
 *
 * Context: Any but NMI.
 * Return: whether there was an object.
 */
bool kspan_cache_reuse(unsigned int sc)
{
	struct kspan_ctx_cache c;
	bool found = false;

	preempt_disable();
	c = kspan_cache_of(smp_processor_id(), kspan_context());
	if (kspan_sc_has_mags(sc) && kspan_f_count(&c, sc) &&
	    !kspan_a_count(&c, sc)) {
		kspan_swap_mags(&c, sc);
		found = true;
	}
	preempt_enable();
	return found;
}

/* Make an empty magazine F.  Return: whether F has room. */
static bool renew_f(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *f = kspan_mag_alloc(sc, KSPAN_MAG_GFP), *a;

	if (unlikely(kspan_f_mag(c, sc))) {
		if (f)
			kspan_mag_free(f);
		return kspan_f_count(c, sc) < kspan_sc_info(sc)->mag_cap;
	}
	a = kspan_a_mag(c, sc);
	if (!f && a && !kspan_a_count(c, sc)) {
		f = a;
		kspan_set_a(c, sc, NULL, 0);
	}
	kspan_set_f(c, sc, f, 0);
	/* A probe in one of the functions called here may have filled F. */
	return f && kspan_f_count(c, sc) < kspan_sc_info(sc)->mag_cap;
}

/*
 * Pass on a full magazine that has left the cache: to the quarantine if there
 * is one, otherwise to the spares of the CPU or the depot.
 *
 * Return: whether it was accepted.  @empty is then an empty magazine in
 * exchange, or NULL.
 */
static bool hand_on(struct kspan_ctx_cache *c, unsigned int sc,
		    struct kspan_mag *full, struct kspan_mag **empty)
{
	*empty = NULL;
	if (kspan_quarantine_on())
		return kspan_quarantine_mag(c->node, sc, full,
					    kspan_sc_info(sc)->mag_cap, &c->moved);
	return kspan_spare_put(c, sc, full, empty) ||
	       kspan_depot_put(c->node, sc, full, empty);
}

/* Exchange a full F for an empty one.  Return: whether F has room. */
static bool give_f(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap, nr = cap;
	struct kspan_mag *f, *empty;

	kspan_cache_age(c, sc);
	f = kspan_f_mag(c, sc);
	if (unlikely(!f || kspan_f_count(c, sc) < cap))
		return f;
	kspan_set_f(c, sc, NULL, 0);
	kspan_counter_add(kspan_counts_of(c, sc)[KSPAN_UNLOADED], cap);
	if (!hand_on(c, sc, f, &empty)) {
		/*
		 * hand_on() or kspan_cache_age() may have moved a magazine of
		 * objects already.
		 */
		if (c->moved)
			nr = 1;
		/* Flush the last ones, so that the rest is a valid magazine. */
		kspan_central_flush(sc, &f->slot[KSPAN_MAG_SLOTS - nr], nr);
		empty = f;
		cap -= nr;
	} else {
		cap = 0;
	}
	if (!empty)
		return renew_f(c, sc);
	if (likely(!kspan_f_mag(c, sc))) {
		kspan_set_f(c, sc, empty, cap);
		kspan_counter_sub(kspan_counts_of(c, sc)[KSPAN_UNLOADED], cap);
	} else {
		if (cap)
			kspan_central_flush(sc, &empty->slot[kspan_sc_first(sc)], cap);
		kspan_mag_free(empty);
	}
	return kspan_f_count(c, sc) < kspan_sc_info(sc)->mag_cap;
}

/**
 * kspan_cache_make_room - make room in F for one more object
 * @c: a cache of this CPU
 * @sc: span class
 *
 * If A is more than half full, it stays and F goes to the depot.  So either
 * magazine lasts for at least half a magazine of calls.
 *
 * Context: that of the cache, with preemption off.
 * Return: false if there is no memory for a magazine.
 */
bool kspan_cache_make_room(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;

	if (!kspan_f_mag(c, sc))
		return renew_f(c, sc);
	if (kspan_f_count(c, sc) < cap)
		return true;
	if (!kspan_quarantine_on() && kspan_a_mag(c, sc) &&
	    kspan_a_count(c, sc) <= cap / 2) {
		kspan_swap_mags(c, sc);
		return true;
	}
	return give_f(c, sc);
}
