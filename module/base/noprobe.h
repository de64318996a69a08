/* SPDX-License-Identifier: GPL-2.0 */
/*
 * noprobe.h - functions in which no probe may use kspan.
 *
 * The handler of a probe in a function that runs while a lock of kspan's is held
 * would wait for the lock for ever.  One in a function that runs in the middle of
 * a change to the magazines of a cache would find two magazines with the same
 * objects.  The kernel refuses kprobes in functions that are marked, and ftrace
 * does not know them.
 */
#ifndef KSPAN_NOPROBE_H
#define KSPAN_NOPROBE_H

#include <linux/compiler.h>
#include <linux/kprobes.h>

#define __kspan_noprobe	notrace __kprobes

#endif /* KSPAN_NOPROBE_H */
