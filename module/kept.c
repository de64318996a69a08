// SPDX-License-Identifier: GPL-2.0
/*
 * Spans of freed large objects, kept for the next request of their size.
 *
 * Mapping and unmapping is what vmalloc() is slow at, and finding and filing a
 * run is what the page heap is slow at; a kept span skips both, descriptor
 * and entry in the arena map included.  Kept spans are filed by size, four
 * lists an octave, so that a look costs the same at 64 KiB and at 64 MiB.  A
 * run serves requests of its exact length, a region those that use at least
 * 3/4 of it.  They go when they have idled, when memory is short, or, beyond
 * a budget, at once.
 *
 * The map leads to a kept span still: whoever frees it again finds its life
 * over, which is a double free.
 */
#include <linux/align.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sizes.h>

#include "kept.h"

/* Four lists an octave of heap pages. */
#define NR_BUCKETS	(4 * (BITS_PER_LONG - KSPAN_PAGE_SHIFT))
/* A region 4/3 as large as the request is at most two lists on. */
#define BUCKETS_ON	2U
/* Spans looked at in a list: the newest, whose memory is in caches. */
#define LOOK_MAX	16U

#define REGION_BUDGET	SZ_256M
#define RUN_BUDGET	SZ_8M

atomic_long_t kspan_region_inuse;
atomic_long_t kspan_region_idle;
atomic_long_t kspan_run_idle;

/*
 * Kept spans, newest first, and regions in use.  The lock guards the lists
 * and the changes of the byte counts; any context but NMI, takes no other
 * lock.
 */
static DEFINE_RAW_SPINLOCK(kept_lock);
static struct list_head kept[NR_BUCKETS];
static LIST_HEAD(live_regions);

/* Bytes kept at most; set at load. */
static unsigned long region_budget;
static unsigned long run_budget;

static unsigned int bucket_of(unsigned long pages)
{
	unsigned int order = ilog2(pages);
	unsigned int quarter = order < 2 ? 0 : (pages >> (order - 2)) & 3;

	return 4 * order + quarter;
}

static struct list_head *list_of(const struct kspan_span *span)
{
	return &kept[bucket_of(kspan_room_bytes(span) >> KSPAN_PAGE_SHIFT)];
}

static void account(const struct kspan_span *span, bool idle)
{
	long bytes = kspan_room_bytes(span);

	if (!kspan_is_region(span)) {
		atomic_long_add(idle ? bytes : -bytes, &kspan_run_idle);
		return;
	}
	atomic_long_add(idle ? bytes : -bytes, &kspan_region_idle);
	atomic_long_add(idle ? -bytes : bytes, &kspan_region_inuse);
}

/**
 * kspan_place_in - where in a large span an object may begin
 * @span: the span
 * @bytes: length of the object, in whole heap pages
 * @align: its alignment
 *
 * Context: Any.
 * Return: the first such address, or 0 if there is none.
 */
unsigned long kspan_place_in(const struct kspan_span *span, unsigned long bytes,
			     size_t align)
{
	unsigned long mem, base;

	if (!kspan_is_region(span))
		return IS_ALIGNED(span->base, max_t(size_t, align, 1)) ?
		       span->base : 0;
	mem = (unsigned long)span->mem;
	base = ALIGN(mem, max_t(size_t, align, KSPAN_PAGE_SIZE));
	return base + bytes <= mem + kspan_room_bytes(span) ? base : 0;
}

static bool fits(const struct kspan_span *span, unsigned long pages,
		 size_t align, int node)
{
	unsigned long room = span->region_pages;

	if (node != NUMA_NO_NODE && span->node != node)
		return false;
	if (!room && span->nr_pages != pages)
		return false;
	if (room && (pages > room || pages < room - room / 4))
		return false;
	return kspan_place_in(span, pages << KSPAN_PAGE_SHIFT, align) != 0;
}

static struct kspan_span *find_locked(struct list_head *list,
				      unsigned long pages, size_t align,
				      int node)
{
	unsigned int looks = LOOK_MAX;
	struct kspan_span *span;

	lockdep_assert_held(&kept_lock);
	list_for_each_entry(span, list, list) {
		if (fits(span, pages, align, node))
			return span;
		if (!--looks)
			break;
	}
	return NULL;
}

/**
 * kspan_kept_take - a kept span that serves a request
 * @pages: heap pages of the request
 * @align: its alignment, 0 for none beyond a page's
 * @node: the only node that will do, or NUMA_NO_NODE
 *
 * Context: Any but NMI.
 * Return: a span that is the caller's, in the map at its base; or NULL.
 */
struct kspan_span *kspan_kept_take(unsigned long pages, size_t align, int node)
{
	unsigned int bucket = bucket_of(pages);
	unsigned int end = min(bucket + BUCKETS_ON + 1, NR_BUCKETS);
	struct kspan_span *span = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&kept_lock, flags);
	for (; bucket < end && !span; bucket++)
		span = find_locked(&kept[bucket], pages, align, node);
	if (span) {
		account(span, false);
		if (kspan_is_region(span))
			list_move(&span->list, &live_regions);
		else
			list_del_init(&span->list);
	}
	raw_spin_unlock_irqrestore(&kept_lock, flags);
	return span;
}

/**
 * kspan_kept_put - keep the span of an object that was freed
 * @span: the span, its life over
 *
 * Context: Any but NMI.
 * Return: what became of it.
 */
enum kspan_keep kspan_kept_put(struct kspan_span *span)
{
	bool region = kspan_is_region(span);
	unsigned long idle, flags;

	if (!region && atomic_long_read(&kspan_run_idle) +
	    kspan_room_bytes(span) > run_budget)
		return KSPAN_KEEP_DECLINED;
	span->idle_since = jiffies;
	raw_spin_lock_irqsave(&kept_lock, flags);
	account(span, true);
	list_move(&span->list, list_of(span));
	idle = atomic_long_read(&kspan_region_idle);
	raw_spin_unlock_irqrestore(&kept_lock, flags);
	return region && idle > region_budget ? KSPAN_KEEP_SURPLUS :
						KSPAN_KEEP_KEPT;
}

/* Count a new region that is in use.  Context: Any but NMI. */
void kspan_kept_add_region(struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&kept_lock, flags);
	atomic_long_add(kspan_room_bytes(span), &kspan_region_inuse);
	list_add(&span->list, &live_regions);
	raw_spin_unlock_irqrestore(&kept_lock, flags);
}

static bool must_go(const struct kspan_span *span, unsigned long idle_jiffies)
{
	bool region = kspan_is_region(span);
	u32 idle = (u32)jiffies - span->idle_since;

	/* A run's chunk has yet to idle, so a run goes in half the time. */
	return idle >= (region ? idle_jiffies : idle_jiffies / 2) ||
	       (region && atomic_long_read(&kspan_region_idle) > region_budget);
}

/**
 * kspan_kept_collect - pick the kept spans that should go
 * @idle_jiffies: those that idled so long, and regions above the budget
 * @gone: the list they are moved to, the caller's now
 *
 * Context: Any but NMI.
 */
void kspan_kept_collect(unsigned long idle_jiffies, struct list_head *gone)
{
	struct kspan_span *span, *next;
	unsigned int bucket;
	unsigned long flags;

	for (bucket = NR_BUCKETS; bucket-- > 0;) {
		raw_spin_lock_irqsave(&kept_lock, flags);
		list_for_each_entry_safe_reverse(span, next, &kept[bucket], list) {
			if (!must_go(span, idle_jiffies))
				break;
			account(span, false);
			/* Neither kept nor in use from here on. */
			if (kspan_is_region(span))
				atomic_long_sub(kspan_room_bytes(span),
						&kspan_region_inuse);
			list_move(&span->list, gone);
		}
		raw_spin_unlock_irqrestore(&kept_lock, flags);
	}
}

/**
 * kspan_kept_walk - visit regions and kept runs
 * @fn: called with the lock held
 * @arg: for @fn
 *
 * Context: Any but NMI.
 */
void kspan_kept_walk(kspan_kept_fn fn, void *arg)
{
	struct kspan_span *span;
	unsigned int bucket;
	unsigned long flags;

	raw_spin_lock_irqsave(&kept_lock, flags);
	list_for_each_entry(span, &live_regions, list)
		fn(span, true, arg);
	for (bucket = 0; bucket < NR_BUCKETS; bucket++)
		list_for_each_entry(span, &kept[bucket], list)
			fn(span, false, arg);
	raw_spin_unlock_irqrestore(&kept_lock, flags);
}

/* Empty lists, and budgets for this machine.  Context: module load. */
void kspan_kept_init(void)
{
	unsigned long pages = totalram_pages();
	unsigned int bucket;

	for (bucket = 0; bucket < NR_BUCKETS; bucket++)
		INIT_LIST_HEAD(&kept[bucket]);
	region_budget = min(pages / 16, REGION_BUDGET / PAGE_SIZE) * PAGE_SIZE;
	run_budget = min(pages / 32, RUN_BUDGET / PAGE_SIZE) * PAGE_SIZE;
}
