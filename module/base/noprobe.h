/* SPDX-License-Identifier: GPL-2.0 */
/*
 * noprobe.h - functions in which no probe may use kspan.
 *
 * A probe in a function that runs while a kspan lock is held would wait for
 * that lock for ever if its handler used kspan.  A probe in the middle of a
 * change to the magazines of a cache would find two magazines with the same
 * objects.  The kernel refuses kprobes in functions with this mark, and ftrace
 * does not list them.
 */
#ifndef KSPAN_NOPROBE_H
#define KSPAN_NOPROBE_H

#include <linux/compiler.h>
#include <linux/kprobes.h>

#define __kspan_noprobe	notrace __kprobes

#endif /* KSPAN_NOPROBE_H */
