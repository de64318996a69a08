/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache_spare.h - full magazines that a CPU keeps beside its A and F.
 *
 * Between them and the depot stands a lock.  A CPU whose objects in use swing
 * by a few magazines lives on its spares and takes none.
 */
#ifndef KSPAN_CACHE_SPARE_H
#define KSPAN_CACHE_SPARE_H

#include "cache/cache_tops.h"

/* Fewest and most spares of a span class, and bytes of objects in between. */
#define KSPAN_SPARE_MIN		1U
#define KSPAN_SPARE_MAX		8U
#define KSPAN_SPARE_BYTES	(32U << 10)

/* Full magazines kept for a class.  Context: Any. */
static inline unsigned int kspan_spare_count(const struct kspan_ctx_cache *c,
					     unsigned int sc)
{
	return c->ctx == KSPAN_CTX_TASK ? READ_ONCE(kspan_spares_of(c, sc)->nr_full) :
					  0;
}

struct kspan_mag *kspan_spare_get(struct kspan_ctx_cache *c, unsigned int sc,
				  struct kspan_mag **empty);
bool kspan_spare_put(struct kspan_ctx_cache *c, unsigned int sc,
		     struct kspan_mag *mag, struct kspan_mag **empty);
struct kspan_mag *kspan_spare_take(struct kspan_ctx_cache *c, unsigned int sc);
struct kspan_mag *kspan_spare_take_empty(struct kspan_ctx_cache *c,
					 unsigned int sc);
u8 kspan_spare_limit(const struct kspan_class *info);
void kspan_spare_init(void);

#endif /* KSPAN_CACHE_SPARE_H */
