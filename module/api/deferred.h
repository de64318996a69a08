/* SPDX-License-Identifier: GPL-2.0 */
/*
 * deferred.h - objects freed in NMI, on their way back.
 */
#ifndef KSPAN_DEFERRED_H
#define KSPAN_DEFERRED_H

#include "span/span.h"

void kspan_defer(void *mem);
void kspan_defer_large(struct kspan_span *span);
void kspan_deferred_flush(void);
void kspan_deferred_exit(void);

#endif /* KSPAN_DEFERRED_H */
