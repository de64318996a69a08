// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation.  DOC: Overview in main.c describes the steps.
 *
 * A fast path consists of a test of the flags, a table look-up and
 * kspan_cache_pop().  Everything else is in noinline functions, which are called
 * last, so that the machine code of the common case is a straight line without
 * a stack frame.  The calls, from the common case to the rare ones:
 *
 *	kspan_alloc(), kspan_alloc_data()
 *	  alloc_plain()			no special flags
 *	    alloc_fast()		pops an object off A
 *	    alloc_swap()		A is empty: swaps A and F, pops
 *	    alloc_in_irq()		softirq or hardirq: their own caches
 *	    alloc_special()		special flags, or memory must be zero
 *	      alloc_special_swap()	like alloc_swap() and alloc_in_irq()
 *	  alloc_watched()		reports the allocation to the watchers
 *	kspan_zalloc()
 *	  alloc_special()
 *
 * What these cannot serve, and requests for a node or an alignment:
 *
 *	alloc_slow()			checks the flags and the context
 *	  kspan_nmi_alloc()		the stash of the CPU (nmi_alloc.c)
 *	  alloc_on_node()		__GFP_THISNODE
 *	  kspan_guard_alloc_size()	a guard object is due
 *	    alloc_any()
 *	      kspan_take_object()		spares, depot, central list
 *	        kspan_grow_class()	more spans, more memory (grow.c)
 *	      alloc_large()		above 32 KiB
 *	      alloc_redzoned()		check=2
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/jump_label.h>
#include <linux/kspan.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "api/alloc.h"
#include "api/free.h"
#include "api/grow.h"
#include "api/guard.h"
#include "api/nmi_alloc.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "base/node.h"
#include "cache/cache.h"
#include "heap/backing.h"
#include "span/arena.h"
#include "span/redzone.h"
#include "span/report.h"

static void *alloc_unwatched(size_t size, gfp_t gfp, unsigned int tops);

/* The offset from the index of a class to that of its tops, by kind. */
#define PTR_INDEX	0U
#define DATA_INDEX	(2 * KSPAN_SC_DATA)

/* Alignment of spans, and therefore the largest alignment of a class. */
#define CLASS_ALIGN_MAX	KSPAN_PAGE_SIZE

static __always_inline unsigned int index_of(size_t size)
{
	if (likely(size <= KSPAN_SIZE8_MAX))
		return kspan_index8[(size + 7) >> 3];
	return kspan_index128[(size - KSPAN_SIZE8_MAX + 127) >> 7];
}

static noinline void mark_data(void *ptr)
{
	preempt_disable();
	kspan_span_find(ptr)->data = true;
	preempt_enable();
}

/* A large object; its span records whether it may hold pointers. */
static __always_inline void *alloc_large(size_t size, size_t align, gfp_t gfp,
					 int node, unsigned int tops)
{
	bool zero = kspan_want_zero(gfp);
	void *ptr;

	if (likely(tops != DATA_INDEX))
		return kspan_grow_large(size, align, gfp, node, zero);
	ptr = kspan_grow_large(size, align, gfp, node, zero);
	if (ptr)
		mark_data(ptr);
	return ptr;
}

/* With check=2: an object with its redzone. */
static noinline void *alloc_redzoned(size_t size, size_t align, gfp_t gfp,
				     int node, unsigned int tops)
{
	unsigned int class = kspan_redzone_class(size, align);

	if (!class)
		return alloc_large(size, align, gfp, node, tops);
	return kspan_take_object(class + tops / 2, size, gfp, node,
			   kspan_want_zero(gfp));
}

static __always_inline void *alloc_any(size_t size, size_t align, gfp_t gfp,
				       int node, unsigned int tops)
{
	if (kspan_redzone_on())
		return alloc_redzoned(size, align, gfp, node, tops);
	if (size > KSPAN_SMALL_MAX || align > CLASS_ALIGN_MAX)
		return alloc_large(size, align, gfp, node, tops);
	return kspan_take_object((index_of(size) + tops) / 2, size, gfp, node,
			   kspan_want_zero(gfp));
}

/*
 * With __GFP_THISNODE.  If the node was short of memory, vmalloc() may have
 * used pages of another node; such an object does not satisfy the request.
 */
static noinline void *alloc_on_node(size_t size, size_t align, gfp_t gfp,
				    int node, unsigned int tops)
{
	void *ptr;

	if (node == NUMA_NO_NODE)
		node = numa_mem_id();
	if (!kspan_has_node(node)) {
		kspan_report_fail(size, gfp, -EINVAL);
		return NULL;
	}
	ptr = alloc_any(size, align, gfp, kspan_bound_node(node), tops);
	if (!ptr || kspan_is_on_node(ptr, size, node))
		return ptr;
	kspan_free_on(ptr);
	kspan_report_fail(size, gfp, -ENOMEM);
	return NULL;
}

/* Everything that the fast paths leave out.  @align is 0 for the default. */
static noinline void *alloc_slow(size_t size, size_t align, gfp_t gfp, int node,
				 unsigned int tops)
{
	void *ptr;

	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (unlikely(!kspan_gfp_ok(gfp)))
		return NULL;
	if (unlikely(in_nmi()))
		return kspan_nmi_alloc(size, align, gfp, tops / 2);
	gfp = current_gfp_context(gfp);
	might_alloc(gfp);
	if (unlikely(gfp & __GFP_THISNODE))
		return alloc_on_node(size, align, gfp, node, tops);
	node = kspan_bound_node(node);
	if (kspan_guard_is_due() && !align && node == NUMA_NO_NODE) {
		ptr = kspan_guard_alloc_size(size, tops == DATA_INDEX,
					     kspan_want_zero(gfp));
		if (ptr)
			return ptr;
	}
	return alloc_any(size, align, gfp, node, tops);
}

/*
 * The index of the top for a size.  Returns 0 for sizes that the fast path does
 * not serve, including 0.  The slot of index 0 is always empty, so such a
 * request continues on the slow path.
 */
static __always_inline unsigned long fast_index(size_t size, unsigned int tops)
{
	unsigned long top;

	if (likely(size <= KSPAN_SIZE8_MAX))
		top = kspan_index8[(size + 7) >> 3];
	else if (likely(size <= KSPAN_SMALL_MAX))
		top = kspan_index128[(size - KSPAN_SIZE8_MAX + 127) >> 7];
	else
		return 0;
	/*
	 * With another kind, top 0 plus the offset would be a class of the
	 * previous kind.
	 */
	return tops && !top ? 0 : top + tops;
}

/* Pop an object off the task cache.  Returns false if that is not possible. */
static __always_inline bool alloc_fast(unsigned long top, void **ptr, u8 *was)
{
	bool done;

	preempt_disable();
	done = kspan_cache_pop(top, ptr, was);
	preempt_enable();
	return done;
}

/* The remedy for an empty A. */
static __always_inline bool swap_and_pop(unsigned long top, void **ptr, u8 *was)
{
	bool done;

	preempt_disable();
	done = kspan_cache_swap_pop(top, ptr, was, true);
	preempt_enable();
	return done;
}

/* The fast path of interrupts, which cannot be preempted. */
static noinline void *alloc_in_irq(size_t size, gfp_t gfp, unsigned long top,
				   unsigned int tops)
{
	void *ptr;
	u8 was;

	if (likely(kspan_context() != KSPAN_CTX_NMI &&
		   kspan_cache_pop_irq(top, &ptr, &was)))
		return ptr;
	return alloc_slow(size, 0, gfp, NUMA_NO_NODE, tops);
}

/*
 * The fast path after its most common failure.  It is a separate function,
 * called last, so that neither needs a stack frame.
 */
static noinline void *alloc_swap(size_t size, gfp_t gfp, unsigned long top,
				 unsigned int tops)
{
	void *ptr;
	u8 was;

	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	/* A large object has top 0. */
	if (likely(top && swap_and_pop(top, &ptr, &was)))
		return ptr;
	return alloc_slow(size, 0, gfp, NUMA_NO_NODE, tops);
}

/* Zero the whole object, so that it can grow in place with __GFP_ZERO. */
static __always_inline void *zero_object(void *ptr, unsigned long top, u8 was)
{
	if (was == KSPAN_OBJ_ZEROED)
		return ptr;
	return kspan_fill_object(ptr, 0, kspan_classes[top / 2].size);
}

/* alloc_special() with an empty A or in an interrupt. */
static noinline void *alloc_special_swap(size_t size, gfp_t gfp,
					 unsigned long top, unsigned int tops)
{
	bool done = false;
	void *ptr;
	u8 was;

	if (likely(kspan_in_task()))
		done = swap_and_pop(top, &ptr, &was);
	else if (kspan_context() != KSPAN_CTX_NMI)
		done = kspan_cache_pop_irq(top, &ptr, &was);
	if (likely(done))
		return zero_object(ptr, top, was);
	return alloc_slow(size, 0, gfp, NUMA_NO_NODE, tops);
}

/* Requests without special flags whose memory need not be zero. */
static __always_inline void *alloc_common(size_t size, gfp_t gfp,
					  unsigned int tops)
{
	unsigned long top = fast_index(size, tops);
	void *ptr;
	u8 was;

	if (unlikely(!kspan_in_task()))
		return alloc_in_irq(size, gfp, top, tops);
	if (likely(alloc_fast(top, &ptr, &was)))
		return ptr;
	return alloc_swap(size, gfp, top, tops);
}

/* Requests whose only special flag may be __GFP_ZERO. */
static __always_inline void *alloc_zeroed(size_t size, gfp_t gfp, unsigned int tops)
{
	unsigned long top = fast_index(size, tops);
	void *ptr;
	u8 was;

	if (likely(kspan_in_task() && alloc_fast(top, &ptr, &was)))
		return zero_object(ptr, top, was);
	return alloc_special_swap(size, gfp, top, tops);
}

/*
 * Requests with flags of KSPAN_GFP_SPECIAL other than __GFP_ZERO.  On a system with
 * one node, __GFP_THISNODE means nothing.
 */
static noinline void *alloc_more_special(size_t size, gfp_t gfp, unsigned int tops)
{
	if (unlikely(gfp & KSPAN_GFP_REFUSED || kspan_nr_nodes > 1 ||
		     numa_mem_id() != kspan_first_node))
		return alloc_slow(size, 0, gfp, NUMA_NO_NODE, tops);
	gfp &= ~__GFP_THISNODE;
	if (kspan_want_zero(gfp))
		return alloc_zeroed(size, gfp, tops);
	return alloc_common(size, gfp, tops);
}

/* Requests with KSPAN_GFP_SPECIAL, or in a kernel that zeroes all memory. */
static noinline void *alloc_special(size_t size, gfp_t gfp, unsigned int tops)
{
	if (unlikely(gfp & KSPAN_GFP_SPECIAL & ~__GFP_ZERO))
		return alloc_more_special(size, gfp, tops);
	return alloc_zeroed(size, gfp, tops);
}

/*
 * Allocate an object; the caller reports it to the watchers if there are any.
 */
static __always_inline void *alloc_unwatched(size_t size, gfp_t gfp,
					     unsigned int tops)
{
	kspan_check_context(gfp);
	if ((static_branch_unlikely(&kspan_alloc_key) ||
	     unlikely(gfp & KSPAN_GFP_SPECIAL)) &&
	    (gfp & KSPAN_GFP_SPECIAL || kspan_want_zero(gfp)))
		return alloc_special(size, gfp, tops);
	return alloc_common(size, gfp, tops);
}

/* alloc_plain() with watchers. */
static noinline void *alloc_watched(size_t size, gfp_t gfp, unsigned int tops,
				    unsigned long ip)
{
	void *ptr = alloc_unwatched(size, gfp, tops);

	kspan_watch_alloc(ptr, size, gfp, NUMA_NO_NODE, ip);
	return ptr;
}

/* _RET_IP_ in here is the return address of the public function. */
static __always_inline void *alloc_plain(size_t size, gfp_t gfp,
					 unsigned int tops)
{
	kspan_check_context(gfp);
	if (static_branch_unlikely(&kspan_alloc_key) ||
	    unlikely(gfp & KSPAN_GFP_SPECIAL)) {
		if (kspan_is_watched())
			return alloc_watched(size, gfp, tops, _RET_IP_);
		return alloc_special(size, gfp, tops);
	}
	return alloc_common(size, gfp, tops);
}

/**
 * kspan_alloc - allocate an object
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * The object is at least 8-byte aligned.  A size that is a power of two up to 8
 * KiB is aligned to itself, and a size above 32 KiB to a page.  The memory is
 * virtually contiguous, like that of kvmalloc().
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_alloc(size_t size, gfp_t gfp)
{
	return kspan_sanitize_alloc(alloc_plain(size, gfp, PTR_INDEX), size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc);

/**
 * kspan_alloc_data - allocate an object that will hold no pointers
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Like kspan_alloc(), but the object never shares a span with objects that may
 * hold pointers.  The Go runtime has such spans (noscan) for its garbage
 * collector; here they isolate data from pointers.
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_alloc_data(size_t size, gfp_t gfp)
{
	return kspan_sanitize_alloc(alloc_plain(size, gfp, DATA_INDEX), size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc_data);

/**
 * kspan_zalloc - allocate a zeroed object
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Memory that is still zero, because no object has used it since the kernel
 * zeroed it, is not zeroed again.
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_zalloc(size_t size, gfp_t gfp)
{
	kspan_check_context(gfp);
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp | __GFP_ZERO, NUMA_NO_NODE,
					   false, _RET_IP_);
	return kspan_sanitize_alloc(alloc_special(size, gfp | __GFP_ZERO, PTR_INDEX),
				    size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_zalloc);

/* Whether the request is for any node, or for the only node. */
static bool is_any_node(int node)
{
	return node == NUMA_NO_NODE ||
	       (kspan_nr_nodes == 1 && node == kspan_first_node);
}

/*
 * Allocate from the caller's own node.  Most objects in the caches of its CPU are
 * from that node.  Others were allocated elsewhere and freed on this CPU.
 */
static void *alloc_near(size_t size, gfp_t gfp, int node, unsigned int tops)
{
	void *ptr = alloc_unwatched(size, gfp, tops);
	bool near;

	if (ZERO_OR_NULL_PTR(ptr))
		return ptr;
	preempt_disable();
	near = kspan_span_find(ptr)->node == node;
	preempt_enable();
	if (likely(near))
		return ptr;
	kspan_free_unwatched(ptr);
	return alloc_slow(size, 0, gfp, node, tops);
}

/* kspan_alloc_node() on a system with several nodes, without the watchers. */
static noinline void *alloc_other(size_t size, gfp_t gfp, int node,
				  unsigned int tops)
{
	if (node == numa_mem_id() && !(gfp & __GFP_THISNODE))
		return alloc_near(size, gfp, node, tops);
	return alloc_slow(size, 0, gfp, node, tops);
}

/**
 * kspan_alloc_watched - allocate an object and report it to the watchers
 * @size: bytes
 * @gfp: as for kmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @data: whether the object will hold no pointers
 * @ip: return address of the client's call
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: as for kspan_alloc().
 */
void *kspan_alloc_watched(size_t size, gfp_t gfp, int node, bool data,
			  unsigned long ip)
{
	unsigned int tops = data ? DATA_INDEX : PTR_INDEX;
	void *ptr;

	if (is_any_node(node))
		ptr = alloc_unwatched(size, gfp, tops);
	else
		ptr = alloc_other(size, gfp, node, tops);
	kspan_watch_alloc(ptr, size, gfp, node, ip);
	return kspan_sanitize_alloc(ptr, size, gfp);
}

/**
 * kspan_alloc_node - allocate an object on a NUMA node
 * @size: bytes
 * @gfp: as for kmalloc(); with __GFP_THISNODE only from @node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_alloc_node(size_t size, gfp_t gfp, int node)
{
	if (kspan_is_watched())
		return kspan_alloc_watched(size, gfp, node, false, _RET_IP_);
	if (is_any_node(node))
		return kspan_sanitize_alloc(alloc_plain(size, gfp, PTR_INDEX),
					    size, gfp);
	return kspan_sanitize_alloc(alloc_other(size, gfp, node, PTR_INDEX),
				    size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc_node);

/* Allocate an object of a larger class than its size needs. */
static noinline void *alloc_marked(unsigned int class, gfp_t gfp, unsigned int tops)
{
	size_t size = kspan_classes[class].size;
	bool done = false;
	void *ptr;

	kspan_check_context(gfp);
	if (likely(kspan_in_task() && !(gfp & KSPAN_GFP_SPECIAL) &&
		   !static_branch_unlikely(&kspan_alloc_key))) {
		preempt_disable();
		done = kspan_cache_pop_as(KSPAN_A_INDEX(class) + tops, &ptr,
					  KSPAN_OBJ_ALIGNED);
		preempt_enable();
	}
	if (likely(done))
		return ptr;
	ptr = alloc_unwatched(size, gfp, tops);
	if (ptr)
		kspan_mark_aligned(ptr);
	return ptr;
}

/**
 * kspan_alloc_roomy - allocate a small object with more room than was requested
 * @room: bytes, at most KSPAN_SMALL_MAX
 * @gfp: as for kmalloc()
 * @data: whether the object will hold no pointers
 *
 * kspan_free_sized() accepts any size that fits into @room.
 *
 * Context: Any but NMI, where it gives NULL; may sleep if @gfp allows it.
 * Return: as kspan_alloc(); check is below 2.
 */
void *kspan_alloc_roomy(size_t room, gfp_t gfp, bool data)
{
	void *ptr = alloc_marked(kspan_size_to_class(room), gfp,
				 data ? DATA_INDEX : PTR_INDEX);

	return kspan_sanitize_alloc(ptr, room, gfp);
}

static void *alloc_aligned(size_t size, size_t align, gfp_t gfp)
{
	unsigned int class, natural;

	if (unlikely(!is_power_of_2(align) || align > KSPAN_MAX_ALIGN)) {
		kspan_report_align(size, align, gfp);
		return NULL;
	}
	if (!size || size > KSPAN_SMALL_MAX || align > CLASS_ALIGN_MAX ||
	    kspan_redzone_on())
		return alloc_slow(size, align, gfp, NUMA_NO_NODE, PTR_INDEX);
	natural = kspan_size_to_class(size);
	/* No class below that of a multiple of @align has the alignment. */
	for (class = kspan_size_to_class(ALIGN(size, align));
	     kspan_classes[class].size & (align - 1);)
		class++;
	if (class != natural)
		return alloc_marked(class, gfp, PTR_INDEX);
	return alloc_unwatched(kspan_classes[class].size, gfp, PTR_INDEX);
}

/* kspan_alloc_aligned() with watchers. */
static noinline void *alloc_aligned_watched(size_t size, size_t align, gfp_t gfp,
					    unsigned long ip)
{
	void *ptr = alloc_aligned(size, align, gfp);

	kspan_watch_alloc(ptr, size, gfp, NUMA_NO_NODE, ip);
	return kspan_sanitize_alloc(ptr, size, gfp);
}

/**
 * kspan_alloc_aligned - allocate an object with a given alignment
 * @size: bytes
 * @align: bytes, a power of two up to KSPAN_MAX_ALIGN
 * @gfp: as for kmalloc()
 *
 * A size up to 32 KiB with an alignment up to 8 KiB uses a size class that has
 * the alignment.  Any other object takes whole heap pages.
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory or for an
 * invalid @align.
 */
void *kspan_alloc_aligned(size_t size, size_t align, gfp_t gfp)
{
	if (kspan_is_watched())
		return alloc_aligned_watched(size, align, gfp, _RET_IP_);
	return kspan_sanitize_alloc(alloc_aligned(size, align, gfp), size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc_aligned);

/* Check whether the kernel wants all memory zeroed.  Context: module load. */
void kspan_alloc_init(void)
{
	if (want_init_on_alloc(0))
		static_branch_inc(&kspan_alloc_key);
}
