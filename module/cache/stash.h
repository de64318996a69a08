/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stash.h - free objects of each CPU for allocations in NMI.
 *
 * An NMI may have interrupted any code, so it can use neither a magazine nor a
 * lock.  It takes objects from the stash of its CPU.  Each of them is one word,
 * which is changed by exchange.  Other contexts fill and empty the stash.
 *
 * There is no stash before the first allocation in NMI.
 */
#ifndef KSPAN_STASH_H
#define KSPAN_STASH_H

#include <linux/types.h>

#include "base/sizeclass.h"

/* Size in bytes of the largest objects in a stash. */
#define KSPAN_STASH_MAX		4096U
/* Objects of a span class in the stash of a CPU. */
#define KSPAN_STASH_OBJS	4U

/* Loop over the span classes for which the stashes are filled. */
#define for_each_kspan_stash_sc(sc) \
	for ((sc) = kspan_stash_next(1); (sc) < KSPAN_NR_SC; \
	     (sc) = kspan_stash_next((sc) + 1))

int kspan_stash_begin(void);
void kspan_stash_exit(void);
void *kspan_stash_take(unsigned int sc, u8 *was);
bool kspan_stash_fill(unsigned int cpu, unsigned int sc);
unsigned int kspan_stash_next(unsigned int sc);
void kspan_stash_drain(unsigned int cpu);
bool kspan_stash_is_idle(void);
void kspan_stash_release(void);
void kspan_stash_age(void);
unsigned long kspan_stash_given(unsigned int sc);

#endif /* KSPAN_STASH_H */
