/* SPDX-License-Identifier: GPL-2.0 */
/* deferred.h - objects freed in NMI that are not free yet. */
#ifndef KSPAN_DEFERRED_H
#define KSPAN_DEFERRED_H

#include <linux/atomic.h>

#include "span/span.h"

/*
 * Bytes of freed large objects that a worker still has to fill.  Changed in any
 * context, without a lock.
 */
extern atomic_long_t kspan_deferred_bytes;

void kspan_defer(void *mem);
void kspan_defer_large(struct kspan_span *span);
void kspan_deferred_free_large(void);
void kspan_deferred_flush(void);
void kspan_deferred_exit(void);

#endif /* KSPAN_DEFERRED_H */
