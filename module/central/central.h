/* SPDX-License-Identifier: GPL-2.0 */
/*
 * central.h - the central lists: the spans of each span class and node, from
 * which magazines are filled and to which they are flushed.
 */
#ifndef KSPAN_CENTRAL_H
#define KSPAN_CENTRAL_H

#include <linux/cache.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "span/span.h"

/*
 * Partial spans are listed by how full they are; bucket 0 has the fullest
 * quarter.  Spans without allocated objects have a bucket of their own.
 */
#define KSPAN_CENTRAL_QUARTERS	4
#define KSPAN_CENTRAL_EMPTY	KSPAN_CENTRAL_QUARTERS
#define KSPAN_CENTRAL_BUCKETS	(KSPAN_CENTRAL_QUARTERS + 1)

/**
 * struct kspan_slot - a free object in a magazine
 * @ptr: the object
 * @state: its state byte, stored here so that an allocation need not look it up
 */
struct kspan_slot {
	void *ptr;
	u8 *state;
};

/**
 * struct kspan_central - the spans of one span class on one node
 * @lock: protects the fields below, and nr_free, bucket, list and bitmap of the
 *	spans; taken in any context but NMI
 * @partial: spans with free objects, by bucket
 * @nr_spans: number of all spans, including full ones
 * @nr_partial: number of spans in @partial
 * @nr_empty: number of spans in @partial without allocated objects
 * @nr_free: number of free objects in the spans
 * @reserve: number of free objects that are only for allocations that would
 *	fail otherwise
 * @nr_twice: number of objects returned although they were free, since load
 */
struct kspan_central {
	raw_spinlock_t lock;
	struct list_head partial[KSPAN_CENTRAL_BUCKETS];
	unsigned long nr_spans;
	unsigned long nr_partial;
	unsigned long nr_empty;
	unsigned long nr_free;
	unsigned long reserve;
	unsigned long nr_twice;
} ____cacheline_aligned_in_smp;

/*
 * How many magazines were filled from spans, and flushed to spans, since load.
 */
extern atomic_long_t kspan_nr_refill;
extern atomic_long_t kspan_nr_flush;

/* Whether there is a free object that is not in reserve.  Context: Any. */
static inline bool kspan_central_has_free(const struct kspan_central *central)
{
	return READ_ONCE(central->nr_free) > READ_ONCE(central->reserve);
}

void kspan_central_setup(struct kspan_central *central);
int kspan_central_init(void);
void kspan_central_exit(void);
struct kspan_central *kspan_central_of(int node, unsigned int sc);

unsigned int kspan_central_fill(int node, unsigned int sc,
				struct kspan_slot *slots, unsigned int want);
unsigned int kspan_central_fill_reserved(int node, unsigned int sc,
					 struct kspan_slot *slot);
void kspan_central_set_reserve(int node, unsigned int sc, unsigned long nr);
void kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
			 unsigned int nr);
int kspan_central_grow(int node, unsigned int sc, gfp_t gfp, bool use_reserve,
		       bool *low);
void kspan_central_attach(struct kspan_central *central, struct kspan_span *span);
void kspan_central_count_empty_locked(struct kspan_central *central,
				      const struct kspan_span *span, long by);
bool kspan_central_keeps_empty_locked(const struct kspan_central *central,
				      const struct kspan_span *span);
void kspan_central_detach_locked(struct kspan_central *central,
				 struct kspan_span *span, struct list_head *to);
void kspan_central_drop_all(struct list_head *empty);
unsigned int kspan_central_drain_some(int node, unsigned int sc,
				      unsigned int most);
void kspan_central_drain(int node, unsigned int sc);
unsigned long kspan_central_take_back(int node, unsigned long nr_pages,
				      unsigned int max_spans);
void kspan_central_place_locked(struct kspan_central *central,
				struct kspan_span *span);
void kspan_central_quarantine_locked(struct kspan_central *central,
				     struct kspan_span *span);
void kspan_central_quarantine_object_locked(struct kspan_central *central,
					    struct kspan_span *span, unsigned int i);
void kspan_central_drop(struct kspan_span *span);
void kspan_central_hold(struct kspan_span *span);
void kspan_central_drop_held(void);
const char *kspan_central_check(struct kspan_central *central);
const char *kspan_central_check_span(const struct kspan_central *central,
				     const struct kspan_span *span);
unsigned int kspan_central_sweep(struct kspan_central *central,
				 struct kspan_span *span);

#endif /* KSPAN_CENTRAL_H */
