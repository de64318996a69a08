/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.h - the numbers, added up from where they are kept.
 */
#ifndef KSPAN_STATS_H
#define KSPAN_STATS_H

#include <linux/types.h>

/**
 * struct kspan_class_stats - the numbers of a size class, all kinds together
 * @nmalloc: objects ever allocated; tiny blocks count as objects
 * @nfree: objects ever freed
 * @nr_spans: spans
 * @nr_partial: spans with free objects in them
 */
struct kspan_class_stats {
	u64 nmalloc;
	u64 nfree;
	u64 nr_spans;
	u64 nr_partial;
};

/* Of a named cache; those that have ended count in kspan_sc_gone. */
void kspan_read_class(unsigned int class, struct kspan_class_stats *out);
void kspan_read_sc(unsigned int sc, struct kspan_class_stats *out);

#endif /* KSPAN_STATS_H */
