/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kspan: a per-CPU, span-based memory allocator in a loadable module.
 *
 * The only header a client needs.  Every function is exported to GPL modules
 * without a symbol namespace; Documentation/api.rst is the guided tour.
 */
#ifndef _LINUX_KSPAN_H
#define _LINUX_KSPAN_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/numa.h>
#include <linux/overflow.h>
#include <linux/slab.h>		/* ZERO_SIZE_PTR */
#include <linux/types.h>

/* Largest alignment kspan_alloc_aligned() gives, in bytes. */
#define KSPAN_MAX_ALIGN		(2UL << 20)

/*
 * The numbers of the debugfs file "stats", in its order.  The first block
 * carries the names of the Go runtime's memstats.
 */
#define KSPAN_STATS(X)							\
	X(alloc)		/* bytes of live objects */		\
	X(total_alloc)		/* bytes ever allocated */		\
	X(sys)			/* bytes obtained from the kernel */	\
	X(nlookup)		/* pointer look-ups off the fast path */ \
	X(nmalloc)		/* objects ever allocated */		\
	X(nfree)		/* objects ever freed */		\
	X(heap_alloc)		/* as alloc */				\
	X(heap_sys)		/* bytes of heap pages */		\
	X(heap_idle)		/* bytes of heap pages in no span */	\
	X(heap_inuse)		/* bytes of heap pages in spans */	\
	X(heap_released)	/* bytes ever given back */		\
	X(heap_objects)		/* live objects */			\
	X(mspan_inuse)		/* bytes of span descriptors in use */	\
	X(mspan_sys)							\
	X(mcache_inuse)		/* bytes of per-CPU caches in use */	\
	X(mcache_sys)							\
	X(buckhash_sys)		/* profiling tables */			\
	X(gc_sys)		/* arena map, bitmaps, object states */	\
	X(other_sys)		/* everything else */			\
	X(tinyallocs)		/* tiny objects put beside a live one */ \
	X(large_nmalloc)						\
	X(large_nfree)							\
	X(large_alloc)		/* bytes of live large objects */	\
	X(bad_free)		/* wild, interior, mis-sized frees */	\
	X(double_free)							\
	X(atomic_fail)		/* NULL: memory at hand was used up */	\
	X(oom_fail)		/* NULL: the kernel had none */		\
	X(limit_fail)		/* NULL: memory_limit */		\
	X(refill)		/* magazines filled from spans */	\
	X(flush)		/* magazines emptied into spans */	\
	X(swap)			/* magazines traded at a depot */	\
	X(grow)			/* chunks obtained */			\
	X(release)		/* chunks and regions given back */	\
	X(scavenge_runs)						\
	X(shrink_runs)		/* calls of the kernel's, short of memory */ \
	X(corrupt)		/* structures retired by a self-check */ \
	X(reserve)		/* bytes kept ready for atomic callers */ \
	X(limit)		/* memory_limit, bytes; 0 is none */

/*
 * struct kspan_stats - a snapshot of the allocator's numbers
 *
 * One u64 a line of the debugfs file ``stats``, under the same name.  Exact
 * while nothing allocates or frees; under load each number is right for some
 * moment of the read, but not all for the same one.
 */
struct kspan_stats {
#define KSPAN_STATS_FIELD(name) u64 name;
	KSPAN_STATS(KSPAN_STATS_FIELD)
#undef KSPAN_STATS_FIELD
};

void kspan_free(const void *ptr);
void kspan_free_sized(const void *ptr, size_t size);
void kspan_free_sensitive(const void *ptr);

/* single objects */
void *kspan_alloc(size_t size, gfp_t gfp) __malloc __must_check __alloc_size(1);
void *kspan_zalloc(size_t size, gfp_t gfp) __malloc __must_check __alloc_size(1);
void *kspan_alloc_node(size_t size, gfp_t gfp, int node)
	__malloc __must_check __alloc_size(1);
void *kspan_alloc_aligned(size_t size, size_t align, gfp_t gfp)
	__malloc __must_check __alloc_size(1);
void *kspan_alloc_data(size_t size, gfp_t gfp)
	__malloc __must_check __alloc_size(1);
void *kspan_alloc_tiny(size_t size, gfp_t gfp)
	__malloc __must_check __alloc_size(1);
void *kspan_realloc(const void *ptr, size_t new_size, gfp_t gfp)
	__must_check __alloc_size(2);
size_t kspan_size(const void *ptr);
size_t kspan_size_roundup(size_t size);
bool kspan_owns(const void *ptr);

/* arrays and strings */
void *kspan_alloc_array(size_t n, size_t size, gfp_t gfp)
	__malloc __must_check __alloc_size(1, 2);
void *kspan_calloc(size_t n, size_t size, gfp_t gfp)
	__malloc __must_check __alloc_size(1, 2);
void *kspan_realloc_array(void *ptr, size_t n, size_t size, gfp_t gfp)
	__must_check __alloc_size(2, 3);
void *kspan_memdup(const void *src, size_t len, gfp_t gfp)
	__must_check __alloc_size(2);
char *kspan_strdup(const char *s, gfp_t gfp) __malloc __must_check;
char *kspan_strndup(const char *s, size_t max, gfp_t gfp) __malloc __must_check;

/* bulk */
size_t kspan_alloc_bulk(size_t size, gfp_t gfp, size_t n, void **objs)
	__must_check;
void kspan_free_bulk(size_t n, void **objs);

/* control and numbers */
size_t kspan_release(void);
void kspan_read_stats(struct kspan_stats *out);

#endif /* _LINUX_KSPAN_H */
