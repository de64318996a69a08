// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller's flags and context allow.  See gfp.h.
 */
#include <linux/preempt.h>

#include "base/gfp.h"

/**
 * kspan_may_sleep - whether a request may call what sleeps, vmalloc() above all
 * @gfp: the caller's flags
 *
 * The flags alone do not tell: vmalloc() must not be called in interrupt
 * context, and it takes disabled softirqs for that.  A caller that passes
 * GFP_KERNEL in such a context has a bug, which might_alloc() reports; kspan
 * serves it as an atomic caller.
 *
 * Context: Any.
 * Return: whether flags and context both allow it.
 */
bool kspan_may_sleep(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !in_interrupt() &&
	       !irqs_disabled() && !(IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
				     preempt_count());
}
