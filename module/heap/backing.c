// SPDX-License-Identifier: GPL-2.0
/*
 * Backing memory: the one place that asks the kernel for memory of objects and
 * gives it back, and therefore the one that honours memory_limit.
 *
 * There are three ways to get some.  Which one is taken depends on what the
 * caller may do and on how much memory there is:
 *
 * - vmalloc_huge(), where the caller may sleep and memory is plentiful.  It
 *   maps 2 MiB by one entry of the page tables if it finds 2 MiB in one piece
 *   without compaction.
 * - Single pages that are mapped by vmap(), where the caller may sleep and
 *   vmalloc() cannot do what is needed: it gives up for a task that is about
 *   to die, up to 6.16 it takes either a node or flags, and it obtains page
 *   tables with GFP_KERNEL, which can start the OOM killer.  kspan obtains
 *   these pages by the caller's own flags.  The page tables then come from the
 *   kernel's emergency reserve; they are 1/512 of what was just obtained.
 * - Pages of the direct map in one physical block, where the caller may not
 *   sleep, or where the other two have failed.  This asks the kernel for no
 *   more than kmalloc() would.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/swap.h>
#include <linux/vmalloc.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/inject.h"
#include "base/kasan.h"
#include "base/kspan_trace.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "heap/backing.h"
#include "span/arena.h"

atomic_long_t kspan_heap_sys;
atomic64_t kspan_heap_released;
atomic_long_t kspan_nr_grow;
atomic_long_t kspan_nr_release;

/*
 * Bytes wanted by all vmalloc() calls in flight, which may all see the same
 * free memory.  What a call has obtained already is no longer free, so no
 * caller counts for more than ASKED_MAX.
 */
static atomic_long_t asked;
#define ASKED_MAX	SZ_4M

/*
 * Memory is plentiful if PLENTY_PAGES remain available after the request.  If
 * fewer than SPARE_PAGES remain, a caller that is not urgent takes only memory
 * that is free and starts no reclaim.  Neither number scales with the machine.
 * The kernel's watermarks do scale, and the kernel excludes them from the
 * memory it calls available.
 */
#define PLENTY_PAGES	(SZ_8M / PAGE_SIZE)
#define SPARE_PAGES	(SZ_2M / PAGE_SIZE)

/*
 * Reclaimable slab memory that the kernel may fail to reclaim on small
 * machines.
 */
#define SLAB_PAGES	(SZ_16M / PAGE_SIZE)

/*
 * Single pages are first requested as free blocks of this order, which is 32
 * KiB.
 */
#define BLOCK_ORDER	3U

/*
 * On 64-bit machines, a caller that may sleep gets no larger block of the
 * direct map unless little memory is left: a smaller chunk in vmalloc space is
 * better.
 */
#define SLEEPER_BLOCK	SZ_128K

/*
 * Bytes being requested from the kernel.  They are in no statistic yet, but
 * memory_limit counts them. limit_lock makes it atomic to compare and add, and
 * to move bytes from here to heap_sys.  It is a leaf lock, taken in any context
 * but NMI.
 */
static DEFINE_RAW_SPINLOCK(limit_lock);
static unsigned long in_flight;

/* Bytes obtained from the kernel for all purposes.  Context: Any. */
unsigned long __kspan_noprobe kspan_sys_total(void)
{
	unsigned long total = atomic_long_read(&kspan_heap_sys);
	unsigned int i;

	for (i = 0; i < KSPAN_NR_SYS; i++)
		total += atomic_long_read(&kspan_sys_bytes[i]);
	return total;
}

/* Whether @bytes more, with all bytes in flight, would exceed the limit. */
static bool __kspan_noprobe is_above_limit_locked(unsigned long bytes, gfp_t gfp)
{
	unsigned long limit = READ_ONCE(kspan_params.memory_limit), used;

	lockdep_assert_held(&limit_lock);
	if (likely(!limit) || (gfp & __GFP_NOFAIL))
		return false;
	used = kspan_sys_total() + in_flight;
	return used > limit || bytes > limit - used;
}

/* Count @bytes as in flight.  Returns false if that would exceed the limit. */
static bool begin_flight(unsigned long bytes, gfp_t gfp)
{
	unsigned long flags;
	bool refuse;

	raw_spin_lock_irqsave(&limit_lock, flags);
	refuse = is_above_limit_locked(bytes, gfp);
	if (!refuse)
		in_flight += bytes;
	raw_spin_unlock_irqrestore(&limit_lock, flags);
	return !refuse;
}

/*
 * Count @bytes as no longer in flight.  If they have arrived, count them in
 * heap_sys, unless metadata that was obtained meanwhile has used up the limit.
 *
 * Return: whether heap_sys counts them now; otherwise the caller frees them.
 */
static bool end_flight(unsigned long bytes, gfp_t gfp, bool arrived)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&limit_lock, flags);
	if (arrived)
		arrived = !is_above_limit_locked(0, gfp);
	if (arrived)
		atomic_long_add(bytes, &kspan_heap_sys);
	in_flight -= bytes;
	raw_spin_unlock_irqrestore(&limit_lock, flags);
	return arrived;
}

/* Pages that the kernel could free by writing them to free swap space. */
static long swappable_pages(void)
{
	unsigned long anon = global_node_page_state(NR_INACTIVE_ANON) +
			     global_node_page_state(NR_ACTIVE_ANON);

	return min_t(long, get_nr_swap_pages(), anon / 2);
}

/* Pages that remain available to others after @bytes more; may be negative. */
static long pages_left(unsigned long bytes)
{
	return si_mem_available() + swappable_pages() -
	       (long)(bytes >> PAGE_SHIFT);
}

/* Whether memory is plentiful when @left pages remain available to others. */
static bool is_plentiful(long left)
{
	long slab = global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B);

	return left > (long)PLENTY_PAGES + min_t(long, slab, SLAB_PAGES);
}

/**
 * kspan_memory_is_tight - whether callers should request only what they need
 * @bytes: size that a caller would like to request
 *
 * Context: Any.
 * Return: true if the kernel has little memory left beside @bytes.
 */
bool kspan_memory_is_tight(unsigned long bytes)
{
	return !is_plentiful(pages_left(bytes));
}

/*
 * Whether the caller may use the kernel's emergency reserves: it cannot fail,
 * or is about to free memory, for instance by writing pages out.  The page
 * allocator decides how much such a caller gets.
 */
static bool is_urgent(gfp_t gfp)
{
	if (gfp & (__GFP_NOFAIL | __GFP_HIGH | __GFP_MEMALLOC))
		return true;
	return (current->flags & PF_MEMALLOC) && !(gfp & __GFP_NOMEMALLOC);
}

static struct page *page_of(const void *mem)
{
	return kspan_is_direct(mem) ? virt_to_page(mem) : vmalloc_to_page(mem);
}

/**
 * kspan_node_of - the node of a piece of heap memory
 * @mem: the memory
 * @bytes: its size
 *
 * Context: Any.  Where there are several nodes, this looks up each page.
 * Return: the node of all its pages, or NUMA_NO_NODE if they are on several
 * nodes.
 */
int kspan_node_of(const void *mem, unsigned long bytes)
{
	const void *end = mem + bytes;
	int node;

	if (kspan_nr_nodes == 1)
		return kspan_first_node;
	mem = PTR_ALIGN_DOWN(mem, PAGE_SIZE);
	node = page_to_nid(page_of(mem));
	for (mem += PAGE_SIZE; mem < end; mem += PAGE_SIZE)
		if (page_to_nid(page_of(mem)) != node)
			return NUMA_NO_NODE;
	return node;
}

/**
 * kspan_is_on_node - whether all pages of a piece of heap memory are on a node
 * @mem: the memory
 * @bytes: its size
 * @node: the node
 *
 * Context: Any.  Where there are several nodes, this looks up each page.
 * Return: whether they are.
 */
bool kspan_is_on_node(const void *mem, unsigned long bytes, int node)
{
	return kspan_nr_nodes == 1 || kspan_node_of(mem, bytes) == node;
}

/*
 * Flags for the page allocator.  The caller's emergency modifiers are passed
 * on. kspan handles zones, zeroing and accounting itself.
 */
static gfp_t page_flags(gfp_t gfp)
{
	gfp_t flags = gfp & (__GFP_HIGH | __GFP_MEMALLOC | __GFP_NOMEMALLOC |
			     __GFP_THISNODE);

	if (kspan_may_sleep(gfp))
		return flags | kspan_gentle(gfp);
	/*
	 * The other flags that forbid sleeping differ between kernel versions.
	 */
	flags = gfp & ~(KSPAN_GFP_REFUSED | __GFP_ZERO | __GFP_DIRECT_RECLAIM |
			__GFP_NOFAIL | __GFP_RETRY_MAYFAIL | __GFP_IO | __GFP_FS);
	return flags | __GFP_NOWARN;
}

/* Flags that take only free memory and leave the emergency reserves alone. */
static gfp_t only_free(gfp_t flags)
{
	flags &= ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL |
		   __GFP_HIGH | __GFP_MEMALLOC);
	return flags | __GFP_NORETRY | __GFP_NOMEMALLOC;
}

/* Fill @pages with up to @nr single pages.  Returns the number obtained. */
static unsigned long get_pages(struct page **pages, unsigned long nr,
			       gfp_t flags, int node)
{
	unsigned long got = 0, i;
	unsigned int order;
	struct page *page;

	while (got < nr) {
		order = min_t(unsigned int, ilog2(nr - got), BLOCK_ORDER);
		page = NULL;
		if (order)
			page = alloc_pages_node(node, only_free(flags), order);
		if (page)
			split_page(page, order);
		else
			page = alloc_pages_node(node, flags, order = 0);
		if (!page)
			break;
		for (i = 0; i < 1UL << order; i++)
			pages[got++] = page + i;
		cond_resched();
	}
	return got;
}

/* Allocate single pages and map them with vmap(). */
static void *get_mapped(unsigned long bytes, gfp_t flags, int node)
{
	unsigned long nr = bytes >> PAGE_SHIFT, got;
	struct page **pages;
	unsigned int scope;
	void *mem = NULL;

	pages = kvmalloc_array(nr, sizeof(*pages), kspan_gentle(flags | __GFP_DIRECT_RECLAIM));
	if (!pages)
		return NULL;
	got = get_pages(pages, nr, flags | __GFP_HIGHMEM, node);
	if (got == nr) {
		/*
		 * Take page tables from the emergency reserve, to avoid the OOM
		 * killer.
		 */
		scope = memalloc_noreclaim_save();
		mem = vmap(pages, nr, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
		memalloc_noreclaim_restore(scope);
	}
	/* After success, vfree() frees both the pages and the array. */
	if (!mem) {
		while (got)
			__free_page(pages[--got]);
		kvfree(pages);
	}
	return mem;
}

/* Allocate one block of the direct map. */
static void *get_direct(unsigned long bytes, gfp_t flags, int node)
{
	unsigned int order = get_order(bytes);
	unsigned long i;
	struct page *page;

	if (order > KSPAN_MAX_ORDER || (KSPAN_RT_RULES && !preemptible()))
		return NULL;
	/*
	 * The last attempt of a caller that may sleep does not wait for
	 * compaction.
	 */
	if (order && gfpflags_allow_blocking(flags) && !(flags & __GFP_NOFAIL))
		flags = (flags & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	page = alloc_pages_node(node, flags, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (i = bytes >> PAGE_SHIFT; i < 1UL << order; i++)
		__free_page(page + i);
	return page_address(page);
}

/*
 * vmalloc() allocates page tables with GFP_KERNEL; restrict that to what @gfp
 * allows.
 */
static void *get_huge(unsigned long bytes, gfp_t gfp, int node)
{
	gfp_t flags = (kspan_gentle(gfp) | GFP_KERNEL) & ~(__GFP_DIRECT_RECLAIM |
						__GFP_RETRY_MAYFAIL);
	unsigned int scope = 0;
	void *mem;

	if (!(gfp & __GFP_IO))
		scope = memalloc_noio_save();
	else if (!(gfp & __GFP_FS))
		scope = memalloc_nofs_save();
	mem = kspan_vmalloc(bytes, (flags & ~__GFP_NOFAIL) | __GFP_NORETRY, node);
	if (!(gfp & __GFP_IO))
		memalloc_noio_restore(scope);
	else if (!(gfp & __GFP_FS))
		memalloc_nofs_restore(scope);
	if (mem)
		/*
		 * kmemleak tracks the objects in this memory, not the memory
		 * itself.
		 */
		kmemleak_free(mem);
	return mem;
}

/* Allocate memory in vmalloc space for a caller that may sleep. */
static void *get_virtual(unsigned long bytes, gfp_t gfp, int node, long left)
{
	gfp_t flags = page_flags(gfp);
	void *mem = NULL;

	if (is_plentiful(left) && !(gfp & __GFP_THISNODE))
		mem = get_huge(bytes, gfp, node);
	/* First take free memory of the node, without reclaim on it. */
	if (!mem && nr_online_nodes > 1)
		mem = get_mapped(bytes, only_free(flags) | __GFP_THISNODE, node);
	if (!mem)
		mem = get_mapped(bytes, flags, node);
	return mem;
}

/*
 * Allocate memory in one of the three ways.  A caller that is not urgent never
 * causes an OOM kill: when little memory is left it takes only what is free,
 * like a caller that may not sleep, and starts no reclaim.
 */
static void *get_memory(unsigned long bytes, gfp_t gfp, int node)
{
	long own = min_t(unsigned long, bytes, ASKED_MAX);
	gfp_t flags = page_flags(gfp);
	void *mem = NULL;
	long all, left;

	if (!kspan_may_sleep(gfp))
		return get_direct(bytes, flags, node);
	all = atomic_long_add_return(own, &asked);
	left = pages_left(bytes + all - own);
	if (left > (long)SPARE_PAGES || is_urgent(gfp))
		mem = get_virtual(bytes, gfp, node, left);
	else
		flags = only_free(flags);
	if (!mem && (!IS_ENABLED(CONFIG_64BIT) || bytes <= SLEEPER_BLOCK ||
		     left <= (long)SPARE_PAGES))
		mem = get_direct(bytes, flags, node);
	atomic_long_sub(own, &asked);
	return mem;
}

static void free_memory(void *mem, unsigned long bytes)
{
	void *end = mem + bytes;

	if (kspan_is_direct(mem))
		for (; mem < end; mem += PAGE_SIZE)
			__free_page(virt_to_page(mem));
	else
		vfree(mem);
}

/**
 * kspan_backing_get - get heap memory from the kernel
 * @bytes: size, a multiple of PAGE_SIZE
 * @gfp: the caller's flags; the caller handles __GFP_ZERO itself
 * @node: preferred NUMA node; set to the node of the memory, or to NUMA_NO_NODE
 *	if it is on several nodes or on a node that kspan does not use
 * @err: set to 0, -EDQUOT at the memory limit, or -ENOMEM
 *
 * The arena map covers the memory, and heap_sys counts it.
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: page-aligned memory, or NULL.
 */
void *kspan_backing_get(unsigned long bytes, gfp_t gfp, int *node, int *err)
{
	void *mem = NULL;

	*err = -EDQUOT;
	if (!begin_flight(bytes, gfp))
		return NULL;
	*err = -ENOMEM;
	if ((gfp & __GFP_NOFAIL) || !kspan_inject(KSPAN_INJECT_CHUNK))
		mem = get_memory(bytes, gfp, *node);
	if (mem) {
		*err = kspan_arena_cover((unsigned long)mem, bytes, gfp);
		atomic_long_inc(&kspan_nr_grow);
		trace_kspan_grow(mem, bytes, *node, gfp);
	}
	if (!end_flight(bytes, gfp, !*err)) {
		if (!*err)
			*err = -EDQUOT;
		if (mem) {
			trace_kspan_release(mem, bytes);
			free_memory(mem, bytes);
			atomic_long_inc(&kspan_nr_release);
		}
		return NULL;
	}
	kspan_kasan_poison_new(mem, bytes);
	*node = kspan_node_of(mem, bytes);
	if (!kspan_has_node(*node))
		*node = NUMA_NO_NODE;
	return mem;
}

/**
 * kspan_backing_put - return heap memory to the kernel
 * @mem: memory from kspan_backing_get()
 * @bytes: its size in that call
 * @heap_bytes: number of its bytes that heap_sys still counts
 *
 * Context: Process context that may sleep.
 */
void kspan_backing_put(void *mem, unsigned long bytes, unsigned long heap_bytes)
{
	trace_kspan_release(mem, bytes);
	free_memory(mem, bytes);
	atomic_long_inc(&kspan_nr_release);
	atomic_long_sub(heap_bytes, &kspan_heap_sys);
	atomic64_add(heap_bytes, &kspan_heap_released);
}
