/* SPDX-License-Identifier: GPL-2.0 */
/*
 * depot.h - magazines, and the depots where CPUs trade full ones.
 *
 * A magazine is an array of slots that is only ever filled or only ever
 * drained.  It is aligned to its own size, and its objects stand at the end:
 * a class that holds cap objects uses slots 64 - cap … 63.  So a full one is
 * known by the address behind its last object, which is aligned, and an empty
 * one by the slot below its first object, whose state byte is NONE.
 *
 *	slot   0 …           63-cap      64-cap  …           63
 *	      (unused)       sentinel    first object        last object
 *	                     {link,NONE}
 *
 * The sentinel's pointer is never handed out and links the magazine while it
 * lies in a depot.
 */
#ifndef KSPAN_DEPOT_H
#define KSPAN_DEPOT_H

#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "central/central.h"

#define KSPAN_MAG_SLOTS	64U
#define KSPAN_MAG_BYTES	(KSPAN_MAG_SLOTS * sizeof(struct kspan_slot))
#define KSPAN_MAG_MASK	(KSPAN_MAG_BYTES - 1)

/*
 * Allocations of magazines do not wake kswapd.  The caller of a free may hold a lock
 * of the scheduler, which the wake-up would take.
 */
#define KSPAN_MAG_GFP	__GFP_NOMEMALLOC

struct kspan_mag {
	struct kspan_slot slot[KSPAN_MAG_SLOTS];
};

/**
 * struct kspan_depot - magazines of one span class on one node
 * @lock: guards all below; any context but NMI; takes no other lock
 * @full: the full ones, linked by their sentinels
 * @empty: a few empty ones, likewise: who leaves the one takes the other
 * @nr_full: how many
 * @nr_empty: how many
 * @nr_low: fewest full ones since the scavenger last looked: these have idled
 * @nr_swap: magazines that came or went, ever
 * @limit: most full ones; set once
 */
struct kspan_depot {
	raw_spinlock_t lock;
	struct kspan_mag *full;
	struct kspan_mag *empty;
	unsigned int nr_full;
	unsigned int nr_empty;
	unsigned int nr_low;
	unsigned int limit;
	unsigned long nr_swap;
} ____cacheline_aligned_in_smp;

/* What a dynamic span class has on one node. */
struct kspan_sc_home {
	struct kspan_central central;
	struct kspan_depot depot;
};

/* The state byte of all sentinels. */
extern u8 kspan_none_state;
/* A magazine that is empty and full: what a cache without memory has. */
extern struct kspan_mag kspan_no_mag;

/* Index of the first object's slot in a magazine of @cap objects. */
static inline unsigned int kspan_mag_first(unsigned int cap)
{
	return KSPAN_MAG_SLOTS - cap;
}

/* The slot below a magazine's first object. */
static inline struct kspan_slot *kspan_mag_sentinel(struct kspan_mag *mag,
						    unsigned int sc)
{
	return &mag->slot[kspan_mag_first(kspan_sc_info(sc)->mag_cap) - 1];
}

/* Have allocs find the end of a magazine where it is. */
static inline void kspan_mag_close(struct kspan_mag *mag, unsigned int sc)
{
	kspan_mag_sentinel(mag, sc)->ptr = NULL;
	kspan_mag_sentinel(mag, sc)->state = &kspan_none_state;
}

/* Magazines linked by their sentinels. */
static inline void kspan_mag_push(struct kspan_mag **list,
				  struct kspan_mag *mag, unsigned int sc)
{
	kspan_mag_sentinel(mag, sc)->ptr = *list;
	/* Whether there is one is looked at without a lock. */
	WRITE_ONCE(*list, mag);
}

static inline struct kspan_mag *kspan_mag_pop(struct kspan_mag **list,
					      unsigned int sc)
{
	struct kspan_mag *mag = *list;

	if (mag)
		WRITE_ONCE(*list, kspan_mag_sentinel(mag, sc)->ptr);
	return mag;
}

int kspan_sc_init_homes(struct kspan_span_class *class);
void kspan_sc_free_homes(struct kspan_span_class *class);
int kspan_depot_init(void);
void kspan_depot_exit(void);
struct kspan_mag *kspan_mag_alloc(unsigned int sc, gfp_t gfp);
void kspan_mag_free(struct kspan_mag *mag);
struct kspan_mag *kspan_depot_get(int node, unsigned int sc,
				  struct kspan_mag *empty);
bool kspan_depot_put(int node, unsigned int sc, struct kspan_mag *mag,
		     struct kspan_mag **empty);
void kspan_depot_drain(int node, unsigned int sc, bool all);
unsigned long kspan_depot_swaps(void);
unsigned int kspan_depot_count(int node, unsigned int sc);
const char *kspan_depot_check(int node, unsigned int sc);

#endif /* KSPAN_DEPOT_H */
