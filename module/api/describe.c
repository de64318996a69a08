// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions of addresses in words, for kspan_describe() and for the log of
 * an oops.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "api/callsites.h"
#include "api/describe.h"
#include "api/lookup.h"
#include "base/symbol.h"
#include "span/arena.h"
#include "span/guard.h"
#include "span/report.h"

/* A text that grows. */
struct words {
	char *text;
	unsigned int len;
};

#define SAY(words, ...)							\
	((words)->len += scnprintf((words)->text + (words)->len,	\
				   KSPAN_DESCRIPTION_LEN - (words)->len, \
				   __VA_ARGS__))

/*
 * Describe a free object with state @state.  For memory that was used before
 * its span began, kspan has no record of the objects there.
 */
static const char *free_words(const struct kspan_span *span, u8 state)
{
	state = kspan_obj_untracked(state);
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

/* Describe the class, named cache or heap to which the span belongs. */
static void say_owner(struct words *w, const struct kspan_span *span)
{
	/* The class of a large object changes when its span leaves its heap. */
	unsigned int sc = READ_ONCE(span->sc);
	const struct kspan_span_class *class = NULL;

	if (!kspan_sc_is_static(sc))
		class = kspan_sc_find(sc);
	/* A named cache has no size class. */
	if (class && !class->quota) {
		SAY(w, ", cache %s (%lu bytes)", class->name, kspan_span_size(span));
		return;
	}
	if (span->kind != KSPAN_LARGE)
		SAY(w, ", class %u (%lu bytes), %s",
		    kspan_sc_class(kspan_span_sc(span)), kspan_span_size(span),
		    kspan_kind_names[span->kind]);
	if (class)
		SAY(w, ", heap %s", class->name);
}

/* Name the call site that allocated the object, if it is accounted. */
static void say_site(struct words *w, const struct kspan_object *object)
{
	char text[KSPAN_SYMBOL_LEN];

	if (kspan_callsite_of(object, text))
		SAY(w, ", allocated from %s", text);
}

static void describe_small(struct words *w, const void *ptr,
			   const struct kspan_span *span, unsigned long *at)
{
	unsigned int i = kspan_span_index(span, (unsigned long)ptr);
	struct kspan_object object;
	const void *first;
	u8 state;

	if (i >= span->nr_objs) {
		SAY(w, "never used, behind the last object of a span");
		say_owner(w, span);
		return;
	}
	*at = kspan_span_addr(span, i);
	if (kspan_lookup_around(ptr, &object, &first)) {
		SAY(w, "byte %zu of a live object of %zu bytes", ptr - first,
		    object.size);
		say_owner(w, span);
		say_site(w, &object);
		return;
	}
	state = READ_ONCE(span->state[i]);
	if (kspan_obj_is_live(state))
		/* The rest of a tiny block, or a redzone. */
		SAY(w, "in no object, beside a live one");
	else
		SAY(w, "byte %lu of an object of %lu bytes, %s",
		    (unsigned long)ptr - *at, kspan_span_size(span),
		    free_words(span, state));
	say_owner(w, span);
}

static void describe_large(struct words *w, const void *ptr,
			   const struct kspan_span *span, unsigned long *at)
{
	unsigned long bytes = kspan_span_size(span);
	struct kspan_object object;
	const void *first;

	*at = span->base;
	if (!kspan_span_has(span, (unsigned long)ptr)) {
		SAY(w, "never used, beside a large object of %lu bytes in its memory",
		    bytes);
		say_owner(w, span);
	} else if (kspan_lookup_around(ptr, &object, &first)) {
		SAY(w, "byte %zu of a live object of %zu bytes, large, of %u pages",
		    ptr - first, object.size, kspan_span_pages(span));
		say_owner(w, span);
		say_site(w, &object);
	} else if (kspan_life_is_live(READ_ONCE(span->live))) {
		/* The redzone of a large object. */
		SAY(w, "in no object, behind a live one, large, of %u pages",
		    kspan_span_pages(span));
		say_owner(w, span);
	} else {
		SAY(w, "byte %lu of a freed object of %lu bytes, large, of %u pages",
		    (unsigned long)ptr - span->base, bytes,
		    kspan_span_pages(span));
		say_owner(w, span);
	}
}

/* An address in the pages of a guard object, or in an unmapped page beside them. */
static void describe_guard(struct words *w, const void *ptr,
			   const struct kspan_guard *guard, unsigned long *at)
{
	bool live = READ_ONCE(guard->state) == KSPAN_GUARD_LIVE;
	long offset = (unsigned long)ptr - guard->span.base;
	struct kspan_object object = {
		.span = (struct kspan_span *)&guard->span,
		.size = guard->span.asked,
	};

	*at = guard->span.base;
	SAY(w, "byte %ld, %s a %s guard object of %zu bytes", offset,
	    offset < 0 ? "before" : offset < object.size ? "in" : "behind",
	    live ? "live" : "freed", object.size);
	if (*guard->name)
		SAY(w, ", %s", guard->name);
	if (live)
		say_site(w, &object);
}

/* Whether an address, which has this span, may belong to a guard object. */
static bool is_guards(const struct kspan_span *span)
{
	return span->kind == KSPAN_GUARD || span == &kspan_null_span;
}

/**
 * kspan_describe_more - what a line cannot hold: stacks, if they were kept
 * @ptr: any value that was described
 *
 * Context: Any, NMI too, with preemption off.
 */
void kspan_describe_more(const void *ptr)
{
	const struct kspan_guard *guard = kspan_guard_near(ptr);

	if (guard && is_guards(kspan_span_find(ptr)))
		kspan_guard_print(guard);
}

/**
 * kspan_describe_text - describe an address
 * @text: set to the description, KSPAN_DESCRIPTION_LEN bytes
 * @ptr: any value
 * @first: set to the first byte of its object, or else to a value that is the
 *	same for all addresses with the same description
 *
 * Context: Any, including NMI, with preemption off.
 * Return: whether the address is in kspan's memory.
 */
bool kspan_describe_text(char *text, const void *ptr, unsigned long *first)
{
	const struct kspan_guard *guard = kspan_guard_near(ptr);
	const struct kspan_span *span = kspan_span_find(ptr);
	struct words w = { .text = text };

	*first = (unsigned long)ptr & ~(KSPAN_PAGE_SIZE - 1);
	if (guard && is_guards(span)) {
		describe_guard(&w, ptr, guard, first);
		return true;
	}
	if (!kspan_arena_has(ptr)) {
		SAY(&w, "not kspan's");
		return false;
	}
	if (span == &kspan_fresh_span)
		SAY(&w, "never used, a page of kspan's that no object lies in");
	else if (span->kind == KSPAN_NONE)
		SAY(&w, "freed, a page of kspan's that no object lies in any more");
	else if (span->kind == KSPAN_LARGE)
		describe_large(&w, ptr, span, first);
	else
		describe_small(&w, ptr, span, first);
	return true;
}

/* Whether the first and the last byte of a range can be read. */
static bool can_read(const void *mem, size_t bytes)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, mem, 1) &&
	       !copy_from_kernel_nofault(&byte, mem + bytes - 1, 1);
}

/*
 * The span of an address in the window, or NULL if the path to it is damaged.
 */
static const struct kspan_span *find_safely(const void *ptr)
{
	const struct kspan_window *window = READ_ONCE(kspan_window);
	unsigned long frame, origin, page = (unsigned long)ptr >> KSPAN_PAGE_SHIFT;
	struct kspan_span *span;

	if (!can_read(window, sizeof(*window)))
		return NULL;
	frame = ((unsigned long)ptr - window->base) >> KSPAN_FRAME_SHIFT;
	/* Memory outside of the window is rare; it is not described. */
	if (frame >= window->nr_frames)
		return &kspan_null_span;
	if (copy_from_kernel_nofault(&origin, &window->origin[frame], sizeof(origin)))
		return NULL;
	if (copy_from_kernel_nofault(&span, (void *)(origin + page * sizeof(span)),
				     sizeof(span)))
		return NULL;
	return can_read(span, sizeof(*span)) ? span : NULL;
}

/* Whether all that a description reads of a span class can be read. */
static bool is_class_sound(unsigned int sc)
{
	struct kspan_span_class **block, *class;

	if (kspan_sc_is_static(sc))
		return true;
	block = READ_ONCE(kspan_sc_blocks[sc / KSPAN_SC_BLOCK]);
	if (copy_from_kernel_nofault(&class, &block[sc % KSPAN_SC_BLOCK],
				     sizeof(class)))
		return false;
	return class && can_read(class, sizeof(*class)) && can_read(class->name, 1);
}

/**
 * kspan_describe_safely - kspan_describe_text() when kspan may be damaged
 * @text: set to the description, KSPAN_DESCRIPTION_LEN bytes
 * @ptr: any value
 * @first: as for kspan_describe_text()
 *
 * This checks kspan's own structures before it reads them, so that an oops
 * caused by damage to them is not followed by a second fault.
 *
 * Context: Any, including NMI, with preemption off.
 * Return: whether the address is in kspan's memory and could be described.
 */
bool kspan_describe_safely(char *text, const void *ptr, unsigned long *first)
{
	const struct kspan_span *span = find_safely(ptr);

	/* What is known of guard objects lies beside what may be damaged. */
	if ((!span || is_guards(span)) && kspan_guard_near(ptr))
		return kspan_describe_text(text, ptr, first);
	if (!span || span == &kspan_null_span)
		return false;
	if (span->kind > KSPAN_NONE || !is_class_sound(span->sc))
		return false;
	if (span->kind != KSPAN_NONE && span->kind != KSPAN_LARGE &&
	    !can_read(span->state, span->nr_objs + 1))
		return false;
	return kspan_describe_text(text, ptr, first);
}

/**
 * kspan_describe - log what kspan knows about an address
 * @ptr: any value
 *
 * This logs a line at level info that begins with "kspan: ".  It tells
 * whether the address is in kspan's memory.  If so, it tells which byte of a
 * live, freed or never used object it is, the size and class of the object, and
 * its named cache or heap.  While call sites are accounted, it also tells where
 * a live object was allocated.  The pointer is hashed, as %p prints it.  The
 * stacks of the allocation and of the free of a guard object follow.
 *
 * Context: Any.
 */
void kspan_describe(const void *ptr)
{
	char text[KSPAN_DESCRIPTION_LEN];
	unsigned long first;

	preempt_disable();
	kspan_describe_text(text, ptr, &first);
	pr_info("%p: %s\n", ptr, text);
	kspan_describe_more(ptr);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(kspan_describe);
