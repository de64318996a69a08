/* SPDX-License-Identifier: GPL-2.0 */
/* lookup.h - the look-up of objects by address. */
#ifndef KSPAN_LOOKUP_H
#define KSPAN_LOOKUP_H

#include <linux/percpu.h>
#include <linux/types.h>

#include "span/report.h"
#include "span/span.h"

/**
 * struct kspan_object - a live object
 * @span: its span
 * @state: its state byte; NULL for large, tiny and guard objects
 * @size: usable bytes
 */
struct kspan_object {
	struct kspan_span *span;
	u8 *state;
	size_t size;
};

/*
 * Number of look-ups since load.  Each CPU changes its own count by a plain
 * addition.  Where that takes several instructions, an interrupt in between may
 * lose a count, which is harmless: no other number depends on it.
 */
DECLARE_PER_CPU(unsigned long, kspan_nr_lookup);

static __always_inline void kspan_lookup_counted(void)
{
	raw_cpu_inc(kspan_nr_lookup);
}

enum kspan_fault kspan_lookup(const void *ptr, struct kspan_object *object);
bool kspan_lookup_silent(const void *ptr, struct kspan_object *object);
bool kspan_lookup_live(const void *ptr, struct kspan_object *object);
bool kspan_lookup_around(const void *ptr, struct kspan_object *object,
			 const void **first);
unsigned long kspan_lookup_count(void);
bool kspan_size_fits(const struct kspan_object *object, size_t size);

#endif /* KSPAN_LOOKUP_H */
