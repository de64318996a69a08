// SPDX-License-Identifier: GPL-2.0
/*
 * Guard objects: allocation and free.
 *
 * Both are reached from slow paths only.  While guard objects are on, the caches
 * mark an object now and then (cache_sample.c), so that an allocation which the
 * fast path would have served comes here.
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "api/guard.h"
#include "base/kasan.h"
#include "base/profile.h"
#include "base/quota.h"
#include "base/sample.h"
#include "cache/cache.h"
#include "heap/large.h"
#include "span/redzone.h"
#include "span/report.h"

/* Guard objects ever allocated. */
static atomic_long_t nr_allocated;

/* Has the worker unmap freed objects soon; set at load. */
static void (*retire_soon)(void);

/* Set the function that has the worker come, from any context.  Context: module load. */
void kspan_guard_set_worker(void (*fn)(void))
{
	retire_soon = fn;
}

/* Where an object can lie in the pages of a slot: not below @first nor above @last. */
static bool places(const struct kspan_guard *guard, size_t size, size_t align,
		   unsigned long *first, unsigned long *last)
{
	unsigned long area = (unsigned long)guard->area;

	*first = ALIGN(area, align);
	*last = ALIGN_DOWN(area + kspan_guard_area_bytes(guard) - size, align);
	return size <= kspan_guard_area_bytes(guard) && *last >= *first;
}

/* The smallest slot that is ready and has room, or NULL. */
static struct kspan_guard *find_ready(size_t size, size_t align)
{
	struct kspan_guard *guard, *found = NULL;
	unsigned long first, last;

	for_each_kspan_guard(guard)
		/* A ready slot is complete. */
		if (smp_load_acquire(&guard->state) == KSPAN_GUARD_READY &&
		    (!found || guard->nr_pages < found->nr_pages) &&
		    places(guard, size, align, &first, &last))
			found = guard;
	return found;
}

static struct kspan_guard *take_ready(size_t size, size_t align)
{
	struct kspan_guard *guard;
	int state;

	do {
		guard = find_ready(size, align);
		state = KSPAN_GUARD_READY;
	} while (guard && !try_cmpxchg(&guard->state, &state, KSPAN_GUARD_TAKEN));
	return guard;
}

static void count_large(const struct kspan_guard *guard)
{
	struct kspan_quota *quota = kspan_sc_quota(guard->span.sc);

	atomic_long_inc(&kspan_large_nmalloc);
	atomic64_add(guard->span.asked, &kspan_large_alloc_bytes);
	if (!quota)
		return;
	atomic_long_inc(&quota->nr_large);
	atomic64_add(guard->span.asked, &quota->large_bytes);
	atomic64_add(guard->span.asked, &quota->total);
	kspan_quota_add(quota, guard->span.asked);
}

static void uncount_large(const struct kspan_guard *guard)
{
	struct kspan_quota *quota = kspan_sc_quota(guard->span.sc);

	atomic_long_inc(&kspan_large_nfree);
	atomic64_add(guard->span.asked, &kspan_large_free_bytes);
	if (!quota)
		return;
	atomic64_sub(guard->span.asked, &quota->large_bytes);
	kspan_quota_sub(quota, guard->span.asked);
	/* Last: without an object the heap may end. */
	atomic_long_dec(&quota->nr_large);
}

static void count_alloc(const struct kspan_guard *guard)
{
	atomic_long_inc(&nr_allocated);
	if (guard->large) {
		count_large(guard);
		return;
	}
	if (kspan_redzone_on())
		atomic64_add(guard->span.asked, &kspan_redzone_alloc_bytes);
	kspan_cache_count_guard(guard->span.sc, KSPAN_LOADED, guard->span.asked);
}

/* After this the cache or heap of the object may end. */
static void count_free(const struct kspan_guard *guard)
{
	if (guard->tracked)
		kspan_profile_free(kspan_guard_object(guard));
	rcu_read_lock();
	if (guard->large) {
		uncount_large(guard);
	} else {
		if (kspan_redzone_on())
			atomic64_add(guard->span.asked, &kspan_redzone_free_bytes);
		kspan_cache_count_guard(guard->span.sc, KSPAN_UNLOADED,
					guard->span.asked);
	}
	rcu_read_unlock();
}

static void set_name(struct kspan_guard *guard)
{
	const struct kspan_span_class *class;

	*guard->name = '\0';
	if (kspan_sc_is_static(guard->span.sc))
		return;
	class = kspan_sc_find(guard->span.sc);
	scnprintf(guard->name, sizeof(guard->name), "%s %s",
		  class->quota ? "heap" : "cache", class->name);
}

/* Everything about the object in a slot that was taken. */
static void *begin(struct kspan_guard *guard, bool zero)
{
	void *object = kspan_guard_object(guard);

	guard->any_size = false;
	guard->tag = 0;
	guard->freed.nr_frames = 0;
	set_name(guard);
	kspan_span_construct(&guard->span, object);
	if (zero)
		memset(object, 0, guard->span.asked);
	guard->tracked = kspan_sample_one(guard->span.asked) &&
			 kspan_profile_alloc(object, guard->span.asked);
	kspan_guard_note(&guard->allocated);
	count_alloc(guard);
	/* A live object is complete for whoever looks it up. */
	smp_store_release(&guard->state, KSPAN_GUARD_LIVE);
	return object;
}

/* Take a slot for an object of @size bytes.  Return: NULL if none is due or ready. */
static struct kspan_guard *take(unsigned int sc, size_t size, size_t align, bool data)
{
	unsigned long first, last;
	struct kspan_guard *guard;

	if (size > KSPAN_GUARD_MAX || atomic_dec_if_positive(&kspan_guard_due) < 0)
		return NULL;
	guard = take_ready(size, align);
	if (!guard)
		return NULL;
	places(guard, size, align, &first, &last);
	guard->span.base = kspan_sample_random() & 1 ? first : last;
	guard->span.asked = size;
	guard->span.sc = sc;
	guard->span.data = data;
	return guard;
}

/* The alignment that objects of a size have which follow each other in a span. */
static size_t align_of(size_t slot)
{
	return clamp_t(size_t, slot & -slot, 8, KSPAN_PAGE_SIZE);
}

/**
 * kspan_guard_alloc - a small object with guard pages, if it is time for one
 * @sc: the span class that the object would be of
 * @size: bytes asked for
 * @data: whether it holds no pointers
 * @zero: whether to zero it
 *
 * It has as many bytes as any other object of its class, and its alignment.  An
 * overrun into bytes that the class adds does no harm; check=2 finds those.
 *
 * No object of a cache with SLAB_TYPESAFE_BY_RCU is one: readers may look at it
 * after its free.
 *
 * Context: Any but NMI.
 * Return: the object; NULL if there is none.
 */
void *kspan_guard_alloc(unsigned int sc, size_t size, bool data, bool zero)
{
	size_t slot = kspan_sc_info(sc)->size;
	struct kspan_guard *guard;

	if (kspan_sc_is_rcu(sc))
		return NULL;
	if (!kspan_redzone_on())
		guard = take(sc, slot, align_of(slot), data);
	else if (kspan_sc_class(sc))
		guard = take(sc, size, is_power_of_2(size) ? align_of(size) : 8, data);
	else
		guard = take(sc, size, align_of(slot), data);
	if (!guard)
		return NULL;
	guard->large = false;
	return begin(guard, zero);
}

/**
 * kspan_guard_alloc_large - a large object with guard pages, if it is time for one
 * @sc: the span class of its heap for that, or 0
 * @size: bytes asked for
 * @data: whether it holds no pointers
 * @zero: whether to zero it
 *
 * Context: Any but NMI.
 * Return: the object; NULL if there is none.
 */
void *kspan_guard_alloc_large(unsigned int sc, size_t size, bool data, bool zero)
{
	struct kspan_guard *guard;

	if (size > KSPAN_GUARD_MAX)
		return NULL;
	guard = take(sc, kspan_redzone_on() ? size : ALIGN(size, KSPAN_PAGE_SIZE),
		     PAGE_SIZE, data);
	if (!guard)
		return NULL;
	guard->large = true;
	return begin(guard, zero);
}

/**
 * kspan_guard_alloc_size - an object with guard pages, if it is time for one
 * @size: bytes asked for, not 0
 * @data: whether it holds no pointers
 * @zero: whether to zero it
 *
 * Context: Any but NMI.
 * Return: the object; NULL if there is none.
 */
void *kspan_guard_alloc_size(size_t size, bool data, bool zero)
{
	unsigned int class = 0;

	if (kspan_redzone_on())
		class = kspan_redzone_class(size, 0);
	else if (size <= KSPAN_SMALL_MAX)
		class = kspan_size_to_class(size);
	if (!class)
		return kspan_guard_alloc_large(0, size, data, zero);
	return kspan_guard_alloc(class + (data ? KSPAN_SC_DATA : 0), size, data, zero);
}

/**
 * kspan_guard_free - free a guard object
 * @span: its span; the pointer was its base
 *
 * The pages stay for a moment, until a worker unmaps them.  What is written to
 * them meanwhile is found by the poison, which also wipes the object.
 *
 * Context: Any, including NMI.
 * Return: false if the object is not live: another free was faster.
 */
bool kspan_guard_free(struct kspan_span *span)
{
	struct kspan_guard *guard = kspan_guard_of(span);
	int state = KSPAN_GUARD_LIVE;
	const u8 *bad;

	if (!try_cmpxchg(&guard->state, &state, KSPAN_GUARD_ENDING))
		return false;
	/* KASAN was told of the end of the object. */
	kspan_kasan_unpoison_object(kspan_guard_object(guard), ALIGN(span->asked, 8),
				    ALIGN(span->asked, 8));
	bad = kspan_guard_bad_around(guard);
	if (unlikely(bad)) {
		kspan_report_guard(span, bad, KSPAN_GUARD_AROUND, false);
		/* Once is enough. */
		memset(guard->area, KSPAN_GUARD_AROUND, kspan_guard_area_bytes(guard));
	}
	memset(kspan_guard_object(guard), KSPAN_GUARD_FREED, span->asked);
	kspan_guard_note(&guard->freed);
	if (unlikely(in_nmi()))
		WRITE_ONCE(guard->uncounted, true);
	else
		count_free(guard);
	/* The poison before the worker, which checks it. */
	smp_store_release(&guard->state, KSPAN_GUARD_QUEUED);
	retire_soon();
	return true;
}

/* Count what was freed in NMI.  Context: Any but NMI. */
void kspan_guard_count_freed(void)
{
	struct kspan_guard *guard;

	if (!READ_ONCE(kspan_guards))
		return;
	for_each_kspan_guard(guard)
		if (READ_ONCE(guard->uncounted) && xchg(&guard->uncounted, false))
			count_free(guard);
}

/* Guard objects that count as live, for verify.  Context: Any. */
void kspan_guard_live(unsigned long *small, unsigned long *large)
{
	struct kspan_guard *guard;

	*small = 0;
	*large = 0;
	if (!READ_ONCE(kspan_guards))
		return;
	for_each_kspan_guard(guard) {
		if (READ_ONCE(guard->state) != KSPAN_GUARD_LIVE &&
		    !READ_ONCE(guard->uncounted))
			continue;
		if (guard->large)
			++*large;
		else
			++*small;
	}
}

/* Guard objects ever allocated.  Context: Any. */
unsigned long kspan_guard_count(void)
{
	return atomic_long_read(&nr_allocated);
}
