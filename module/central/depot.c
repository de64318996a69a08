// SPDX-License-Identifier: GPL-2.0
/*
 * Depots: a stack of full magazines for each node and span class.
 *
 * A CPU that mostly allocates and a CPU that mostly frees exchange objects
 * here, a magazine at a time, each under one short lock.  A depot does not hold
 * more than it needs: magazines above its limit are flushed to the spans at
 * once, and magazines that stayed unused between two runs of the scavenger are
 * flushed by the second run.
 */
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/preempt.h>

#include "base/counters.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "base/pool.h"
#include "base/tick.h"
#include "central/depot.h"
#include "span/arena.h"

/*
 * Maximum bytes of objects in a depot, and the bounds of its limit in
 * magazines.
 */
#define DEPOT_BYTES	(256U << 10)
#define DEPOT_MIN	4U
#define DEPOT_MAX	64U
/* Maximum number of empty magazines in a depot. */
#define EMPTY_MAX	2U

u8 kspan_none_state = KSPAN_OBJ_NONE;
struct kspan_mag kspan_no_mag __aligned(KSPAN_MAG_BYTES);

static struct kspan_pool mag_pool;

/* Depots by node, one for each span class. */
static struct kspan_depot *depots[MAX_NUMNODES];

static struct kspan_depot *depot_of(int node, unsigned int sc)
{
	struct kspan_depot *row = node >= 0 ? depots[node] : NULL;

	if (unlikely(!kspan_sc_is_static(sc)))
		return &kspan_sc_find(sc)->homes[row ? node : kspan_first_node]->depot;
	return row ? &row[sc] : &depots[kspan_first_node][sc];
}

static void init_depot(struct kspan_depot *depot, const struct kspan_class *info)
{
	raw_spin_lock_init(&depot->lock);
	/* Class 0 has no objects. */
	if (info->size)
		depot->limit = clamp(DEPOT_BYTES / (info->size * info->mag_cap),
				     DEPOT_MIN, DEPOT_MAX);
}

#define HOMES_BYTES	(nr_node_ids * sizeof(struct kspan_sc_home *))

/* Context: Process; the class has been withdrawn or was never published. */
void kspan_sc_free_homes(struct kspan_span_class *class)
{
	int node;

	if (!class->homes)
		return;
	for_each_kspan_node(node)
		kspan_meta_free(class->homes[node], sizeof(*class->homes[node]),
				KSPAN_SYS_OTHER);
	kspan_meta_free(class->homes, HOMES_BYTES, KSPAN_SYS_OTHER);
	class->homes = NULL;
}

/**
 * kspan_sc_init_homes - set up central lists and depots of a dynamic span class
 * @class: the class; its sizes are set
 *
 * Context: Process context that may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_sc_init_homes(struct kspan_span_class *class)
{
	struct kspan_sc_home *home;
	int node;

	class->homes = kspan_meta_alloc(HOMES_BYTES, KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!class->homes)
		return -ENOMEM;
	for_each_kspan_node(node) {
		home = kspan_meta_alloc(sizeof(*home), KSPAN_SYS_OTHER,
					GFP_KERNEL);
		if (!home) {
			kspan_sc_free_homes(class);
			return -ENOMEM;
		}
		kspan_central_setup(&home->central);
		init_depot(&home->depot, &class->info);
		class->homes[node] = home;
	}
	return 0;
}

/**
 * kspan_depot_init - set up empty depots for every node
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_depot_init(void)
{
	unsigned int sc, i;
	int node;

	kspan_pool_init(&mag_pool, sizeof(struct kspan_mag), KSPAN_SYS_MCACHE);
	kspan_pool_keep_ready(&mag_pool);
	for (i = 0; i < KSPAN_MAG_SLOTS; i++)
		kspan_no_mag.slot[i].state = &kspan_none_state;
	for_each_kspan_node(node) {
		struct kspan_depot *row;

		row = kspan_meta_alloc(sizeof(*row) * KSPAN_NR_SC,
				       KSPAN_SYS_OTHER, GFP_KERNEL);
		if (!row) {
			kspan_depot_exit();
			return -ENOMEM;
		}
		for (sc = 0; sc < KSPAN_NR_SC; sc++)
			init_depot(&row[sc], kspan_sc_info(sc));
		depots[node] = row;
	}
	return 0;
}

/* Context: module unload, after the depots were drained. */
void kspan_depot_exit(void)
{
	int node;

	for_each_kspan_node(node) {
		kspan_meta_free(depots[node],
				sizeof(*depots[node]) * KSPAN_NR_SC,
				KSPAN_SYS_OTHER);
		depots[node] = NULL;
	}
	kspan_pool_exit(&mag_pool);
}

/**
 * kspan_mag_alloc - allocate an empty magazine
 * @sc: the span class it will serve
 * @gfp: flags for the allocation
 *
 * Context: Any but NMI.
 * Return: a magazine with its sentinel in place, or NULL.
 */
struct kspan_mag *kspan_mag_alloc(unsigned int sc, gfp_t gfp)
{
	struct kspan_mag *mag = kspan_pool_alloc(&mag_pool, gfp);

	if (mag)
		kspan_mag_close(mag, sc);
	return mag;
}

/* Context: Any but NMI; @mag is empty. */
void kspan_mag_free(struct kspan_mag *mag)
{
	kspan_pool_free(&mag_pool, mag);
}

/**
 * kspan_depot_get - exchange an empty magazine for a full one
 * @node: node of the depot
 * @sc: span class
 * @empty: an empty magazine to give away, or NULL
 *
 * Context: Any but NMI.
 * Return: a full magazine, or NULL; in the latter case the caller keeps @empty.
 */
struct kspan_mag *kspan_depot_get(int node, unsigned int sc,
				  struct kspan_mag *empty)
{
	struct kspan_depot *depot = depot_of(node, sc);
	struct kspan_mag *mag;
	unsigned long flags;

	if (!READ_ONCE(depot->full))
		return NULL;
	raw_spin_lock_irqsave(&depot->lock, flags);
	mag = kspan_mag_pop(&depot->full, sc);
	if (mag) {
		kspan_counter_add(depot->nr_swap, 1);
		kspan_counter_sub(depot->nr_full, 1);
		WRITE_ONCE(depot->nr_low, min(depot->nr_low, depot->nr_full));
		if (empty && depot->nr_empty < EMPTY_MAX) {
			kspan_mag_push(&depot->empty, empty, sc);
			depot->nr_empty++;
			empty = NULL;
		}
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (mag && empty)
		kspan_mag_free(empty);
	return mag;
}

/**
 * kspan_depot_put - exchange a full magazine for an empty one
 * @node: node of the depot
 * @sc: span class
 * @mag: the full magazine
 * @empty: set to an empty magazine, or to NULL if the depot has none
 *
 * Context: Any but NMI.
 * Return: false if the depot is at its limit; the caller keeps @mag.
 */
bool kspan_depot_put(int node, unsigned int sc, struct kspan_mag *mag,
		     struct kspan_mag **empty)
{
	struct kspan_depot *depot = depot_of(node, sc);
	unsigned long flags;
	bool taken;

	*empty = NULL;
	raw_spin_lock_irqsave(&depot->lock, flags);
	taken = depot->nr_full < depot->limit;
	if (taken) {
		kspan_mag_push(&depot->full, mag, sc);
		kspan_counter_add(depot->nr_swap, 1);
		kspan_counter_add(depot->nr_full, 1);
		*empty = kspan_mag_pop(&depot->empty, sc);
		depot->nr_empty -= !!*empty;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	if (taken)
		kspan_tick_watch();
	return taken;
}

/**
 * kspan_depot_drain - flush magazines of a depot to their spans
 * @node: node of the depot
 * @sc: span class
 * @all: flush all magazines; otherwise only those unused since the last call
 *
 * Context: Any but NMI.
 */
void kspan_depot_drain(int node, unsigned int sc, bool all)
{
	const struct kspan_class *info = kspan_sc_info(sc);
	struct kspan_depot *depot = depot_of(node, sc);
	unsigned int nr = all ? UINT_MAX : READ_ONCE(depot->nr_low);
	struct kspan_mag *mag;
	unsigned long flags;

	while (nr-- && (mag = kspan_depot_get(node, sc, NULL))) {
		preempt_disable();
		kspan_central_flush(sc, &mag->slot[kspan_mag_first(info->mag_cap)],
				    info->mag_cap);
		preempt_enable();
		kspan_mag_free(mag);
	}
	raw_spin_lock_irqsave(&depot->lock, flags);
	WRITE_ONCE(depot->nr_low, depot->nr_full);
	mag = depot->nr_full && !all ? NULL : depot->empty;
	if (mag) {
		depot->empty = NULL;
		depot->nr_empty = 0;
	}
	raw_spin_unlock_irqrestore(&depot->lock, flags);
	while (mag)
		kspan_mag_free(kspan_mag_pop(&mag, sc));
}

/* Number of exchanges at all depots since load.  Context: Any. */
unsigned long kspan_depot_swaps(void)
{
	unsigned long nr = 0;
	unsigned int sc;
	int node;

	for_each_kspan_node(node) {
		for_each_kspan_sc(sc) {
			if (!kspan_sc_enter(sc))
				continue;
			nr += READ_ONCE(depot_of(node, sc)->nr_swap);
			kspan_sc_leave();
		}
	}
	return nr;
}

/* Number of full magazines in a depot.  Context: Any. */
unsigned int kspan_depot_count(int node, unsigned int sc)
{
	return READ_ONCE(depot_of(node, sc)->nr_full);
}

/*
 * Check the sentinels and their number.  Returns NULL, or a description of the
 * error.
 */
static __kspan_noprobe const char *check_links_locked(const struct kspan_depot *depot,
						      unsigned int sc)
{
	struct kspan_mag *mag;
	unsigned int nr = 0;

	lockdep_assert_held(&depot->lock);
	for (mag = depot->full; mag; mag = kspan_mag_sentinel(mag, sc)->ptr) {
		if (kspan_mag_sentinel(mag, sc)->state != &kspan_none_state)
			return "depot: magazine without a sentinel";
		if (++nr > depot->nr_full)
			return "depot: more magazines than counted";
	}
	return nr == depot->nr_full ? NULL : "depot: number of magazines";
}

/* Check the objects of the @nr-th magazine.  Returns false if there is none. */
static bool __kspan_noprobe check_nth_locked(const struct kspan_depot *depot,
					     unsigned int sc, unsigned int nr,
					     const char **wrong)
{
	struct kspan_mag *mag = depot->full;
	unsigned int i;

	lockdep_assert_held(&depot->lock);
	while (mag && nr--)
		mag = kspan_mag_sentinel(mag, sc)->ptr;
	if (!mag)
		return false;
	for (i = kspan_mag_first(kspan_sc_info(sc)->mag_cap);
	     i < KSPAN_MAG_SLOTS; i++)
		if (*mag->slot[i].state > KSPAN_OBJ_ZEROED)
			*wrong = "depot: object in a magazine is not free";
	return true;
}

/**
 * kspan_depot_check - check the magazines of a depot
 * @node: node of the depot
 * @sc: span class
 *
 * The lock is held for one magazine at a time.
 *
 * Context: Any but NMI.
 * Return: NULL, or a description of the error.
 */
const char *kspan_depot_check(int node, unsigned int sc)
{
	struct kspan_depot *depot = depot_of(node, sc);
	const char *wrong;
	unsigned int nr = 0;
	unsigned long flags;
	bool more;

	do {
		raw_spin_lock_irqsave(&depot->lock, flags);
		wrong = check_links_locked(depot, sc);
		more = !wrong && check_nth_locked(depot, sc, nr++, &wrong);
		raw_spin_unlock_irqrestore(&depot->lock, flags);
	} while (more && !wrong);
	return wrong;
}
