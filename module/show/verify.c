// SPDX-License-Identifier: GPL-2.0
/*
 * Verification: checks each structure for itself, and against other structures
 * that hold the same information.  It is safe at any time.  Sums of several
 * structures are compared only if nothing was allocated or freed during the
 * walk.
 */
#include <linux/align.h>
#include <linux/delay.h>
#include <linux/kspan.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "api/guard.h"
#include "base/node.h"
#include "base/tick.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "central/depot.h"
#include "heap/backing.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "reclaim/worker.h"
#include "show/stats.h"
#include "show/verify.h"
#include "span/arena.h"
#include "span/redzone.h"

/* What the walk of the arena map has counted. */
struct tally {
	u64 live_small;		/* objects of pointer and data spans */
	u64 live_large;
	u64 run_pages;		/* heap pages of spans that lie in chunks */
	const char *damage;	/* the damage found in an object, or NULL */
};

/*
 * A wrong sum is reported if it was found this often, with pauses in between.
 */
#define SUM_TRIES	3U
#define SUM_PAUSE_MS	10U

/* With check=2, the log describes each such object. */
static const char spoilt[] = "redzone: a free object was written to";
static const char overrun[] = "redzone: a live object was written behind";

/*
 * The result of the checks on all CPUs. verify_lock allows one verify at a
 * time.
 */
static const char *cache_wrong;
static DEFINE_MUTEX(verify_lock);

static void check_this_cpu(void)
{
	const char *wrong = kspan_cache_check_local();

	if (wrong)
		WRITE_ONCE(cache_wrong, wrong);
}

static const char *verify_caches(void)
{
	cache_wrong = NULL;
	kspan_on_each_cpu(check_this_cpu);
	return READ_ONCE(cache_wrong);
}

static const char *verify_node(int node)
{
	const char *wrong = kspan_page_heap_check(kspan_page_heap_of(node));
	unsigned int sc;

	for_each_kspan_sc(sc) {
		if (wrong || !kspan_sc_enter(sc))
			continue;
		wrong = kspan_central_check(kspan_central_of(node, sc));
		if (!wrong)
			wrong = kspan_depot_check(node, sc);
		kspan_sc_leave();
		cond_resched();
	}
	return wrong;
}

/* A deferred object counts as live until it is freed. */
static bool is_counted(u8 state)
{
	return kspan_obj_is_live(state) || kspan_obj_untracked(state) == KSPAN_OBJ_DEFERRED;
}

/*
 * Check the redzone of each live object; one found overrun before does not
 * count.
 */
static bool check_live_objects(struct kspan_span *span)
{
	bool sound = true;
	unsigned int i;
	u8 tracked;

	if (span->kind == KSPAN_LARGE)
		return kspan_redzone_check_live(span, (void *)span->base,
						&span->live, KSPAN_LIFE_LIVE,
						KSPAN_LIFE_OVERRUN);
	for (i = 0; i < span->nr_objs; i++) {
		tracked = READ_ONCE(span->state[i]) & KSPAN_OBJ_TRACKED;
		sound &= kspan_redzone_check_live(span,
						  (void *)kspan_span_addr(span, i),
						  &span->state[i],
						  KSPAN_OBJ_REDZONED | tracked,
						  KSPAN_OBJ_OVERRUN | tracked);
	}
	return sound;
}

static const char *tally_small(struct kspan_span *span, struct tally *tally)
{
	struct kspan_central *central;
	const char *wrong;
	unsigned long flags;
	unsigned int i;

	central = kspan_central_of(span->node, kspan_span_sc(span));
	raw_spin_lock_irqsave(&central->lock, flags);
	wrong = kspan_central_check_span(central, span);
	raw_spin_unlock_irqrestore(&central->lock, flags);
	/*
	 * Ending a span takes no lock; if it has ended meanwhile, nothing is
	 * wrong.
	 */
	if (span->kind != KSPAN_TINY && !READ_ONCE(span->magic))
		wrong = NULL;
	if (wrong)
		return wrong;
	if (kspan_redzone_on() && kspan_central_sweep(central, span))
		tally->damage = spoilt;
	if (kspan_redzone_on() && !check_live_objects(span))
		tally->damage = overrun;
	tally->run_pages += kspan_span_pages(span);
	if (span->kind != KSPAN_TINY)
		for (i = 0; i < span->nr_objs; i++)
			tally->live_small += is_counted(READ_ONCE(span->state[i]));
	return NULL;
}

/*
 * Whether a heap page belongs to a span.  A region may cover only a part of it.
 */
static bool touches(const struct kspan_span *span, unsigned long addr)
{
	if (span->kind != KSPAN_LARGE)
		return kspan_span_has(span, addr);
	return kspan_room_has(span, addr) ||
	       kspan_room_has(span, addr + KSPAN_PAGE_SIZE - 1);
}

/* Check the entry of page @addr. */
static const char *verify_entry(struct kspan_span *span, unsigned long addr,
				struct tally *tally)
{
	/* A region may begin in the middle of a heap page. */
	unsigned long first = ALIGN_DOWN(READ_ONCE(span->base), KSPAN_PAGE_SIZE);

	if (span->kind == KSPAN_NONE)
		return NULL;
	if (!touches(span, addr))
		return "arena: page leads to a span that it is not part of";
	if (addr != first)
		return NULL;
	if (span->kind != KSPAN_LARGE)
		return tally_small(span, tally);
	if (kspan_redzone_on() && !check_live_objects(span))
		tally->damage = overrun;
	tally->live_large += kspan_life_is_live(READ_ONCE(span->live));
	/* The page heap counts a cached run as in use. */
	if (!kspan_is_region(span))
		tally->run_pages += READ_ONCE(span->nr_pages);
	return NULL;
}

static const char *verify_arenas(struct tally *tally)
{
	const char *wrong = NULL;
	unsigned long addr = 0, i;
	struct kspan_span **table;

	while (!wrong && (table = kspan_arena_frame(&addr))) {
		for (i = 0; i < KSPAN_FRAME_PAGES && !wrong; i++) {
			/* Spans are reused only after a grace period. */
			preempt_disable();
			wrong = verify_entry(READ_ONCE(table[i]),
					     addr + (i << KSPAN_PAGE_SHIFT),
					     tally);
			preempt_enable();
		}
		cond_resched();
		if (addr > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
		addr += KSPAN_FRAME_SIZE;
	}
	return wrong;
}

/* Heap pages in spans and cached runs. */
static unsigned long used_pages(void)
{
	unsigned long pages = 0;
	int node;

	for_each_kspan_node(node)
		pages += READ_ONCE(kspan_page_heap_of(node)->used_pages);
	return pages;
}

static const char *compare_sums(const struct kspan_stats *stats,
				const struct tally *tally)
{
	unsigned long guard_small, guard_large;
	struct kspan_class_stats tiny;
	u64 small, large;

	kspan_guard_live(&guard_small, &guard_large);
	kspan_read_sc(KSPAN_SC_TINY, &tiny);
	small = stats->heap_objects - (tiny.nmalloc - tiny.nfree) -
		(stats->large_nmalloc - stats->large_nfree);
	large = stats->large_nmalloc - stats->large_nfree;
	if (tally->live_small + guard_small != small)
		return "stats: live objects differ from the objects' states";
	if (tally->live_large + guard_large != large)
		return "stats: live large objects differ from the arena map";
	if (tally->run_pages != used_pages())
		return "heap: pages in use differ from the arena map";
	if (stats->heap_sys != atomic_long_read(&kspan_heap_sys) ||
	    stats->heap_inuse > stats->heap_sys)
		return "stats: more heap in use than there is";
	return NULL;
}

/* Whether nothing changed between two readings. */
static bool was_quiet(const struct kspan_stats *a, const struct kspan_stats *b)
{
	return a->nmalloc == b->nmalloc && a->nfree == b->nfree &&
	       a->heap_inuse == b->heap_inuse && a->heap_sys == b->heap_sys &&
	       a->refill == b->refill && a->flush == b->flush;
}

/*
 * One walk.  Returns NULL or the error, and whether only a sum is wrong in
 * *@sums.
 */
static const char *walk(bool *sums)
{
	struct kspan_stats before, after;
	struct tally tally = {};
	const char *wrong = NULL;
	bool written = false;
	unsigned long pages;
	int node;

	*sums = false;
	if (kspan_redzone_on() && kspan_large_sweep())
		wrong = spoilt;
	kspan_read_stats(&before);
	pages = used_pages();
	for_each_kspan_node(node)
		if (!wrong)
			wrong = verify_node(node);
	if (!wrong)
		wrong = verify_caches();
	if (!wrong)
		wrong = kspan_quarantine_check(&written);
	if (written)
		tally.damage = spoilt;
	if (!wrong)
		wrong = verify_arenas(&tally);
	if (!wrong)
		wrong = tally.damage;
	kspan_read_stats(&after);
	/* When a cached run goes, only the number of pages changes. */
	*sums = !wrong && pages == used_pages() && was_quiet(&before, &after);
	return *sums ? compare_sums(&after, &tally) : wrong;
}

/**
 * kspan_verify - check every structure
 *
 * An interrupted allocation may have been counted before it is complete.  So a
 * wrong sum is reported only if it stays wrong.
 *
 * Context: Process context that may sleep and is not a hotplug callback.
 * Return: NULL, or a description of the first error.
 */
const char *kspan_verify(void)
{
	unsigned int tries;
	const char *wrong;
	bool sums;

	mutex_lock(&verify_lock);
	/*
	 * The walk hid cached regions from a tick, which may have stopped the
	 * ticks.
	 */
	kspan_tick_watch();
	for (tries = 0; tries < SUM_TRIES; tries++) {
		if (tries)
			msleep(SUM_PAUSE_MS);
		wrong = walk(&sums);
		if (!wrong || !sums)
			break;
	}
	mutex_unlock(&verify_lock);
	return wrong;
}
