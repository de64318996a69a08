// SPDX-License-Identifier: GPL-2.0
/*
 * Resizing.  An object stays in place as long as its new size belongs to its
 * class or, for a large object, to its number of pages.  So kspan_free_sized()
 * accepts the new size.
 *
 * If an object should move to smaller memory but there is none, it also stays
 * in place.  It is marked, so that kspan_free_sized() accepts any size that
 * fits.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "api/alloc.h"
#include "api/callsites.h"
#include "api/client_heap.h"
#include "api/free.h"
#include "api/lookup.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "cache/tiny.h"
#include "heap/large.h"
#include "span/redzone.h"

/* With check=2 the statistics count the requested size of an object. */
static void count_resize(const struct kspan_object *object, size_t size)
{
	bool large = object->span->kind == KSPAN_LARGE;

	if (kspan_callsites_are_on())
		kspan_callsite_resize(object, size);
	if (size > object->size)
		atomic64_add(size - object->size, large ? &kspan_large_alloc_bytes :
							  &kspan_redzone_alloc_bytes);
	else
		atomic64_add(object->size - size, large ? &kspan_large_free_bytes :
							  &kspan_redzone_free_bytes);
}

/*
 * Shrink an object in place; @new_size is at most its current size.  The state
 * byte records that.  For a large object the span does, because a later resize
 * may move the object.
 */
static void shrink_in_place(void *ptr, const struct kspan_object *object,
			    size_t new_size, bool zero)
{
	struct kspan_span *span = object->span;
	u8 tracked;

	if (kspan_redzone_on()) {
		kspan_redzone_shrink(span, ptr, new_size);
		count_resize(object, new_size);
		return;
	}
	if (span->kind == KSPAN_TINY) {
		preempt_disable();
		kspan_tiny_shrink(span, ptr, new_size);
		preempt_enable();
		return;
	}
	if (span->kind == KSPAN_LARGE) {
		kspan_large_shrink(span);
	} else {
		tracked = READ_ONCE(*object->state) & KSPAN_OBJ_TRACKED;
		cmpxchg(object->state, KSPAN_OBJ_LIVE | tracked,
			KSPAN_OBJ_ALIGNED | tracked);
	}
	if (zero)
		kspan_fill_object(ptr + new_size, 0, object->size - new_size);
}

/* Whether a large object would use fewer or more pages after a move. */
static bool is_too_large(const struct kspan_object *object, size_t size)
{
	return object->span->kind == KSPAN_LARGE &&
	       DIV_ROUND_UP(size, KSPAN_PAGE_SIZE) != object->span->nr_pages;
}

/* Resize an object in place if that is possible.  Returns whether it was. */
static bool resize_in_place(void *ptr, const struct kspan_object *object,
			    size_t new_size, bool zero)
{
	if (kspan_redzone_on()) {
		if (!kspan_redzone_resize(object->span, ptr, new_size, zero))
			return false;
		count_resize(object, new_size);
		return true;
	}
	if (!kspan_size_fits(object, new_size) ||
	    is_too_large(object, new_size))
		return false;
	if (zero)
		kspan_fill_object(ptr + new_size, 0, object->size - new_size);
	return true;
}

/*
 * With __GFP_ZERO, the bytes behind the old content of a grown object are 0.
 * The requested part of the old size is not recorded.  So the caller must have
 * used __GFP_ZERO from the first allocation on, as with krealloc().
 */
static void *realloc_move(const void *ptr, const struct kspan_object *old,
			  size_t new_size, gfp_t gfp, unsigned long ip)
{
	const struct kspan_span *span = old->span;
	bool data = span->kind == KSPAN_LARGE ? span->data :
						span->kind != KSPAN_PTR;
	bool shrink = new_size <= old->size;
	void *new;

	/* The request may fail, since the object can stay in place. */
	if (shrink)
		gfp = (gfp | KSPAN_GFP_TRY) & ~__GFP_NOFAIL;
	if (unlikely(!kspan_sc_is_static(span->sc) && kspan_client_heap_of(ptr)))
		new = kspan_heap_alloc_for(kspan_client_heap_of(ptr), new_size,
					   gfp, ip);
	else if (data)
		new = kspan_alloc_data_for(new_size, gfp, ip);
	else
		new = kspan_alloc_for(new_size, gfp, ip);
	if (!new && shrink) {
		shrink_in_place((void *)ptr, old, new_size, kspan_want_zero(gfp));
		return kspan_sanitize_resize((void *)ptr, new_size, gfp);
	}
	if (!new)
		return NULL;
	kspan_sanitize_size(ptr, old->size);
	memcpy(new, ptr, min(old->size, new_size));
	kspan_free_for(ptr, ip);
	return new;
}

/*
 * Whether @ptr is a plain small object of the class for @size.  This is the
 * most common case for objects that grow in small steps, so it avoids a full
 * look-up.
 *
 * Context: Any but NMI.
 */
static __always_inline bool stays(const void *ptr, size_t size)
{
	const struct kspan_span *span;
	bool stays;

	preempt_disable();
	span = kspan_span_of(ptr);
	stays = kspan_is_live(span, ptr) && size <= KSPAN_SMALL_MAX &&
		kspan_size_to_class(size) == kspan_sc_class(kspan_span_sc(span));
	preempt_enable();
	return stays;
}

static __always_inline void *resize(const void *ptr, size_t new_size, gfp_t gfp,
				    unsigned long ip)
{
	struct kspan_object object;
	enum kspan_fault fault;

	if (ZERO_OR_NULL_PTR(ptr))
		return kspan_alloc_for(new_size, gfp, ip);
	if (!new_size) {
		kspan_free_for(ptr, ip);
		return ZERO_SIZE_PTR;
	}
	if (!kspan_want_zero(gfp) && stays(ptr, new_size))
		return kspan_sanitize_resize((void *)ptr, new_size, gfp);
	preempt_disable();
	fault = kspan_lookup(ptr, &object);
	if (unlikely(fault))
		kspan_report_free(ptr, object.span, fault, 0);
	preempt_enable();
	if (unlikely(fault))
		return NULL;
	if (resize_in_place((void *)ptr, &object, new_size,
			    kspan_want_zero(gfp)))
		return kspan_sanitize_resize((void *)ptr, new_size, gfp);
	return realloc_move(ptr, &object, new_size, gfp, ip);
}

/**
 * kspan_realloc_for - kspan_realloc() for another public function
 * @ptr: the object; NULL or ZERO_SIZE_PTR to allocate one
 * @new_size: bytes; 0 frees the object
 * @gfp: as for kmalloc()
 * @ip: return address of the client's call
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: as for kspan_realloc().
 */
void *kspan_realloc_for(const void *ptr, size_t new_size, gfp_t gfp,
			unsigned long ip)
{
	return resize(ptr, new_size, gfp, ip);
}

/**
 * kspan_realloc - change the size of an object
 * @ptr: the object; NULL or ZERO_SIZE_PTR to allocate one
 * @new_size: bytes; 0 frees the object
 * @gfp: as for kmalloc()
 *
 * The content up to the smaller of both sizes is kept.  A data object stays a
 * data object.  On failure the object is unchanged.  A smaller size never
 * fails.  If @ptr is not a live object, this reports a bad free and returns
 * NULL.
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the object, moved or not; ZERO_SIZE_PTR for 0 bytes; NULL without
 * memory.
 */
void *kspan_realloc(const void *ptr, size_t new_size, gfp_t gfp)
{
	return resize(ptr, new_size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_realloc);
