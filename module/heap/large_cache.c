// SPDX-License-Identifier: GPL-2.0
/*
 * The large cache: spans of freed large objects, kept for requests of similar
 * size.
 *
 * Mapping and unmapping make vmalloc() slow, and searching and filing runs make
 * the page heap slow.  A cached span avoids both and keeps its descriptor and
 * its entry in the arena map.
 *
 * Cached spans are filed by size, four lists per octave, so that a search costs
 * the same at 64 KiB and at 64 MiB.  A run serves requests of exactly its
 * length.  A region serves requests that use at least 3/4 of the size it was
 * made for.  A region may be larger than that, so that an aligned object fits
 * in it.  The excess does not count for its list, so that the same request
 * finds it again.
 *
 * Cached spans never exceed a budget: the oldest regions make room for the one
 * that was freed last, and runs beyond the budget return to the page heap.  All
 * of them go when they have idled, or when memory is short.  The LRU list has
 * the spans in the order in which they were freed, each with the tick of its
 * free.  A span that is taken stays in the LRU list until it is freed again or
 * until a search for the oldest span removes it.  So a caller that allocates
 * and frees in turn does not touch this list.
 *
 * What a client's heap freed is cached for that heap alone, in a list of its
 * own.  A region goes when it has idled.  A run, which the page heap would give
 * to others, stays until memory is short or to be released.
 *
 * The arena map still leads to a cached span.  So a second free of its object
 * finds that its life is over and reports a double free.
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

/* Four lists per octave of heap pages. */
#define NR_BUCKETS	(4 * (BITS_PER_LONG - KSPAN_PAGE_SHIFT + 1))
/* A region 4/3 as large as the request is at most two lists further. */
#define BUCKETS_ON	2U
/* Spans checked in a list: the newest ones, whose memory is in CPU caches. */
#define LOOK_MAX	16U
/* The same limit for the list of a heap, which contains spans of all sizes. */
#define HEAP_LOOK_MAX	64U
/* Spans checked in one search for the oldest, with interrupts off. */
#define STEPS_MAX	32U

#define REGION_BUDGET	SZ_256M
#define RUN_BUDGET	SZ_8M

atomic_long_t kspan_region_sys;
atomic_long_t kspan_region_idle;
atomic_long_t kspan_region_surplus;
atomic_long_t kspan_run_idle;
atomic_long_t kspan_heap_run_idle;

/**
 * struct cached_spans - the cached spans of one sort, regions or runs
 * @bucket: all of them that are no heap's, by size, the newest first
 * @lru: all of them, the newest first, and spans that have been taken since
 * @idle: their bytes
 * @budget: maximum of @idle; set at load
 */
struct cached_spans {
	struct hlist_head bucket[NR_BUCKETS];
	struct list_head lru;
	atomic_long_t *idle;
	long budget;
};

/*
 * Protects all lists in this file, the epoch, and changes of the byte counts.
 * A leaf lock, taken in any context but NMI.
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

/*
 * Runs cached for heaps.  They have no bound, because no other caller may use
 * them.
 */
static struct cached_spans heap_runs = {
	.lru = LIST_HEAD_INIT(heap_runs.lru),
	.idle = &kspan_heap_run_idle,
	.budget = LONG_MAX,
};

/*
 * Regions beyond the budget, freed by callers that could not sleep to unmap
 * them.
 */
static HLIST_HEAD(surplus);

/* Number of ticks so far; the age of a span is their number since its free. */
static u32 epoch;

static unsigned int bucket_of(unsigned long pages)
{
	unsigned int order = __fls(pages);

	/* The two bits below the most significant one. */
	return 4 * order + (((pages << 2) >> order) & 3);
}

/* Heap pages of the largest request that a span serves. */
static unsigned long fit_pages(struct kspan_span *span)
{
	return kspan_is_region(span) ? kspan_large_of(span)->fit_pages :
				       span->nr_pages;
}

/*
 * A span is reused only at the same base address: a racing double free of the
 * old object has already looked up that address, and must not end another
 * object.
 */
static __kspan_noprobe bool fits(struct kspan_span *span, unsigned long pages,
				 size_t align, int node)
{
	unsigned long most = fit_pages(span);

	if (node != NUMA_NO_NODE && span->node != node)
		return false;
	if (align && !IS_ALIGNED(span->base, align))
		return false;
	/* Most requests have the size of the first one. */
	if (likely(most == pages))
		return true;
	return kspan_is_region(span) && pages < most && pages >= most - most / 4;
}

static struct cached_spans *lists_of(const struct kspan_span *span)
{
	if (kspan_is_region(span))
		return &regions;
	return unlikely(span->sc) ? &heap_runs : &runs;
}

static __always_inline struct kspan_span *
look_in_locked(struct hlist_head *list, unsigned long pages, size_t align,
	       int node, unsigned int looks)
{
	struct kspan_span *span;

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
		span = look_in_locked(&regions.bucket[i], pages, align, node,
				      LOOK_MAX);
	/*
	 * A run has exactly the length of the request, so only one list can
	 * have it.
	 */
	if (!span)
		span = look_in_locked(&runs.bucket[bucket], pages, align, node,
				      LOOK_MAX);
	return span;
}

/* Take @span out of its bucket for the caller. */
static __always_inline void take_locked(struct kspan_span *span)
{
	lockdep_assert_held(&large_cache_lock);
	__hlist_del(&span->kept);
	INIT_HLIST_NODE(&span->kept);
	atomic_long_sub(kspan_room_bytes(span), lists_of(span)->idle);
}

/* Move @span, which was taken, to the spans that the caller has to return. */
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
 * Find the oldest cached span of a sort.  Returns NULL if there is none, or if
 * the search takes more than *@steps, which is 0 then.
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
 * kspan_large_cache_take - take a cached span that fits a request
 * @pages: heap pages of the request
 * @align: its alignment, 0 for that of a page
 * @node: the node that the span must belong to, or NUMA_NO_NODE
 * @quota: the client's heap that it is for, or NULL
 *
 * Context: Any but NMI.
 * Return: a span that the caller owns, in the arena map at its base; or NULL.
 */
struct kspan_span *kspan_large_cache_take(unsigned long pages, size_t align,
					  int node, struct kspan_quota *quota)
{
	struct kspan_span *span;
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	if (unlikely(quota))
		span = look_in_locked(&quota->kept, pages, align, node,
				      HEAP_LOOK_MAX);
	else
		span = find_locked(pages, align, node);
	if (span)
		take_locked(span);
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/* Whether @bytes more would be within the budget. */
static bool __kspan_noprobe has_room_locked(const struct cached_spans *lists,
					    long bytes)
{
	lockdep_assert_held(&large_cache_lock);
	return atomic_long_read(lists->idle) + bytes <= lists->budget;
}

/*
 * Make room for @bytes.  Returns false after STEPS_MAX steps without success.
 */
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
	struct hlist_head *list = &lists_of(span)->bucket[bucket_of(fit_pages(span))];
	struct kspan_large *large = kspan_large_of(span);
	struct cached_spans *lists = lists_of(span);

	lockdep_assert_held(&large_cache_lock);
	/* With the lock held the caller is in an RCU read section. */
	if (unlikely(span->sc))
		list = &kspan_sc_quota(span->sc)->kept;
	large->epoch = epoch;
	hlist_add_head(&span->kept, list);
	if (lists->lru.next != &large->lru)
		list_move(&large->lru, &lists->lru);
	atomic_long_add(kspan_room_bytes(span), lists->idle);
}

/**
 * kspan_large_cache_put - cache the span of an object that was freed
 * @span: the span; its life is over
 * @gone: gets the spans that the caller has to return, including @span if it is
 *	not cached
 *
 * The cache never exceeds its budget: the oldest regions go before a younger
 * one is added.
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
		/*
		 * Runs do not displace older runs: the page heap serves them
		 * well.  Those of a heap have no other place.
		 */
		if (lists == &runs && !has_room_locked(lists, bytes))
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
 * kspan_large_cache_pop - take a span that is cached for a client's heap
 * @quota: the heap's account
 * @gone: receives a span that the caller must return
 *
 * Context: Any but NMI.
 * Return: false if no span is cached for the heap.
 */
bool kspan_large_cache_pop(struct kspan_quota *quota, struct hlist_head *gone)
{
	struct kspan_span *span = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&large_cache_lock, flags);
	if (!hlist_empty(&quota->kept)) {
		span = hlist_entry(quota->kept.first, struct kspan_span, kept);
		take_locked(span);
		let_go_locked(span, gone);
	}
	raw_spin_unlock_irqrestore(&large_cache_lock, flags);
	return span;
}

/**
 * kspan_large_cache_defer - queue a region for a caller that may sleep to unmap
 * it
 * @span: a region that kspan_large_cache_put() did not cache
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
 * kspan_large_cache_drop - remove a span that was taken from the LRU list
 * @span: the span, which ends without kspan_large_cache_put()
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

/* Count a new region as in use.  Context: Any. */
void kspan_large_cache_add_region(struct kspan_span *span)
{
	atomic_long_add(kspan_room_bytes(span), &kspan_region_sys);
}

/*
 * Move the oldest span to @gone if it is at least @age old.  Returns NULL if
 * not.
 */
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

/*
 * Move a region that waits to be unmapped to @gone.  Returns NULL if there is
 * none.
 */
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
 * kspan_large_cache_collect - pick cached spans to be returned
 * @age: minimum age, the oldest first; all regions that wait to be unmapped go
 *	too
 * @max_bytes: stop after this many bytes
 * @gone: list to move them to; the caller owns them then
 *
 * Context: Any but NMI.
 */
void kspan_large_cache_collect(unsigned int age, unsigned long max_bytes,
			       struct hlist_head *gone)
{
	/*
	 * Runs go one tick sooner, because their chunk has to idle afterwards.
	 */
	unsigned int run_age = age ? age - 1 : 0;
	struct kspan_span *span;
	unsigned long bytes = 0;

	while (bytes < max_bytes) {
		span = pop_surplus(gone);
		if (!span)
			span = pop_old(&regions, age, gone);
		if (!span)
			span = pop_old(&runs, run_age, gone);
		if (!span && !age)
			span = pop_old(&heap_runs, 0, gone);
		if (!span)
			break;
		bytes += kspan_room_bytes(span);
	}
}

/**
 * kspan_large_cache_age - make all cached spans one tick older
 *
 * The scavenger calls this once per tick, after it has returned the old spans.
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

/* Set the budgets for this machine.  Context: module load. */
void kspan_large_cache_init(void)
{
	unsigned long pages = totalram_pages();

	regions.budget = min(pages / 16, REGION_BUDGET / PAGE_SIZE) * PAGE_SIZE;
	/*
	 * On 32 bits, addresses are scarce and other users of vmalloc() need
	 * them.
	 */
	regions.budget = min_t(unsigned long, regions.budget, VMALLOC_TOTAL / 16);
	runs.budget = min(pages / 32, RUN_BUDGET / PAGE_SIZE) * PAGE_SIZE;
}
