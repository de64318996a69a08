/* SPDX-License-Identifier: GPL-2.0 */
/*
 * drain.h - draining span classes on all CPUs and nodes.
 */
#ifndef KSPAN_DRAIN_H
#define KSPAN_DRAIN_H

#include <linux/types.h>

struct kspan_span_class;

bool kspan_drain_some(const struct kspan_span_class *class, unsigned int nr);
void kspan_drain_at_hand(const struct kspan_span_class *class, unsigned int nr,
			 unsigned long wait);
bool kspan_drain_classes(const struct kspan_span_class *class, unsigned int nr);

#endif /* KSPAN_DRAIN_H */
