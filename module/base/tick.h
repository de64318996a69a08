/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tick.h - waking the scavenger's tick, which sleeps while nothing can idle.
 */
#ifndef KSPAN_TICK_H
#define KSPAN_TICK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

/* Whether a tick is to come.  Written by the scavenger. */
extern bool kspan_tick_runs;
/* Starts the tick; any context but NMI.  Set once, at load. */
extern void (*kspan_tick_wake)(void);

/**
 * kspan_tick_watch - see to it that the scavenger looks at what was just done
 *
 * For slow paths, after a cache took a magazine, the heap grew, or memory
 * became idle.
 *
 * Context: Any but NMI.
 */
static inline void kspan_tick_watch(void)
{
	/* After the change; pairs with the one before the scavenger's last look. */
	smp_mb();
	if (unlikely(!READ_ONCE(kspan_tick_runs)))
		kspan_tick_wake();
}

#endif /* KSPAN_TICK_H */
