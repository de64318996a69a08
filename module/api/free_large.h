/* SPDX-License-Identifier: GPL-2.0 */
/* free_large.h - the end of a large object that was freed. */
#ifndef KSPAN_FREE_LARGE_H
#define KSPAN_FREE_LARGE_H

struct kspan_span;

void kspan_free_large(struct kspan_span *span);

#endif /* KSPAN_FREE_LARGE_H */
