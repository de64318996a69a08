/* SPDX-License-Identifier: GPL-2.0 */
/* linked.h - check=2: objects that are freed while they are still in a list. */
#ifndef KSPAN_LINKED_H
#define KSPAN_LINKED_H

struct kspan_span;

void kspan_linked_check(const struct kspan_span *span, const void *ptr);

#endif /* KSPAN_LINKED_H */
