// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: gives idle memory back when the kernel is short of it.
 *
 * The kernel asks for a number of pages and gets about as many.  The cheapest ones
 * to lose come first: idle chunks, then cached large objects, then what depots and
 * central lists hold, and at last what the caches of CPUs hold.  Only a CPU itself
 * may empty its caches.  The CPU that runs the shrinker does so at once.  It asks
 * the others without waiting; what they return is there for the next call.  The
 * reserve stays.
 *
 * Before the OOM killer ends a process, the kernel calls a notifier.  kspan then
 * returns all idle memory, and waits a moment for other CPUs.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/shrinker.h>

#include "base/compat.h"
#include "base/inject.h"
#include "base/node.h"
#include "base/pool.h"
#include "cache/quarantine.h"
#include "central/depot.h"
#include "heap/large.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "reclaim/scavenge.h"
#include "reclaim/shrink.h"

atomic_long_t kspan_nr_shrink;

static struct shrinker *shrinker;

/*
 * Minimal time in jiffies between two drains of caches by the shrinker.  Under
 * lasting pressure, which the page cache alone can cause, CPUs would otherwise
 * keep no objects at all.
 */
#define CACHE_PAUSE	(HZ / 10 + 1)
/* Time of the last drain.  Two callers at the same moment may both drain. */
static unsigned long last_drain;

/* How long the OOM notifier waits for the caches of other CPUs. */
#define OOM_WAIT	(HZ / 10 + 1)

/* Free heap pages beyond the reserve. */
static unsigned long surplus_pages(struct kspan_page_heap *heap)
{
	unsigned long free = READ_ONCE(heap->free_pages);

	return free - min(free, kspan_page_heap_reserve(heap));
}

static unsigned long empty_bytes(int node)
{
	return atomic_long_read(&kspan_page_heap_of(node)->empty_pages) *
	       KSPAN_PAGE_SIZE;
}

static unsigned long depot_bytes(int node)
{
	unsigned long bytes = 0;
	unsigned int sc;

	for_each_kspan_sc(sc) {
		const struct kspan_class *info;

		if (!kspan_sc_enter(sc))
			continue;
		info = kspan_sc_info(sc);
		bytes += kspan_depot_count(node, sc) * info->mag_cap *
			 (unsigned long)info->size;
		kspan_sc_leave();
	}
	return bytes;
}

/* Return idle chunks, if possible @want bytes or more.  Return: bytes returned. */
static unsigned long shrink_heaps(unsigned long want)
{
	unsigned long pages, surplus, bytes = 0;
	struct kspan_page_heap *heap;
	int node;

	for_each_kspan_node(node) {
		if (bytes >= want)
			break;
		heap = kspan_page_heap_of(node);
		surplus = surplus_pages(heap);
		pages = min(surplus, DIV_ROUND_UP(want - bytes, KSPAN_PAGE_SIZE) +
				     KSPAN_CHUNK_PAGES - 1);
		bytes += kspan_page_heap_trim(heap, kspan_page_heap_reserve(heap) +
					 surplus - pages, 0);
	}
	return bytes;
}

/**
 * kspan_shrink_count - the memory that the shrinker could return
 *
 * Context: Any but NMI.
 * Return: bytes.
 */
unsigned long kspan_shrink_count(void)
{
	unsigned long bytes = atomic_long_read(&kspan_region_idle) +
			      atomic_long_read(&kspan_region_surplus) +
			      atomic_long_read(&kspan_run_idle) +
			      atomic_long_read(&kspan_heap_run_idle) +
			      kspan_quarantine_bytes() + kspan_pools_idle();
	int node;

	for_each_kspan_node(node)
		bytes += surplus_pages(kspan_page_heap_of(node)) * KSPAN_PAGE_SIZE +
			 empty_bytes(node) + depot_bytes(node);
	return bytes;
}

/**
 * kspan_shrink - return idle memory
 * @want: approximate number of bytes
 *
 * Context: Process context that may sleep; enters no file system or I/O, and takes
 * no lock that a caller of the page allocator could hold.
 * Return: bytes returned.
 */
unsigned long kspan_shrink(unsigned long want)
{
	unsigned long bytes = shrink_heaps(want);

	if (bytes < want) {
		/* The quarantine may contain large objects. */
		kspan_quarantine_release();
		bytes += kspan_large_trim(0, want - bytes);
	}
	if (bytes < want) {
		kspan_drain_shared();
		bytes += shrink_heaps(want - bytes);
	}
	if (bytes < want && jiffies - READ_ONCE(last_drain) >= CACHE_PAUSE) {
		WRITE_ONCE(last_drain, jiffies);
		kspan_drain_caches(0);
		kspan_drain_shared();
		bytes += shrink_heaps(want - bytes);
	}
	/* The last, as each span that went leaves some. */
	if (bytes < want)
		bytes += kspan_pools_trim(true);
	return bytes;
}

static unsigned long shrinker_count(struct shrinker *self,
				    struct shrink_control *control)
{
	return kspan_shrink_count() >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *self,
				   struct shrink_control *control)
{
	unsigned long bytes = kspan_shrink(control->nr_to_scan << PAGE_SHIFT);

	atomic_long_inc(&kspan_nr_shrink);
	return bytes >> PAGE_SHIFT ?: SHRINK_STOP;
}

/* Called before the OOM killer ends a process.  Context: may sleep. */
static int oom_notify(struct notifier_block *self, unsigned long unused,
		      void *freed)
{
	*(unsigned long *)freed += kspan_reclaim(OOM_WAIT) >> PAGE_SHIFT;
	atomic_long_inc(&kspan_nr_shrink);
	return NOTIFY_OK;
}

static struct notifier_block oom_notifier = {
	.notifier_call = oom_notify,
};

/**
 * kspan_shrink_init - register the shrinker and the OOM notifier
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_shrink_init(void)
{
	if (!kspan_inject(KSPAN_INJECT_SHRINKER))
		shrinker = kspan_shrinker_add(shrinker_count, shrinker_scan);
	if (!shrinker)
		return -ENOMEM;
	register_oom_notifier(&oom_notifier);
	return 0;
}

/* Context: module unload. */
void kspan_shrink_exit(void)
{
	unregister_oom_notifier(&oom_notifier);
	kspan_shrinker_remove(shrinker);
}
