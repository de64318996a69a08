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
 * a budget, at once.  How long they have idled is told by their list: the tick
 * moves all of a size to the next age, which costs the same for any number.
 *
 * The map leads to a kept span still: whoever frees it again finds its life
 * over, which is a double free.
 */
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "heap/large_cache.h"

/* Four lists an octave of heap pages. */
#define NR_BUCKETS	(4 * (BITS_PER_LONG - KSPAN_PAGE_SHIFT + 1))
/* A region 4/3 as large as the request is at most two lists on. */
#define BUCKETS_ON	2U
/* Spans looked at in a list: the newest, whose memory is in caches. */
#define LOOK_MAX	16U

#define REGION_BUDGET	SZ_256M
#define RUN_BUDGET	SZ_8M

atomic_long_t kspan_region_sys;
atomic_long_t kspan_region_idle;
atomic_long_t kspan_run_idle;

/* Kept spans of one sort, by size and age, newest first. */
struct cached_spans {
	struct hlist_head bucket[NR_BUCKETS][KSPAN_LARGE_CACHE_AGES];
};

/*
 * Kept spans, and regions in use.  The lock guards the lists and the changes of
 * the byte counts; any context but NMI, takes no other lock.
 */
static DEFINE_RAW_SPINLOCK(large_cache_lock);
static struct cached_spans regions, runs;
static HLIST_HEAD(live_regions);

/* Bytes kept at most; set at load. */
static long region_budget;
static long run_budget;

static unsigned int bucket_of(unsigned long pages)
{
	unsigned int order = __fls(pages);

	/* The two bits below the first one. */
	return 4 * order + (((pages << 2) >> order) & 3);
}

static unsigned long room_pages(const struct kspan_span *span)
{
	return span->region_pages ?: span->nr_pages;
}

/*
 * Its objects begin where the first one did: a late second free of that has
 * looked for it there, and must not end another's life.
 */
static bool fits(const struct kspan_span *span, unsigned long pages,
		 size_t align, int node)
{
	unsigned long room = span->region_pages, end;

	if (node != NUMA_NO_NODE && span->node != node)
		return false;
	if (align && !IS_ALIGNED(span->base, align))
		return false;
	/* As the last request, most often. */
	if (likely(span->nr_pages == pages))
		return true;
	if (pages < room - room / 4)
		return false;
	end = (unsigned long)span->mem + (room << KSPAN_PAGE_SHIFT);
	/* No sum that might pass the last address of 32 bits. */
	return room && pages <= (end - span->base) >> KSPAN_PAGE_SHIFT;
}

static struct cached_spans *lists_of(const struct kspan_span *span)
{
	return kspan_is_region(span) ? &regions : &runs;
}

static __always_inline struct kspan_span *
look_in_locked(struct hlist_head *ages, unsigned long pages, size_t align,
	       int node)
{
	struct hlist_head *end = ages + KSPAN_LARGE_CACHE_AGES;
	struct kspan_span *span;
	unsigned int looks;

	lockdep_assert_held(&large_cache_lock);
	for (; ages != end; ages++) {
		looks = LOOK_MAX;
		hlist_for_each_entry(span, ages, kept) {
			if (fits(span, pages, align, node))
				return span;
			if (!--looks)
				break;
		}
	}
	return NULL;
}

static struct kspan_span *find_locked(unsigned long pages, size_t align, int node)
{
	unsigned int bucket = bucket_of(pages), i;
	unsigned int end = min(bucket + BUCKETS_ON + 1, NR_BUCKETS);
	struct kspan_span *span = NULL;

	lockdep_assert_held(&large_cache_lock);
	for (i = bucket; i < end && !span; i++)
		span = look_in_locked(regions.bucket[i], pages, align, node);
	/* A run is as long as the request, so there is one list to look in. */
	if (!span)
		span = look_in_locked(runs.bucket[bucket], pages, align, node);
	return span;
}

/* @span is off its list and its taker's. */
static void take_locked(struct kspan_span *span)
{
	long bytes = kspan_room_bytes(span);

	lockdep_assert_held(&large_cache_lock);
	__hlist_del(&span->kept);
	atomic_long_sub(bytes, kspan_is_region(span) ? &kspan_region_idle :
						       &kspan_run_idle);
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
	if (span) {
		take_locked(span);
		if (kspan_is_region(span))
			hlist_add_head(&span->kept, &live_regions);
	}
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/**
 * kspan_large_cache_put - keep the span of an object that was freed
 * @span: the span, its life over
 *
 * Context: Any but NMI.
 * Return: what became of it.
 */
enum kspan_large_cache_result kspan_large_cache_put(struct kspan_span *span)
{
	bool region = kspan_is_region(span);
	long bytes = kspan_room_bytes(span);
	unsigned long flags;
	long idle;

	if (!region && atomic_long_read(&kspan_run_idle) + bytes > run_budget)
		return KSPAN_LARGE_CACHE_DECLINED;
	raw_spin_lock_irqsave(&large_cache_lock, flags);
	if (region)
		__hlist_del(&span->kept);
	hlist_add_head(&span->kept,
		       lists_of(span)->bucket[bucket_of(room_pages(span))]);
	idle = atomic_long_add_return(bytes, region ? &kspan_region_idle :
						      &kspan_run_idle);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return region && idle > region_budget ? KSPAN_LARGE_CACHE_SURPLUS :
						KSPAN_LARGE_CACHE_KEPT;
}

/* Count a new region that is in use.  Context: Any but NMI. */
void kspan_large_cache_add_region(struct kspan_span *span)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	atomic_long_add(kspan_room_bytes(span), &kspan_region_sys);
	hlist_add_head(&span->kept, &live_regions);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
}

/* The next kept span of a size and age, the caller's now; or NULL. */
static struct kspan_span *pop(struct hlist_head *list)
{
	struct kspan_span *span = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	if (!hlist_empty(list)) {
		span = hlist_entry(list->first, struct kspan_span, kept);
		take_locked(span);
		/* Neither kept nor in use from here on. */
		if (kspan_is_region(span))
			atomic_long_sub(kspan_room_bytes(span),
					&kspan_region_sys);
	}
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/* What to pick of the kept spans. */
struct pick {
	unsigned long bytes_left;	/* at most; the last may exceed it */
	long keep;			/* bytes of regions that may stay */
	struct hlist_head *gone;	/* where they go */
};

static void pick_from(struct hlist_head *list, struct pick *pick)
{
	struct kspan_span *span;
	unsigned long bytes;

	while (pick->bytes_left &&
	       atomic_long_read(&kspan_region_idle) >= pick->keep) {
		span = pop(list);
		if (!span)
			break;
		bytes = kspan_room_bytes(span);
		pick->bytes_left -= min(bytes, pick->bytes_left);
		hlist_add_head(&span->kept, pick->gone);
	}
}

/* Pick spans of that age and above, the oldest first. */
static void pick_all(struct cached_spans *lists, unsigned int age,
		     struct pick *pick)
{
	unsigned int i, old;

	for (old = KSPAN_LARGE_CACHE_AGES; old-- > age;)
		for (i = NR_BUCKETS; i-- > 0;)
			/* A hint: most lists are empty, which pop() would see. */
			if (!data_race(hlist_empty(&lists->bucket[i][old])))
				pick_from(&lists->bucket[i][old], pick);
}

/**
 * kspan_large_cache_collect - pick the kept spans that should go
 * @age: those of that age and above; and regions above the budget, the older
 *	first
 * @max_bytes: stop at so many
 * @gone: the list they are moved to, the caller's now
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_collect(unsigned int age, unsigned long max_bytes,
			       struct hlist_head *gone)
{
	struct pick pick = {
		.bytes_left = max_bytes,
		.gone = gone,
	};

	pick_all(&regions, age, &pick);
	/* A run's chunk has yet to idle, so a run goes sooner. */
	pick_all(&runs, age ? age - 1 : 0, &pick);
	pick.keep = region_budget + 1;
	pick_all(&regions, 0, &pick);
}

/**
 * kspan_large_cache_age - let kept spans that stay be one age older
 *
 * The scavenger's, once a tick, after those of the last age have gone.
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_age(void)
{
	struct cached_spans *lists;
	unsigned int i, age;
	unsigned long flags;

	for (lists = &regions; lists; lists = lists == &regions ? &runs : NULL) {
		for (i = 0; i < NR_BUCKETS; i++) {
			struct hlist_head *ages = lists->bucket[i];

			raw_spin_lock_irqsave(&large_cache_lock, flags);
			for (age = KSPAN_LARGE_CACHE_AGES - 1; age; age--)
				if (hlist_empty(&ages[age]))
					hlist_move_list(&ages[age - 1], &ages[age]);
			raw_spin_unlock_irqrestore(&large_cache_lock, flags);
		}
	}
}

/* Budgets for this machine.  Context: module load. */
void kspan_large_cache_init(void)
{
	unsigned long pages = totalram_pages();

	region_budget = min(pages / 16, REGION_BUDGET / PAGE_SIZE) * PAGE_SIZE;
	/* On 32 bits addresses are scarcer, and others' vmalloc() needs some. */
	region_budget = min_t(unsigned long, region_budget, VMALLOC_TOTAL / 16);
	run_budget = min(pages / 32, RUN_BUDGET / PAGE_SIZE) * PAGE_SIZE;
}
