// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the variables that all parts of the cache share.  They are
 * allocated and freed in cache_memory.c.
 */
#include <linux/percpu.h>

#include "cache/cache.h"
#include "cache/cache_tops.h"

DEFINE_PER_CPU(struct kspan_slot *, kspan_tops[KSPAN_NR_TOPS]);
struct kspan_slot * __percpu *kspan_irq_tops;
unsigned long __percpu *kspan_task_counts;
struct kspan_cache_cpu __percpu *kspan_cache_cpus;
