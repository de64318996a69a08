/* SPDX-License-Identifier: GPL-2.0 */
/*
 * region.h - regions: vmalloc() memory of one large object each.
 */
#ifndef KSPAN_REGION_H
#define KSPAN_REGION_H

#include "heap/request.h"
#include "span/span.h"

struct kspan_span *kspan_region_get(unsigned long pages, struct kspan_request *req);
void kspan_region_put(struct kspan_span *span);

#endif /* KSPAN_REGION_H */
