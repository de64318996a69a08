/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Moves a module that uses <linux/slab.h> to kspan, unchanged.
 *
 * The compiler reads this header before any other:
 *
 *	make -C KDIR M=DIR KCFLAGS="-include FILE" \
 *		KBUILD_EXTRA_SYMBOLS=KSPAN/Module.symvers modules
 *
 * scripts/port does this and checks the result.  Documentation/porting.rst
 * tells which modules cannot be moved.
 *
 * The kernel's headers stay as they are.  A pragma gives each function of slab
 * another name for the linker, so that inline functions of the kernel's headers,
 * alloc_hooks(), __free(kfree) and the addresses of these functions lead to
 * kspan as well.  Names that a kernel does not have are harmless, so the same
 * list serves every version.
 *
 * Functions that allocate need the heap of the module.  For them the header
 * defines small weak functions in each object of the module, of which the
 * linker keeps one.  They add the address of the module's struct kspan_moved to
 * the arguments.  The other functions lead to kspan directly.
 *
 * No kernel types are defined here yet, so gfp_t and slab_flags_t are unsigned
 * int and size_t is __SIZE_TYPE__, which is how they are passed.
 */
#ifndef _LINUX_KSPAN_SLAB_H
#define _LINUX_KSPAN_SLAB_H

struct kmem_cache;
struct kspan_heap;
struct module;
struct rcu_head;

#ifdef KSPAN_BUILDING_KSPAN
#include <linux/types.h>
#define KSPAN_SLAB_GFP	gfp_t
#else
#ifdef _LINUX_SLAB_H
#error "kspan_slab.h has to be read before any other header: -include"
#endif
#define KSPAN_SLAB_GFP	unsigned int
#endif

/**
 * struct kspan_moved - a module that allocates from kspan through this header
 * @owner: the module; set by the linker
 * @heap: its heap; set when kspan attaches the module, before its init function
 *	runs or at its first allocation, and read without a lock afterwards
 * @reserved: 0
 */
struct kspan_moved {
	struct module *owner;
	struct kspan_heap *heap;
	void *reserved[2];
};

/* allocates with the kernel's own kmalloc() after all */
void *kspan_kernel_kmalloc(__SIZE_TYPE__ size, KSPAN_SLAB_GFP gfp);

/* moved_alloc.c */
void *kspan_slab_alloc(__SIZE_TYPE__ size, KSPAN_SLAB_GFP gfp,
		       struct kspan_moved *m);
void *kspan_slab_alloc_node(__SIZE_TYPE__ size, void *buckets,
			    KSPAN_SLAB_GFP gfp, int node,
			    struct kspan_moved *m);
void *kspan_slab_kvalloc(__SIZE_TYPE__ size, void *buckets,
			 unsigned long align, KSPAN_SLAB_GFP gfp, int node,
			 struct kspan_moved *m);
void *kspan_slab_realloc(const void *ptr, __SIZE_TYPE__ size,
			 unsigned long align, KSPAN_SLAB_GFP gfp, int node,
			 struct kspan_moved *m);
void *kspan_slab_kvrealloc(const void *ptr, __SIZE_TYPE__ size,
			   unsigned long align, KSPAN_SLAB_GFP gfp, int node,
			   struct kspan_moved *m);
void *kspan_slab_kvalloc_args(__SIZE_TYPE__ size, void *buckets,
			      unsigned long a, unsigned long b, unsigned long c,
			      struct kspan_moved *m);
void *kspan_slab_kvrealloc_args(const void *ptr, unsigned long a,
				unsigned long b, unsigned long c,
				struct kspan_moved *m);
void *kspan_slab_buckets_create(const char *name, unsigned int flags,
				unsigned int useroffset, unsigned int usersize,
				void (*ctor)(void *), struct kspan_moved *m);

/* moved_free.c */
void kspan_slab_free(const void *ptr);
void kspan_slab_free_const(const void *ptr);
void kspan_slab_free_link(void *ptr);
void kspan_slab_free_nolock(const void *ptr);
void kspan_slab_free_sensitive(const void *ptr);
void kspan_slab_kvfree(const void *ptr);
void kspan_slab_kvfree_atomic(const void *ptr);
void kspan_slab_kvfree_sensitive(const void *ptr, __SIZE_TYPE__ len);
void kspan_slab_vfree(const void *ptr);
void kspan_slab_free_rcu(void *head, void *ptr);
void kspan_slab_rcu_barrier(void);
__SIZE_TYPE__ kspan_slab_ksize(const void *ptr);
__SIZE_TYPE__ kspan_slab_size_roundup(__SIZE_TYPE__ size);
int kspan_slab_dump_obj(void *ptr);

/* moved_cache.c */
struct kmem_cache *kspan_slab_cache_create(const char *name, unsigned int size,
					   unsigned int align,
					   unsigned int flags,
					   unsigned int useroffset,
					   unsigned int usersize,
					   void (*ctor)(void *),
					   struct kspan_moved *m);
struct kmem_cache *kspan_slab_cache_create_args(const char *name,
						unsigned int size,
						const void *args,
						unsigned int flags,
						struct kspan_moved *m);
void kspan_slab_cache_destroy(struct kmem_cache *s);
int kspan_slab_cache_shrink(struct kmem_cache *s);
unsigned int kspan_slab_cache_size(struct kmem_cache *s);
void *kspan_slab_cache_alloc(struct kmem_cache *s, KSPAN_SLAB_GFP gfp);
void *kspan_slab_cache_alloc_lru(struct kmem_cache *s, void *lru,
				 KSPAN_SLAB_GFP gfp);
void *kspan_slab_cache_alloc_node(struct kmem_cache *s, KSPAN_SLAB_GFP gfp,
				  int node);
int kspan_slab_cache_alloc_bulk(struct kmem_cache *s, KSPAN_SLAB_GFP gfp,
				__SIZE_TYPE__ n, void **objs);
void kspan_slab_cache_free(struct kmem_cache *s, void *obj);
void kspan_slab_cache_free_bulk(struct kmem_cache *s, __SIZE_TYPE__ n,
				void **objs);
int kspan_slab_cache_charge(void *obj, KSPAN_SLAB_GFP gfp);
void kspan_slab_cache_rcu_barrier(struct kmem_cache *s);
void *kspan_slab_mempool_alloc(KSPAN_SLAB_GFP gfp, void *pool_data);
void kspan_slab_mempool_free(void *obj, void *pool_data);
void kspan_slab_mempool_kfree(void *obj, void *pool_data);
void kspan_slab_mempool_kvfree(void *obj, void *pool_data);

/* moved_string.c */
char *kspan_slab_strdup(const char *s, KSPAN_SLAB_GFP gfp,
			struct kspan_moved *m);
char *kspan_slab_strndup(const char *s, __SIZE_TYPE__ max,
			 KSPAN_SLAB_GFP gfp, struct kspan_moved *m);
void *kspan_slab_memdup(const void *src, __SIZE_TYPE__ len,
			KSPAN_SLAB_GFP gfp, struct kspan_moved *m);
void *kspan_slab_memdup_array(const void *src, __SIZE_TYPE__ n,
			      __SIZE_TYPE__ size, KSPAN_SLAB_GFP gfp,
			      struct kspan_moved *m);
void *kspan_slab_kvmemdup(const void *src, __SIZE_TYPE__ len,
			  KSPAN_SLAB_GFP gfp, struct kspan_moved *m);
char *kspan_slab_memdup_nul(const char *src, __SIZE_TYPE__ len,
			    KSPAN_SLAB_GFP gfp, struct kspan_moved *m);
void *kspan_slab_memdup_user(const void __user *src, __SIZE_TYPE__ len,
			     struct kspan_moved *m);
void *kspan_slab_vmemdup_user(const void __user *src, __SIZE_TYPE__ len,
			      struct kspan_moved *m);
void *kspan_slab_memdup_user_nul(const void __user *src, __SIZE_TYPE__ len,
				 struct kspan_moved *m);
char *kspan_slab_strndup_user(const char __user *s, long max,
			      struct kspan_moved *m);
__printf(2, 0)
char *kspan_slab_vasprintf(KSPAN_SLAB_GFP gfp, const char *fmt,
			   __builtin_va_list args, struct kspan_moved *m);

/* Sparse does not support the pragma.  Code that is built in is not moved. */
#if defined(MODULE) && !defined(KSPAN_BUILDING_KSPAN) && !defined(__CHECKER__)

#ifdef CONFIG_TINY_RCU
#error "kspan_slab.h: with CONFIG_TINY_RCU kfree_rcu() cannot be moved"
#endif

extern struct module __this_module;

/*
 * The functions of the module that pass their arguments on to kspan.  They have
 * no declarations: calls reach them through their linker names.
 */
#pragma GCC visibility push(hidden)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#define KSPAN_MOVED	__weak notrace noinline

extern struct kspan_moved kspan_moved_module;
__weak struct kspan_moved kspan_moved_module = { .owner = &__this_module };

/* Arguments that exist only in kernels with these options. */
#ifdef CONFIG_KMALLOC_PARTITION_CACHES
struct kspan_moved_token {
	unsigned long v;
};

#define KSPAN_MOVED_SIZE	__SIZE_TYPE__ size, struct kspan_moved_token token
#define KSPAN_MOVED_DECL_BUCKETS	void *buckets, struct kspan_moved_token token
#else
#define KSPAN_MOVED_SIZE	__SIZE_TYPE__ size
#define KSPAN_MOVED_DECL_BUCKETS	void *buckets
#endif
#ifdef CONFIG_SLAB_BUCKETS
#define KSPAN_MOVED_BUCKET_SIZE	__SIZE_TYPE__ size, KSPAN_MOVED_DECL_BUCKETS
#define KSPAN_MOVED_BUCKETS	buckets
#else
#define KSPAN_MOVED_BUCKET_SIZE	KSPAN_MOVED_SIZE
#define KSPAN_MOVED_BUCKETS	((void *)0)
#endif

KSPAN_MOVED void *kspan_moved_alloc(KSPAN_MOVED_SIZE, unsigned int gfp)
{
	return kspan_slab_alloc(size, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_large(__SIZE_TYPE__ size, unsigned int gfp)
{
	return kspan_slab_alloc(size, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_class(struct kmem_cache *s,
					  unsigned int gfp, __SIZE_TYPE__ size)
{
	return kspan_slab_alloc(size, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_class_node(struct kmem_cache *s,
					       unsigned int gfp, int node,
					       __SIZE_TYPE__ size)
{
	return kspan_slab_alloc_node(size, (void *)0, gfp, node,
				     &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_node(__SIZE_TYPE__ size, unsigned int gfp,
					 int node)
{
	return kspan_slab_alloc_node(size, (void *)0, gfp, node,
				     &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_bucket(KSPAN_MOVED_BUCKET_SIZE,
					   unsigned int gfp, int node)
{
	return kspan_slab_alloc_node(size, KSPAN_MOVED_BUCKETS, gfp, node,
				     &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_track(__SIZE_TYPE__ size, unsigned int gfp,
					  int node, unsigned long caller)
{
	return kspan_slab_alloc_node(size, (void *)0, gfp, node,
				     &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_alloc_bucket_track(KSPAN_MOVED_BUCKET_SIZE,
						 unsigned int gfp, int node,
						 unsigned long caller)
{
	return kspan_slab_alloc_node(size, KSPAN_MOVED_BUCKETS, gfp, node,
				     &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_realloc(const void *ptr, __SIZE_TYPE__ size,
				      unsigned int gfp)
{
	return kspan_slab_realloc(ptr, size, 1, gfp, -1, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_realloc_align(const void *ptr, KSPAN_MOVED_SIZE,
					    unsigned long align,
					    unsigned int gfp, int node)
{
	return kspan_slab_realloc(ptr, size, align, gfp, node,
				  &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_kvalloc(__SIZE_TYPE__ size, unsigned int gfp,
				      int node)
{
	return kspan_slab_kvalloc(size, (void *)0, 1, gfp, node,
				  &kspan_moved_module);
}

/*
 * The arguments of these two differ between kernels.  They pass on as many
 * arguments as any kernel has, and kspan, which was built for the kernel, knows
 * which of them are valid.
 */
KSPAN_MOVED void *kspan_moved_kvalloc_bucket(KSPAN_MOVED_BUCKET_SIZE,
					     unsigned long a, unsigned long b,
					     unsigned long c)
{
	return kspan_slab_kvalloc_args(size, KSPAN_MOVED_BUCKETS, a, b, c,
				       &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_kvrealloc(const void *ptr, unsigned long a,
					unsigned long b, unsigned long c)
{
	return kspan_slab_kvrealloc_args(ptr, a, b, c, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_kvrealloc_align(const void *ptr, KSPAN_MOVED_SIZE,
					      unsigned long align,
					      unsigned int gfp, int node)
{
	return kspan_slab_kvrealloc(ptr, size, align, gfp, node,
				    &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_buckets_create(const char *name,
					     unsigned int flags,
					     unsigned int useroffset,
					     unsigned int usersize,
					     void (*ctor)(void *))
{
	return kspan_slab_buckets_create(name, flags, useroffset, usersize,
					 ctor, &kspan_moved_module);
}

KSPAN_MOVED struct kmem_cache *
kspan_moved_cache_create(const char *name, unsigned int size, unsigned int align,
			 unsigned int flags, void (*ctor)(void *))
{
	return kspan_slab_cache_create(name, size, align, flags, 0, 0, ctor,
				       &kspan_moved_module);
}

KSPAN_MOVED struct kmem_cache *
kspan_moved_cache_create_usercopy(const char *name, unsigned int size,
				  unsigned int align, unsigned int flags,
				  unsigned int useroffset,
				  unsigned int usersize, void (*ctor)(void *))
{
	return kspan_slab_cache_create(name, size, align, flags, useroffset,
				       usersize, ctor, &kspan_moved_module);
}

KSPAN_MOVED struct kmem_cache *
kspan_moved_cache_create_args(const char *name, unsigned int size, void *args,
			      unsigned int flags)
{
	return kspan_slab_cache_create_args(name, size, args, flags,
					    &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_mempool_kmalloc(unsigned int gfp, void *pool_data)
{
	return kspan_slab_alloc((__SIZE_TYPE__)pool_data, gfp,
				&kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_mempool_kvmalloc(unsigned int gfp,
					       void *pool_data)
{
	return kspan_slab_kvalloc((__SIZE_TYPE__)pool_data, (void *)0, 1, gfp,
				  -1, &kspan_moved_module);
}

KSPAN_MOVED char *kspan_moved_strdup(const char *s, unsigned int gfp)
{
	return kspan_slab_strdup(s, gfp, &kspan_moved_module);
}

KSPAN_MOVED char *kspan_moved_strndup(const char *s, __SIZE_TYPE__ max,
				      unsigned int gfp)
{
	return kspan_slab_strndup(s, max, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_memdup(const void *src, __SIZE_TYPE__ len,
				     unsigned int gfp)
{
	return kspan_slab_memdup(src, len, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_memdup_array(const void *src, __SIZE_TYPE__ n,
					   __SIZE_TYPE__ size, unsigned int gfp)
{
	return kspan_slab_memdup_array(src, n, size, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_kvmemdup(const void *src, __SIZE_TYPE__ len,
				       unsigned int gfp)
{
	return kspan_slab_kvmemdup(src, len, gfp, &kspan_moved_module);
}

KSPAN_MOVED char *kspan_moved_memdup_nul(const char *src, __SIZE_TYPE__ len,
					 unsigned int gfp)
{
	return kspan_slab_memdup_nul(src, len, gfp, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_memdup_user(const void __user *src,
					  __SIZE_TYPE__ len)
{
	return kspan_slab_memdup_user(src, len, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_vmemdup_user(const void __user *src,
					   __SIZE_TYPE__ len)
{
	return kspan_slab_vmemdup_user(src, len, &kspan_moved_module);
}

KSPAN_MOVED void *kspan_moved_memdup_user_nul(const void __user *src,
					      __SIZE_TYPE__ len)
{
	return kspan_slab_memdup_user_nul(src, len, &kspan_moved_module);
}

KSPAN_MOVED char *kspan_moved_strndup_user(const char __user *s, long max)
{
	return kspan_slab_strndup_user(s, max, &kspan_moved_module);
}

__printf(2, 0)
KSPAN_MOVED char *kspan_moved_vasprintf(unsigned int gfp, const char *fmt,
					__builtin_va_list args)
{
	return kspan_slab_vasprintf(gfp, fmt, args, &kspan_moved_module);
}

__printf(2, 3)
KSPAN_MOVED char *kspan_moved_asprintf(unsigned int gfp, const char *fmt, ...)
{
	__builtin_va_list args;
	char *text;

	__builtin_va_start(args, fmt);
	text = kspan_slab_vasprintf(gfp, fmt, args, &kspan_moved_module);
	__builtin_va_end(args);
	return text;
}

#pragma GCC diagnostic pop
#pragma GCC visibility pop

/* clang warns where a function that a pragma names is inline. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpragmas"
#endif

/* kmalloc() and its relatives */
#pragma redefine_extname __kmalloc kspan_moved_alloc
#pragma redefine_extname __kmalloc_noprof kspan_moved_alloc
#pragma redefine_extname kmalloc_large kspan_moved_alloc_large
#pragma redefine_extname __kmalloc_large_noprof kspan_moved_alloc_large
#pragma redefine_extname kmalloc_trace kspan_moved_alloc_class
#pragma redefine_extname __kmalloc_cache_noprof kspan_moved_alloc_class
#pragma redefine_extname kmalloc_node_trace kspan_moved_alloc_class_node
#pragma redefine_extname __kmalloc_cache_node_noprof kspan_moved_alloc_class_node
#pragma redefine_extname __kmalloc_node kspan_moved_alloc_node
#pragma redefine_extname kmalloc_large_node kspan_moved_alloc_node
#pragma redefine_extname __kmalloc_large_node_noprof kspan_moved_alloc_node
#pragma redefine_extname __kmalloc_node_noprof kspan_moved_alloc_bucket
#pragma redefine_extname __kmalloc_node_track_caller kspan_moved_alloc_track
#pragma redefine_extname __kmalloc_node_track_caller_noprof kspan_moved_alloc_bucket_track
#pragma redefine_extname krealloc kspan_moved_realloc
#pragma redefine_extname krealloc_noprof kspan_moved_realloc
#pragma redefine_extname krealloc_node_align_noprof kspan_moved_realloc_align
#pragma redefine_extname kvmalloc_node kspan_moved_kvalloc
#pragma redefine_extname __kvmalloc_node_noprof kspan_moved_kvalloc_bucket
#pragma redefine_extname kvrealloc kspan_moved_kvrealloc
#pragma redefine_extname kvrealloc_noprof kspan_moved_kvrealloc
#pragma redefine_extname kvrealloc_node_align_noprof kspan_moved_kvrealloc_align
#pragma redefine_extname kmem_buckets_create kspan_moved_buckets_create

/* kfree() and its relatives, sizes */
#pragma redefine_extname kfree kspan_slab_free
#pragma redefine_extname kfree_const kspan_slab_free_const
#pragma redefine_extname kfree_link kspan_slab_free_link
#pragma redefine_extname kfree_nolock kspan_slab_free_nolock
#pragma redefine_extname kfree_sensitive kspan_slab_free_sensitive
#pragma redefine_extname kvfree kspan_slab_kvfree
#pragma redefine_extname kvfree_atomic kspan_slab_kvfree_atomic
#pragma redefine_extname kvfree_sensitive kspan_slab_kvfree_sensitive
#pragma redefine_extname vfree kspan_slab_vfree
#pragma redefine_extname kvfree_call_rcu kspan_slab_free_rcu
#pragma redefine_extname kfree_call_rcu_nolock kspan_slab_free_rcu
#pragma redefine_extname kvfree_rcu_barrier kspan_slab_rcu_barrier
#pragma redefine_extname kvfree_rcu_barrier_on_cache kspan_slab_cache_rcu_barrier
#pragma redefine_extname ksize kspan_slab_ksize
#pragma redefine_extname kmalloc_size_roundup kspan_slab_size_roundup
#pragma redefine_extname kmem_dump_obj kspan_slab_dump_obj

/* caches and mempools */
#pragma redefine_extname __kmem_cache_create_args kspan_moved_cache_create_args
/* Newer kernels have these two inline, and then the pragmas change nothing. */
#pragma redefine_extname kmem_cache_create kspan_moved_cache_create
#pragma redefine_extname kmem_cache_create_usercopy kspan_moved_cache_create_usercopy
#pragma redefine_extname kmem_cache_destroy kspan_slab_cache_destroy
#pragma redefine_extname kmem_cache_shrink kspan_slab_cache_shrink
#pragma redefine_extname kmem_cache_size kspan_slab_cache_size
#pragma redefine_extname kmem_cache_alloc kspan_slab_cache_alloc
#pragma redefine_extname kmem_cache_alloc_noprof kspan_slab_cache_alloc
#pragma redefine_extname kmem_cache_alloc_lru kspan_slab_cache_alloc_lru
#pragma redefine_extname kmem_cache_alloc_lru_noprof kspan_slab_cache_alloc_lru
#pragma redefine_extname kmem_cache_alloc_node kspan_slab_cache_alloc_node
#pragma redefine_extname kmem_cache_alloc_node_noprof kspan_slab_cache_alloc_node
#pragma redefine_extname kmem_cache_alloc_bulk kspan_slab_cache_alloc_bulk
#pragma redefine_extname kmem_cache_alloc_bulk_noprof kspan_slab_cache_alloc_bulk
#pragma redefine_extname kmem_cache_free kspan_slab_cache_free
#pragma redefine_extname kmem_cache_free_bulk kspan_slab_cache_free_bulk
#pragma redefine_extname kmem_cache_charge kspan_slab_cache_charge
#pragma redefine_extname mempool_alloc_slab kspan_slab_mempool_alloc
#pragma redefine_extname mempool_free_slab kspan_slab_mempool_free
#pragma redefine_extname mempool_kmalloc kspan_moved_mempool_kmalloc
#pragma redefine_extname mempool_kfree kspan_slab_mempool_kfree
#pragma redefine_extname mempool_kvmalloc kspan_moved_mempool_kvmalloc
#pragma redefine_extname mempool_kvfree kspan_slab_mempool_kvfree

/* copies and strings */
#pragma redefine_extname kstrdup kspan_moved_strdup
#pragma redefine_extname kstrndup kspan_moved_strndup
#pragma redefine_extname kmemdup_array kspan_moved_memdup_array
#pragma redefine_extname kvmemdup kspan_moved_kvmemdup
#pragma redefine_extname kmemdup_nul kspan_moved_memdup_nul
#pragma redefine_extname memdup_user kspan_moved_memdup_user
#pragma redefine_extname vmemdup_user kspan_moved_vmemdup_user
#pragma redefine_extname memdup_user_nul kspan_moved_memdup_user_nul
#pragma redefine_extname strndup_user kspan_moved_strndup_user
#pragma redefine_extname kvasprintf kspan_moved_vasprintf
#pragma redefine_extname kasprintf kspan_moved_asprintf

/*
 * With CONFIG_FORTIFY_SOURCE, kmemdup() is inline and names the kernel's
 * function by an __asm__ label, which a pragma does not change.  So the
 * assembler renames it.
 */
__asm__(".set kmemdup, kspan_moved_memdup\n\t"
	".set kmemdup_noprof, kspan_moved_memdup");

#endif /* MODULE */
#endif /* _LINUX_KSPAN_SLAB_H */
