// SPDX-License-Identifier: GPL-2.0
/*
 * Guard objects: the worker that prepares their pages, and unmaps those of freed
 * ones, and the parameter guard_ms.
 *
 * Nothing here calls vm_unmap_aliases() if it can be helped.  It would hand the
 * addresses of freed objects out again, the same ones to the next objects.
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#ifdef CONFIG_ARM64
#include <asm/tlbflush.h>
#endif

#include "api/guard.h"
#include "base/inject.h"
#include "base/meta.h"
#include "base/params.h"
#include "base/sample.h"
#include "cache/cache.h"
#include "reclaim/worker.h"
#include "span/report.h"

/* Slots that are kept ready, by their pages. */
static const struct {
	unsigned int nr_pages;
	unsigned int nr;
} sorts[] = {
	{ 1, 8 },
	{ (unsigned int)(SZ_16K >> PAGE_SHIFT) + 1, 2 },
	{ KSPAN_GUARD_PAGES, 1 },
};

/* Objects of a class between two that are marked: at most, by milliseconds. */
#define REACH_PER_MS	64UL
#define REACH_MAX	1024UL

static void tick_fn(struct work_struct *work);
static void fill_fn(struct work_struct *work);
static void retire_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(tick, tick_fn);
static DECLARE_WORK(fill_work, fill_fn);
static DECLARE_WORK(retire_work, retire_fn);

/*
 * Held by who gives slots their pages, takes them away or switches guard objects on
 * or off.  It protects what follows.
 */
static DEFINE_MUTEX(guard_mutex);
static bool is_up;
static unsigned long last_turn;
static unsigned long last_fill;

#if defined(CONFIG_X86) && !defined(CONFIG_UML)
/* Pages that were unmapped. */
struct unmapped {
	void *area;
	unsigned long bytes;
};

/* Let this CPU forget them.  Context: an interrupt. */
static void flush_here(void *arg)
{
	const struct unmapped *u = arg;
	unsigned long i;

	for (i = 0; i < u->bytes; i += PAGE_SIZE)
		asm volatile("invlpg (%0)" : : "r" (u->area + i) : "memory");
}

/*
 * Make sure that no CPU can use pages that were unmapped.
 *
 * The kernel's functions for that are exported by few architectures.  Where there is
 * none, all that vunmap() has put off is done.
 *
 * Context: Process context that may sleep.
 */
static void flush_unmapped(void *area, unsigned long bytes)
{
	struct unmapped u = { .area = area, .bytes = bytes };

	/* A Xen PV guest may not. */
	if (boot_cpu_has(X86_FEATURE_XENPV))
		vm_unmap_aliases();
	else
		on_each_cpu(flush_here, &u, 1);
}
#elif defined(CONFIG_ARM64)
static void flush_unmapped(void *area, unsigned long bytes)
{
	flush_tlb_kernel_range((unsigned long)area, (unsigned long)area + bytes);
}
#else
static void flush_unmapped(void *area, unsigned long bytes)
{
	vm_unmap_aliases();
}
#endif

static void free_pages_of(struct kspan_guard *guard)
{
	unsigned int i;

	for (i = 0; i < guard->nr_pages; i++)
		if (guard->pages[i])
			__free_page(guard->pages[i]);
	kspan_meta_account(KSPAN_SYS_OTHER, -(long)kspan_guard_area_bytes(guard));
}

static void unmap(struct kspan_guard *guard)
{
	vunmap(guard->area);
	/* vunmap() leaves that for later, and a CPU could use the pages for long. */
	flush_unmapped(guard->area, kspan_guard_area_bytes(guard));
	free_pages_of(guard);
}

/* End a freed object: check whether it was written to, and unmap it. */
static void retire(struct kspan_guard *guard)
{
	const u8 *bad = memchr_inv(kspan_guard_object(guard), KSPAN_GUARD_FREED,
				   guard->span.asked);

	if (unlikely(bad)) {
		kspan_report_guard(&guard->span, bad, KSPAN_GUARD_FREED, true);
	} else {
		bad = kspan_guard_bad_around(guard);
		if (unlikely(bad))
			kspan_report_guard(&guard->span, bad, KSPAN_GUARD_AROUND, true);
	}
	unmap(guard);
	guard->turn = ++last_turn;
	/* The turn first, for look-ups. */
	smp_store_release(&guard->state, KSPAN_GUARD_GONE);
}

static void retire_all(void)
{
	struct kspan_guard *guard;

	if (!kspan_guards)
		return;
	/* A slot that is reused is counted. */
	kspan_guard_count_freed();
	for_each_kspan_guard(guard)
		/* Pairs with the release in kspan_guard_free(). */
		if (smp_load_acquire(&guard->state) == KSPAN_GUARD_QUEUED &&
		    !READ_ONCE(guard->uncounted))
			retire(guard);
}

/* Forget freed objects whose addresses are in use again, in part at least. */
static void forget_overlapped(const struct kspan_guard *new)
{
	unsigned long first = (unsigned long)new->area - PAGE_SIZE;
	unsigned long bytes = kspan_guard_area_bytes(new) + 2 * PAGE_SIZE;
	struct kspan_guard *guard;

	for_each_kspan_guard(guard) {
		unsigned long area = (unsigned long)guard->area;

		if (guard->state == KSPAN_GUARD_GONE &&
		    (area - first < bytes ||
		     first - area < kspan_guard_area_bytes(guard)))
			WRITE_ONCE(guard->area, NULL);
	}
}

/* Give an empty slot pages.  Return: false without memory. */
static bool prepare(struct kspan_guard *guard, unsigned int nr_pages)
{
	unsigned int i;

	guard->nr_pages = nr_pages;
	memset(guard->pages, 0, sizeof(guard->pages));
	kspan_meta_account(KSPAN_SYS_OTHER, kspan_guard_area_bytes(guard));
	for (i = 0; i < nr_pages; i++) {
		if (!kspan_inject(KSPAN_INJECT_SLAB))
			guard->pages[i] = alloc_page(GFP_KERNEL | __GFP_NOWARN |
						     __GFP_NORETRY);
		if (!guard->pages[i])
			goto free;
	}
	guard->area = vmap(guard->pages, nr_pages, VM_MAP, PAGE_KERNEL);
	if (!guard->area)
		goto free;
	memset(guard->area, KSPAN_GUARD_AROUND, kspan_guard_area_bytes(guard));
	guard->span.kind = KSPAN_GUARD;
	guard->span.node = NUMA_NO_NODE;
	kspan_guard_cover(guard);
	forget_overlapped(guard);
	/* The pages first, for allocations. */
	smp_store_release(&guard->state, KSPAN_GUARD_READY);
	return true;

free:
	free_pages_of(guard);
	return false;
}

/* Take the pages away of slots that nobody has taken. */
static void drop_ready(void)
{
	struct kspan_guard *guard;
	int state;

	if (!kspan_guards)
		return;
	for_each_kspan_guard(guard) {
		state = KSPAN_GUARD_READY;
		if (!try_cmpxchg(&guard->state, &state, KSPAN_GUARD_TAKEN))
			continue;
		unmap(guard);
		WRITE_ONCE(guard->state, KSPAN_GUARD_EMPTY);
	}
}

/* If no slot is empty, empty the older half of those that are GONE. */
static void empty_some(void)
{
	unsigned long turn = last_turn;
	struct kspan_guard *guard;
	unsigned int nr_gone = 0;
	bool emptied = false;

	for_each_kspan_guard(guard) {
		if (guard->state == KSPAN_GUARD_EMPTY)
			return;
		nr_gone += guard->state == KSPAN_GUARD_GONE;
	}
	for_each_kspan_guard(guard) {
		if (guard->state == KSPAN_GUARD_GONE &&
		    turn - guard->turn >= nr_gone / 2) {
			WRITE_ONCE(guard->state, KSPAN_GUARD_EMPTY);
			emptied = true;
		}
	}
	/* Who found them earlier may still look at them. */
	if (emptied)
		synchronize_rcu();
}

static struct kspan_guard *empty_slot(void)
{
	struct kspan_guard *guard;

	empty_some();
	for_each_kspan_guard(guard)
		if (guard->state == KSPAN_GUARD_EMPTY)
			return guard;
	return NULL;
}

/* Return: how many slots of a sort are ready. */
static unsigned int refill(unsigned int nr_pages, unsigned int want)
{
	struct kspan_guard *guard;
	unsigned int have = 0;

	for_each_kspan_guard(guard)
		have += READ_ONCE(guard->state) == KSPAN_GUARD_READY &&
			guard->nr_pages == nr_pages;
	for (; have < want; have++) {
		guard = empty_slot();
		if (!guard || !prepare(guard, nr_pages))
			break;
	}
	return have;
}

/* How many guard objects the time since the last look is good for. */
static unsigned int nr_wanted(unsigned long ms)
{
	unsigned long now = jiffies;
	unsigned long passed = jiffies_to_msecs(now - last_fill);

	last_fill = now;
	return clamp(passed / ms, 1UL, 64UL);
}

static void wait_for_next(unsigned long ms)
{
	u64 some = (u64)kspan_sample_random() * ms >> 32;

	/* From half of it to half more, so that no client keeps step. */
	kspan_queue_delayed_work(&tick, max(msecs_to_jiffies(ms / 2 + some), 1UL));
}

static void tick_fn(struct work_struct *work)
{
	kspan_queue_filling(&fill_work);
}

static void fill_fn(struct work_struct *work)
{
	unsigned long ms;
	unsigned int i, ready = 0;

	mutex_lock(&guard_mutex);
	ms = READ_ONCE(kspan_params.guard_ms);
	if (is_up && ms) {
		retire_all();
		for (i = 0; i < ARRAY_SIZE(sorts); i++)
			ready += refill(sorts[i].nr_pages, sorts[i].nr);
		atomic_set(&kspan_guard_due, min(nr_wanted(ms), ready));
		wait_for_next(ms);
	}
	mutex_unlock(&guard_mutex);
}

static void retire_fn(struct work_struct *work)
{
	mutex_lock(&guard_mutex);
	retire_all();
	mutex_unlock(&guard_mutex);
}

static void retire_irq_fn(struct irq_work *work)
{
	kspan_guard_count_freed();
	kspan_queue_work(&retire_work);
}

static struct irq_work retire_irq = IRQ_WORK_INIT_HARD(retire_irq_fn);

/* Have a worker unmap what was freed.  Context: Any, including NMI. */
static void retire_soon(void)
{
	if (likely(!in_nmi()))
		kspan_queue_work(&retire_work);
	else if (cpu_online(raw_smp_processor_id()))
		irq_work_queue(&retire_irq);
}

static void resample_this_cpu(void)
{
	kspan_cache_resample(raw_smp_processor_id());
}

/* Have the caches mark objects as often as an interval needs.  Under the mutex. */
static void set_reach(unsigned long ms)
{
	unsigned long reach = min(ms * REACH_PER_MS, REACH_MAX);

	if (reach == kspan_sample_reach)
		return;
	WRITE_ONCE(kspan_sample_reach, reach);
	kspan_on_each_cpu(resample_this_cpu);
}

/* guard_ms was written, or is to have its effect.  Under the mutex. */
static int switch_guards(unsigned long ms)
{
	if (!is_up)
		return 0;
	if (ms && !kspan_guards_make())
		return -ENOMEM;
	WRITE_ONCE(kspan_params.guard_ms, ms);
	set_reach(ms);
	if (ms) {
		last_fill = jiffies;
		kspan_queue_filling(&fill_work);
	} else {
		atomic_set(&kspan_guard_due, 0);
		drop_ready();
	}
	return 0;
}

/* Context: Process context that may sleep. */
static int change_guard_ms(unsigned long ms)
{
	int err;

	mutex_lock(&guard_mutex);
	err = switch_guards(ms);
	mutex_unlock(&guard_mutex);
	return err;
}

/* Wait until what was freed is unmapped, and new pages are ready.  For tests. */
void kspan_guard_settle(void)
{
	kspan_queue_filling(&fill_work);
	flush_work(&fill_work);
	kspan_queue_work(&retire_work);
	flush_work(&retire_work);
}

/* Keep the worker from unmapping what is freed.  For tests. */
void kspan_guard_pause(void)
{
	mutex_lock(&guard_mutex);
}

/* End that. */
void kspan_guard_resume(void)
{
	mutex_unlock(&guard_mutex);
}

/* Context: module load.  Return: 0 or -ENOMEM. */
int kspan_guard_init(void)
{
	int err;

	kspan_guard_set_worker(retire_soon);
	mutex_lock(&guard_mutex);
	is_up = true;
	err = switch_guards(kspan_params.guard_ms);
	if (err)
		is_up = false;
	mutex_unlock(&guard_mutex);
	kspan_change_guard_ms = change_guard_ms;
	return err;
}

/*
 * The pages of objects that clients have forgotten stay theirs.  Context: module
 * unload; nobody allocates or frees any more.
 */
void kspan_guard_exit(void)
{
	mutex_lock(&guard_mutex);
	atomic_set(&kspan_guard_due, 0);
	is_up = false;
	mutex_unlock(&guard_mutex);
	irq_work_sync(&retire_irq);
	cancel_delayed_work_sync(&tick);
	cancel_work_sync(&fill_work);
	cancel_work_sync(&retire_work);
	retire_all();
	drop_ready();
	kspan_guards_unmake();
}
