/* SPDX-License-Identifier: GPL-2.0 */
/*
 * marked.h - numbers that one side changes, as their owner or under a lock,
 * and another reads without.
 *
 * The reader uses READ_ONCE() and takes what it gets for a hint or for one line
 * of the statistics.  KCSAN, told to be strict, holds every other access of two
 * sides for a bug.
 */
#ifndef KSPAN_MARKED_H
#define KSPAN_MARKED_H

#include <linux/compiler.h>

/* Change such a number.  Context: that of its one writer at a time. */
#define kspan_add_once(number, by)	WRITE_ONCE(number, (number) + (by))
#define kspan_sub_once(number, by)	WRITE_ONCE(number, (number) - (by))

#endif /* KSPAN_MARKED_H */
