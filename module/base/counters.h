/* SPDX-License-Identifier: GPL-2.0 */
/*
 * counters.h - numbers that their owner changes, or code that holds a lock, and
 * that other code reads without the lock.
 *
 * The reader uses READ_ONCE(), and treats the value as a hint or as one line of
 * the statistics.  Strict KCSAN reports any other concurrent access as a data
 * race.
 */
#ifndef KSPAN_COUNTERS_H
#define KSPAN_COUNTERS_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Change such a number.  Context: only one writer at a time. */
#define kspan_counter_add(number, by)	WRITE_ONCE(number, (number) + (by))
#define kspan_counter_sub(number, by)	WRITE_ONCE(number, (number) - (by))

/*
 * Derive two 64-bit counts from two counters that wrap at 2^32 on 32-bit
 * machines, though not at the same time.  Their difference is exact, since it
 * fits in a long.
 */
static inline void kspan_pair_counts(unsigned long begun, unsigned long ended,
				     u64 *nr_begun, u64 *nr_ended)
{
	*nr_ended = ended;
	*nr_begun = *nr_ended + (long)(begun - ended);
}

#endif /* KSPAN_COUNTERS_H */
