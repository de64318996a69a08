// SPDX-License-Identifier: GPL-2.0
/*
 * Spans of freed large objects, kept for the next request of their size.
 *
 * Mapping and unmapping is what vmalloc() is slow at, and finding and filing a
 * run is what the page heap is slow at; a kept span skips both, its descriptor
 * and its entry in the arena map included.
 *
 * Kept spans are filed by size, four lists an octave, so that a look costs the
 * same at 64 KiB and at 64 MiB.  A run serves requests of its exact length, a
 * region those that use at least 3/4 of what it is meant for.  A region that is
 * larger than that, because an aligned object had to be found in it, is filed
 * without the excess, so that the same request finds it again.
 *
 * What is kept never exceeds a budget: the oldest regions make room for the one
 * that was freed last, and runs beyond it return to the page heap.  All of it
 * goes when it has idled, or when memory is short.  A second list has the spans
 * in the order in which they were freed, each with the tick of that time.  A span
 * that is taken stays in it until it is freed again or met by who looks for the
 * oldest one, so that who allocates and frees in turn does not touch that list.
 *
 * The arena map leads to a kept span still: whoever frees it again finds its
 * life over, which is a double free.
 */
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "base/noprobe.h"
#include "heap/large_cache.h"

/* Four lists an octave of heap pages. */
#define NR_BUCKETS	(4 * (BITS_PER_LONG - KSPAN_PAGE_SHIFT + 1))
/* A region 4/3 as large as the request is at most two lists on. */
#define BUCKETS_ON	2U
/* Spans looked at in a list: the newest, whose memory is in caches. */
#define LOOK_MAX	16U
/* Spans looked at to find the oldest, at a stretch with interrupts off. */
#define STEPS_MAX	32U

#define REGION_BUDGET	SZ_256M
#define RUN_BUDGET	SZ_8M

atomic_long_t kspan_region_sys;
atomic_long_t kspan_region_idle;
atomic_long_t kspan_region_surplus;
atomic_long_t kspan_run_idle;

/**
 * struct cached_spans - the kept spans of one sort
 * @bucket: all of them by size, the newest first
 * @lru: all of them, the newest first, and such that were taken since
 * @idle: their bytes
 * @budget: the most that @idle may be; set at load
 */
struct cached_spans {
	struct hlist_head bucket[NR_BUCKETS];
	struct list_head lru;
	atomic_long_t *idle;
	long budget;
};

/*
 * Guards all lists here, the epoch, and the changes of the byte counts; a leaf,
 * taken in any context but NMI.
 */
static DEFINE_RAW_SPINLOCK(large_cache_lock);

static struct cached_spans regions = {
	.lru = LIST_HEAD_INIT(regions.lru),
	.idle = &kspan_region_idle,
};

static struct cached_spans runs = {
	.lru = LIST_HEAD_INIT(runs.lru),
	.idle = &kspan_run_idle,
};

/* Regions that had to go where nobody could sleep to unmap them. */
static HLIST_HEAD(surplus);

/* Ticks so far; a span's age is the number since it was put here. */
static u32 epoch;

static unsigned int bucket_of(unsigned long pages)
{
	unsigned int order = __fls(pages);

	/* The two bits below the first one. */
	return 4 * order + (((pages << 2) >> order) & 3);
}

/* Heap pages of the largest request that a span serves. */
static unsigned long fit_pages(struct kspan_span *span)
{
	return kspan_is_region(span) ? kspan_large_of(span)->fit_pages :
				       span->nr_pages;
}

/*
 * Its objects begin where the first one did: a late second free of that has
 * looked for it there, and must not end another's life.
 */
static bool fits(struct kspan_span *span, unsigned long pages, size_t align,
		 int node)
{
	unsigned long most = fit_pages(span);

	if (node != NUMA_NO_NODE && span->node != node)
		return false;
	if (align && !IS_ALIGNED(span->base, align))
		return false;
	/* As the first request, most often. */
	if (likely(most == pages))
		return true;
	return kspan_is_region(span) && pages < most && pages >= most - most / 4;
}

static struct cached_spans *lists_of(const struct kspan_span *span)
{
	return kspan_is_region(span) ? &regions : &runs;
}

static __always_inline struct kspan_span *
look_in_locked(struct hlist_head *list, unsigned long pages, size_t align,
	       int node)
{
	struct kspan_span *span;
	unsigned int looks = LOOK_MAX;

	lockdep_assert_held(&large_cache_lock);
	hlist_for_each_entry(span, list, kept) {
		if (fits(span, pages, align, node))
			return span;
		if (!--looks)
			break;
	}
	return NULL;
}

static __kspan_noprobe struct kspan_span *find_locked(unsigned long pages,
						      size_t align, int node)
{
	unsigned int bucket = bucket_of(pages), i;
	unsigned int end = min(bucket + BUCKETS_ON + 1, NR_BUCKETS);
	struct kspan_span *span = NULL;

	lockdep_assert_held(&large_cache_lock);
	for (i = bucket; i < end && !span; i++)
		span = look_in_locked(&regions.bucket[i], pages, align, node);
	/* A run is as long as the request, so there is one list to look in. */
	if (!span)
		span = look_in_locked(&runs.bucket[bucket], pages, align, node);
	return span;
}

/* Let @span be its taker's. */
static __always_inline void take_locked(struct kspan_span *span)
{
	lockdep_assert_held(&large_cache_lock);
	__hlist_del(&span->kept);
	INIT_HLIST_NODE(&span->kept);
	atomic_long_sub(kspan_room_bytes(span), lists_of(span)->idle);
}

/* Let @span, which was taken, be one of those that the caller has to give back. */
static void __kspan_noprobe let_go_locked(struct kspan_span *span,
					  struct hlist_head *gone)
{
	lockdep_assert_held(&large_cache_lock);
	list_del_init(&kspan_large_of(span)->lru);
	if (kspan_is_region(span))
		atomic_long_sub(kspan_room_bytes(span), &kspan_region_sys);
	hlist_add_head(&span->kept, gone);
}

/*
 * The oldest kept span of a sort.  Return: NULL if there is none, or if it takes
 * more than @steps, which are 0 then.
 */
static __kspan_noprobe struct kspan_span *oldest_locked(struct cached_spans *lists,
							unsigned int *steps)
{
	struct kspan_large *large;

	lockdep_assert_held(&large_cache_lock);
	while (*steps && !list_empty(&lists->lru)) {
		(*steps)--;
		large = list_last_entry(&lists->lru, struct kspan_large, lru);
		if (!hlist_unhashed(&large->span.kept))
			return &large->span;
		list_del_init(&large->lru);
	}
	return NULL;
}

/**
 * kspan_large_cache_take - a kept span that serves a request
 * @pages: heap pages of the request
 * @align: its alignment, 0 for none beyond a page's
 * @node: the only node that will do, or NUMA_NO_NODE
 *
 * Context: Any but NMI.
 * Return: a span that is the caller's, in the map at its base; or NULL.
 */
struct kspan_span *kspan_large_cache_take(unsigned long pages, size_t align, int node)
{
	struct kspan_span *span;
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	span = find_locked(pages, align, node);
	if (span)
		take_locked(span);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/* Whether so many bytes more would be within the budget. */
static bool __kspan_noprobe has_room_locked(const struct cached_spans *lists,
					    long bytes)
{
	lockdep_assert_held(&large_cache_lock);
	return atomic_long_read(lists->idle) + bytes <= lists->budget;
}

/* Make room for @bytes, within bounds.  Return: false if it takes more. */
static bool __kspan_noprobe make_room_locked(struct cached_spans *lists, long bytes,
					     struct hlist_head *gone)
{
	unsigned int steps = STEPS_MAX;
	struct kspan_span *span;

	lockdep_assert_held(&large_cache_lock);
	while (!has_room_locked(lists, bytes)) {
		span = oldest_locked(lists, &steps);
		if (!span)
			return false;
		take_locked(span);
		let_go_locked(span, gone);
	}
	return true;
}

static void __kspan_noprobe file_locked(struct kspan_span *span)
{
	struct kspan_large *large = kspan_large_of(span);
	struct cached_spans *lists = lists_of(span);

	lockdep_assert_held(&large_cache_lock);
	large->epoch = epoch;
	hlist_add_head(&span->kept, &lists->bucket[bucket_of(fit_pages(span))]);
	if (lists->lru.next != &large->lru)
		list_move(&large->lru, &lists->lru);
	atomic_long_add(kspan_room_bytes(span), lists->idle);
}

/**
 * kspan_large_cache_put - keep the span of an object that was freed
 * @span: the span, its life over
 * @gone: gets the spans that the caller has to give back for it, with @span
 *	among them if it is not kept
 *
 * The budget is kept at every moment: the oldest regions go before a younger one
 * is added.
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_put(struct kspan_span *span, struct hlist_head *gone)
{
	struct cached_spans *lists = lists_of(span);
	long bytes = kspan_room_bytes(span);
	bool keep = bytes <= lists->budget, done;
	unsigned long flags;

	do {
		raw_spin_lock_irqsave(&large_cache_lock, flags);
		/* The page heap is no bad place for a run. */
		if (!kspan_is_region(span) && !has_room_locked(lists, bytes))
			keep = false;
		done = !keep || make_room_locked(lists, bytes, gone);
		if (done && keep)
			file_locked(span);
		else if (done)
			let_go_locked(span, gone);
		raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	} while (!done);
}

/**
 * kspan_large_cache_defer - let a region wait for somebody who may unmap it
 * @span: one that kspan_large_cache_put() did not keep
 *
 * Context: Any but NMI; the caller kicks the scavenger.
 */
void kspan_large_cache_defer(struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	hlist_add_head(&span->kept, &surplus);
	atomic_long_add(kspan_room_bytes(span), &kspan_region_surplus);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
}

/**
 * kspan_large_cache_drop - forget a span that was taken
 * @span: it ends, and was not given to kspan_large_cache_put()
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_drop(struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	list_del_init(&kspan_large_of(span)->lru);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
}

/* Count a new region that is in use.  Context: Any. */
void kspan_large_cache_add_region(struct kspan_span *span)
{
	atomic_long_add(kspan_room_bytes(span), &kspan_region_sys);
}

/* A span of that age or above for @gone, the oldest; or NULL. */
static struct kspan_span *pop_old(struct cached_spans *lists, unsigned int age,
				  struct hlist_head *gone)
{
	struct kspan_span *span;
	unsigned long flags;
	unsigned int steps;

	do {
		steps = STEPS_MAX;
		raw_spin_lock_irqsave(&large_cache_lock, flags);
		span = oldest_locked(lists, &steps);
		if (span && epoch - kspan_large_of(span)->epoch < age)
			span = NULL;
		if (span) {
			take_locked(span);
			let_go_locked(span, gone);
		}
		raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	} while (!span && !steps);
	return span;
}

/* A region that waits to be unmapped for @gone; or NULL. */
static struct kspan_span *pop_surplus(struct hlist_head *gone)
{
	struct kspan_span *span = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	if (!hlist_empty(&surplus)) {
		span = hlist_entry(surplus.first, struct kspan_span, kept);
		__hlist_del(&span->kept);
		hlist_add_head(&span->kept, gone);
		atomic_long_sub(kspan_room_bytes(span), &kspan_region_surplus);
	}
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/**
 * kspan_large_cache_collect - pick the kept spans that should go
 * @age: those of that age and above, the older first; and all regions that wait
 *	to be unmapped
 * @max_bytes: stop at so many
 * @gone: the list they are moved to, the caller's now
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_collect(unsigned int age, unsigned long max_bytes,
			       struct hlist_head *gone)
{
	/* A run's chunk has yet to idle, so a run goes sooner. */
	unsigned int run_age = age ? age - 1 : 0;
	struct kspan_span *span;
	unsigned long bytes = 0;

	while (bytes < max_bytes) {
		span = pop_surplus(gone);
		if (!span)
			span = pop_old(&regions, age, gone);
		if (!span)
			span = pop_old(&runs, run_age, gone);
		if (!span)
			break;
		bytes += kspan_room_bytes(span);
	}
}

/**
 * kspan_large_cache_age - let kept spans that stay be a tick older
 *
 * The scavenger's, once a tick, after those of the last age have gone.
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_age(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	epoch++;
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
}

/* Budgets for this machine.  Context: module load. */
void kspan_large_cache_init(void)
{
	unsigned long pages = totalram_pages();

	regions.budget = min(pages / 16, REGION_BUDGET / PAGE_SIZE) * PAGE_SIZE;
	/* On 32 bits addresses are scarcer, and others' vmalloc() needs some. */
	regions.budget = min_t(unsigned long, regions.budget, VMALLOC_TOTAL / 16);
	runs.budget = min(pages / 32, RUN_BUDGET / PAGE_SIZE) * PAGE_SIZE;
}
