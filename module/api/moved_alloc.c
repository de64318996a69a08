// SPDX-License-Identifier: GPL-2.0
/*
 * kmalloc() and its relatives for modules that use <linux/kspan_slab.h>.
 *
 * Requests that kspan refuses go to the kernel: __GFP_ACCOUNT, zones, and
 * alignments above a page.
 */
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/client_heap.h"
#include "api/moved.h"
#include "api/moved_fail.h"
#include "base/compat.h"
#include "base/meta.h"
#include "base/node.h"

/* Maximum size of kvmalloc(). */
#define KVMALLOC_MAX	((size_t)INT_MAX)

/**
 * struct buckets - a heap that serves a module as kmem_buckets
 * @list: node in the list of all buckets
 * @owner: the module
 * @heap: the heap
 *
 * buckets_mutex protects all of them.
 */
struct buckets {
	struct list_head list;
	struct module *owner;
	struct kspan_heap *heap;
};

static DEFINE_MUTEX(buckets_mutex);
static LIST_HEAD(all_buckets);

/* The alignment that the compiler assumes for the result of kmalloc(). */
static __always_inline size_t aligned_size(size_t size)
{
	if (ARCH_KMALLOC_MINALIGN <= 8 || size > SIZE_MAX - ARCH_KMALLOC_MINALIGN)
		return size;
	return ALIGN(size, ARCH_KMALLOC_MINALIGN);
}

/**
 * kspan_moved_object - allocate an object for a moved module
 * @m: the module's variable
 * @h: a heap, or NULL for that of the module
 * @size: bytes
 * @gfp: as for kmalloc(), without flags that kspan refuses
 * @node: preferred node, or NUMA_NO_NODE
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_moved_object(struct kspan_moved *m, struct kspan_heap *h,
			 size_t size, gfp_t gfp, int node)
{
	/*
	 * For the kernel's caches this flag is a hint; inside kspan it has
	 * another meaning.
	 */
	gfp &= ~KSPAN_GFP_TRY;
	size = aligned_size(size);
	if (!h)
		h = READ_ONCE(m->heap);
	if (unlikely(!h))
		h = kspan_moved_attach(m, gfp);
	if (unlikely(!h))
		return kspan_alloc_node(size, gfp, node);
	if (node == NUMA_NO_NODE || kspan_nr_nodes == 1)
		return kspan_heap_alloc(h, size, gfp);
	return kspan_client_heap_alloc_node(h, size, gfp, node);
}

/**
 * kspan_slab_alloc - kmalloc() of a moved module
 * @size: bytes
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_slab_alloc(size_t size, gfp_t gfp, struct kspan_moved *m)
{
	struct kspan_heap *h = READ_ONCE(m->heap);

	if (kspan_moved_fails(m->owner, size, gfp))
		return NULL;
	if (ARCH_KMALLOC_MINALIGN <= 8 && likely(h) &&
	    likely(!(gfp & (KSPAN_MOVED_KERNEL | KSPAN_GFP_TRY))))
		return kspan_heap_alloc(h, size, gfp);
	return kspan_slab_alloc_node(size, NULL, gfp, NUMA_NO_NODE, m);
}
EXPORT_SYMBOL_GPL(kspan_slab_alloc);

static struct kspan_heap *heap_of(void *buckets)
{
	return kspan_moved_is_tagged(buckets) ? kspan_moved_untag(buckets) : NULL;
}

/**
 * kspan_slab_alloc_node - kmalloc_node(), kmem_buckets_alloc() of a moved
 * module
 * @size: bytes
 * @buckets: from kspan_slab_buckets_create(), or NULL
 * @gfp: as for kmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_slab_alloc_node(size_t size, void *buckets, gfp_t gfp, int node,
			    struct kspan_moved *m)
{
	if (kspan_moved_fails(m->owner, size, gfp))
		return NULL;
	if (unlikely(gfp & KSPAN_MOVED_KERNEL))
		return kmalloc_node(size, gfp, node);
	return kspan_moved_object(m, heap_of(buckets), size, gfp, node);
}
EXPORT_SYMBOL_GPL(kspan_slab_alloc_node);

/*
 * A size whose object has an alignment of up to a page: powers of two are
 * aligned to themselves, and sizes above 8 KiB to a page.
 */
static size_t size_for_align(size_t size, unsigned long align)
{
	size = max_t(size_t, size, align);
	return align > 8 && size <= SZ_8K ? roundup_pow_of_two(size) : size;
}

/* Flags that were passed as an unsigned int, in a register that is wider. */
#define KSPAN_ARG_GFP(word)	((__force gfp_t)(unsigned int)(word))

/**
 * kspan_slab_kvalloc - kvmalloc() of a moved module
 * @size: bytes
 * @buckets: from kspan_slab_buckets_create(), or NULL
 * @align: alignment in bytes, a power of two
 * @gfp: as for kvmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_slab_kvalloc(size_t size, void *buckets, unsigned long align,
			 gfp_t gfp, int node, struct kspan_moved *m)
{
	if (kspan_moved_fails(m->owner, size, gfp))
		return NULL;
	if (unlikely(gfp & KSPAN_MOVED_KERNEL) || unlikely(align > PAGE_SIZE))
		return kspan_kvmalloc_align(size, align, gfp, node);
	if (unlikely(size > KVMALLOC_MAX)) {
		WARN_ON_ONCE(!(gfp & __GFP_NOWARN));
		return NULL;
	}
	if (!size)
		return ZERO_SIZE_PTR;
	return kspan_moved_object(m, heap_of(buckets),
				  size_for_align(size, align), gfp, node);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvalloc);

/**
 * kspan_slab_kvalloc_args - kspan_slab_kvalloc() in this kernel's argument order
 * @size: bytes
 * @buckets: of kspan_slab_buckets_create(), or NULL
 * @a: the alignment on kernels with KSPAN_KVMALLOC_HAS_ALIGN, else the flags
 * @b: the flags or else the node
 * @c: the node, or not passed
 * @m: the module's variable
 *
 * The flags and the node are 32 bits wide; the other bits of their words are
 * undefined.
 *
 * Context: Any but NMI; may sleep if the flags allow it.
 * Return: as kspan_slab_kvalloc().
 */
void *kspan_slab_kvalloc_args(size_t size, void *buckets, unsigned long a,
			      unsigned long b, unsigned long c,
			      struct kspan_moved *m)
{
	if (KSPAN_KVMALLOC_HAS_ALIGN)
		return kspan_slab_kvalloc(size, buckets, a, KSPAN_ARG_GFP(b),
					  (int)c, m);
	return kspan_slab_kvalloc(size, buckets, 1, KSPAN_ARG_GFP(a), (int)b, m);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvalloc_args);

/* Move an object of kspan to memory that kspan_realloc() cannot allocate. */
static void *move_object(const void *ptr, size_t size, unsigned long align,
			 gfp_t gfp, int node, struct kspan_moved *m)
{
	void *new = kspan_slab_kvalloc(size, NULL, align, gfp, node, m);

	if (ZERO_OR_NULL_PTR(new))
		return new;
	memcpy(new, ptr, min(kspan_size(ptr), size));
	kspan_free(ptr);
	return new;
}

static void *realloc_own(const void *ptr, size_t size, unsigned long align,
			 gfp_t gfp, int node, struct kspan_moved *m)
{
	if (size && ((gfp & KSPAN_MOVED_KERNEL) || align > 8) &&
	    kspan_owns(ptr))
		return move_object(ptr, size, align, gfp, node, m);
	return kspan_realloc(ptr, aligned_size(size), gfp & ~KSPAN_GFP_TRY);
}

/* krealloc() or, with @kv, kvrealloc(). */
static void *realloc_any(const void *ptr, size_t size, unsigned long align,
			 gfp_t gfp, int node, struct kspan_moved *m, bool kv)
{
	if (ZERO_OR_NULL_PTR(ptr))
		return kspan_slab_kvalloc(size, NULL, align, gfp, node, m);
	if (kspan_moved_fails(m->owner, size, gfp))
		return NULL;
	if (kspan_contains(ptr))
		return realloc_own(ptr, size, align, gfp, node, m);
	return kv ? kspan_realloc_any(ptr, size, gfp) : krealloc(ptr, size, gfp);
}

/**
 * kspan_slab_realloc - krealloc() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @size: bytes; 0 frees it
 * @align: alignment in bytes, a power of two
 * @gfp: as for kmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @m: the module's variable
 *
 * An object stays with the allocator that it came from.
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, moved or not; ZERO_SIZE_PTR for 0 bytes; NULL without
 * memory.
 */
void *kspan_slab_realloc(const void *ptr, size_t size, unsigned long align,
			 gfp_t gfp, int node, struct kspan_moved *m)
{
	return realloc_any(ptr, size, align, gfp, node, m, false);
}
EXPORT_SYMBOL_GPL(kspan_slab_realloc);

/**
 * kspan_slab_kvrealloc - kvrealloc() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @size: bytes; 0 frees it
 * @align: alignment in bytes, a power of two
 * @gfp: as for kvmalloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, moved or not; ZERO_SIZE_PTR for 0 bytes; NULL without
 * memory.
 */
void *kspan_slab_kvrealloc(const void *ptr, size_t size, unsigned long align,
			   gfp_t gfp, int node, struct kspan_moved *m)
{
	return realloc_any(ptr, size, align, gfp, node, m, true);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvrealloc);

/**
 * kspan_slab_kvrealloc_args - kspan_slab_kvrealloc() in this kernel's argument order
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @a: the old size on kernels with KSPAN_KVREALLOC_HAS_OLD_SIZE, else the new one
 * @b: the new size or else the flags
 * @c: the flags, or not passed
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if the flags allow it.
 * Return: as kspan_slab_kvrealloc().
 */
void *kspan_slab_kvrealloc_args(const void *ptr, unsigned long a,
				unsigned long b, unsigned long c,
				struct kspan_moved *m)
{
	if (KSPAN_KVREALLOC_HAS_OLD_SIZE)
		return kspan_slab_kvrealloc(ptr, b, 1, KSPAN_ARG_GFP(c),
					    NUMA_NO_NODE, m);
	return kspan_slab_kvrealloc(ptr, a, 1, KSPAN_ARG_GFP(b), NUMA_NO_NODE, m);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvrealloc_args);

/**
 * kspan_kernel_kmalloc - kmalloc() of the kernel, for one allocation
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Use this for memory that kspan cannot provide: memory that is passed to a
 * device, to code that needs its struct page, or to code that frees it with the
 * kernel's kfree(). kfree() of a moved module also accepts it.
 *
 * Context: As for kmalloc().
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_kernel_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_kernel_kmalloc);

/**
 * kspan_slab_buckets_create - kmem_buckets_create() of a moved module
 * @name: name of the heap
 * @flags: as for kmem_cache_create()
 * @useroffset: ignored
 * @usersize: ignored
 * @ctor: NULL
 * @m: the module's variable
 *
 * The buckets are a heap, which is destroyed when the module is unloaded.
 *
 * Context: Process context that may sleep.
 * Return: the buckets, or NULL.
 */
void *kspan_slab_buckets_create(const char *name, unsigned int flags,
				unsigned int useroffset, unsigned int usersize,
				void (*ctor)(void *), struct kspan_moved *m)
{
	struct buckets *new;

	if (ctor)
		return NULL;
	new = kspan_meta_alloc(sizeof(*new), KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!new)
		return NULL;
	new->owner = m->owner;
	new->heap = kspan_heap_create(name, 0);
	if (!new->heap) {
		kspan_meta_free(new, sizeof(*new), KSPAN_SYS_OTHER);
		return NULL;
	}
	mutex_lock(&buckets_mutex);
	list_add_tail(&new->list, &all_buckets);
	mutex_unlock(&buckets_mutex);
	return kspan_moved_tag(new->heap);
}
EXPORT_SYMBOL_GPL(kspan_slab_buckets_create);

/*
 * Context: Process context that may sleep; the code of @owner no longer runs.
 */
void kspan_moved_end_buckets(struct module *owner)
{
	struct buckets *b, *next;

	mutex_lock(&buckets_mutex);
	list_for_each_entry_safe(b, next, &all_buckets, list) {
		if (b->owner != owner)
			continue;
		kspan_heap_destroy(b->heap);
		list_del(&b->list);
		kspan_meta_free(b, sizeof(*b), KSPAN_SYS_OTHER);
	}
	mutex_unlock(&buckets_mutex);
}
