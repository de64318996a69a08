/* SPDX-License-Identifier: GPL-2.0 */
/*
 * region.h - regions: vmalloc() memory of one large object each.
 */
#ifndef KSPAN_REGION_H
#define KSPAN_REGION_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "span/span.h"

struct kspan_span *kspan_region_get(unsigned long pages, size_t align,
				    gfp_t gfp, int node, int *err);
void kspan_region_put(struct kspan_span *span);

#endif /* KSPAN_REGION_H */
