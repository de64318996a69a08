// SPDX-License-Identifier: GPL-2.0
/*
 * Spares: a stack of full magazines of a CPU, and a stack of the empty ones that
 * were exchanged for them.  Only task context has spares; interrupts use the depot.
 *
 * Objects in spares count as returned, like those in a depot.  The budget of the
 * CPU bounds them, see kspan_cache_age().
 */
#include <linux/compiler.h>
#include <linux/minmax.h>

#include "cache/cache_spare.h"

/* Maximal number of full spares of each static span class. */
static u8 limits[KSPAN_NR_SC] __ro_after_init;

/* Maximal number of full spares of a class with these figures.  Context: Any. */
u8 kspan_spare_limit(const struct kspan_class *info)
{
	return clamp(KSPAN_SPARE_BYTES / (info->size * info->mag_cap),
		     KSPAN_SPARE_MIN, KSPAN_SPARE_MAX);
}

static unsigned int limit_of(unsigned int sc)
{
	return kspan_sc_is_static(sc) ? limits[sc] :
					kspan_sc_find(sc)->spare_limit;
}

/* Context: module load. */
void kspan_spare_init(void)
{
	unsigned int sc;

	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		limits[sc] = kspan_spare_limit(kspan_sc_info(sc));
}

/**
 * kspan_spare_get - exchange an empty magazine for a full one
 * @c: a cache of this CPU
 * @sc: span class
 * @empty: an empty magazine or NULL; NULL on return if it was taken
 *
 * Context: that of the cache, with preemption off.
 * Return: a full magazine, or NULL.
 */
struct kspan_mag *kspan_spare_get(struct kspan_ctx_cache *c, unsigned int sc,
				  struct kspan_mag **empty)
{
	struct kspan_spares *spares = kspan_spares_of(c, sc);

	if (c->ctx != KSPAN_CTX_TASK || !spares->nr_full)
		return NULL;
	if (*empty) {
		kspan_mag_push(&spares->empty, *empty, sc);
		*empty = NULL;
	}
	WRITE_ONCE(spares->nr_full, spares->nr_full - 1);
	return kspan_mag_pop(&spares->full, sc);
}

/**
 * kspan_spare_put - exchange a full magazine for an empty one
 * @c: a cache of this CPU
 * @sc: span class
 * @mag: the full magazine
 * @empty: on return an empty magazine, or NULL if there is none
 *
 * Context: that of the cache, with preemption off.
 * Return: false, without any change, if there are enough spares.
 */
bool kspan_spare_put(struct kspan_ctx_cache *c, unsigned int sc,
		     struct kspan_mag *mag, struct kspan_mag **empty)
{
	struct kspan_spares *spares = kspan_spares_of(c, sc);

	if (c->ctx != KSPAN_CTX_TASK || spares->nr_full >= limit_of(sc))
		return false;
	kspan_mag_push(&spares->full, mag, sc);
	WRITE_ONCE(spares->nr_full, spares->nr_full + 1);
	*empty = kspan_mag_pop(&spares->empty, sc);
	return true;
}

/**
 * kspan_spare_take - remove a full spare
 * @c: a cache of this CPU, or of a CPU that is offline
 * @sc: span class
 *
 * Context: No other code uses the cache meanwhile: interrupts are off, or its CPU
 * is offline.
 * Return: a full magazine, or NULL.
 */
struct kspan_mag *kspan_spare_take(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_spares *spares = kspan_spares_of(c, sc);

	if (c->ctx != KSPAN_CTX_TASK || !spares->nr_full)
		return NULL;
	WRITE_ONCE(spares->nr_full, spares->nr_full - 1);
	return kspan_mag_pop(&spares->full, sc);
}

/**
 * kspan_spare_take_empty - remove the empty magazines of a class
 * @c: a cache of this CPU, or of a CPU that is offline
 * @sc: span class
 *
 * Context: as for kspan_spare_take().
 * Return: the magazines, linked by their sentinels; or NULL.
 */
struct kspan_mag *kspan_spare_take_empty(struct kspan_ctx_cache *c,
					 unsigned int sc)
{
	struct kspan_spares *spares = kspan_spares_of(c, sc);
	struct kspan_mag *empty;

	if (c->ctx != KSPAN_CTX_TASK)
		return NULL;
	empty = spares->empty;
	WRITE_ONCE(spares->empty, NULL);
	return empty;
}
