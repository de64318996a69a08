// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps of clients: creation, destruction and statistics.
 *
 * A heap has a span class of its own for each size class, so its spans contain
 * no objects of other clients.  A span class begins without magazines: its
 * objects come directly from its central lists and return to them, and each of
 * them is counted in the account of the heap.  A worker adds magazines to a
 * class that many objects are allocated from.  Such a class updates the account
 * when a magazine changes.  So a heap has per-CPU memory only for the classes
 * that are used often.
 *
 * A heap that is destroyed with live objects stays, so that they can be freed.
 * When they are gone, the next creation or destruction of a heap removes it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "api/client_heap.h"
#include "api/deferred.h"
#include "api/free.h"
#include "api/watch.h"
#include "base/meta.h"
#include "base/node.h"
#include "base/symbol.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "heap/large.h"
#include "reclaim/drain.h"
#include "reclaim/worker.h"
#include "span/arena.h"
#include "span/guard.h"
#include "span/redzone.h"

/*
 * A class without magazines gets some when this many objects were allocated
 * from it within HOT_TIME.  Fewer allocations would save less than the per-CPU
 * memory costs.
 */
#define HOT_OBJS	512U
#define HOT_TIME	HZ

static void give_magazines(struct work_struct *work);
static void ask_for_magazines(struct irq_work *work);

/*
 * Adds magazines to the hot classes.  An irq_work queues it, because the
 * allocating caller may hold any lock; it is a hard irq_work, as in
 * kspan_kick().
 */
static DECLARE_WORK(magazine_work, give_magazines);
static struct irq_work magazine_irq = IRQ_WORK_INIT_HARD(ask_for_magazines);

/* All heaps.  The mutex protects the list and the end of heaps. */
static DEFINE_MUTEX(heaps_mutex);
static LIST_HEAD(heaps);

static size_t heap_bytes(const char *name)
{
	return sizeof(struct kspan_heap) + strlen(name) + 1;
}

static void copy_name(char *to, const char *name)
{
	/* The name must be a single word of a line in debugfs. */
	for (; *name; name++)
		*to++ = *name > ' ' && *name < 0x7f ? *name : '_';
	*to = '\0';
}

/* Whether a class without magazines should have some. */
static bool is_hot(const struct kspan_span_class *class)
{
	return atomic_long_read(&class->nr_given) - READ_ONCE(class->nr_before) >=
	       HOT_OBJS;
}

/**
 * kspan_client_heap_heat - note an allocation from a class without magazines
 * @class: the class
 *
 * Context: Any but NMI.
 */
void kspan_client_heap_heat(struct kspan_span_class *class)
{
	if (READ_ONCE(class->cpu) || kspan_redzone_on())
		return;
	if (is_hot(class)) {
		if (!work_pending(&magazine_work))
			irq_work_queue(&magazine_irq);
	} else if (time_after(jiffies, READ_ONCE(class->since) + HOT_TIME)) {
		WRITE_ONCE(class->since, jiffies);
		WRITE_ONCE(class->nr_before, atomic_long_read(&class->nr_given));
	}
}

static void ask_for_magazines(struct irq_work *work)
{
	kspan_queue_filling(&magazine_work);
}

static void give_magazines(struct work_struct *work)
{
	struct kspan_heap *h;
	unsigned int i;

	mutex_lock(&heaps_mutex);
	list_for_each_entry(h, &heaps, list) {
		for (i = 1; i < ARRAY_SIZE(h->class); i++)
			if (!h->class[i].cpu && is_hot(&h->class[i]) &&
			    !h->quota.ended)
				kspan_sc_init_cpus(&h->class[i]);
		cond_resched();
	}
	mutex_unlock(&heaps_mutex);
}

/**
 * kspan_client_heap_settle - wait until hot classes have magazines
 *
 * Context: Process context that may sleep.
 */
void kspan_client_heap_settle(void)
{
	irq_work_sync(&magazine_irq);
	flush_work(&magazine_work);
}

static void free_heap(struct kspan_heap *h)
{
	kspan_sc_end_all(h->class, ARRAY_SIZE(h->class));
	kspan_meta_free(h, heap_bytes(h->name), KSPAN_SYS_OTHER);
}

/*
 * Whether a heap has no live objects, and no span of a large object is cached
 * or about to be returned.
 */
static bool is_unused(struct kspan_heap *h)
{
	struct kspan_heap_stats stats;

	kspan_client_heap_read(h, &stats);
	return !stats.objects && !atomic_long_read(&h->quota.nr_large_spans);
}

/* Remove a heap that is no longer in use.  Returns whether it is gone. */
static bool try_to_free(struct kspan_heap *h)
{
	kspan_quarantine_release();
	kspan_large_end_kept(&h->quota);
	if (!is_unused(h) || !kspan_drain_classes(h->class, ARRAY_SIZE(h->class)))
		return false;
	list_del(&h->list);
	free_heap(h);
	return true;
}

static void free_destroyed(void)
{
	struct kspan_heap *h, *next;

	list_for_each_entry_safe(h, next, &heaps, list)
		if (h->quota.ended)
			try_to_free(h);
}

static struct kspan_heap *make_heap(const char *name, unsigned long flags)
{
	struct kspan_heap *h;
	unsigned int i;

	h = kspan_meta_alloc(heap_bytes(name), KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!h)
		return NULL;
	copy_name(h->name, name);
	h->flags = flags;
	INIT_HLIST_HEAD(&h->quota.kept);
	for (i = 0; i < ARRAY_SIZE(h->class); i++) {
		h->class[i].info = kspan_classes[i ?: KSPAN_NR_CLASSES];
		h->class[i].class = i;
		h->class[i].kind = KSPAN_PTR;
		h->class[i].quota = &h->quota;
		h->class[i].name = h->name;
		h->class[i].since = jiffies;
		if (kspan_sc_begin(&h->class[i], false)) {
			kspan_sc_end_all(h->class, i);
			kspan_meta_free(h, heap_bytes(name), KSPAN_SYS_OTHER);
			return NULL;
		}
	}
	return h;
}

/**
 * kspan_heap_create - create a heap for a client
 * @name: its name, copied; several heaps may have the same name
 * @flags: KSPAN_HEAP_WAIT, or 0
 *
 * Context: Process context that may sleep.
 * Return: the heap, or NULL after a warning.
 */
struct kspan_heap *kspan_heap_create(const char *name, unsigned long flags)
{
	const char *why = "there is no memory";
	struct kspan_heap *h = NULL;

	if (!name || !*name) {
		why = "it has no name";
	} else if (flags & ~KSPAN_HEAP_WAIT) {
		why = "unknown flags";
	} else {
		mutex_lock(&heaps_mutex);
		free_destroyed();
		h = make_heap(name, flags);
		if (h)
			kspan_symbol_module_of(h->module, _RET_IP_);
		if (h)
			list_add_tail(&h->list, &heaps);
		mutex_unlock(&heaps_mutex);
	}
	if (!h)
		pr_warn("no heap %s: %s\n", name ?: "(null)", why);
	return h;
}
EXPORT_SYMBOL_GPL(kspan_heap_create);

static void drop_reserves(struct kspan_heap *h)
{
	unsigned int i;
	int node;

	for (i = 1; i < ARRAY_SIZE(h->class); i++)
		for_each_kspan_node(node)
			kspan_central_set_reserve(node, h->class[i].sc, 0);
}

/* Wait for all frees of objects that are still pending. */
static void settle(void)
{
	kspan_rcu_barrier();
	kspan_deferred_flush();
}

/* Report the objects left, by class: the size often identifies them. */
static void report_left(struct kspan_heap *h)
{
	struct kspan_heap_stats stats;
	u64 nmalloc, nfree;
	unsigned int i;

	kspan_client_heap_read(h, &stats);
	if (!stats.objects)
		return;
	pr_warn("heap %s destroyed with %llu live objects, %llu bytes; their memory is kept\n",
		h->name, stats.objects, stats.bytes);
	for (i = 1; i < ARRAY_SIZE(h->class); i++) {
		kspan_sc_count(h->class[i].sc, &nmalloc, &nfree);
		if (nmalloc != nfree)
			pr_warn("  class %u: %llu objects of %u bytes\n", i,
				nmalloc - nfree, h->class[i].info.size);
	}
	if (atomic_long_read(&h->quota.nr_large))
		pr_warn("  large: %ld objects, %lld bytes\n",
			atomic_long_read(&h->quota.nr_large),
			atomic64_read(&h->quota.large_bytes));
}

static void end_heap(struct kspan_heap *h)
{
	mutex_lock(&heaps_mutex);
	/* From now on the heap caches nothing and has no reserve. */
	WRITE_ONCE(h->quota.ended, true);
	drop_reserves(h);
	report_left(h);
	try_to_free(h);
	mutex_unlock(&heaps_mutex);
}

/**
 * kspan_heap_destroy - destroy a client's heap
 * @h: the heap, or NULL
 *
 * The number and bytes of objects that are left are reported.  Such objects
 * keep their memory, and kspan_free() still accepts them.
 *
 * Context: Process context that may sleep and is not a hotplug callback.
 */
void kspan_heap_destroy(struct kspan_heap *h)
{
	if (!h)
		return;
	settle();
	end_heap(h);
}
EXPORT_SYMBOL_GPL(kspan_heap_destroy);

/* Free the object at an address if it is live.  Returns whether it was. */
static bool free_left(unsigned long addr, unsigned long ip)
{
	void *ptr = (void *)addr;

	if (!kspan_owns(ptr))
		return false;
	if (kspan_is_watched())
		kspan_watch_free(ptr, ip);
	return kspan_free_if_live(ptr);
}

/* Free the live objects of a span.  Returns their number. */
static size_t free_span(struct kspan_heap *h, unsigned long page, unsigned long ip)
{
	unsigned int i, nr, sc;
	unsigned long base = 0, size = 0;
	struct kspan_span *span;
	size_t freed = 0;

	preempt_disable();
	span = kspan_span_find((void *)page);
	sc = span->kind == KSPAN_NONE || span->kind == KSPAN_GUARD ?
		     0 : READ_ONCE(span->sc);
	nr = span->kind == KSPAN_LARGE ? 1 : span->nr_objs;
	if (kspan_sc_quota(sc) == &h->quota &&
	    ALIGN_DOWN(span->base, KSPAN_PAGE_SIZE) == page) {
		base = span->base;
		size = kspan_span_size(span);
	}
	preempt_enable();
	/*
	 * The span belongs to the heap as long as one of its objects is live.
	 */
	for (i = 0; base && i < nr; i++)
		freed += free_left(base + i * size, ip);
	cond_resched();
	return freed;
}

/* Whether a slot has a live object of a heap. */
static bool is_guard_of(const struct kspan_guard *guard, const struct kspan_heap *h)
{
	bool is;

	preempt_disable();
	/* A live object is complete. */
	is = smp_load_acquire(&guard->state) == KSPAN_GUARD_LIVE &&
	     kspan_sc_quota(guard->span.sc) == &h->quota;
	preempt_enable();
	return is;
}

/* Free the guard objects of a heap.  Return: how many. */
static size_t free_guards(const struct kspan_heap *h, unsigned long ip)
{
	struct kspan_guard *guard;
	size_t freed = 0;

	if (!READ_ONCE(kspan_guards))
		return 0;
	for_each_kspan_guard(guard)
		if (is_guard_of(guard, h))
			freed += free_left(guard->span.base, ip);
	return freed;
}

/**
 * kspan_heap_destroy_all - destroy a client's heap together with its objects
 * @h: the heap, or NULL
 *
 * No caller may allocate from the heap any more.  Frees that are in progress at
 * this moment complete, and so do kspan_free_rcu() and frees in NMI that were
 * called before.  A free that begins later is a bad or a double free.
 *
 * Context: Process context that may sleep and is not a hotplug callback.
 * Return: number of objects that were left, and have been freed.
 */
size_t kspan_heap_destroy_all(struct kspan_heap *h)
{
	unsigned long addr = 0, i;
	size_t freed = 0;

	if (!h)
		return 0;
	settle();
	freed = free_guards(h, _RET_IP_);
	while (kspan_arena_frame(&addr)) {
		for (i = 0; i < KSPAN_FRAME_PAGES; i++)
			freed += free_span(h, addr + (i << KSPAN_PAGE_SHIFT),
					   _RET_IP_);
		if (addr > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
		addr += KSPAN_FRAME_SIZE;
	}
	end_heap(h);
	return freed;
}
EXPORT_SYMBOL_GPL(kspan_heap_destroy_all);

/**
 * kspan_client_heap_read - read the statistics of a heap
 * @h: the heap, which the caller keeps from being destroyed
 * @out: the result
 *
 * Context: Any but NMI.
 */
void kspan_client_heap_read(struct kspan_heap *h, struct kspan_heap_stats *out)
{
	struct kspan_quota *quota = &h->quota;
	u64 nmalloc, nfree;
	unsigned int i;

	*out = (struct kspan_heap_stats){ .limit = READ_ONCE(quota->limit) };
	for (i = 1; i < ARRAY_SIZE(h->class); i++) {
		kspan_sc_count(h->class[i].sc, &nmalloc, &nfree);
		out->objects += nmalloc - nfree;
		out->bytes += (nmalloc - nfree) * h->class[i].info.size;
		out->asked += nmalloc * h->class[i].info.size;
		out->spans += kspan_sc_nr_spans(h->class[i].sc);
	}
	out->objects += atomic_long_read(&quota->nr_large);
	out->spans += atomic_long_read(&quota->nr_large_spans);
	out->bytes += atomic64_read(&quota->large_bytes);
	out->asked += atomic64_read(&quota->total);
	/* With check=2 each object is counted by itself. */
	if (kspan_redzone_on()) {
		out->bytes = atomic64_read(&quota->live);
		out->asked = atomic64_read(&quota->total);
	}
	kspan_quota_saw(quota, out->bytes);
	out->peak = atomic64_read(&quota->peak);
}

/**
 * kspan_client_heap_of - the heap that an object comes from
 * @ptr: a live object
 *
 * Context: Any.
 * Return: the heap, or NULL if the object comes from no heap.
 */
struct kspan_heap *kspan_client_heap_of(const void *ptr)
{
	struct kspan_quota *quota;

	preempt_disable();
	quota = kspan_sc_quota(READ_ONCE(kspan_span_find(ptr)->sc));
	preempt_enable();
	return quota ? kspan_heap_of_quota(quota) : NULL;
}

/**
 * kspan_client_heap_walk - call a function for each heap
 * @fn: the function; may sleep
 * @arg: argument for @fn
 *
 * Context: Process context that may sleep.
 */
void kspan_client_heap_walk(kspan_client_heap_fn fn, void *arg)
{
	struct kspan_heap *h;

	mutex_lock(&heaps_mutex);
	list_for_each_entry(h, &heaps, list)
		fn(h, arg);
	mutex_unlock(&heaps_mutex);
}

/**
 * kspan_client_heap_left - report the heaps that a module leaves behind
 * @module: its name
 *
 * Context: A module notifier.
 */
void kspan_client_heap_left(const char *module)
{
	struct kspan_heap_stats stats;
	struct kspan_heap *h;

	mutex_lock(&heaps_mutex);
	list_for_each_entry(h, &heaps, list) {
		if (h->quota.ended || strcmp(h->module, module))
			continue;
		/* A later module of the same name did not create this heap. */
		*h->module = '\0';
		kspan_client_heap_read(h, &stats);
		pr_warn("module %s left %llu objects (%llu bytes) in heap %s\n",
			module, stats.objects, stats.bytes, h->name);
	}
	mutex_unlock(&heaps_mutex);
}

/* Context: module load. */
int kspan_client_heap_init(void)
{
	return 0;
}

/*
 * Report the heaps that no client has destroyed, and remove all heaps.
 * Context: module unload; the per-CPU caches and depots are empty.
 */
void kspan_client_heap_exit(void)
{
	struct kspan_heap *h, *next;

	kspan_client_heap_settle();
	mutex_lock(&heaps_mutex);
	list_for_each_entry_safe(h, next, &heaps, list) {
		if (!h->quota.ended)
			pr_warn("heap %s was never destroyed\n", h->name);
		list_del(&h->list);
		free_heap(h);
	}
	mutex_unlock(&heaps_mutex);
}
