/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scavenge.h - the background worker, which refills the reserve and returns idle
 * memory to the kernel.
 */
#ifndef KSPAN_SCAVENGE_H
#define KSPAN_SCAVENGE_H

#include <linux/atomic.h>

/* Ticks of the scavenger and full releases, ever. */
extern atomic_long_t kspan_nr_scavenge;

int kspan_scavenge_init(void);
void kspan_scavenge_exit(void);
void kspan_drain_caches(unsigned long wait);
unsigned long kspan_reclaim(unsigned long wait);
unsigned long kspan_scavenge_all(void);
void kspan_scavenge_settle(void);
void kspan_scavenge_start(void);
void kspan_scavenge_stop(void);
void kspan_drain_shared(void);

#endif /* KSPAN_SCAVENGE_H */
