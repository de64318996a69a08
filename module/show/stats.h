/* SPDX-License-Identifier: GPL-2.0 */
/* stats.h - statistics, summed up from the parts of the allocator. */
#ifndef KSPAN_STATS_H
#define KSPAN_STATS_H

#include <linux/types.h>

/**
 * struct kspan_class_stats - statistics of a size class, all kinds together
 * @nmalloc: number of objects allocated since load, including tiny blocks
 * @nfree: number of objects freed since load
 * @nr_spans: number of spans
 * @nr_partial: number of spans with free objects
 */
struct kspan_class_stats {
	u64 nmalloc;
	u64 nfree;
	u64 nr_spans;
	u64 nr_partial;
};

/* Class 0 stands for all named caches, including destroyed ones. */
void kspan_read_class(unsigned int class, struct kspan_class_stats *out);
void kspan_read_sc(unsigned int sc, struct kspan_class_stats *out);

#endif /* KSPAN_STATS_H */
