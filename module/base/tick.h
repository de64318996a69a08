/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tick.h - how slow paths tell the scavenger that memory has become idle.  Its
 * tick must run then, and collecting may find memory again.
 */
#ifndef KSPAN_TICK_H
#define KSPAN_TICK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

/* Whether a tick is scheduled.  The scavenger writes it. */
extern bool kspan_tick_runs;
/* Starts the tick; any context but NMI.  Set once, at load. */
extern void (*kspan_tick_wake)(void);

/* What is known about idle memory.  Other values identify a task that collects it. */
#define KSPAN_IDLE_UNKNOWN	0UL
#define KSPAN_IDLE_NONE		1UL

/* kspan_collect() and kspan_tick_watch() change it, without a lock. */
extern unsigned long kspan_idle_state;

/**
 * kspan_tick_keep - make sure that the tick runs
 *
 * For slow paths that leave memory which only the scavenger can return.
 *
 * Context: Any but NMI.
 */
static inline void kspan_tick_keep(void)
{
	/* Pairs with the barrier before the scavenger's last check. */
	smp_mb();
	if (unlikely(!READ_ONCE(kspan_tick_runs)))
		kspan_tick_wake();
}

/**
 * kspan_tick_watch - make sure that the scavenger notices a change
 *
 * For slow paths, after a cache took a magazine, the heap grew, or memory
 * became idle.
 *
 * Context: Any but NMI.
 */
static inline void kspan_tick_watch(void)
{
	/*
	 * Pairs with the barrier before the scavenger's last check, and with the
	 * one in kspan_collect().
	 */
	smp_mb();
	if (unlikely(READ_ONCE(kspan_idle_state) != KSPAN_IDLE_UNKNOWN))
		WRITE_ONCE(kspan_idle_state, KSPAN_IDLE_UNKNOWN);
	if (unlikely(!READ_ONCE(kspan_tick_runs)))
		kspan_tick_wake();
}

#endif /* KSPAN_TICK_H */
