// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: allocation and free of their objects.
 *
 * The fast paths are those of kspan_alloc() and kspan_free(), with the index of
 * the cache's own tops instead of one from a table.
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

/*
 * Maximum of objects taken or freed, and of bytes zeroed, with preemption off.
 */
#define BATCH		64U
#define ZERO_BATCH	(64U << 10)

static unsigned long a_of(const struct kspan_cache *c)
{
	return c->class.index - KSPAN_F + KSPAN_A;
}

/* Objects that keep their content are zeroed only for __GFP_ZERO. */
static bool want_zero(const struct kspan_cache *c, gfp_t gfp)
{
	return c->class.keeps ? !!(gfp & __GFP_ZERO) : kspan_want_zero(gfp);
}

/* Everything that the fast path leaves out. */
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

/* alloc_plain() with watchers. */
static noinline void *alloc_watched(struct kspan_cache *c, gfp_t gfp,
				    unsigned long ip)
{
	void *ptr = alloc_slow(c, gfp);

	kspan_watch_alloc(ptr, c->class.asked, gfp, NUMA_NO_NODE, ip);
	return ptr;
}

/**
 * kspan_cache_alloc_watched - kspan_cache_alloc() with watchers
 * @c: the cache
 * @gfp: as for kmem_cache_alloc()
 * @ip: return address of the client's call
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
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
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
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
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
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
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
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
 * Whether a pointer may be freed: it is an object of the cache, or no object at
 * all, which the free will report.  An object of another cache is reported
 * here.
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

/* kspan_cache_free() with watchers. */
static noinline void free_watched(const struct kspan_cache *c, void *obj,
				  unsigned long ip)
{
	/*
	 * An object of another cache stays live, so its free is not reported to
	 * watchers.
	 */
	if (ZERO_OR_NULL_PTR(obj) || !may_free(c, obj))
		return;
	kspan_sanitize_free(obj);
	kspan_watch_free(obj, ip);
	kspan_free_unwatched(obj);
}

/* The fast path.  Returns false, and does nothing, if it cannot free @obj. */
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
 * A pointer that is not a live object is a bad free, as for kspan_free().  An
 * object that does not belong to the cache is a bad free too, and stays live.
 *
 * Context: Any, on any CPU; in NMI the object is freed a moment later.
 */
void kspan_cache_free(struct kspan_cache *c, void *obj)
{
	bool done = false;

	if (kspan_is_watched()) {
		free_watched(c, obj, _RET_IP_);
		return;
	}
	if (KSPAN_SANITIZE && !ZERO_OR_NULL_PTR(obj)) {
		/*
		 * An object of another cache stays live, so the sanitizers must
		 * not forget it.
		 */
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

/* Take as many objects as the caches, depot and spans have ready. */
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

/* kspan_cache_alloc_bulk() with watchers. */
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
 * @n: number of objects
 * @objs: array for the objects
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: @n, or 0 without memory for all of them; nothing is allocated then.
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
		if (likely(!zero && !(gfp & __GFP_THISNODE)))
			got = kspan_cache_take_row(a_of(c), objs + done,
						   min_t(size_t, n - done, BATCH),
						   false);
		/* With check=2 the caches and depots are empty. */
		if (!got && !(gfp & __GFP_THISNODE) && !kspan_redzone_on())
			got = take_batches(c, objs + done, n - done, zero);
		kspan_sanitize_alloc_many(objs + done, got, c->class.asked, gfp);
		done += got;
		if (done == n)
			break;
		/*
		 * The slow path finds memory for one object, or reports the
		 * failure.
		 */
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

/*
 * Free objects by rows, with preemption on before anything that may take long.
 */
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
 * @n: number of objects
 * @objs: the objects; NULL entries are skipped
 *
 * Context: Any, on any CPU.
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
 * Return: the size given to kspan_cache_create().
 */
unsigned int kspan_cache_size(const struct kspan_cache *c)
{
	return c->class.asked;
}
EXPORT_SYMBOL_GPL(kspan_cache_size);
