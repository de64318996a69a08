/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - reports of bad frees, damage, corruption and failures.
 */
#ifndef KSPAN_REPORT_H
#define KSPAN_REPORT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include "span/span.h"

enum kspan_fault {
	KSPAN_FAULT_NONE,
	KSPAN_FAULT_DOUBLE,	/* the object is free already */
	KSPAN_FAULT_WILD,	/* not memory of kspan */
	KSPAN_FAULT_INTERIOR,	/* not the first byte of an object */
	KSPAN_FAULT_SIZE,	/* freed with a size of another class */
	KSPAN_FAULT_CACHE,	/* an object of another cache, or of none */
	KSPAN_NR_FAULTS,
};

extern atomic_long_t kspan_nr_bad_free;
extern atomic_long_t kspan_nr_double_free;
/* Copies to and from user space that were refused. */
extern atomic_long_t kspan_nr_bad_copy;
/* Objects that check=2 found damaged, and guard objects. */
extern atomic_long_t kspan_nr_overrun;
extern atomic_long_t kspan_nr_use_after_free;
/* Objects that were freed while they were in a list. */
extern atomic_long_t kspan_nr_linked_free;
/* Structures that failed a self-check and were quarantined. */
extern atomic_long_t kspan_nr_corrupt;
/* Failed allocations by cause. */
extern atomic_long_t kspan_nr_atomic_fail;
extern atomic_long_t kspan_nr_oom_fail;
extern atomic_long_t kspan_nr_limit_fail;

/*
 * Classify an address that leads to the span of a large object but is not the first
 * byte of the object.  A region may have bytes in front of and behind its object,
 * and a guard page in the same heap page.
 */
static inline enum kspan_fault kspan_not_first(const struct kspan_span *span,
					       const void *ptr)
{
	return kspan_span_has(span, (unsigned long)ptr) ? KSPAN_FAULT_INTERIOR :
							  KSPAN_FAULT_WILD;
}

void kspan_report_free(const void *ptr, const struct kspan_span *span,
		       enum kspan_fault fault, size_t size);
void kspan_report_copy(const void *ptr, const size_t *size, size_t offset,
		       size_t n, bool to_user);
void kspan_report_overrun(const void *ptr, const struct kspan_span *span,
			  size_t asked, const u8 *bad, u8 want);
void kspan_report_use_after_free(const void *ptr, const struct kspan_span *span,
				 const u8 *bad, u8 want);
void kspan_report_guard(const struct kspan_span *span, const u8 *bad, u8 want,
			bool freed);
void kspan_report_corrupt(const char *what, unsigned int sc);
void kspan_report_linked(const void *ptr, const struct kspan_span *span,
			 unsigned long at);
void kspan_report_fail(size_t size, gfp_t gfp, int err);
void kspan_report_align(size_t size, size_t align, gfp_t gfp);
bool kspan_gfp_ok(gfp_t gfp);

#endif /* KSPAN_REPORT_H */
