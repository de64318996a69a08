// SPDX-License-Identifier: GPL-2.0
/*
 * What kspan knows of an address, in words: for the log of whoever looks for the
 * owner of a pointer.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#include "api/lookup.h"
#include "span/arena.h"
#include "span/report.h"

/*
 * Whether the object with state @state has had an owner.  Memory that was used
 * before its span began keeps no record of by whom.
 */
static const char *free_words(const struct kspan_span *span, u8 state)
{
	if (state == KSPAN_OBJ_ZEROED && !want_init_on_free())
		return "never used";
	if (state == KSPAN_OBJ_DEFERRED)
		return "freed in NMI";
	if (state == KSPAN_OBJ_QUARANTINED)
		return "freed and in quarantine";
	if (state == KSPAN_OBJ_FREE && span->needzero)
		return "freed or never used since its span began";
	return "freed";
}

static void describe_small(const void *ptr, const struct kspan_span *span)
{
	unsigned int class = kspan_sc_class(kspan_span_sc(span));
	unsigned long size = kspan_span_size(span);
	unsigned int i = kspan_span_index(span, (unsigned long)ptr);
	struct kspan_object object;
	const void *first;
	u8 state;

	if (i >= span->nr_objs) {
		pr_info("%p: never used, behind the last object of a span of class %u (%lu bytes), %s\n",
			ptr, class, size, kspan_kind_names[span->kind]);
		return;
	}
	if (kspan_lookup_around(ptr, &object, &first)) {
		pr_info("%p: byte %zu of a live object of %zu bytes, class %u (%lu bytes), %s\n",
			ptr, ptr - first, object.size, class, size,
			kspan_kind_names[span->kind]);
		return;
	}
	state = READ_ONCE(span->state[i]);
	if (kspan_obj_is_live(state))
		/* A tiny block's rest, or redzone. */
		pr_info("%p: in no object, beside a live one, class %u (%lu bytes), %s\n",
			ptr, class, size, kspan_kind_names[span->kind]);
	else
		pr_info("%p: byte %lu of an object of %lu bytes, %s, class %u (%lu bytes), %s\n",
			ptr, (unsigned long)ptr - kspan_span_addr(span, i),
			size, free_words(span, state), class, size,
			kspan_kind_names[span->kind]);
}

static void describe_large(const void *ptr, const struct kspan_span *span)
{
	unsigned long bytes = kspan_span_size(span);
	struct kspan_object object;
	const void *first;

	if (!kspan_span_has(span, (unsigned long)ptr))
		pr_info("%p: never used, in the memory of a large object of %lu bytes but not in the object\n",
			ptr, bytes);
	else if (kspan_lookup_around(ptr, &object, &first))
		pr_info("%p: byte %zu of a live object of %zu bytes, large, of %u pages\n",
			ptr, ptr - first, object.size, kspan_span_pages(span));
	else
		pr_info("%p: byte %lu of a freed object of %lu bytes, large, of %u pages\n",
			ptr, (unsigned long)ptr - span->base, bytes,
			kspan_span_pages(span));
}

/**
 * kspan_describe - say in the log what kspan knows of an address
 * @ptr: any value
 *
 * One line at level info that begins with "kspan: ": whether the address is
 * kspan's, and if so which byte of a live, freed or never used object it is, and
 * of which size and class.  The pointer is printed as %p prints it, hashed.
 *
 * Context: Any.
 */
void kspan_describe(const void *ptr)
{
	const struct kspan_span *span;

	preempt_disable();
	span = kspan_span_find(ptr);
	if (!kspan_arena_has(ptr))
		pr_info("%p: not kspan's\n", ptr);
	else if (span == &kspan_fresh_span)
		pr_info("%p: never used, a page of kspan's that no object lies in\n",
			ptr);
	else if (span->kind == KSPAN_NONE)
		pr_info("%p: freed, a page of kspan's that no object lies in any more\n",
			ptr);
	else if (span->kind == KSPAN_LARGE)
		describe_large(ptr, span);
	else
		describe_small(ptr, span);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(kspan_describe);
