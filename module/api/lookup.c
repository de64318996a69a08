// SPDX-License-Identifier: GPL-2.0
/*
 * Look-up of pointers off the fast path.  For an invalid pointer it returns the
 * kind of fault, the same for every caller.
 */
#include <linux/align.h>
#include <linux/cpumask.h>
#include <linux/math.h>
#include <linux/percpu.h>

#include "api/lookup.h"
#include "base/noprobe.h"
#include "cache/tiny.h"
#include "span/arena.h"
#include "span/guard.h"
#include "span/redzone.h"

DEFINE_PER_CPU(unsigned long, kspan_nr_lookup);

static enum kspan_fault lookup_small(const void *ptr,
				     struct kspan_object *object)
{
	struct kspan_span *span = object->span;
	u32 magic = READ_ONCE(span->magic);
	u64 prod = (unsigned long)ptr - span->base;
	u8 state;

	/* The span ended after the map was read. */
	if (!magic)
		return KSPAN_FAULT_DOUBLE;
	prod *= magic;
	if ((u32)prod >= magic || prod >> 32 >= span->nr_objs)
		return KSPAN_FAULT_INTERIOR;
	object->state = span->state + (prod >> 32);
	object->size = kspan_span_size(span);
	state = READ_ONCE(*object->state);
	if (kspan_obj_has_redzone(state))
		object->size = kspan_redzone_asked(span, ptr);
	return kspan_obj_is_live(state) ? KSPAN_FAULT_NONE : KSPAN_FAULT_DOUBLE;
}

static enum kspan_fault lookup_tiny(const void *ptr, struct kspan_object *object)
{
	object->size = kspan_tiny_size(object->span, ptr);
	if (object->size)
		return KSPAN_FAULT_NONE;
	return kspan_tiny_inside(object->span, ptr) ? KSPAN_FAULT_INTERIOR :
						      KSPAN_FAULT_DOUBLE;
}

static enum kspan_fault lookup_large(const void *ptr, struct kspan_object *object)
{
	const struct kspan_span *span = object->span;

	if (unlikely(span->base != (unsigned long)ptr))
		return kspan_not_first(span, ptr);
	object->size = kspan_redzone_on() ? kspan_redzone_asked(span, ptr) :
					    kspan_span_size(span);
	return kspan_life_is_live(READ_ONCE(span->live)) ? KSPAN_FAULT_NONE :
							   KSPAN_FAULT_DOUBLE;
}

static enum kspan_fault lookup_guard(const void *ptr, struct kspan_object *object)
{
	const struct kspan_span *span = object->span;
	unsigned long offset = (unsigned long)ptr - span->base;

	object->size = span->asked;
	if (offset)
		return offset < object->size ? KSPAN_FAULT_INTERIOR : KSPAN_FAULT_WILD;
	/* A live object is complete. */
	return smp_load_acquire(&kspan_guard_of(span)->state) == KSPAN_GUARD_LIVE ?
		       KSPAN_FAULT_NONE : KSPAN_FAULT_DOUBLE;
}

/* Find the object or the fault of a pointer. */
static enum kspan_fault __kspan_noprobe look_up(const void *ptr,
						struct kspan_object *object)
{
	*object = (struct kspan_object){ .span = kspan_span_find(ptr) };
	switch (object->span->kind) {
	case KSPAN_PTR:
	case KSPAN_DATA:
		return lookup_small(ptr, object);
	case KSPAN_TINY:
		return lookup_tiny(ptr, object);
	case KSPAN_LARGE:
		return lookup_large(ptr, object);
	case KSPAN_GUARD:
		return lookup_guard(ptr, object);
	default:
		return object->span == &kspan_idle_span ? KSPAN_FAULT_DOUBLE :
							  KSPAN_FAULT_WILD;
	}
}

/**
 * kspan_lookup_silent - find an object without counting the look-up
 * @ptr: any value
 * @object: set to the result, if @ptr is the first byte of a live object
 *
 * Context: Any, including NMI, with preemption off.
 * Return: whether it is.
 */
bool __kspan_noprobe kspan_lookup_silent(const void *ptr, struct kspan_object *object)
{
	return look_up(ptr, object) == KSPAN_FAULT_NONE;
}

/* Like kspan_lookup_silent(), but counted.  Context: as there. */
bool kspan_lookup_live(const void *ptr, struct kspan_object *object)
{
	kspan_lookup_counted();
	return kspan_lookup_silent(ptr, object);
}

/**
 * kspan_lookup - find the object of which a pointer should be the first byte
 * @ptr: any value
 * @object: set to the result; its span is set in any case
 *
 * Context: Any, including NMI, with preemption off.
 * Return: KSPAN_FAULT_NONE for a live object, or the fault of @ptr.
 */
enum kspan_fault kspan_lookup(const void *ptr, struct kspan_object *object)
{
	kspan_lookup_counted();
	return look_up(ptr, object);
}

/* The first byte of the tiny object that contains an address, or NULL. */
static const void *tiny_around(const struct kspan_span *span, const void *ptr)
{
	const void *block = PTR_ALIGN_DOWN(ptr, KSPAN_TINY_MAX), *first;

	for (first = ptr; first >= block; first--)
		if (ptr - first < kspan_tiny_size(span, first))
			return first;
	return NULL;
}

/**
 * kspan_lookup_around - find the live object that contains an address
 * @ptr: any value
 * @object: set to the result, if there is one; its span is set in any case
 * @first: set to the first byte of the object, if there is one
 *
 * Context: Any, including NMI, with preemption off.
 * Return: whether @ptr is one of the object's usable bytes.
 */
bool kspan_lookup_around(const void *ptr, struct kspan_object *object,
			 const void **first)
{
	const struct kspan_span *span = kspan_span_find(ptr);
	unsigned long addr = (unsigned long)ptr;

	*object = (struct kspan_object){ .span = (struct kspan_span *)span };
	switch (span->kind) {
	case KSPAN_PTR:
	case KSPAN_DATA:
		*first = (void *)kspan_span_addr(span, kspan_span_index(span, addr));
		break;
	case KSPAN_TINY:
		*first = tiny_around(span, ptr);
		break;
	case KSPAN_LARGE:
	case KSPAN_GUARD:
		*first = (void *)span->base;
		break;
	default:
		return false;
	}
	return *first && look_up(*first, object) == KSPAN_FAULT_NONE &&
	       object->span == span &&
	       (unsigned long)(ptr - *first) < object->size;
}

/* Number of look-ups off the fast path since load.  Context: Any. */
unsigned long kspan_lookup_count(void)
{
	unsigned long nr = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu(kspan_nr_lookup, cpu));
	return nr;
}

/* kspan_size_fits() for a guard object that has at least @size bytes. */
static bool fits_guard(const struct kspan_guard *guard, size_t size)
{
	unsigned int class;

	if (guard->any_size)
		return true;
	if (kspan_redzone_on())
		return size == guard->span.asked;
	if (guard->large)
		return size > KSPAN_SMALL_MAX &&
		       ALIGN(size, KSPAN_PAGE_SIZE) == guard->span.asked;
	class = kspan_sc_class(guard->span.sc);
	return !class || kspan_size_to_class(size) == class;
}

/**
 * kspan_size_fits - whether an object may have been requested with a size
 * @object: a live object
 * @size: bytes
 *
 * The size must belong to the class of the object.  Two kinds of objects accept
 * every size up to their own: those of kspan_alloc_aligned() in a larger class,
 * and those that kspan_realloc() shrank in place.  With check=2 the size must
 * be exact.
 *
 * Context: Any.
 * Return: whether @size may be the requested size.
 */
bool kspan_size_fits(const struct kspan_object *object, size_t size)
{
	const struct kspan_span *span = object->span;

	if (!size || size > object->size)
		return false;
	if (span->kind == KSPAN_GUARD)
		return fits_guard(kspan_guard_of(span), size);
	if (kspan_redzone_on())
		return size == object->size;
	switch (span->kind) {
	case KSPAN_TINY:
		return size == object->size;
	case KSPAN_LARGE:
		return DIV_ROUND_UP(size, KSPAN_PAGE_SIZE) == span->nr_pages ||
		       kspan_is_shrunk(span);
	default:
		/*
		 * The size of a named cache's objects belongs to no size class.
		 */
		if (!kspan_sc_class(kspan_span_sc(span)))
			return true;
		return kspan_obj_untracked(*object->state) == KSPAN_OBJ_ALIGNED ||
		       kspan_size_to_class(size) == kspan_sc_class(kspan_span_sc(span));
	}
}
