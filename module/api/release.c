// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_release(): idle memory goes back to the kernel at the user's word.
 */
#include <linux/export.h>
#include <linux/kspan.h>

#include "api/deferred.h"
#include "reclaim/scavenge.h"

/**
 * kspan_release - give all idle memory back to the kernel
 *
 * Waits for objects that were freed after a grace period or in NMI context,
 * empties the caches of all CPUs, and returns every chunk and region without live
 * objects.  A CPU that does not answer within a second, because a real-time task
 * keeps it busy, is left out.  The reserve stays.  If the caller is a worker or
 * reclaims memory, a worker refills the reserve a moment later.
 *
 * Context: Process context that may sleep.  A worker that reclaim depends on, a
 * shrinker and a hotplug callback may call it, too.
 * Return: bytes given back.
 */
size_t kspan_release(void)
{
	kspan_rcu_barrier();
	kspan_deferred_flush();
	return kspan_scavenge_all();
}
EXPORT_SYMBOL_GPL(kspan_release);
