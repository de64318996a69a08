// SPDX-License-Identifier: GPL-2.0
/*
 * What kspan knows of an address, in words: for the log of whoever looks for the
 * owner of a pointer, and for the log of an oops.
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
 * Whether the object with state @state has had an owner.  Memory that was used
 * before its span began keeps no record of by whom.
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

/* Whose memory it is: what a class, a named cache or a heap has its spans for. */
static void say_owner(struct words *w, const struct kspan_span *span)
{
	const struct kspan_span_class *class;

	if (span->kind != KSPAN_LARGE)
		SAY(w, ", class %u (%lu bytes), %s",
		    kspan_sc_class(kspan_span_sc(span)), kspan_span_size(span),
		    kspan_kind_names[span->kind]);
	if (kspan_sc_is_static(span->sc))
		return;
	class = kspan_sc_find(span->sc);
	SAY(w, ", %s %s", class->heap ? "heap" : "cache", class->name);
}

/* Where the object was allocated, if that is accounted. */
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
		/* A tiny block's rest, or redzone. */
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
		/* Its redzone. */
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

/**
 * kspan_describe_text - say what kspan knows of an address
 * @text: where the words go, KSPAN_DESCRIPTION_LEN bytes
 * @ptr: any value
 * @first: where its object begins, or what else is the same for addresses of
 *	which there is the same to say
 *
 * Context: Any, NMI too, with preemption off.
 * Return: whether it is kspan's.
 */
bool kspan_describe_text(char *text, const void *ptr, unsigned long *first)
{
	const struct kspan_span *span = kspan_span_find(ptr);
	struct words w = { .text = text };

	*first = (unsigned long)ptr & ~(KSPAN_PAGE_SIZE - 1);
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

/* Whether the first and the last of some bytes can be read. */
static bool can_read(const void *mem, size_t bytes)
{
	u8 byte;

	return !copy_from_kernel_nofault(&byte, mem, 1) &&
	       !copy_from_kernel_nofault(&byte, mem + bytes - 1, 1);
}

/* The span of an address in the window, or NULL if the way to it is damaged. */
static const struct kspan_span *find_safely(const void *ptr)
{
	const struct kspan_window *window = READ_ONCE(kspan_window);
	unsigned long frame, origin, page = (unsigned long)ptr >> KSPAN_PAGE_SHIFT;
	struct kspan_span *span;

	if (!can_read(window, sizeof(*window)))
		return NULL;
	frame = ((unsigned long)ptr - window->base) >> KSPAN_FRAME_SHIFT;
	/* Memory outside of the window is rare, and so far not of interest. */
	if (frame >= window->nr_frames)
		return &kspan_null_span;
	if (copy_from_kernel_nofault(&origin, &window->origin[frame], sizeof(origin)))
		return NULL;
	if (copy_from_kernel_nofault(&span, (void *)(origin + page * sizeof(span)),
				     sizeof(span)))
		return NULL;
	return can_read(span, sizeof(*span)) ? span : NULL;
}

/* Whether what a description reads of a span class can be read. */
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
 * kspan_describe_safely - kspan_describe_text() where kspan may be damaged
 * @text: where the words go, KSPAN_DESCRIPTION_LEN bytes
 * @ptr: any value
 * @first: as for kspan_describe_text()
 *
 * It looks before it reads, so that it does not fault a second time in an oops
 * that is about kspan's own structures.
 *
 * Context: Any, NMI too, with preemption off.
 * Return: whether it is kspan's, and can be described.
 */
bool kspan_describe_safely(char *text, const void *ptr, unsigned long *first)
{
	const struct kspan_span *span = find_safely(ptr);

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
 * kspan_describe - say in the log what kspan knows of an address
 * @ptr: any value
 *
 * One line at level info that begins with "kspan: ": whether the address is
 * kspan's, and if so which byte of a live, freed or never used object it is, of
 * which size and class, and of which named cache or heap.  While call sites are
 * accounted it also says where a live object was allocated.  The pointer is
 * printed as %p prints it, hashed.
 *
 * Context: Any.
 */
void kspan_describe(const void *ptr)
{
	char text[KSPAN_DESCRIPTION_LEN];
	unsigned long first;

	preempt_disable();
	kspan_describe_text(text, ptr, &first);
	preempt_enable();
	pr_info("%p: %s\n", ptr, text);
}
EXPORT_SYMBOL_GPL(kspan_describe);
