// SPDX-License-Identifier: GPL-2.0
/*
 * Resizing.  An object stays in place as long as its new size belongs to its
 * class or, for a large object, as long as its region has enough pages.
 *
 * It also stays in place if the new size is smaller but needs at least half of its
 * memory, or if there is no smaller memory.  When an object grows by a little, it
 * will probably grow again, so it gets more room than it needs when it moves.  In
 * all these cases the object is marked, so that kspan_free_sized() accepts any size
 * that fits.
 */
#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/limits.h>
#include <linux/log2.h>
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
#include "span/guard.h"
#include "span/redzone.h"

/*
 * Objects below ROOM_LEAST bytes get no room to grow.  Large objects get at most
 * ROOM_LARGE bytes or a quarter of their size, whichever is more.  A vector often
 * grows by a half and up to ROOM_SLACK bytes.
 */
#define ROOM_LEAST	96UL
#define ROOM_SLACK	8UL
#define ROOM_LARGE	(4UL << 20)

/* With check=2 the statistics count the requested size of an object. */
static void count_resize(const struct kspan_object *object, size_t size)
{
	struct kspan_quota *quota = kspan_sc_quota(object->span->sc);
	bool large = object->span->kind == KSPAN_LARGE;

	if (unlikely(quota))
		kspan_quota_resize(quota, object->size, size, large);
	if (kspan_callsites_are_on())
		kspan_callsite_resize(object, size);
	if (size > object->size)
		atomic64_add(size - object->size, large ? &kspan_large_alloc_bytes :
							  &kspan_redzone_alloc_bytes);
	else
		atomic64_add(object->size - size, large ? &kspan_large_free_bytes :
							  &kspan_redzone_free_bytes);
}

/* Mark a small object that is in a larger class than its size needs. */
static __always_inline void mark_aligned(u8 *state)
{
	u8 tracked = READ_ONCE(*state) & KSPAN_OBJ_TRACKED;

	cmpxchg(state, KSPAN_OBJ_LIVE | tracked, KSPAN_OBJ_ALIGNED | tracked);
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

	if (unlikely(span->kind == KSPAN_GUARD)) {
		kspan_guard_of(span)->any_size = true;
		if (zero)
			memset(ptr + new_size, 0, object->size - new_size);
		return;
	}
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
	if (span->kind == KSPAN_LARGE)
		kspan_large_shrink(span);
	else
		mark_aligned(object->state);
	if (zero)
		kspan_fill_object(ptr + new_size, 0, object->size - new_size);
}

/* Whether a large object would use fewer or more pages after a move. */
static bool is_too_large(const struct kspan_object *object, size_t size)
{
	return object->span->kind == KSPAN_LARGE &&
	       DIV_ROUND_UP(size, KSPAN_PAGE_SIZE) != object->span->nr_pages;
}

/* Whether @ptr has the alignment that kspan_alloc() promises for @size. */
static __always_inline bool is_aligned_for(const void *ptr, size_t size)
{
	return !is_power_of_2(size) || size > KSPAN_PAGE_SIZE ||
	       IS_ALIGNED((unsigned long)ptr, size);
}

/* Whether a small object may stay in place although @size is of another class. */
static bool has_little_left(const void *ptr, const struct kspan_object *object,
			    size_t size)
{
	return object->span->kind != KSPAN_TINY && size <= object->size &&
	       size >= object->size / 2 && is_aligned_for(ptr, size);
}

/* Give a large object the pages for @size in place.  Returns whether it has them. */
static bool resize_pages(const struct kspan_object *object, size_t size)
{
	if (!kspan_large_resize(object->span, size))
		return false;
	if (kspan_callsites_are_on())
		kspan_callsite_resize(object, kspan_span_size(object->span));
	return true;
}

/* resize_in_place() for a large object, whose region may have room. */
static bool resize_large(void *ptr, const struct kspan_object *object,
			 size_t new_size, bool zero)
{
	size_t old = object->size;

	if (is_too_large(object, new_size)) {
		if (new_size < old && new_size < kspan_room_bytes(object->span) / 2)
			return false;
		if (!resize_pages(object, new_size))
			return false;
	}
	if (zero && new_size > old)
		kspan_fill_object(ptr + old, 0, kspan_span_size(object->span) - old);
	else if (zero)
		kspan_fill_object(ptr + new_size, 0, old - new_size);
	return true;
}

/* Resize an object in place if that is possible.  Returns whether it was. */
static bool resize_in_place(void *ptr, const struct kspan_object *object,
			    size_t new_size, bool zero)
{
	if (unlikely(object->span->kind == KSPAN_GUARD)) {
		if (!kspan_size_fits(object, new_size) ||
		    (kspan_sc_class(kspan_span_sc(object->span)) &&
		     !is_aligned_for(ptr, new_size)))
			return false;
		if (zero)
			memset(ptr + new_size, 0, object->size - new_size);
		return true;
	}
	if (kspan_redzone_on()) {
		if (!kspan_redzone_resize(object->span, ptr, new_size, zero))
			return false;
		count_resize(object, new_size);
		return true;
	}
	if (object->span->kind == KSPAN_LARGE)
		return resize_large(ptr, object, new_size, zero);
	if (object->span->kind == KSPAN_TINY) {
		if (!kspan_size_fits(object, new_size))
			return false;
	} else if (!kspan_size_fits(object, new_size) ||
		   (!is_aligned_for(ptr, new_size) &&
		    kspan_sc_class(kspan_span_sc(object->span)))) {
		if (!has_little_left(ptr, object, new_size))
			return false;
		mark_aligned(object->state);
	}
	if (zero)
		kspan_fill_object(ptr + new_size, 0, object->size - new_size);
	return true;
}

/*
 * How many bytes to request when an object moves to larger memory.  An object that
 * grows by at most a half is probably a buffer that data is appended to.  It gets
 * the next power of two, which has every alignment that kspan promises; a large one
 * gets at most twice its size, within a bound.  An object that grows by more each
 * time moves only a few times anyway.  With watchers no object gets extra room, so
 * that they see the sizes that clients request.
 */
static __always_inline size_t room_for(const struct kspan_object *old,
				       size_t new_size, gfp_t gfp)
{
	if (new_size <= old->size || old->size < ROOM_LEAST ||
	    new_size - old->size > old->size / 2 + ROOM_SLACK ||
	    kspan_redzone_on() || kspan_is_watched())
		return new_size;
	if (new_size <= KSPAN_SMALL_MAX)
		return min(roundup_pow_of_two(new_size + 1), KSPAN_SMALL_MAX);
	/*
	 * Only regions have room.  A caller that may not sleep gets none, and neither
	 * does a client's heap, which may have a limit.
	 */
	if (new_size > LONG_MAX / 2 || !kspan_may_sleep(gfp) ||
	    !kspan_sc_is_static(old->span->sc))
		return new_size;
	return min(roundup_pow_of_two(new_size + 1),
		   new_size + max(new_size / 4, ROOM_LARGE));
}

/* Whether an object holds no pointers. */
static __always_inline bool is_data(const struct kspan_span *span)
{
	if (likely(span->kind == KSPAN_PTR))
		return false;
	return span->kind == KSPAN_LARGE || span->kind == KSPAN_GUARD ?
		       span->data : true;
}

/* Allocate memory of the same kind and from the same heap as @old. */
static __always_inline void *alloc_like(const void *ptr,
					const struct kspan_object *old,
					size_t size, gfp_t gfp,
					unsigned long ip)
{
	const struct kspan_span *span = old->span;

	if (unlikely(!kspan_sc_is_static(span->sc) && kspan_client_heap_of(ptr)))
		return kspan_heap_alloc_for(kspan_client_heap_of(ptr), size, gfp,
					    ip);
	if (likely(!is_data(span)))
		return kspan_alloc_for(size, gfp, ip);
	return kspan_alloc_data_for(size, gfp, ip);
}

/* Mark a new object of @size bytes that has more room than it needs. */
static void mark_roomy(void *ptr, size_t size)
{
	struct kspan_object object;

	preempt_disable();
	if (WARN_ON_ONCE(!kspan_lookup_silent(ptr, &object)))
		goto out;
	if (unlikely(object.span->kind == KSPAN_GUARD))
		kspan_guard_of(object.span)->any_size = true;
	else if (object.span->kind != KSPAN_LARGE)
		mark_aligned(object.state);
	else if (!resize_pages(&object, size))
		kspan_large_shrink(object.span);
out:
	preempt_enable();
}

/* Allocate memory with room for an object that may grow again, or return NULL. */
static noinline void *alloc_roomy(const void *ptr, const struct kspan_object *old,
				  size_t new_size, size_t room, gfp_t gfp,
				  unsigned long ip)
{
	void *new;

	/* The request may fail, since the caller can do without the room. */
	gfp = (gfp | KSPAN_GFP_TRY | __GFP_NORETRY) & ~__GFP_NOFAIL;
	if (room <= KSPAN_SMALL_MAX && kspan_sc_is_static(old->span->sc)) {
		if (kspan_size_to_class(room) == kspan_size_to_class(new_size))
			return NULL;
		new = kspan_alloc_roomy(room, gfp, is_data(old->span));
		return new ? kspan_sanitize_resize(new, new_size, gfp) : NULL;
	}
	if (kspan_size_roundup(room) == kspan_size_roundup(new_size))
		return NULL;
	new = alloc_like(ptr, old, room, gfp, ip);
	if (!new)
		return NULL;
	mark_roomy(new, new_size);
	return kspan_sanitize_resize(new, new_size, gfp);
}

/*
 * With __GFP_ZERO, the bytes behind the old content of a grown object are 0.
 * The requested part of the old size is not recorded.  So the caller must have
 * used __GFP_ZERO from the first allocation on, as with krealloc().
 */
static void *realloc_move(const void *ptr, const struct kspan_object *old,
			  size_t new_size, gfp_t gfp, unsigned long ip)
{
	size_t room = room_for(old, new_size, gfp);
	bool shrink = new_size <= old->size;
	void *new = NULL;

	/* The request may fail, since the object can stay in place. */
	if (shrink)
		gfp = (gfp | KSPAN_GFP_TRY) & ~__GFP_NOFAIL;
	if (room != new_size)
		new = alloc_roomy(ptr, old, new_size, room, gfp, ip);
	if (!new)
		new = alloc_like(ptr, old, new_size, gfp, ip);
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

/* What a resize does to an object. */
enum fate {
	FATE_STAY,
	FATE_MOVE,
	FATE_UNKNOWN,	/* not a plain small object */
};

/*
 * What a resize does to a plain small object.  This is the most common case for
 * objects that grow in small steps, so it avoids a full look-up.
 *
 * Context: Any but NMI.
 */
static __always_inline enum fate fate_of(const void *ptr, size_t size,
					 struct kspan_object *object)
{
	enum fate fate = FATE_UNKNOWN;
	struct kspan_span *span;
	unsigned int class;
	u8 *state, was;

	preempt_disable();
	span = kspan_span_of(ptr);
	if (unlikely(!kspan_is_plain(span, ptr, &state)))
		goto out;
	was = READ_ONCE(*state);
	if (unlikely(was != KSPAN_OBJ_LIVE && was != KSPAN_OBJ_ALIGNED))
		goto out;
	class = kspan_sc_class(kspan_span_sc(span));
	/* An object of a named cache always stays in place. */
	if (unlikely(!class))
		goto out;
	*object = (struct kspan_object){ span, state, kspan_span_size(span) };
	fate = FATE_MOVE;
	if (size > object->size)
		goto out;
	if (was == KSPAN_OBJ_LIVE && kspan_size_to_class(size) == class) {
		fate = FATE_STAY;
	} else if (is_aligned_for(ptr, size) &&
		   (was == KSPAN_OBJ_ALIGNED || size >= object->size / 2)) {
		fate = FATE_STAY;
		if (was == KSPAN_OBJ_LIVE)
			mark_aligned(state);
	}
out:
	preempt_enable();
	return fate;
}

/* Resize an object that is not a plain small one, or with __GFP_ZERO. */
static noinline void *realloc_slow(const void *ptr, size_t new_size, gfp_t gfp,
				   unsigned long ip)
{
	struct kspan_object object;
	enum kspan_fault fault;

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

static __always_inline void *resize(const void *ptr, size_t new_size, gfp_t gfp,
				    unsigned long ip)
{
	enum fate fate = FATE_UNKNOWN;
	struct kspan_object object;

	if (ZERO_OR_NULL_PTR(ptr))
		return kspan_alloc_for(new_size, gfp, ip);
	if (!new_size) {
		kspan_free_for(ptr, ip);
		return ZERO_SIZE_PTR;
	}
	if (likely(!kspan_want_zero(gfp)))
		fate = fate_of(ptr, new_size, &object);
	if (likely(fate == FATE_STAY))
		return kspan_sanitize_resize((void *)ptr, new_size, gfp);
	if (likely(fate == FATE_MOVE))
		return realloc_move(ptr, &object, new_size, gfp, ip);
	return realloc_slow(ptr, new_size, gfp, ip);
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
