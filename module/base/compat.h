/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - what differs between kernels 6.1 and 7.3, under one name each.
 *
 * No other file tests the kernel version.  Each helper is named after what it
 * does.  Its comment names the release that changed it, so that it can be removed
 * together with the support for older kernels.
 */
#ifndef KSPAN_COMPAT_H
#define KSPAN_COMPAT_H

#include <linux/align.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/topology.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "kspan needs Linux 6.1 or newer"
#endif

/* 6.17: per-CPU workqueues have a flag of their own. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define WQ_PERCPU 0
#endif

/* Whether vmalloc_huge() can map a whole chunk by one PMD entry. */
#if defined(CONFIG_HAVE_ARCH_HUGE_VMALLOC) && defined(CONFIG_64BIT)
#define KSPAN_HUGE_CHUNKS 1
#else
#define KSPAN_HUGE_CHUNKS 0
#endif

/*
 * Flags that vmalloc() supports.  7.3 warns about any other flag; older kernels
 * pass it to the page allocator.
 */
#define KSPAN_VMALLOC_GFP (GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY | \
			   __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_ZERO)

/**
 * kspan_vmalloc_round - round a size for kspan_vmalloc()
 * @bytes: size, a multiple of PAGE_SIZE
 *
 * vmalloc_huge() allocates a multiple of PMD_SIZE whatever the size is.  So round
 * up to such a multiple if that adds at most an eighth.
 *
 * Return: @bytes or a little more.
 */
static inline unsigned long kspan_vmalloc_round(unsigned long bytes)
{
	unsigned long huge = ALIGN(bytes, PMD_SIZE);

	return KSPAN_HUGE_CHUNKS && huge - bytes <= huge / 8 ? huge : bytes;
}

/*
 * 6.4: MAX_ORDER became the largest order; before, it was one more.
 * 6.8: MAX_ORDER was renamed to MAX_PAGE_ORDER.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define KSPAN_MAX_ORDER ((unsigned int)MAX_PAGE_ORDER)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define KSPAN_MAX_ORDER ((unsigned int)MAX_ORDER)
#else
#define KSPAN_MAX_ORDER (MAX_ORDER - 1U)
#endif

/*
 * A word of a page that its owner may use, beside page->private.
 * 6.16: it was renamed.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define kspan_page_word(page)	((page)->__folio_index)
#else
#define kspan_page_word(page)	((page)->index)
#endif

/* 6.16: vmalloc_huge_node().  Before, no function takes flags and a node. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
static inline void *kspan_vmalloc_on(unsigned long bytes, gfp_t gfp, int node)
{
	return vmalloc_huge_node(bytes, gfp, node);
}
#else
static inline void *kspan_vmalloc_on(unsigned long bytes, gfp_t gfp, int node)
{
	return NULL;
}
#endif

/**
 * kspan_vmalloc - virtually contiguous memory
 * @bytes: size, a multiple of PAGE_SIZE
 * @gfp: flags for the allocation
 * @node: preferred NUMA node
 *
 * On a machine with several nodes, the caller's memory policy must not choose the
 * node, so this function always requests the node explicitly.
 *
 * Context: Process context that may sleep.
 * Return: page-aligned memory, or NULL; always NULL where there are several
 * nodes and the kernel cannot be asked for one of them.
 */
static inline void *kspan_vmalloc(unsigned long bytes, gfp_t gfp, int node)
{
	gfp &= KSPAN_VMALLOC_GFP;
	if (nr_online_nodes > 1)
		return kspan_vmalloc_on(bytes, gfp, node);
	if (KSPAN_HUGE_CHUNKS && IS_ALIGNED(bytes, PMD_SIZE))
		return vmalloc_huge(bytes, gfp);
	return __vmalloc(bytes, gfp);
}

/**
 * kspan_kvrealloc - change the size of an object of the kernel's allocators
 * @ptr: the object
 * @old_size: usable bytes
 * @new_size: bytes
 * @gfp: flags for the allocation
 *
 * 6.12: kvrealloc() finds the old size itself.
 *
 * Return: the object, moved or not; NULL without memory.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline void *kspan_kvrealloc(const void *ptr, size_t old_size,
				    size_t new_size, gfp_t gfp)
{
	return kvrealloc(ptr, new_size, gfp);
}

#define KSPAN_KVREALLOC_HAS_OLD_SIZE	0
#else
static inline void *kspan_kvrealloc(const void *ptr, size_t old_size,
				    size_t new_size, gfp_t gfp)
{
	return kvrealloc(ptr, old_size, new_size, gfp);
}

#define KSPAN_KVREALLOC_HAS_OLD_SIZE	1
#endif

/*
 * The part of copy_to_user() and copy_from_user() that follows their check of the
 * object.  6.12: it has another name on architectures that inline it.
 */
#if defined(INLINE_COPY_TO_USER) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define kspan_unchecked_to_user		_inline_copy_to_user
#else
#define kspan_unchecked_to_user		_copy_to_user
#endif
#if defined(INLINE_COPY_FROM_USER) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define kspan_unchecked_from_user	_inline_copy_from_user
#else
#define kspan_unchecked_from_user	_copy_from_user
#endif

/**
 * kspan_stack_trace - the return addresses on the stack
 * @frames: where they go
 * @max: how many at most
 *
 * In an interrupt, down to where it began.
 *
 * Return: how many; 0 in a kernel that was built without them.
 */
#ifdef CONFIG_STACKTRACE
static inline unsigned int kspan_stack_trace(unsigned long *frames,
					     unsigned int max)
{
	return filter_irq_stacks(frames, stack_trace_save(frames, max, 1));
}
#else
static inline unsigned int kspan_stack_trace(unsigned long *frames,
					     unsigned int max)
{
	return 0;
}
#endif

typedef unsigned long (*kspan_shrinker_fn)(struct shrinker *shrinker,
					   struct shrink_control *control);

/**
 * kspan_shrinker_add - register a shrinker
 * @count: returns the number of pages that could be returned
 * @scan: returns pages to the kernel
 *
 * 6.7: the kernel allocates shrinkers.  Before, the shrinker is static.
 *
 * Context: Process context that may sleep.
 * Return: the shrinker, or NULL without memory.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *kspan_shrinker_add(kspan_shrinker_fn count,
						  kspan_shrinker_fn scan)
{
	struct shrinker *shrinker = shrinker_alloc(0, "kspan");

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return shrinker;
}

static inline void kspan_shrinker_remove(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
static inline struct shrinker *kspan_shrinker_add(kspan_shrinker_fn count,
						  kspan_shrinker_fn scan)
{
	static struct shrinker shrinker;

	shrinker = (struct shrinker){
		.count_objects = count,
		.scan_objects = scan,
		.seeks = DEFAULT_SEEKS,
	};
	return register_shrinker(&shrinker, "kspan") ? NULL : &shrinker;
}

static inline void kspan_shrinker_remove(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
}
#endif

/* 6.10: a string of a trace event is assigned without naming it twice. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define kspan_assign_str(field, text)	\
do {					\
	(void)(text);			\
	__assign_str(field);		\
} while (0)
#else
#define kspan_assign_str(field, text)	__assign_str(field, text)
#endif

/* Flags of slab caches that are only hints, and that some kernels do not have. */
#ifdef SLAB_NO_MERGE		/* from 6.5 on */
#define KSPAN_SLAB_NO_MERGE	((__force unsigned long)SLAB_NO_MERGE)
#else
#define KSPAN_SLAB_NO_MERGE	0UL
#endif
#ifdef SLAB_MEM_SPREAD		/* up to 6.8 */
#define KSPAN_SLAB_MEM_SPREAD	((__force unsigned long)SLAB_MEM_SPREAD)
#else
#define KSPAN_SLAB_MEM_SPREAD	0UL
#endif

/*
 * Whether KUnit runs the suites of this build after kspan's init function.
 * 6.8: that is so in modules as well, not only where kspan is built in.
 */
#if !defined(MODULE) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define KSPAN_KUNIT_AFTER_INIT 1
#else
#define KSPAN_KUNIT_AFTER_INIT 0
#endif

/* 6.12: kmem_cache_create() takes its rarer arguments in a structure. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
struct kmem_cache_args {
	unsigned int align;
	unsigned int useroffset;
	unsigned int usersize;
	void (*ctor)(void *obj);
};

static inline struct kmem_cache *
__kmem_cache_create_args(const char *name, unsigned int size,
			 const struct kmem_cache_args *args, slab_flags_t flags)
{
	return kmem_cache_create_usercopy(name, size, args->align, flags,
					  args->useroffset, args->usersize,
					  args->ctor);
}
#endif

/* 6.18: kvmalloc() takes an alignment.  Before, no caller passes one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define KSPAN_KVMALLOC_HAS_ALIGN	1
#define kspan_kvmalloc_align(size, align, gfp, node) \
	kvmalloc_node_align(size, align, gfp, node)
#else
#define KSPAN_KVMALLOC_HAS_ALIGN	0
#define kspan_kvmalloc_align(size, align, gfp, node) \
	((void)(align), kvmalloc_node(size, gfp, node))
#endif

/* 7.0: kmem_cache_alloc_bulk() returns whether it got all, not their number. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
static inline int kspan_bulk_result(size_t n)
{
	return n != 0;
}
#else
static inline int kspan_bulk_result(size_t n)
{
	return n;
}
#endif

/* 6.18: there are frees for any context.  Before, no module has any. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define kfree_nolock(ptr)	kfree(ptr)
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define kvfree_atomic(ptr)	kvfree(ptr)
#endif

/* 6.12 and 6.13: modules can wait for kfree_rcu(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define kspan_kernel_rcu_barrier()	rcu_barrier()
#else
#define kspan_kernel_rcu_barrier()	kvfree_rcu_barrier()
#endif

/* 6.12: an object can be charged to a memory cgroup later. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define kmem_cache_charge(obj, gfp)	((void)(obj), (void)(gfp), false)
#endif

/* 7.0: only mem_dump_obj() is left to modules, which does not tell. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define kspan_kernel_dump_obj(ptr)	(mem_dump_obj(ptr), true)
#else
#define kspan_kernel_dump_obj(ptr)	kmem_dump_obj(ptr)
#endif

#endif /* KSPAN_COMPAT_H */
