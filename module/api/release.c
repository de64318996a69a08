// SPDX-License-Identifier: GPL-2.0
/* kspan_release() returns idle memory to the kernel on request. */
#include <linux/export.h>
#include <linux/kspan.h>

#include "api/deferred.h"
#include "reclaim/scavenge.h"

/**
 * kspan_release - return all idle memory to the kernel
 *
 * This waits for objects that were freed after a grace period or in NMI
 * context, drains the caches and stashes of all CPUs, and returns every chunk and
 * region without live objects.  A CPU that does not answer within a second, because a
 * real-time task keeps it busy, is skipped.  The reserve stays.  If the caller
 * is a worker or reclaims memory, a worker refills the reserve a moment later.
 *
 * Context: Process context that may sleep, including a worker that reclaim
 * depends on, a shrinker and a hotplug callback.
 * Return: bytes returned.
 */
size_t kspan_release(void)
{
	kspan_rcu_barrier();
	kspan_deferred_flush();
	return kspan_scavenge_all();
}
EXPORT_SYMBOL_GPL(kspan_release);
