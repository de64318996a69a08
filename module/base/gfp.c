// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller's flags and context allow.  See gfp.h.
 */
#include <linux/kconfig.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

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

/**
 * kspan_free_may_sleep - whether a free may call what sleeps
 *
 * A free has no flags that say so, so it may where nothing forbids it: where the
 * kernel counts what turns preemption off, outside of RCU read sections, and
 * not in a task that is about to wait for something.
 *
 * Context: Any.
 * Return: whether it may.
 */
bool kspan_free_may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) && preemptible() &&
	       !rcu_preempt_depth() && task_is_running(current);
}
