/* SPDX-License-Identifier: GPL-2.0 */
/*
 * collect.h - collecting all idle memory for requests that would fail, unless it
 * is known that there is none.
 */
#ifndef KSPAN_COLLECT_H
#define KSPAN_COLLECT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "base/tick.h"

/* Calls of kspan_collect(), ever. */
extern atomic_long_t kspan_nr_collect;

bool kspan_may_collect(void);
void kspan_collect(void);

/*
 * Let the next request that would fail collect.  The scavenger does so once a
 * tick, since what the page heaps keep changes with each.  Context: Any.
 */
static inline void kspan_collect_again(void)
{
	WRITE_ONCE(kspan_idle_state, KSPAN_IDLE_UNKNOWN);
}

#endif /* KSPAN_COLLECT_H */
