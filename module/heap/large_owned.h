/* SPDX-License-Identifier: GPL-2.0 */
/* large_owned.h - the large objects of clients' heaps. */
#ifndef KSPAN_LARGE_OWNED_H
#define KSPAN_LARGE_OWNED_H

#include "span/span.h"

void kspan_large_leave(struct kspan_span *span);
void kspan_large_uncount(const struct kspan_span *span);
void kspan_large_shrink_owned(struct kspan_span *span, unsigned long by);

/* Remove a span from its client's heap if it has one.  The caller owns the span. */
static inline void kspan_large_leave_heap(struct kspan_span *span)
{
	if (unlikely(span->sc))
		kspan_large_leave(span);
}

#endif /* KSPAN_LARGE_OWNED_H */
