// SPDX-License-Identifier: GPL-2.0
/*
 * kmem_cache_create() and its relatives for modules that use
 * <linux/kspan_slab.h>.
 *
 * Such a cache is a named cache of kspan.  The module gets a tagged pointer,
 * which it only passes on, so one bit tells caches of kspan and of the kernel
 * apart.  The kernel serves the caches that kspan cannot: those with
 * SLAB_ACCOUNT, zones, large objects or alignments, or unknown flags.
 *
 * Single objects with __GFP_ACCOUNT come from a second cache, of the kernel,
 * which is called the twin.  It is created when it is first needed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/list_lru.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/moved.h"
#include "api/moved_fail.h"
#include "api/named_cache.h"
#include "base/compat.h"
#include "base/meta.h"
#include "base/spanclass.h"

/**
 * struct kspan_moved_cache - a cache of a moved module
 * @c: the named cache
 * @twin: a cache of the kernel for objects with __GFP_ACCOUNT, or NULL; set
 *	once under caches_mutex, read without it
 * @owner: the module
 * @list: node in the list of all, under caches_mutex
 * @args: the arguments of its creation; set once
 * @flags: its flags, set once
 */
struct kspan_moved_cache {
	struct kspan_cache *c;
	struct kmem_cache *twin;
	struct module *owner;
	struct list_head list;
	struct kmem_cache_args args;
	slab_flags_t flags;
};

static DEFINE_MUTEX(caches_mutex);
static LIST_HEAD(caches);

static struct kspan_moved_cache *moved(struct kmem_cache *s)
{
	return kspan_moved_untag(s);
}

/* Whether the parameter fail makes a request to a cache of kspan fail. */
static __always_inline bool fails(struct kmem_cache *s, gfp_t gfp)
{
	return kspan_moved_fails(moved(s)->owner, moved(s)->c->class.asked, gfp);
}

static struct kspan_cache *make_named(const char *name, unsigned int size,
				      const struct kmem_cache_args *args,
				      slab_flags_t flags)
{
	if (!kspan_cache_can(name, size, args->align,
			     (__force unsigned long)flags))
		return NULL;
	return kspan_cache_create(name, size, args->align,
				  (__force unsigned long)flags, args->ctor);
}

static struct kspan_moved_cache *make_cache(const char *name, unsigned int size,
					    const struct kmem_cache_args *args,
					    slab_flags_t flags,
					    struct kspan_moved *m)
{
	struct kspan_moved_cache *new;

	new = kspan_meta_alloc(sizeof(*new), KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!new)
		return NULL;
	new->c = make_named(name, size, args, flags);
	if (!new->c) {
		kspan_meta_free(new, sizeof(*new), KSPAN_SYS_OTHER);
		return NULL;
	}
	new->owner = m->owner;
	new->args = *args;
	new->flags = flags;
	mutex_lock(&caches_mutex);
	list_add_tail(&new->list, &caches);
	mutex_unlock(&caches_mutex);
	return new;
}

/**
 * kspan_slab_cache_create_args - __kmem_cache_create_args() of a moved module
 * @name: its name, copied
 * @size: bytes of an object
 * @args: struct kmem_cache_args, or NULL
 * @flags: flags of slab.h
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the cache, or NULL.
 */
struct kmem_cache *kspan_slab_cache_create_args(const char *name,
						unsigned int size,
						const void *args,
						unsigned int flags,
						struct kspan_moved *m)
{
	slab_flags_t slab_flags = (__force slab_flags_t)flags;
	struct kmem_cache_args copy = {};
	struct kspan_moved_cache *new;

	if (kspan_moved_fails(m->owner, size, GFP_KERNEL))
		return NULL;
	if (args)
		copy = *(const struct kmem_cache_args *)args;
	new = make_cache(name, size, &copy, slab_flags, m);
	if (new)
		return kspan_moved_tag(new);
	return __kmem_cache_create_args(name, size, &copy, slab_flags);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_create_args);

/**
 * kspan_slab_cache_create - kmem_cache_create() of a moved module
 * @name: its name, copied
 * @size: bytes of an object
 * @align: alignment in bytes, or 0
 * @flags: flags of slab.h
 * @useroffset: offset of the part that may be copied to user space; only the
 *	kernel's caches use it
 * @usersize: bytes of that part
 * @ctor: constructor, or NULL
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the cache, or NULL.
 */
struct kmem_cache *kspan_slab_cache_create(const char *name, unsigned int size,
					   unsigned int align,
					   unsigned int flags,
					   unsigned int useroffset,
					   unsigned int usersize,
					   void (*ctor)(void *),
					   struct kspan_moved *m)
{
	const struct kmem_cache_args args = {
		.align = align,
		.useroffset = useroffset,
		.usersize = usersize,
		.ctor = ctor,
	};

	return kspan_slab_cache_create_args(name, size, &args, flags, m);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_create);

static void destroy_locked(struct kspan_moved_cache *mc)
{
	lockdep_assert_held(&caches_mutex);
	kspan_cache_destroy(mc->c);
	kmem_cache_destroy(mc->twin);
	list_del(&mc->list);
	kspan_meta_free(mc, sizeof(*mc), KSPAN_SYS_OTHER);
}

/**
 * kspan_slab_cache_destroy - kmem_cache_destroy() of a moved module
 * @s: the cache or NULL
 *
 * Context: Process context that may sleep.
 */
void kspan_slab_cache_destroy(struct kmem_cache *s)
{
	if (!kspan_moved_is_tagged(s)) {
		kmem_cache_destroy(s);
		return;
	}
	mutex_lock(&caches_mutex);
	destroy_locked(moved(s));
	mutex_unlock(&caches_mutex);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_destroy);

/*
 * Context: Process context that may sleep; the code of @owner no longer runs.
 */
void kspan_moved_end_caches(struct module *owner)
{
	struct kspan_moved_cache *mc, *next;

	mutex_lock(&caches_mutex);
	list_for_each_entry_safe(mc, next, &caches, list) {
		if (mc->owner != owner)
			continue;
		pr_warn("module %s has left its cache %s\n", owner->name,
			mc->c->name);
		destroy_locked(mc);
	}
	mutex_unlock(&caches_mutex);
}

/**
 * kspan_slab_cache_shrink - kmem_cache_shrink() of a moved module
 * @s: the cache
 *
 * For a cache of kspan this does nothing: kspan returns idle memory by itself.
 *
 * Context: Process context that may sleep.
 * Return: 0, or the result of kmem_cache_shrink() for a cache of the kernel.
 */
int kspan_slab_cache_shrink(struct kmem_cache *s)
{
	return kspan_moved_is_tagged(s) ? 0 : kmem_cache_shrink(s);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_shrink);

/**
 * kspan_slab_cache_size - kmem_cache_size() of a moved module
 * @s: the cache
 *
 * Context: Any.
 * Return: bytes of an object.
 */
unsigned int kspan_slab_cache_size(struct kmem_cache *s)
{
	return kspan_moved_is_tagged(s) ? kspan_cache_size(moved(s)->c) :
					  kmem_cache_size(s);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_size);

/* The cache of the kernel beside a named one, or NULL. */
static struct kmem_cache *twin_of(struct kspan_moved_cache *mc, gfp_t gfp)
{
	/* Pairs with smp_store_release() below. */
	struct kmem_cache *twin = smp_load_acquire(&mc->twin);

	if (twin || !kspan_may_sleep(gfp) || !(gfp & __GFP_FS))
		return twin;
	mutex_lock(&caches_mutex);
	if (!mc->twin) {
		twin = __kmem_cache_create_args(mc->c->name, mc->c->class.asked,
						&mc->args, mc->flags);
		/* Pairs with smp_load_acquire() above. */
		smp_store_release(&mc->twin, twin);
	}
	mutex_unlock(&caches_mutex);
	return mc->twin;
}

/* Allocate an object that kspan refuses from the twin. */
static noinline void *alloc_twin(struct kspan_moved_cache *mc, gfp_t gfp,
				 int node)
{
	struct kmem_cache *twin = twin_of(mc, gfp);

	if (twin)
		return kmem_cache_alloc_node(twin, gfp, node);
	if (!(gfp & __GFP_NOWARN))
		pr_warn_ratelimited("cache %s: no object with these flags here\n",
				    mc->c->name);
	return NULL;
}

/**
 * kspan_slab_cache_alloc - kmem_cache_alloc() of a moved module
 * @s: the cache
 * @gfp: as for kmem_cache_alloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, or NULL without memory.
 */
void *kspan_slab_cache_alloc(struct kmem_cache *s, gfp_t gfp)
{
	if (unlikely(!kspan_moved_is_tagged(s)))
		return kmem_cache_alloc(s, gfp);
	if (fails(s, gfp))
		return NULL;
	if (unlikely(gfp & KSPAN_MOVED_KERNEL))
		return alloc_twin(moved(s), gfp, NUMA_NO_NODE);
	return kspan_cache_alloc(moved(s)->c, gfp & ~KSPAN_GFP_TRY);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_alloc);

/**
 * kspan_slab_cache_alloc_lru - kmem_cache_alloc_lru() of a moved module
 * @s: the cache
 * @lru: the list that the object will be on
 * @gfp: as for kmem_cache_alloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, or NULL without memory.
 */
void *kspan_slab_cache_alloc_lru(struct kmem_cache *s, void *lru, gfp_t gfp)
{
	if (unlikely(!kspan_moved_is_tagged(s)))
		return kmem_cache_alloc_lru(s, lru, gfp);
	return kspan_slab_cache_alloc(s, gfp);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_alloc_lru);

/**
 * kspan_slab_cache_alloc_node - kmem_cache_alloc_node() of a moved module
 * @s: the cache
 * @gfp: as for kmem_cache_alloc()
 * @node: preferred node, or NUMA_NO_NODE
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, or NULL without memory.
 */
void *kspan_slab_cache_alloc_node(struct kmem_cache *s, gfp_t gfp, int node)
{
	if (unlikely(!kspan_moved_is_tagged(s)))
		return kmem_cache_alloc_node(s, gfp, node);
	if (fails(s, gfp))
		return NULL;
	if (unlikely(gfp & KSPAN_MOVED_KERNEL))
		return alloc_twin(moved(s), gfp, node);
	return kspan_cache_alloc_node(moved(s)->c, gfp & ~KSPAN_GFP_TRY, node);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_alloc_node);

static size_t alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t n, void **objs)
{
	size_t i;

	if (!(gfp & KSPAN_MOVED_KERNEL))
		return kspan_cache_alloc_bulk(moved(s)->c, gfp & ~KSPAN_GFP_TRY,
					      n, objs);
	for (i = 0; i < n; i++) {
		objs[i] = alloc_twin(moved(s), gfp, NUMA_NO_NODE);
		if (!objs[i]) {
			kspan_slab_cache_free_bulk(s, i, objs);
			return 0;
		}
	}
	return n;
}

/**
 * kspan_slab_cache_alloc_bulk - kmem_cache_alloc_bulk() of a moved module
 * @s: the cache
 * @gfp: as for kmem_cache_alloc()
 * @n: number of objects
 * @objs: array for the objects
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: as for kmem_cache_alloc_bulk() of this kernel; 0 without memory for
 * all.
 */
int kspan_slab_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp, size_t n,
				void **objs)
{
	if (unlikely(!kspan_moved_is_tagged(s)))
		return kmem_cache_alloc_bulk(s, gfp, n, objs);
	if (fails(s, gfp))
		return 0;
	return kspan_bulk_result(alloc_bulk(s, gfp, n, objs));
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_alloc_bulk);

/**
 * kspan_slab_cache_free - kmem_cache_free() of a moved module
 * @s: the cache
 * @obj: the object or NULL
 *
 * Context: Any; NMI only for objects of kspan.
 */
void kspan_slab_cache_free(struct kmem_cache *s, void *obj)
{
	struct kspan_moved_cache *mc = moved(s);

	if (unlikely(!kspan_moved_is_tagged(s)))
		kmem_cache_free(s, obj);
	else if (unlikely(READ_ONCE(mc->twin)) && !kspan_contains(obj))
		kmem_cache_free(mc->twin, obj);
	else
		kspan_cache_free(mc->c, obj);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_free);

/**
 * kspan_slab_cache_free_bulk - kmem_cache_free_bulk() of a moved module
 * @s: the cache, or NULL for kfree_bulk()
 * @n: number of objects
 * @objs: the objects
 *
 * Context: Any but NMI.
 */
void kspan_slab_cache_free_bulk(struct kmem_cache *s, size_t n, void **objs)
{
	size_t i;

	if (s && !kspan_moved_is_tagged(s)) {
		kmem_cache_free_bulk(s, n, objs);
		return;
	}
	if (s && !READ_ONCE(moved(s)->twin)) {
		kspan_cache_free_bulk(moved(s)->c, n, objs);
		return;
	}
	for (i = 0; i < n; i++) {
		if (s)
			kspan_slab_cache_free(s, objs[i]);
		else
			kspan_slab_free(objs[i]);
	}
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_free_bulk);

/**
 * kspan_slab_cache_charge - kmem_cache_charge() of a moved module
 * @obj: an object
 * @gfp: as for kmem_cache_charge()
 *
 * kspan does not charge memory cgroups.
 *
 * Context: As for kmem_cache_charge().
 * Return: whether the object is charged.
 */
int kspan_slab_cache_charge(void *obj, gfp_t gfp)
{
	return !kspan_moved_owns(obj) && kmem_cache_charge(obj, gfp);
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_charge);

/**
 * kspan_slab_cache_rcu_barrier - kvfree_rcu_barrier_on_cache() of a moved module
 * @s: the cache
 *
 * Context: Process context that may sleep.
 */
void kspan_slab_cache_rcu_barrier(struct kmem_cache *s)
{
	kspan_slab_rcu_barrier();
}
EXPORT_SYMBOL_GPL(kspan_slab_cache_rcu_barrier);

/**
 * kspan_slab_mempool_alloc - mempool_alloc_slab() of a moved module
 * @gfp: as for kmem_cache_alloc()
 * @pool_data: the cache
 *
 * Context: As for mempool_alloc().
 * Return: the object, or NULL without memory.
 */
void *kspan_slab_mempool_alloc(gfp_t gfp, void *pool_data)
{
	return kspan_slab_cache_alloc(pool_data, gfp);
}
EXPORT_SYMBOL_GPL(kspan_slab_mempool_alloc);

/**
 * kspan_slab_mempool_free - mempool_free_slab() of a moved module
 * @obj: the object
 * @pool_data: the cache
 *
 * Context: Any but NMI.
 */
void kspan_slab_mempool_free(void *obj, void *pool_data)
{
	kspan_slab_cache_free(pool_data, obj);
}
EXPORT_SYMBOL_GPL(kspan_slab_mempool_free);

/**
 * kspan_slab_mempool_kfree - mempool_kfree() of a moved module
 * @obj: the object
 * @pool_data: ignored
 *
 * Context: Any but NMI.
 */
void kspan_slab_mempool_kfree(void *obj, void *pool_data)
{
	kspan_slab_free(obj);
}
EXPORT_SYMBOL_GPL(kspan_slab_mempool_kfree);

/**
 * kspan_slab_mempool_kvfree - mempool_kvfree() of a moved module
 * @obj: the object
 * @pool_data: ignored
 *
 * Context: As for kvfree().
 */
void kspan_slab_mempool_kvfree(void *obj, void *pool_data)
{
	kspan_slab_kvfree(obj);
}
EXPORT_SYMBOL_GPL(kspan_slab_mempool_kvfree);
