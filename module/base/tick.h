/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tick.h - what slow paths tell the scavenger when they make memory idle: its tick
 * must not sleep, and collecting may find something again.
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

/* What is known about idle memory; other values name who is collecting it. */
#define KSPAN_IDLE_UNKNOWN	0UL
#define KSPAN_IDLE_NONE		1UL

/* Changed by who collects idle memory and by kspan_tick_watch(), without a lock. */
extern unsigned long kspan_idle_state;

/**
 * kspan_tick_keep - see to it that the tick runs
 *
 * For slow paths, after what the scavenger can give back, but nobody else.
 *
 * Context: Any but NMI.
 */
static inline void kspan_tick_keep(void)
{
	/* After the change; pairs with the one before the scavenger's last look. */
	smp_mb();
	if (unlikely(!READ_ONCE(kspan_tick_runs)))
		kspan_tick_wake();
}

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
	/*
	 * After the change; pairs with the one before the scavenger's last look,
	 * and with the one in kspan_collect().
	 */
	smp_mb();
	if (unlikely(READ_ONCE(kspan_idle_state) != KSPAN_IDLE_UNKNOWN))
		WRITE_ONCE(kspan_idle_state, KSPAN_IDLE_UNKNOWN);
	if (unlikely(!READ_ONCE(kspan_tick_runs)))
		kspan_tick_wake();
}

#endif /* KSPAN_TICK_H */
