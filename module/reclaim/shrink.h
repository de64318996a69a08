/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shrink.h - returning memory when the kernel is short of it.
 */
#ifndef KSPAN_SHRINK_H
#define KSPAN_SHRINK_H

#include <linux/atomic.h>

/* Number of calls of the shrinker that asked for memory. */
extern atomic_long_t kspan_nr_shrink;

int kspan_shrink_init(void);
void kspan_shrink_exit(void);
unsigned long kspan_shrink_count(void);
unsigned long kspan_shrink(unsigned long want);

#endif /* KSPAN_SHRINK_H */
