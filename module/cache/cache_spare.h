/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache_spare.h - full magazines that a CPU keeps beside its A and F.
 *
 * An exchange at the depot takes a lock.  A CPU whose number of live objects varies
 * by a few magazines uses its spares instead, and takes no lock.
 */
#ifndef KSPAN_CACHE_SPARE_H
#define KSPAN_CACHE_SPARE_H

#include "cache/cache_tops.h"

/* Minimal and maximal number of spares of a span class, and their target in bytes. */
#define KSPAN_SPARE_MIN		1U
#define KSPAN_SPARE_MAX		8U
#define KSPAN_SPARE_BYTES	(32U << 10)

/* Number of full spare magazines of a class.  Context: Any. */
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
