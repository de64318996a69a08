/* SPDX-License-Identifier: GPL-2.0 */
/*
 * alloc.h - allocation by span class, for the callers inside kspan.
 */
#ifndef KSPAN_ALLOC_H
#define KSPAN_ALLOC_H

#include <linux/gfp.h>
#include <linux/types.h>

void kspan_alloc_init(void);
void *kspan_alloc_kind(size_t size, gfp_t gfp, int node, bool data);

#endif /* KSPAN_ALLOC_H */
