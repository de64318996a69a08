/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kspan: a per-CPU, span-based memory allocator in a loadable module.
 *
 * This is the only header that a client needs.  Every function is exported to
 * GPL modules, without a symbol namespace.  Documentation/api.rst is a guided
 * tour.
 */
#ifndef _LINUX_KSPAN_H
#define _LINUX_KSPAN_H

#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/moduleparam.h>	/* DEFINE_KSPAN_HEAP() */
#include <linux/numa.h>
#include <linux/overflow.h>
#include <linux/slab.h>		/* ZERO_SIZE_PTR */
#include <linux/types.h>

/* Size in bytes of the largest object that a named cache can have. */
#define KSPAN_CACHE_MAX_SIZE	(1UL << 20)

/* Largest alignment of kspan_alloc_aligned(), in bytes. */
#define KSPAN_MAX_ALIGN		(2UL << 20)

/*
 * The lines of the debugfs file "stats", in its order.  The first block has the
 * names of the Go runtime's memstats.
 */
#define KSPAN_STATS(X)							\
	X(alloc)		/* bytes of live objects */		\
	X(total_alloc)		/* bytes allocated since load */	\
	X(sys)			/* bytes obtained from the kernel */	\
	X(nlookup)		/* look-ups off the fast path */	\
	X(nmalloc)		/* objects allocated since load */	\
	X(nfree)		/* objects freed since load */		\
	X(heap_alloc)		/* as alloc */				\
	X(heap_sys)		/* bytes of heap pages */		\
	X(heap_idle)		/* bytes of heap pages in no span */	\
	X(heap_inuse)		/* bytes of heap pages in spans */	\
	X(heap_released)	/* bytes returned since load */		\
	X(heap_objects)		/* live objects */			\
	X(mspan_inuse)		/* bytes of span descriptors in use */	\
	X(mspan_sys)							\
	X(mcache_inuse)		/* bytes of per-CPU caches in use */	\
	X(mcache_sys)							\
	X(buckhash_sys)		/* profiling tables */			\
	X(gc_sys)		/* arena map, bitmaps, object states */	\
	X(other_sys)		/* everything else */			\
	X(tinyallocs)		/* tiny objects beside a live one */	\
	X(large_nmalloc)						\
	X(large_nfree)							\
	X(large_alloc)		/* bytes of live large objects */	\
	X(bad_free)		/* wild, interior or mis-sized frees */	\
	X(double_free)							\
	X(bad_copy)		/* refused user space copies */		\
	X(overrun)		/* check=2, guard_ms: writes outside */	\
	X(use_after_free)	/* the same: writes to a free object */	\
	X(linked_free)		/* check=2: frees while in a list */	\
	X(atomic_fail)		/* NULL: ready memory used up */	\
	X(oom_fail)		/* NULL: the kernel had none */		\
	X(limit_fail)		/* NULL: memory_limit */		\
	X(refill)		/* magazines filled from spans */	\
	X(flush)		/* magazines emptied into spans */	\
	X(swap)			/* exchanges at a depot */		\
	X(grow)			/* chunks obtained */			\
	X(release)		/* chunks and regions returned */	\
	X(scavenge_runs)						\
	X(shrink_runs)		/* calls under memory pressure */	\
	X(corrupt)		/* quarantined by a self-check */	\
	X(quarantine)		/* bytes held by quarantine_kb */	\
	X(samples)		/* allocations sampled */		\
	X(samples_lost)		/* not recorded, tables full */		\
	X(guards)		/* objects with guard pages */		\
	X(reserve)		/* bytes kept for atomic callers */	\
	X(limit)		/* memory_limit, bytes; 0: none */

/*
 * struct kspan_stats - a snapshot of the statistics
 *
 * One u64 for each line of the debugfs file ``stats``, with the same name.  The
 * values are exact while nothing is allocated or freed.  Under load, each value
 * is right for some moment of the call, but not all for the same moment.
 */
struct kspan_stats {
#define KSPAN_STATS_FIELD(name) u64 name;
	KSPAN_STATS(KSPAN_STATS_FIELD)
#undef KSPAN_STATS_FIELD
};

/*
 * What the compiler is told about the size of an object.
 *
 * The kernel's fortified string functions panic on a write beyond the size that
 * __alloc_size declares.  A client may use an object up to kspan_size(), which
 * exceeds the requested size unless that size fills its class.  So a function
 * that may return more than requested has no __alloc_size.  Where the compiler
 * knows that the size fills its class, the macros below call the same function
 * through a declaration with __alloc_size.
 */
void kspan_free(const void *ptr);
void kspan_free_sized(const void *ptr, size_t size);
void kspan_free_sensitive(const void *ptr);

/* single objects */
void *kspan_alloc(size_t size, gfp_t gfp) __malloc __must_check;
void *kspan_zalloc(size_t size, gfp_t gfp) __malloc __must_check;
void *kspan_alloc_node(size_t size, gfp_t gfp, int node) __malloc __must_check;
void *kspan_zalloc_node(size_t size, gfp_t gfp, int node) __malloc __must_check;
void *kspan_alloc_aligned(size_t size, size_t align, gfp_t gfp)
	__malloc __must_check;
void *kspan_alloc_data(size_t size, gfp_t gfp) __malloc __must_check;
void *kspan_alloc_tiny(size_t size, gfp_t gfp) __malloc __must_check;
/* Not __malloc: the result may be an object to which other pointers exist. */
void *kspan_realloc(const void *ptr, size_t new_size, gfp_t gfp) __must_check;
size_t kspan_size(const void *ptr);
size_t kspan_size_roundup(size_t size);
bool kspan_owns(const void *ptr);

/* for pointers of unknown origin */
bool kspan_contains(const void *ptr);
void kspan_free_any(const void *ptr);
size_t kspan_size_any(const void *ptr);
void *kspan_realloc_any(const void *ptr, size_t new_size, gfp_t gfp)
	__must_check;
void kspan_describe(const void *ptr);
/* for modules that use kspan_slab.h: the kernel's kmalloc() */
void *kspan_kernel_kmalloc(size_t size, gfp_t gfp) __must_check;

/* arrays and strings */
void *kspan_alloc_array(size_t n, size_t size, gfp_t gfp)
	__malloc __must_check;
void *kspan_calloc(size_t n, size_t size, gfp_t gfp) __malloc __must_check;
void *kspan_alloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
	__malloc __must_check;
void *kspan_calloc_node(size_t n, size_t size, gfp_t gfp, int node)
	__malloc __must_check;
void *kspan_realloc_array(void *ptr, size_t n, size_t size, gfp_t gfp)
	__must_check;
/* Not __malloc: the copy may hold pointers to other objects. */
void *kspan_memdup(const void *src, size_t len, gfp_t gfp) __must_check;
char *kspan_strdup(const char *s, gfp_t gfp) __malloc __must_check;
char *kspan_strndup(const char *s, size_t max, gfp_t gfp) __malloc __must_check;
char *kspan_memdup_nul(const char *src, size_t len, gfp_t gfp)
	__malloc __must_check;
char *kspan_asprintf(gfp_t gfp, const char *fmt, ...)
	__malloc __must_check __printf(2, 3);
char *kspan_vasprintf(gfp_t gfp, const char *fmt, va_list args)
	__malloc __must_check __printf(2, 0);

/* to and from user space */
unsigned long kspan_copy_to_user(void __user *to, const void *from,
				 unsigned long n) __must_check;
unsigned long kspan_copy_from_user(void *to, const void __user *from,
				   unsigned long n) __must_check;
void *kspan_memdup_user(const void __user *src, size_t len) __must_check;
void *kspan_memdup_user_nul(const void __user *src, size_t len) __must_check;
char *kspan_strndup_user(const char __user *s, long max) __must_check;

/* bulk */
size_t kspan_alloc_bulk(size_t size, gfp_t gfp, size_t n, void **objs)
	__must_check;
void kspan_free_bulk(size_t n, void **objs);

/* after a grace period; never pass an object to kfree_rcu() */
void __kspan_free_rcu(struct rcu_head *head, const void *ptr);
void kspan_rcu_barrier(void);

/**
 * kspan_free_rcu - free an object after a grace period
 * @ptr: the object, or NULL
 * @rcu_head_member: name of the struct rcu_head in the object
 *
 * Context: Any but NMI.
 */
#define kspan_free_rcu(ptr, rcu_head_member)				\
do {									\
	typeof(ptr) kspan_ptr_ = (ptr);					\
									\
	if (kspan_ptr_)							\
		__kspan_free_rcu(&kspan_ptr_->rcu_head_member, kspan_ptr_); \
} while (0)

/**
 * kspan_free_rcu_mightsleep - free an object without an rcu_head after a grace
 * period
 * @ptr: the object, or NULL
 *
 * This waits for the grace period only if there is no memory to queue the
 * object.
 *
 * Context: Process context that may sleep, outside RCU read sections.
 */
#define kspan_free_rcu_mightsleep(ptr)	__kspan_free_rcu(NULL, ptr)

/* bound to a device, or in a mempool */
struct device;
void *devm_kspan_alloc(struct device *dev, size_t size, gfp_t gfp)
	__malloc __must_check;
void *devm_kspan_zalloc(struct device *dev, size_t size, gfp_t gfp)
	__malloc __must_check;
void devm_kspan_free(struct device *dev, const void *ptr);
void *kspan_mempool_alloc(gfp_t gfp, void *pool_data);
void kspan_mempool_free(void *element, void *pool_data);

/* Free at the end of a scope: char *buf __free(kspan) = kspan_alloc(...); */
#ifdef __has_include
#if __has_include("linux/cleanup.h")
#include <linux/cleanup.h>
#endif
#endif
#ifdef DEFINE_FREE
DEFINE_FREE(kspan, void *, if (!IS_ERR_OR_NULL(_T)) kspan_free(_T))
#else
static __always_inline void __free_kspan(void *var)
{
	void *ptr = *(void **)var;

	if (!IS_ERR_OR_NULL(ptr))
		kspan_free(ptr);
}

#ifndef __free
#define __free(name)	__attribute__((__cleanup__(__free_##name)))
#endif
#endif

/*
 * By type: an object of the size of a type or variable, an array of them, or a
 * structure with @count elements of its flexible array @fam.  These work like
 * kmalloc_obj() and its relatives of Linux 7.0.  If gfp is omitted, it is
 * GFP_KERNEL.
 */
#define KSPAN_GFP_OF_(none, gfp, ...)	((void)(none), (gfp))
#define KSPAN_GFP_(...)	KSPAN_GFP_OF_(0, ##__VA_ARGS__, GFP_KERNEL, 0)

/* Newer kernels set a counter that __counted_by() names. */
#ifdef __set_flex_counter
#define KSPAN_SET_COUNTER_(fam, count)	__set_flex_counter(fam, count)
#else
#define KSPAN_SET_COUNTER_(fam, count)	((void)(fam), (void)(count))
#endif

#define KSPAN_FLEX_(alloc, type, fam, count, gfp)			\
({									\
	size_t kspan_count_ = (count);					\
	type *kspan_obj_ = alloc(struct_size((type *)NULL, fam,		\
					     kspan_count_), gfp);	\
									\
	if (kspan_obj_)							\
		KSPAN_SET_COUNTER_(kspan_obj_->fam, kspan_count_);	\
	kspan_obj_;							\
})

#define kspan_alloc_obj(var_or_type, ...)				\
	((typeof(var_or_type) *)kspan_alloc(sizeof(typeof(var_or_type)), \
					    KSPAN_GFP_(__VA_ARGS__)))
#define kspan_zalloc_obj(var_or_type, ...)				\
	((typeof(var_or_type) *)kspan_zalloc(sizeof(typeof(var_or_type)), \
					     KSPAN_GFP_(__VA_ARGS__)))
#define kspan_alloc_objs(var_or_type, count, ...)			\
	((typeof(var_or_type) *)					\
	 kspan_alloc_array(count, sizeof(typeof(var_or_type)),		\
			   KSPAN_GFP_(__VA_ARGS__)))
#define kspan_zalloc_objs(var_or_type, count, ...)			\
	((typeof(var_or_type) *)					\
	 kspan_calloc(count, sizeof(typeof(var_or_type)),		\
		      KSPAN_GFP_(__VA_ARGS__)))
#define kspan_alloc_flex(var_or_type, fam, count, ...)			\
	KSPAN_FLEX_(kspan_alloc, typeof(var_or_type), fam, count,	\
		    KSPAN_GFP_(__VA_ARGS__))
#define kspan_zalloc_flex(var_or_type, fam, count, ...)			\
	KSPAN_FLEX_(kspan_zalloc, typeof(var_or_type), fam, count,	\
		    KSPAN_GFP_(__VA_ARGS__))

/*
 * named caches of equal objects; flags are SLAB_HWCACHE_ALIGN,
 * SLAB_TYPESAFE_BY_RCU and the hints of slab.h
 */
struct kspan_cache;
struct kspan_cache *kspan_cache_create(const char *name, size_t size,
				       size_t align, unsigned long flags,
				       void (*ctor)(void *)) __must_check;
void *kspan_cache_alloc(struct kspan_cache *c, gfp_t gfp) __malloc __must_check;
void *kspan_cache_zalloc(struct kspan_cache *c, gfp_t gfp) __malloc __must_check;
void *kspan_cache_alloc_node(struct kspan_cache *c, gfp_t gfp, int node)
	__malloc __must_check;
void kspan_cache_free(struct kspan_cache *c, void *obj);
size_t kspan_cache_alloc_bulk(struct kspan_cache *c, gfp_t gfp, size_t n,
			      void **objs) __must_check;
void kspan_cache_free_bulk(struct kspan_cache *c, size_t n, void **objs);
unsigned int kspan_cache_size(const struct kspan_cache *c);
void kspan_cache_destroy(struct kspan_cache *c);

/* heaps: a client's own set of spans, shared with no other client */
struct kspan_heap;
struct kspan_heap *kspan_heap_create(const char *name, unsigned long flags)
	__must_check;
void *kspan_heap_alloc(struct kspan_heap *h, size_t size, gfp_t gfp)
	__malloc __must_check;
void *kspan_heap_zalloc(struct kspan_heap *h, size_t size, gfp_t gfp)
	__malloc __must_check;
void kspan_heap_destroy(struct kspan_heap *h);
size_t kspan_heap_destroy_all(struct kspan_heap *h);

/*
 * At the limit, allocations that may sleep wait for room instead of returning
 * NULL.
 */
#define KSPAN_HEAP_WAIT		(1UL << 0)

/*
 * A client's function for an allocation of @size bytes at the limit of its
 * heap.
 * Return: whether it freed something, so that the allocation should try again.
 */
typedef bool (*kspan_heap_limit_fn)(struct kspan_heap *h, size_t size, gfp_t gfp,
				    void *arg);

void kspan_heap_set_limit(struct kspan_heap *h, size_t bytes);
void kspan_heap_on_limit(struct kspan_heap *h, kspan_heap_limit_fn fn, void *arg);
int kspan_heap_reserve(struct kspan_heap *h, size_t size, unsigned int nr)
	__must_check;

/**
 * DEFINE_KSPAN_HEAP - a heap that exists while this module is loaded
 * @var: name of a static struct kspan_heap pointer to it, which is defined here
 *
 * The heap has the name of the module.  It is created before the init function
 * of the module runs, and destroyed after its exit function, as if by
 * kspan_heap_destroy().  The file /sys/module/<module>/parameters/<var> shows
 * its line of the debugfs file "heaps".  If there is no memory for the heap,
 * the module does not load.
 */
#define DEFINE_KSPAN_HEAP(var)						\
	static struct kspan_heap *var;					\
	module_param_cb(var, &kspan_module_heap_ops, &var, 0400)
extern const struct kernel_param_ops kspan_module_heap_ops;

/* control and statistics */
size_t kspan_release(void);
void kspan_read_stats(struct kspan_stats *out);

/* Whether kspan_size() of @size bytes is @size.  For constants only. */
static __always_inline bool kspan_size_is_exact(size_t size)
{
	switch (size) {
	case 8: case 16: case 24: case 32: case 40: case 48: case 56: case 64:
	case 72: case 80: case 88: case 96: case 104: case 112: case 120:
	case 128: case 144: case 160: case 176: case 192: case 208: case 224:
	case 240: case 256: case 288: case 320: case 352: case 384: case 416:
	case 448: case 480: case 512: case 576: case 640: case 704: case 768:
	case 832: case 896: case 960: case 1024: case 1152: case 1280:
	case 1408: case 1536: case 1664: case 1792: case 1920: case 2048:
	case 2304: case 2560: case 2816: case 3072: case 3328: case 3584:
	case 3840: case 4096: case 4608: case 5120: case 5632: case 6144:
	case 6656: case 7168: case 7680: case 8192: case 12288: case 16384:
	case 20480: case 24576: case 28672: case 32768:
		return true;
	default:
		/* A large object consists of whole heap pages of 8 KiB. */
		return size > 32768 && !(size & 8191);
	}
}

/*
 * Not for the module itself, which defines these functions, nor for its tests,
 * which compare the size of objects with the requested size.
 */
#ifndef KSPAN_BUILDING_KSPAN

#define KSPAN_IS_EXACT(size) \
	(__builtin_constant_p(size) && kspan_size_is_exact(size))
#define KSPAN_IS_EXACT_ARRAY(n, size)					\
	(__builtin_constant_p(n) && __builtin_constant_p(size) &&	\
	 (size_t)(n) < 65536 && (size_t)(size) < 32768 &&		\
	 kspan_size_is_exact((size_t)(n) * (size_t)(size)))

/* The same functions, for a size that fills its class. */
void *kspan_alloc_exact(size_t size, gfp_t gfp)
	__asm__("kspan_alloc") __alloc_size(1) __must_check;
void *kspan_zalloc_exact(size_t size, gfp_t gfp)
	__asm__("kspan_zalloc") __alloc_size(1) __must_check;
void *kspan_alloc_node_exact(size_t size, gfp_t gfp, int node)
	__asm__("kspan_alloc_node") __alloc_size(1) __must_check;
void *kspan_zalloc_node_exact(size_t size, gfp_t gfp, int node)
	__asm__("kspan_zalloc_node") __alloc_size(1) __must_check;
void *kspan_alloc_data_exact(size_t size, gfp_t gfp)
	__asm__("kspan_alloc_data") __alloc_size(1) __must_check;
void *kspan_alloc_array_exact(size_t n, size_t size, gfp_t gfp)
	__asm__("kspan_alloc_array") __alloc_size(1, 2) __must_check;
void *kspan_calloc_exact(size_t n, size_t size, gfp_t gfp)
	__asm__("kspan_calloc") __alloc_size(1, 2) __must_check;

#define kspan_alloc(size, gfp)						\
	(KSPAN_IS_EXACT(size) ? kspan_alloc_exact(size, gfp) :		\
				kspan_alloc(size, gfp))
#define kspan_zalloc(size, gfp)						\
	(KSPAN_IS_EXACT(size) ? kspan_zalloc_exact(size, gfp) :		\
				kspan_zalloc(size, gfp))
#define kspan_alloc_node(size, gfp, node)				\
	(KSPAN_IS_EXACT(size) ? kspan_alloc_node_exact(size, gfp, node) : \
				kspan_alloc_node(size, gfp, node))
#define kspan_zalloc_node(size, gfp, node)				\
	(KSPAN_IS_EXACT(size) ? kspan_zalloc_node_exact(size, gfp, node) : \
				kspan_zalloc_node(size, gfp, node))
#define kspan_alloc_data(size, gfp)					\
	(KSPAN_IS_EXACT(size) ? kspan_alloc_data_exact(size, gfp) :	\
				kspan_alloc_data(size, gfp))
#define kspan_alloc_array(n, size, gfp)					\
	(KSPAN_IS_EXACT_ARRAY(n, size) ?				\
	 kspan_alloc_array_exact(n, size, gfp) :			\
	 kspan_alloc_array(n, size, gfp))
#define kspan_calloc(n, size, gfp)					\
	(KSPAN_IS_EXACT_ARRAY(n, size) ?				\
	 kspan_calloc_exact(n, size, gfp) : kspan_calloc(n, size, gfp))

#endif /* KSPAN_BUILDING_KSPAN */

#endif /* _LINUX_KSPAN_H */
