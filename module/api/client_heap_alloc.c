// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation from a client's heap.  The fast path is that of kspan_alloc(),
 * with the index of the heap's own tops for the size class.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/topology.h>

#include "api/alloc.h"
#include "api/client_heap.h"
#include "api/client_heap_limit.h"
#include "api/free.h"
#include "api/grow.h"
#include "api/guard.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "base/kasan.h"
#include "cache/cache.h"
#include "heap/backing.h"
#include "heap/large.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/report.h"

static unsigned long a_of(const struct kspan_span_class *class)
{
	return class->index - KSPAN_F + KSPAN_A;
}

/*
 * Allocate memory for a large object: a span that the heap has cached, or new
 * memory, which is charged to the heap.
 */
static void *get_large(struct kspan_heap *h, size_t size, gfp_t gfp, int node,
		       unsigned long *charged)
{
	unsigned long bytes = kspan_large_pages(size) << KSPAN_PAGE_SHIFT;
	bool zero = kspan_want_zero(gfp);
	unsigned int tries = 0;
	void *ptr;

	/* This reports a request that can never succeed. */
	if (unlikely(size >> PAGE_SHIFT > totalram_pages()))
		return kspan_grow_large(size, 0, gfp, node, zero);
	for (;;) {
		ptr = kspan_grow_reuse(size, 0, gfp, node, zero, &h->quota);
		if (ptr)
			return ptr;
		if (kspan_quota_charge(&h->quota, bytes, gfp & __GFP_NOFAIL))
			break;
		if (!kspan_client_heap_make_room(&h->quota, size, gfp, &tries)) {
			kspan_report_fail(size, gfp, -ENOBUFS);
			return NULL;
		}
	}
	*charged = bytes;
	ptr = kspan_grow_large(size, 0, gfp, node, zero);
	if (!ptr)
		kspan_quota_uncharge(&h->quota, bytes);
	return ptr;
}

/*
 * Allocate a large object, whose span belongs to the heap until it is returned.
 */
static void *alloc_large(struct kspan_heap *h, size_t size, gfp_t gfp)
{
	int node = gfp & __GFP_THISNODE ? numa_mem_id() : NUMA_NO_NODE;
	unsigned long charged = 0;
	void *ptr;

	if (unlikely(!kspan_gfp_ok(gfp) || in_nmi()))
		return NULL;
	gfp = current_gfp_context(gfp);
	might_alloc(gfp);
	if (kspan_guard_is_due() && node == NUMA_NO_NODE) {
		ptr = kspan_guard_alloc_large(h->class[0].sc, size, false,
					      kspan_want_zero(gfp));
		if (ptr)
			return ptr;
	}
	ptr = get_large(h, size, gfp, kspan_bound_node(node), &charged);
	if (!ptr)
		return NULL;
	preempt_disable();
	kspan_large_enter(kspan_span_find(ptr), &h->class[0], charged);
	preempt_enable();
	if (likely(node == NUMA_NO_NODE) || kspan_is_on_node(ptr, size, node))
		return ptr;
	kspan_free_on(ptr);
	kspan_report_fail(size, gfp, -ENOMEM);
	return NULL;
}

/* Allocate an object of a class that has none at hand. */
static void *alloc_more(struct kspan_span_class *class, size_t size, gfp_t gfp,
			bool zero)
{
	kspan_client_heap_heat(class);
	return kspan_alloc_sc(class->sc, size, gfp, NUMA_NO_NODE, zero);
}

/*
 * Take an object that is at hand in the caller's context.  When A is empty,
 * update the account of the heap.
 */
static bool pop(struct kspan_span_class *class, void **ptr, u8 *was)
{
	if (unlikely(kspan_context() == KSPAN_CTX_NMI))
		return false;
	if (likely(kspan_in_task() ? kspan_cache_pop(a_of(class), ptr, was) :
				     kspan_cache_pop_irq(a_of(class), ptr, was)))
		return true;
	kspan_cache_account(class->sc, false);
	return kspan_in_task() &&
	       kspan_cache_swap_pop(a_of(class), ptr, was, false);
}

/* Everything that the fast path leaves out. */
static noinline void *alloc_slow(struct kspan_heap *h, size_t size, gfp_t gfp)
{
	bool zero = kspan_want_zero(gfp), done;
	struct kspan_span_class *class;
	void *ptr;
	u8 was;

	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (kspan_redzone_on())
		class = &h->class[kspan_redzone_class(size, 0)];
	else
		class = &h->class[size > KSPAN_SMALL_MAX ? 0 :
				  kspan_size_to_class(size)];
	if (!class->class)
		return alloc_large(h, size, gfp);
	if (unlikely(gfp & KSPAN_GFP_SPECIAL & ~__GFP_ZERO))
		return alloc_more(class, size, gfp, zero);
	preempt_disable();
	done = pop(class, &ptr, &was);
	preempt_enable();
	if (unlikely(!done))
		return alloc_more(class, size, gfp, zero);
	if (zero && was != KSPAN_OBJ_ZEROED)
		kspan_fill_object(ptr, 0, class->info.size);
	return ptr;
}

/* alloc_plain() with watchers. */
static noinline void *alloc_watched(struct kspan_heap *h, size_t size, gfp_t gfp,
				    unsigned long ip)
{
	void *ptr = alloc_slow(h, size, gfp);

	kspan_watch_alloc(ptr, size, gfp, NUMA_NO_NODE, ip);
	return ptr;
}

/**
 * kspan_heap_alloc_watched - kspan_heap_alloc() with watchers
 * @h: the heap
 * @size: bytes
 * @gfp: as for kmalloc()
 * @ip: return address of the client's call
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: as for kspan_heap_alloc().
 */
void *kspan_heap_alloc_watched(struct kspan_heap *h, size_t size, gfp_t gfp,
			       unsigned long ip)
{
	return kspan_sanitize_alloc(alloc_watched(h, size, gfp, ip), size, gfp);
}

static __always_inline void *alloc_plain(struct kspan_heap *h, size_t size,
					 gfp_t gfp)
{
	bool done;
	void *ptr;
	u8 was;

	kspan_check_context(gfp);
	if (static_branch_unlikely(&kspan_alloc_key) ||
	    unlikely(gfp & KSPAN_GFP_SPECIAL) || unlikely(!kspan_in_task()) ||
	    unlikely(size - 1 >= KSPAN_SMALL_MAX)) {
		if (kspan_is_watched())
			return alloc_watched(h, size, gfp, _RET_IP_);
		return alloc_slow(h, size, gfp);
	}
	preempt_disable();
	done = kspan_cache_pop(a_of(&h->class[kspan_size_to_class(size)]), &ptr,
			       &was);
	preempt_enable();
	if (likely(done))
		return ptr;
	return alloc_slow(h, size, gfp);
}

/**
 * kspan_heap_alloc - allocate an object from a client's heap
 * @h: the heap
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Sizes, alignment and contents are those of kspan_alloc(). kspan_free() and
 * all other functions accept the object.
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_heap_alloc(struct kspan_heap *h, size_t size, gfp_t gfp)
{
	return kspan_sanitize_alloc(alloc_plain(h, size, gfp), size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_heap_alloc);

/**
 * kspan_heap_zalloc - allocate a zeroed object from a client's heap
 * @h: the heap
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_heap_zalloc(struct kspan_heap *h, size_t size, gfp_t gfp)
{
	return kspan_heap_alloc_for(h, size, gfp | __GFP_ZERO, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_heap_zalloc);

/**
 * kspan_client_heap_alloc_node - allocate from a client's heap, on a NUMA node
 * @h: the heap
 * @size: bytes
 * @gfp: as for kmalloc()
 * @node: preferred node
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_client_heap_alloc_node(struct kspan_heap *h, size_t size, gfp_t gfp,
				   int node)
{
	unsigned int class;
	void *ptr;

	if (!size || size > KSPAN_SMALL_MAX || kspan_redzone_on())
		return kspan_heap_alloc(h, size, gfp);
	class = kspan_size_to_class(size);
	kspan_client_heap_heat(&h->class[class]);
	ptr = kspan_alloc_sc(h->class[class].sc, size, gfp, node,
			     kspan_want_zero(gfp));
	if (kspan_is_watched())
		kspan_watch_alloc(ptr, size, gfp, node, _RET_IP_);
	return kspan_sanitize_alloc(ptr, size, gfp);
}
