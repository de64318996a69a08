// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk allocation: objects are popped off a magazine in one loop, without the
 * steps that single calls repeat. kspan_free_bulk() is in free.c.
 */
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/preempt.h>

#include "api/alloc.h"
#include "api/grow.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "cache/cache.h"
#include "span/redzone.h"
#include "span/report.h"

/*
 * Maximum of objects taken, and of bytes zeroed, in one go with preemption off.
 */
#define ALLOC_BATCH	64U
#define ZERO_BATCH	(64U << 10)

/* Take as many small objects as the caches, depot and spans have ready. */
static size_t take_batches(unsigned int class, void **objs, size_t n, bool zero)
{
	unsigned int batch = ALLOC_BATCH, want, got;
	size_t done = 0;

	if (zero)
		batch = min(batch, ZERO_BATCH / kspan_classes[class].size);
	do {
		want = min_t(size_t, n - done, batch);
		preempt_disable();
		got = kspan_cache_take_many(class, objs + done, want, zero);
		preempt_enable();
		done += got;
	} while (got == want && done < n);
	return done;
}

static size_t alloc_small_bulk(size_t size, gfp_t gfp, size_t n, void **objs)
{
	unsigned int class = kspan_size_to_class(size);
	bool zero = kspan_want_zero(gfp);
	size_t done = 0, got;

	if (likely(!zero)) {
		done = kspan_cache_take_row(KSPAN_A_INDEX(class), objs,
					    min_t(size_t, n, ALLOC_BATCH), true);
		kspan_sanitize_alloc_many(objs, done, size, gfp);
		if (likely(done == n))
			return n;
	}
	for (;;) {
		got = take_batches(class, objs + done, n - done, zero);
		kspan_sanitize_alloc_many(objs + done, got, size, gfp);
		done += got;
		if (done == n)
			return n;
		/*
		 * The slow path finds memory for one object, or reports the
		 * failure.
		 */
		objs[done] = kspan_alloc(size, gfp);
		if (!objs[done])
			return done;
		if (++done == n)
			return n;
	}
}

static size_t alloc_each(size_t size, gfp_t gfp, size_t n, void **objs)
{
	size_t done;

	for (done = 0; done < n; done++) {
		objs[done] = kspan_alloc(size, gfp);
		if (!objs[done])
			break;
	}
	return done;
}

/* kspan_alloc_bulk() with watchers. */
static noinline size_t alloc_bulk_watched(size_t size, gfp_t gfp, size_t n,
					  void **objs, unsigned long ip)
{
	size_t done;

	for (done = 0; done < n; done++) {
		objs[done] = kspan_alloc_for(size, gfp, ip);
		if (unlikely(!objs[done])) {
			kspan_free_bulk_for(done, objs, ip);
			return 0;
		}
	}
	return n;
}

/**
 * kspan_alloc_bulk - allocate several objects of one size
 * @size: bytes of an object
 * @gfp: as for kmalloc()
 * @n: number of objects
 * @objs: array for the objects
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: @n, or 0 without memory for all of them; nothing is allocated then.
 */
size_t kspan_alloc_bulk(size_t size, gfp_t gfp, size_t n, void **objs)
{
	size_t done;

	if (unlikely((gfp & KSPAN_GFP_REFUSED) && !kspan_gfp_ok(gfp)))
		return 0;
	if (kspan_is_watched())
		return alloc_bulk_watched(size, gfp, n, objs, _RET_IP_);
	if (size && size <= KSPAN_SMALL_MAX && !(gfp & __GFP_THISNODE) &&
	    !kspan_redzone_on())
		done = alloc_small_bulk(size, gfp, n, objs);
	else
		done = alloc_each(size, gfp, n, objs);
	if (likely(done == n))
		return n;
	kspan_free_bulk(done, objs);
	return 0;
}
EXPORT_SYMBOL_GPL(kspan_alloc_bulk);
