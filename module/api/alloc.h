/* SPDX-License-Identifier: GPL-2.0 */
/*
 * alloc.h - allocation by span class, for the callers inside kspan.
 */
#ifndef KSPAN_ALLOC_H
#define KSPAN_ALLOC_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/types.h>

/* Whether a request must give zeroed memory. */
static inline bool kspan_want_zero(gfp_t gfp)
{
	return (gfp & __GFP_ZERO) || want_init_on_alloc(gfp);
}

/* Debug kernels check the caller's context on every call, as kmalloc() does. */
static __always_inline void kspan_check_context(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
}

void kspan_alloc_init(void);
void *kspan_alloc_kind(size_t size, gfp_t gfp, int node, bool data);

#endif /* KSPAN_ALLOC_H */
