/* SPDX-License-Identifier: GPL-2.0 */
/*
 * marked.h - numbers that one side changes, as their owner or under a lock,
 * and another reads without.
 *
 * The reader uses READ_ONCE() and takes what it gets for a hint or for one line
 * of the statistics.  KCSAN, told to be strict, holds every other access of two
 * sides for a bug.
 */
#ifndef KSPAN_COUNTERS_H
#define KSPAN_COUNTERS_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Change such a number.  Context: that of its one writer at a time. */
#define kspan_counter_add(number, by)	WRITE_ONCE(number, (number) + (by))
#define kspan_counter_sub(number, by)	WRITE_ONCE(number, (number) - (by))

/*
 * What was begun and what has ended, from counters that may have begun anew at
 * 2^32, each at another time: the difference is right, as it fits a long.
 */
static inline void kspan_pair_counts(unsigned long begun, unsigned long ended,
				     u64 *nr_begun, u64 *nr_ended)
{
	*nr_ended = ended;
	*nr_begun = *nr_ended + (long)(begun - ended);
}

#endif /* KSPAN_COUNTERS_H */
