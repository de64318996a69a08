/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gfp.h - what a caller's flags and context allow, and what they request.
 */
#ifndef KSPAN_GFP_H
#define KSPAN_GFP_H

#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/types.h>

#include "base/params.h"

/*
 * Flags that kspan refuses: zones and mobility, since its memory is virtually
 * contiguous only, and __GFP_ACCOUNT, since no exported function charges an
 * object to a memory cgroup.
 */
#define KSPAN_GFP_REFUSED (__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | \
			   __GFP_MOVABLE | __GFP_ACCOUNT)

/* Flags that take a request off the fast path. */
#define KSPAN_GFP_SPECIAL (KSPAN_GFP_REFUSED | __GFP_ZERO | __GFP_THISNODE)

/*
 * A flag for use inside kspan: the caller tries something else if the request
 * fails, so the failure is neither counted nor reported.  In the kernel this bit
 * is a flag of slab caches; kspan never passes it on.
 */
#define KSPAN_GFP_TRY		__GFP_RECLAIMABLE

/* PREEMPT_RT's rules apply, or lockdep checks as if they did. */
#define KSPAN_RT_RULES	(IS_ENABLED(CONFIG_PREEMPT_RT) || \
			 IS_ENABLED(CONFIG_PROVE_RAW_LOCK_NESTING))

/*
 * Whether a request must return zeroed memory.  With init_on_free=1, free memory
 * contains zeros already, but with check=2 it contains poison.
 */
static inline bool kspan_want_zero(gfp_t gfp)
{
	return (gfp & __GFP_ZERO) || want_init_on_alloc(gfp) ||
	       (want_init_on_free() && kspan_params.check > 1);
}

/* Debug kernels check the caller's context on every call, as kmalloc() does. */
static __always_inline void kspan_check_context(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
}

/*
 * The flags for a request to the kernel on behalf of a client that passed @gfp
 * and may sleep.  A request that is allowed to fail must not start the OOM killer.
 */
static inline gfp_t kspan_gentle(gfp_t gfp)
{
	gfp_t flags = (gfp & GFP_KERNEL) | __GFP_NOWARN;

	if (gfp & __GFP_NOFAIL)
		return flags | __GFP_NOFAIL;
	return flags | (gfp & __GFP_NORETRY ? : __GFP_RETRY_MAYFAIL);
}

bool kspan_may_sleep(gfp_t gfp);
bool kspan_free_may_sleep(void);

#endif /* KSPAN_GFP_H */
