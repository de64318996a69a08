// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: how their objects come and go.
 *
 * The fast paths are those of kspan_alloc() and kspan_free(), with the index
 * of the cache's own tops instead of one out of a table.
 */
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#include "api/alloc.h"
#include "api/free.h"
#include "api/lookup.h"
#include "api/named_cache.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "base/kasan.h"
#include "cache/cache.h"
#include "span/redzone.h"
#include "span/report.h"

/* Objects taken or freed, and bytes zeroed, with preemption off at a stretch. */
#define BATCH		64U
#define ZERO_BATCH	(64U << 10)

static unsigned long a_of(const struct kspan_cache *c)
{
	return c->class.index - KSPAN_F + KSPAN_A;
}

/* What is kept in an object is not zeroed for the kernel's sake. */
static bool want_zero(const struct kspan_cache *c, gfp_t gfp)
{
	return c->class.keeps ? !!(gfp & __GFP_ZERO) : kspan_want_zero(gfp);
}

/* Everything the fast path leaves out. */
static noinline void *alloc_slow(struct kspan_cache *c, gfp_t gfp)
{
	bool zero = want_zero(c, gfp), done = false;
	void *ptr;
	u8 was;

	if (unlikely((gfp & __GFP_ZERO) && c->class.ctor))
		pr_warn_once("cache %s: __GFP_ZERO undoes what its constructor did\n",
			     c->name);
	if (unlikely(gfp & KSPAN_GFP_SPECIAL & ~__GFP_ZERO))
		return kspan_alloc_sc(c->class.sc, c->class.asked, gfp,
				      NUMA_NO_NODE, zero);
	preempt_disable();
	if (likely(kspan_in_task()))
		done = kspan_cache_pop(a_of(c), &ptr, &was) ||
		       kspan_cache_swap_pop(a_of(c), &ptr, &was, false);
	else if (kspan_context() != KSPAN_CTX_NMI)
		done = kspan_cache_pop_irq(a_of(c), &ptr, &was);
	preempt_enable();
	if (unlikely(!done))
		return kspan_alloc_sc(c->class.sc, c->class.asked, gfp,
				      NUMA_NO_NODE, zero);
	if (zero && was != KSPAN_OBJ_ZEROED)
		kspan_fill_object(ptr, 0, c->class.info.size);
	return ptr;
}

/* alloc_plain() while somebody watches. */
static noinline void *alloc_watched(struct kspan_cache *c, gfp_t gfp,
				    unsigned long ip)
{
	void *ptr = alloc_slow(c, gfp);

	kspan_watch_alloc(ptr, c->class.asked, gfp, NUMA_NO_NODE, ip);
	return ptr;
}

/**
 * kspan_cache_alloc_watched - kspan_cache_alloc() while somebody watches
 * @c: the cache
 * @gfp: as for kmem_cache_alloc()
 * @ip: where the client called
 *
 * Context: Any but NMI, where it gives NULL; may sleep if @gfp allows it.
 * Return: the object; NULL without memory.
 */
void *kspan_cache_alloc_watched(struct kspan_cache *c, gfp_t gfp,
				unsigned long ip)
{
	return kspan_sanitize_alloc(alloc_watched(c, gfp, ip), c->class.asked,
				    gfp);
}

static __always_inline void *alloc_plain(struct kspan_cache *c, gfp_t gfp)
{
	bool done;
	void *ptr;
	u8 was;

	kspan_check_context(gfp);
	if (static_branch_unlikely(&kspan_alloc_key) ||
	    unlikely(gfp & KSPAN_GFP_SPECIAL) || unlikely(!kspan_in_task())) {
		if (kspan_is_watched())
			return alloc_watched(c, gfp, _RET_IP_);
		return alloc_slow(c, gfp);
	}
	preempt_disable();
	done = kspan_cache_pop(a_of(c), &ptr, &was);
	preempt_enable();
	if (likely(done))
		return ptr;
	return alloc_slow(c, gfp);
}

/**
 * kspan_cache_alloc - allocate an object of a named cache
 * @c: the cache
 * @gfp: as for kmem_cache_alloc()
 *
 * Context: Any but NMI, where it gives NULL; may sleep if @gfp allows it.
 * Return: the object; NULL without memory.
 */
void *kspan_cache_alloc(struct kspan_cache *c, gfp_t gfp)
{
	return kspan_sanitize_alloc(alloc_plain(c, gfp), c->class.asked, gfp);
}
EXPORT_SYMBOL_GPL(kspan_cache_alloc);

/**
 * kspan_cache_zalloc - allocate a zeroed object of a named cache
 * @c: the cache, one without a constructor
 * @gfp: as for kmem_cache_alloc()
 *
 * Context: Any but NMI, where it gives NULL; may sleep if @gfp allows it.
 * Return: the object; NULL without memory.
 */
void *kspan_cache_zalloc(struct kspan_cache *c, gfp_t gfp)
{
	if (kspan_is_watched())
		return kspan_cache_alloc_watched(c, gfp | __GFP_ZERO, _RET_IP_);
	return kspan_cache_alloc(c, gfp | __GFP_ZERO);
}
EXPORT_SYMBOL_GPL(kspan_cache_zalloc);

/**
 * kspan_cache_alloc_node - allocate an object of a named cache on a NUMA node
 * @c: the cache
 * @gfp: as for kmem_cache_alloc_node()
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: Any but NMI, where it gives NULL; may sleep if @gfp allows it.
 * Return: the object; NULL without memory.
 */
void *kspan_cache_alloc_node(struct kspan_cache *c, gfp_t gfp, int node)
{
	void *ptr;

	if (node == NUMA_NO_NODE && kspan_is_watched())
		return kspan_cache_alloc_watched(c, gfp, _RET_IP_);
	if (node == NUMA_NO_NODE)
		return kspan_cache_alloc(c, gfp);
	ptr = kspan_alloc_sc(c->class.sc, c->class.asked, gfp, node,
			     want_zero(c, gfp));
	if (kspan_is_watched())
		kspan_watch_alloc(ptr, c->class.asked, gfp, node, _RET_IP_);
	return kspan_sanitize_alloc(ptr, c->class.asked, gfp);
}
EXPORT_SYMBOL_GPL(kspan_cache_alloc_node);

/*
 * Whether a pointer is one of the cache's objects, or none at all, which the
 * free will find; if not, that is reported.
 */
static noinline bool may_free(const struct kspan_cache *c, const void *obj)
{
	struct kspan_object object;
	bool ok = true;

	preempt_disable();
	if (!kspan_lookup(obj, &object) &&
	    kspan_span_sc(object.span) != c->class.sc) {
		kspan_report_free(obj, object.span, KSPAN_FAULT_CACHE, 0);
		ok = false;
	}
	preempt_enable();
	return ok;
}

static noinline void free_slow(const struct kspan_cache *c, const void *obj)
{
	if (!ZERO_OR_NULL_PTR(obj) && may_free(c, obj))
		kspan_free_on(obj);
}

/* kspan_cache_free() while somebody watches. */
static noinline void free_watched(const struct kspan_cache *c, void *obj,
				  unsigned long ip)
{
	/* One that is not the cache's lives on, and nobody is told of its end. */
	if (ZERO_OR_NULL_PTR(obj) || !may_free(c, obj))
		return;
	kspan_sanitize_free(obj);
	kspan_watch_free(obj, ip);
	kspan_free_unwatched(obj);
}

/* The fast path.  Return: false, and nothing done, if it takes more. */
static __always_inline bool free_fast(const struct kspan_cache *c, void *obj)
{
	struct kspan_span *span = kspan_span_of(obj);
	u8 *state;

	return likely(kspan_is_plain(span, obj, &state)) &&
	       likely(span->index == c->class.index) &&
	       kspan_cache_push(c->class.index, obj, state);
}

/**
 * kspan_cache_free - free an object of a named cache
 * @c: the cache
 * @obj: the object, or NULL
 *
 * What is no live object is a bad free, as for kspan_free(); so is an object
 * that is not the cache's, and that one lives on.
 *
 * Context: Any, from any CPU; in NMI the object is free a moment later.
 */
void kspan_cache_free(struct kspan_cache *c, void *obj)
{
	bool done = false;

	if (kspan_is_watched()) {
		free_watched(c, obj, _RET_IP_);
		return;
	}
	if (KSPAN_SANITIZE && !ZERO_OR_NULL_PTR(obj)) {
		/* Told of its end it could not live on. */
		if (!may_free(c, obj))
			return;
		kspan_sanitize_free(obj);
	}
	if (likely(kspan_in_task())) {
		preempt_disable();
		done = free_fast(c, obj);
		preempt_enable();
	}
	if (unlikely(!done))
		free_slow(c, obj);
}
EXPORT_SYMBOL_GPL(kspan_cache_free);

/* As many objects as are at hand. */
static size_t take_batches(struct kspan_cache *c, void **objs, size_t n, bool zero)
{
	unsigned int batch = BATCH, want, got;
	size_t done = 0;

	if (zero)
		batch = clamp(ZERO_BATCH / c->class.info.size, 1U, BATCH);
	do {
		want = min_t(size_t, n - done, batch);
		preempt_disable();
		got = kspan_cache_take_many(c->class.sc, objs + done, want, zero);
		preempt_enable();
		done += got;
	} while (got == want && done < n);
	return done;
}

/* kspan_cache_alloc_bulk() while somebody watches. */
static noinline size_t alloc_bulk_watched(struct kspan_cache *c, gfp_t gfp,
					  size_t n, void **objs, unsigned long ip)
{
	size_t done;

	for (done = 0; done < n; done++) {
		objs[done] = kspan_cache_alloc_watched(c, gfp, ip);
		if (unlikely(!objs[done])) {
			kspan_free_bulk_for(done, objs, ip);
			return 0;
		}
	}
	return n;
}

/**
 * kspan_cache_alloc_bulk - allocate several objects of a named cache
 * @c: the cache
 * @gfp: as for kmem_cache_alloc_bulk()
 * @n: how many
 * @objs: where they go
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: @n; or 0, and nothing is allocated, without memory for all.
 */
size_t kspan_cache_alloc_bulk(struct kspan_cache *c, gfp_t gfp, size_t n,
			      void **objs)
{
	bool zero = want_zero(c, gfp);
	size_t done = 0, got;

	if (unlikely(!kspan_gfp_ok(gfp)))
		return 0;
	if (kspan_is_watched())
		return alloc_bulk_watched(c, gfp, n, objs, _RET_IP_);
	while (done < n) {
		got = 0;
		/* With check=2 nothing is at hand. */
		if (!(gfp & __GFP_THISNODE) && !kspan_redzone_on())
			got = take_batches(c, objs + done, n - done, zero);
		kspan_sanitize_alloc_many(objs + done, got, c->class.asked, gfp);
		done += got;
		if (done == n)
			break;
		/* One from the slow path, which finds memory or reports. */
		objs[done] = kspan_cache_alloc(c, gfp);
		if (!objs[done]) {
			kspan_cache_free_bulk(c, done, objs);
			return 0;
		}
		done++;
	}
	return n;
}
EXPORT_SYMBOL_GPL(kspan_cache_alloc_bulk);

/* Free objects by rows; preemption is on before what may take long. */
static void free_batch(struct kspan_cache *c, void **objs, unsigned int nr)
{
	void **end = objs + nr;
	unsigned int done;

	while (objs != end) {
		preempt_disable();
		do {
			done = kspan_free_row(kspan_span_of(objs[0]),
					      c->class.index, objs, end - objs);
			objs += done;
		} while (done && objs != end);
		preempt_enable();
		if (objs != end)
			free_slow(c, *objs++);
	}
}

/**
 * kspan_cache_free_bulk - free several objects of a named cache
 * @c: the cache
 * @n: how many
 * @objs: the objects; NULL among them is skipped
 *
 * Context: Any, from any CPU.
 */
void kspan_cache_free_bulk(struct kspan_cache *c, size_t n, void **objs)
{
	unsigned int batch;

	while (n && kspan_is_watched()) {
		free_watched(c, *objs++, _RET_IP_);
		n--;
	}
	while (n && (KSPAN_SANITIZE || !kspan_in_task())) {
		kspan_cache_free(c, *objs++);
		n--;
	}
	for (; n; n -= batch, objs += batch) {
		batch = min_t(size_t, n, BATCH);
		free_batch(c, objs, batch);
	}
}
EXPORT_SYMBOL_GPL(kspan_cache_free_bulk);

/**
 * kspan_cache_size - bytes of an object of a named cache
 * @c: the cache
 *
 * Context: Any.
 * Return: the size it was made with.
 */
unsigned int kspan_cache_size(const struct kspan_cache *c)
{
	return c->class.asked;
}
EXPORT_SYMBOL_GPL(kspan_cache_size);
