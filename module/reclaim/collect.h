/* SPDX-License-Identifier: GPL-2.0 */
/*
 * collect.h - collecting all idle memory for a request that would fail, unless
 * kspan knows that there is none.
 */
#ifndef KSPAN_COLLECT_H
#define KSPAN_COLLECT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "base/tick.h"

/* Number of calls of kspan_collect(). */
extern atomic_long_t kspan_nr_collect;

bool kspan_may_collect(void);
void kspan_collect(void);

/*
 * Make the next request that would fail collect.  Each tick of the scavenger calls
 * this, since it changes how much the page heaps keep.  Context: Any.
 */
static inline void kspan_collect_again(void)
{
	WRITE_ONCE(kspan_idle_state, KSPAN_IDLE_UNKNOWN);
}

#endif /* KSPAN_COLLECT_H */
