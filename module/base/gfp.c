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
 * kspan_may_sleep - whether a request may call functions that sleep
 * @gfp: the caller's flags
 *
 * The flags alone do not decide.  vmalloc() must not be called in interrupt
 * context, and it treats disabled softirqs as such.  A caller that passes
 * GFP_KERNEL in such a context has a bug, which might_alloc() reports.  kspan
 * serves it as it serves an atomic caller.
 *
 * Context: Any.
 * Return: whether both the flags and the context allow sleeping.
 */
bool kspan_may_sleep(gfp_t gfp)
{
	return gfpflags_allow_blocking(gfp) && !in_interrupt() &&
	       !irqs_disabled() && !(IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
				     preempt_count());
}

/**
 * kspan_free_may_sleep - whether a free may call functions that sleep
 *
 * A free has no flags, so the context decides.  A free may sleep on a kernel that
 * counts preemption, outside of RCU read sections, and unless the task is about to
 * wait for an event.
 *
 * Context: Any.
 * Return: whether it may.
 */
bool kspan_free_may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) && preemptible() &&
	       !rcu_preempt_depth() && task_is_running(current);
}
