/* SPDX-License-Identifier: GPL-2.0 */
/*
 * drain.h - the end of a span class's idle memory.
 */
#ifndef KSPAN_DRAIN_H
#define KSPAN_DRAIN_H

#include <linux/types.h>

bool kspan_drain_sc(unsigned int sc);

#endif /* KSPAN_DRAIN_H */
