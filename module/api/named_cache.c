// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: creation and destruction. named_cache_alloc.c allocates and
 * frees their objects.
 *
 * A cache is a span class of its own, so no other objects share its spans.  A
 * cache that is destroyed with live objects stays until they are freed.  The
 * next cache that is created or destroyed then removes it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cache.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "api/named_cache.h"
#include "base/compat.h"
#include "base/meta.h"
#include "base/symbol.h"
#include "cache/cache.h"
#include "reclaim/drain.h"
#include "span/redzone.h"

#define FLAG(flag)	((__force unsigned long)(flag))

/* Flags of slab.h that have the same effect here. */
#define OWN_FLAGS	(FLAG(SLAB_HWCACHE_ALIGN) | FLAG(SLAB_TYPESAFE_BY_RCU))
/* Flags that no cache of kspan can have. */
#define REFUSED_FLAGS	(FLAG(SLAB_ACCOUNT) | FLAG(SLAB_CACHE_DMA) | \
			 FLAG(SLAB_CACHE_DMA32))
/* Flags that are only hints here, or for which there is check=2. */
#define HINT_FLAGS	(FLAG(SLAB_PANIC) | FLAG(SLAB_RECLAIM_ACCOUNT) | \
			 FLAG(SLAB_CONSISTENCY_CHECKS) | \
			 FLAG(SLAB_RED_ZONE) | FLAG(SLAB_POISON) | \
			 FLAG(SLAB_STORE_USER) | FLAG(SLAB_TRACE) | \
			 FLAG(SLAB_NOLEAKTRACE) | KSPAN_SLAB_NO_MERGE | \
			 KSPAN_SLAB_MEM_SPREAD)

/* All named caches.  The mutex protects the list and the end of caches. */
static DEFINE_MUTEX(caches_mutex);
static LIST_HEAD(caches);

/* SLAB_HWCACHE_ALIGN works as in slab: small objects share a cache line. */
static size_t cache_line_align(size_t size)
{
	size_t align = cache_line_size();

	while (size <= align / 2)
		align /= 2;
	return align;
}

/* The reason why such a cache cannot exist, or NULL. */
static const char *refusal(const char *name, size_t size, size_t align,
			   unsigned long flags)
{
	if (!name || !*name)
		return "it has no name";
	if (!size || size > KSPAN_CACHE_MAX_SIZE)
		return "no object can have that size";
	if (align && (!is_power_of_2(align) || align > KSPAN_PAGE_SIZE))
		return "no object can have that alignment";
	if (flags & FLAG(SLAB_ACCOUNT))
		return "kspan charges no memory cgroup: SLAB_ACCOUNT";
	if (flags & REFUSED_FLAGS)
		return "kspan has no memory for DMA: SLAB_CACHE_DMA";
	if (flags & ~(OWN_FLAGS | HINT_FLAGS))
		return "unknown flags";
	return NULL;
}

/**
 * kspan_cache_can - whether a named cache with these arguments can exist
 * @name: as for kspan_cache_create()
 * @size: bytes of an object
 * @align: alignment in bytes, or 0
 * @flags: flags of slab.h
 *
 * Context: Any.
 * Return: whether kspan_cache_create() can fail only for lack of memory.
 */
bool kspan_cache_can(const char *name, size_t size, size_t align,
		     unsigned long flags)
{
	return !refusal(name, size, align, flags);
}

static void copy_name(char *to, const char *name)
{
	/* The name must be a single word of a line in debugfs. */
	for (; *name; name++)
		*to++ = *name > ' ' && *name < 0x7f ? *name : '_';
	*to = '\0';
}

static size_t cache_bytes(const char *name)
{
	return sizeof(struct kspan_cache) + strlen(name) + 1;
}

static void free_cache(struct kspan_cache *c)
{
	list_del(&c->list);
	kspan_sc_end_all(&c->class, 1);
	kspan_meta_free(c, cache_bytes(c->name), KSPAN_SYS_OTHER);
}

/*
 * Remove destroyed caches whose objects have all been freed.  Under
 * caches_mutex.
 */
static void free_destroyed(void)
{
	struct kspan_cache *c, *next;
	u64 nmalloc, nfree;

	list_for_each_entry_safe(c, next, &caches, list) {
		if (!c->destroyed)
			continue;
		kspan_sc_count(c->class.sc, &nmalloc, &nfree);
		if (nmalloc == nfree && kspan_drain_classes(&c->class, 1))
			free_cache(c);
	}
}

static struct kspan_cache *make_cache(const char *name, size_t size,
				      size_t align, unsigned long flags,
				      void (*ctor)(void *))
{
	size_t slot = ALIGN(size, 8);
	struct kspan_cache *c;

	c = kspan_meta_alloc(cache_bytes(name), KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!c)
		return NULL;
	copy_name(c->name, name);
	if (flags & FLAG(SLAB_HWCACHE_ALIGN))
		align = max(align, cache_line_align(size));
	if (kspan_redzone_on())
		slot = ALIGN(size + KSPAN_REDZONE_MIN, 8);
	slot = ALIGN(slot, max_t(size_t, align, 8));
	c->class.kind = KSPAN_PTR;
	c->class.asked = size;
	c->class.ctor = ctor;
	c->class.rcu = flags & FLAG(SLAB_TYPESAFE_BY_RCU);
	c->class.keeps = ctor || c->class.rcu;
	c->class.name = c->name;
	if (kspan_sc_figures(&c->class.info, slot) &&
	    !kspan_sc_begin(&c->class, true))
		return c;
	kspan_meta_free(c, cache_bytes(c->name), KSPAN_SYS_OTHER);
	return NULL;
}

/**
 * kspan_cache_create - create a named cache
 * @name: its name, copied; several caches may have the same name
 * @size: bytes of an object, up to KSPAN_CACHE_MAX_SIZE
 * @align: alignment in bytes, a power of two up to 8 KiB; 0 for 8
 * @flags: flags of slab.h; SLAB_HWCACHE_ALIGN and SLAB_TYPESAFE_BY_RCU work as
 *	there, hints and debug flags including SLAB_PANIC are ignored, and
 *	SLAB_ACCOUNT and zones are refused
 * @ctor: constructor, or NULL; as in slab, it is called once for each object
 *	when its memory is obtained; an object keeps its content from a free to
 *	the next allocation, so the client frees objects in their constructed
 *	state
 *
 * The objects share memory with no other cache and not with kspan_alloc().
 * Each takes @size bytes, rounded up to its alignment.
 *
 * Context: Process context that may sleep.
 * Return: the cache, or NULL after a warning, without memory or if the
 * arguments are refused.
 */
struct kspan_cache *kspan_cache_create(const char *name, size_t size,
				       size_t align, unsigned long flags,
				       void (*ctor)(void *))
{
	const char *why = refusal(name, size, align, flags);
	struct kspan_cache *c = NULL;

	if (!why) {
		mutex_lock(&caches_mutex);
		free_destroyed();
		c = make_cache(name, size, align, flags, ctor);
		if (c)
			kspan_symbol_module_of(c->module, _RET_IP_);
		if (c)
			list_add_tail(&c->list, &caches);
		mutex_unlock(&caches_mutex);
		if (!c)
			why = "there is no memory";
	}
	if (why)
		pr_warn("no cache %s of %zu bytes: %s\n", name ?: "(null)",
			size, why);
	return c;
}
EXPORT_SYMBOL_GPL(kspan_cache_create);

/**
 * kspan_cache_destroy - destroy a named cache
 * @c: the cache, or NULL
 *
 * The number of objects that are left is reported.  Such objects keep their
 * memory, and kspan_free() still accepts them.
 *
 * Context: Process context that may sleep and is not a hotplug callback.
 */
void kspan_cache_destroy(struct kspan_cache *c)
{
	u64 nmalloc, nfree;

	if (!c)
		return;
	/* Finish frees that wait for a grace period or were made in NMI. */
	kspan_rcu_barrier();
	kspan_deferred_flush();
	mutex_lock(&caches_mutex);
	kspan_sc_count(c->class.sc, &nmalloc, &nfree);
	if (nmalloc != nfree)
		pr_warn("cache %s destroyed with %llu live objects of %u bytes; their memory is kept\n",
			c->name, nmalloc - nfree, c->class.asked);
	/* The constructor may belong to a module that is being unloaded. */
	WRITE_ONCE(c->class.ctor, NULL);
	c->destroyed = true;
	if (kspan_drain_classes(&c->class, 1))
		free_cache(c);
	mutex_unlock(&caches_mutex);
}
EXPORT_SYMBOL_GPL(kspan_cache_destroy);

/**
 * kspan_named_cache_walk - call a function for each named cache
 * @fn: the function; may sleep
 * @arg: argument for @fn
 *
 * Context: Process context that may sleep.
 */
void kspan_named_cache_walk(kspan_named_cache_fn fn, void *arg)
{
	const struct kspan_cache *c;

	mutex_lock(&caches_mutex);
	list_for_each_entry(c, &caches, list)
		fn(c, arg);
	mutex_unlock(&caches_mutex);
}

/**
 * kspan_named_cache_left - report the caches that a module leaves behind
 * @module: its name
 *
 * Context: A module notifier.
 */
void kspan_named_cache_left(const char *module)
{
	struct kspan_cache *c;
	u64 nmalloc, nfree;

	mutex_lock(&caches_mutex);
	list_for_each_entry(c, &caches, list) {
		if (c->destroyed || strcmp(c->module, module))
			continue;
		/* A later module of the same name did not create this cache. */
		*c->module = '\0';
		WRITE_ONCE(c->class.ctor, NULL);
		kspan_cache_count(c->class.sc, &nmalloc, &nfree);
		pr_warn("module %s left %llu objects (%llu bytes) in cache %s\n",
			module, nmalloc - nfree,
			(nmalloc - nfree) * c->class.asked, c->name);
	}
	mutex_unlock(&caches_mutex);
}

/* Context: module load. */
int kspan_named_cache_init(void)
{
	return 0;
}

/*
 * Report the caches that no client has destroyed, and remove all caches.
 * Context: module unload; the per-CPU caches and depots are empty.
 */
void kspan_named_cache_exit(void)
{
	struct kspan_cache *c, *next;

	mutex_lock(&caches_mutex);
	list_for_each_entry_safe(c, next, &caches, list) {
		if (!c->destroyed)
			pr_warn("cache %s was never destroyed\n", c->name);
		free_cache(c);
	}
	mutex_unlock(&caches_mutex);
}
