// SPDX-License-Identifier: GPL-2.0
/*
 * Guard objects: their slots, and what is found by an address.
 *
 * The arena map knows nothing of guard objects.  kspan_span_find() asks here for an
 * address that the map has no span for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "base/meta.h"
#include "base/noprobe.h"
#include "base/stack.h"
#include "span/guard.h"

struct kspan_guard *kspan_guards __read_mostly;
atomic_t kspan_guard_due;

/*
 * All areas so far lie between these, so that an address elsewhere costs two
 * comparisons.  The worker writes them before a slot is READY.
 */
static unsigned long lowest = ULONG_MAX;
static unsigned long highest;

/* Return: false without memory.  Context: Process context that may sleep. */
bool kspan_guards_make(void)
{
	struct kspan_guard *guards;

	if (kspan_guards)
		return true;
	guards = kspan_meta_alloc(KSPAN_NR_GUARDS * sizeof(*guards), KSPAN_SYS_OTHER,
				  GFP_KERNEL);
	if (!guards)
		return false;
	/* Empty slots, before who may find them. */
	smp_store_release(&kspan_guards, guards);
	return true;
}

/* Context: module unload; nobody allocates or frees any more. */
void kspan_guards_unmake(void)
{
	lowest = ULONG_MAX;
	highest = 0;
	kspan_meta_free(kspan_guards, KSPAN_NR_GUARDS * sizeof(*kspan_guards),
			KSPAN_SYS_OTHER);
	kspan_guards = NULL;
}

/* Let look-ups find the pages of a slot.  Context: the worker. */
void kspan_guard_cover(const struct kspan_guard *guard)
{
	unsigned long area = (unsigned long)guard->area;

	WRITE_ONCE(lowest, min(lowest, area - PAGE_SIZE));
	WRITE_ONCE(highest, max(highest, area + kspan_guard_area_bytes(guard) +
				PAGE_SIZE));
}

static __kspan_noprobe bool may_be_guard(unsigned long addr)
{
	return addr >= READ_ONCE(lowest) && addr < READ_ONCE(highest);
}

/* Whether the first slot is to be preferred, of two with the same addresses. */
static __kspan_noprobe bool is_newer(const struct kspan_guard *a,
				     const struct kspan_guard *b)
{
	if (!b || READ_ONCE(a->state) != KSPAN_GUARD_GONE)
		return true;
	return READ_ONCE(b->state) == KSPAN_GUARD_GONE && a->turn > b->turn;
}

/**
 * kspan_guard_find - find the guard object whose pages have an address
 * @ptr: any value
 *
 * Context: Any, NMI too, with preemption off.
 * Return: the slot, with an object that is live or freed; NULL if there is none.
 */
__kspan_noprobe struct kspan_guard *kspan_guard_find(const void *ptr)
{
	unsigned long addr = (unsigned long)ptr;
	struct kspan_guard *guard, *found = NULL;

	if (likely(!may_be_guard(addr)))
		return NULL;
	for_each_kspan_guard(guard)
		/* Who finds it live finds all of it. */
		if (smp_load_acquire(&guard->state) >= KSPAN_GUARD_LIVE &&
		    addr - (unsigned long)guard->area <
			    kspan_guard_area_bytes(guard) &&
		    is_newer(guard, found))
			found = guard;
	return found;
}

/* The span of the guard object whose pages have an address, or else @other. */
__kspan_noprobe struct kspan_span *kspan_guard_span(const void *ptr,
						    struct kspan_span *other)
{
	struct kspan_guard *guard = kspan_guard_find(ptr);

	return unlikely(guard) ? &guard->span : other;
}

/* Bytes from an address to the pages of a slot. */
static unsigned long distance(const struct kspan_guard *guard, unsigned long addr)
{
	unsigned long area = (unsigned long)guard->area;

	if (addr < area)
		return area - addr;
	return addr - (area + kspan_guard_area_bytes(guard)) + 1;
}

/**
 * kspan_guard_near - find the guard object that an address belongs to
 * @ptr: any value
 *
 * An address in an unmapped page beside the pages of guard objects belongs to the
 * nearest of them.
 *
 * Context: Any, NMI too, with preemption off.
 * Return: the slot, or NULL if there is none.
 */
struct kspan_guard *kspan_guard_near(const void *ptr)
{
	struct kspan_guard *guard, *found = kspan_guard_find(ptr);
	unsigned long addr = (unsigned long)ptr;

	if (found || !may_be_guard(addr))
		return found;
	for_each_kspan_guard(guard)
		/* As above. */
		if (smp_load_acquire(&guard->state) >= KSPAN_GUARD_LIVE &&
		    distance(guard, addr) <= PAGE_SIZE &&
		    (!found || distance(guard, addr) < distance(found, addr)))
			found = guard;
	return found;
}

/**
 * kspan_guard_has - whether an address in a guard object's pages is kspan's
 * @guard: the slot
 * @ptr: the address
 *
 * When the pages are gone the address still is, until somebody else has it: so a
 * second free of the object is found.
 *
 * Context: Any, NMI too.
 * Return: whether it is.
 */
bool kspan_guard_has(const struct kspan_guard *guard, const void *ptr)
{
	return READ_ONCE(guard->state) != KSPAN_GUARD_GONE ||
	       !vmalloc_to_page(ptr);
}

/* Remember the caller.  Context: Any, NMI too, though without its stack. */
void kspan_guard_note(struct kspan_guard_event *event)
{
	event->nr_frames = in_nmi() ? 0 : kspan_stack_save(event->frames,
							   KSPAN_GUARD_FRAMES);
	event->pid = in_task() ? task_pid_nr(current) : 0;
	strscpy(event->comm, in_task() ? current->comm : "interrupt",
		sizeof(event->comm));
}

/* The first byte around an object that was written to, or NULL. */
const u8 *kspan_guard_bad_around(const struct kspan_guard *guard)
{
	char *object = kspan_guard_object(guard), *behind = object + guard->span.asked;
	const u8 *bad;

	bad = memchr_inv(guard->area, KSPAN_GUARD_AROUND, object - guard->area);
	if (bad)
		return bad;
	return memchr_inv(behind, KSPAN_GUARD_AROUND,
			  guard->area + kspan_guard_area_bytes(guard) - behind);
}

static __kspan_noprobe void print_event(const char *what,
					const struct kspan_guard_event *event)
{
	unsigned int i;

	pr_alert("  %s by %s/%d:\n", what, event->comm, event->pid);
	for (i = 0; i < event->nr_frames; i++)
		pr_alert("    %pS\n", (void *)event->frames[i]);
}

/* Say in the log who allocated a guard object and who freed it.  Context: Any. */
__kspan_noprobe void kspan_guard_print(const struct kspan_guard *guard)
{
	print_event("allocated", &guard->allocated);
	if (READ_ONCE(guard->state) >= KSPAN_GUARD_QUEUED)
		print_event("freed", &guard->freed);
}
