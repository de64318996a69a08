/* SPDX-License-Identifier: GPL-2.0 */
/*
 * depot.h - magazines, and the depots where CPUs exchange them.
 *
 * A magazine is an array of slots.  A cache only fills it or only drains it.  A
 * magazine is aligned to its own size, and its objects stand at its end: a
 * class whose magazines hold cap objects uses slots 64 - cap … 63.  A magazine
 * is therefore full when the address of the next free slot is aligned.  It is
 * empty when the top is the slot below its first object, whose state byte is
 * NONE.
 *
 *	slot   0 …           63-cap      64-cap  …           63
 *	      (unused)       sentinel    first object        last object
 *	                     {link,NONE}
 *
 * The pointer of the sentinel is never returned to a caller.  While the
 * magazine is in a depot, this pointer links it to the next one.
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
 * @lock: protects the fields below; taken in any context but NMI; a leaf lock
 * @full: full magazines, linked by their sentinels
 * @empty: a few empty magazines, linked the same way; a CPU that leaves a full
 *	magazine takes one of them
 * @nr_full: number of magazines in @full
 * @nr_empty: number of magazines in @empty
 * @nr_low: minimum of @nr_full since the last run of the scavenger: that many
 *	magazines were unused
 * @nr_swap: number of magazines added or removed since load
 * @limit: maximum of @nr_full; set once
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

/* The central list and the depot of a dynamic span class on one node. */
struct kspan_sc_home {
	struct kspan_central central;
	struct kspan_depot depot;
};

/* The state byte of all sentinels. */
extern u8 kspan_none_state;
/* Both an empty and a full magazine, for a cache that has no magazines. */
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

/*
 * Put the sentinel in place, which marks the end of the magazine for
 * allocations.
 */
static inline void kspan_mag_close(struct kspan_mag *mag, unsigned int sc)
{
	kspan_mag_sentinel(mag, sc)->ptr = NULL;
	kspan_mag_sentinel(mag, sc)->state = &kspan_none_state;
}

/* Lists of magazines, linked by their sentinels. */
static inline void kspan_mag_push(struct kspan_mag **list,
				  struct kspan_mag *mag, unsigned int sc)
{
	kspan_mag_sentinel(mag, sc)->ptr = *list;
	/* kspan_depot_get() reads this without the lock. */
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
