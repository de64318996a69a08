// SPDX-License-Identifier: GPL-2.0
/*
 * Looking pointers up off the fast path: a wrong one gets the name of what is
 * wrong with it here, the same for every caller.
 */
#include <linux/align.h>
#include <linux/cpumask.h>
#include <linux/math.h>
#include <linux/percpu.h>

#include "api/lookup.h"
#include "base/noprobe.h"
#include "cache/tiny.h"
#include "span/arena.h"
#include "span/redzone.h"

/*
 * Pointers looked up, ever.  Written by its CPU, by a plain addition:
 * where that is more than an instruction, an interrupt in the middle may cost
 * a count, which no other number is derived from.
 */
static DEFINE_PER_CPU(unsigned long, nr_lookup);

static enum kspan_fault lookup_small(const void *ptr,
				     struct kspan_object *object)
{
	struct kspan_span *span = object->span;
	u32 magic = READ_ONCE(span->magic);
	u64 prod = (unsigned long)ptr - span->base;
	u8 state;

	/* The span ended between the look at the map and this one. */
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

/* What is wrong with a pointer. */
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
	default:
		return object->span == &kspan_idle_span ? KSPAN_FAULT_DOUBLE :
							  KSPAN_FAULT_WILD;
	}
}

/**
 * kspan_lookup_silent - find an object, and no statistics know of it
 * @ptr: any value
 * @object: the result, if it is a live object's first byte
 *
 * Context: Any, NMI too, with preemption off.
 * Return: whether it is.
 */
bool __kspan_noprobe kspan_lookup_silent(const void *ptr, struct kspan_object *object)
{
	return look_up(ptr, object) == KSPAN_FAULT_NONE;
}

/* kspan_lookup_silent() that is counted.  Context: as there. */
bool kspan_lookup_live(const void *ptr, struct kspan_object *object)
{
	raw_cpu_inc(nr_lookup);
	return kspan_lookup_silent(ptr, object);
}

/**
 * kspan_lookup - the object a pointer should be the first byte of
 * @ptr: any value
 * @object: the result; its span is set in any case
 *
 * Context: Any, NMI too, with preemption off.
 * Return: KSPAN_FAULT_NONE for a live object, or what is wrong with @ptr.
 */
enum kspan_fault kspan_lookup(const void *ptr, struct kspan_object *object)
{
	raw_cpu_inc(nr_lookup);
	return look_up(ptr, object);
}

/* The first byte of the tiny object around an address, or NULL. */
static const void *tiny_around(const struct kspan_span *span, const void *ptr)
{
	const void *block = PTR_ALIGN_DOWN(ptr, KSPAN_TINY_MAX), *first;

	for (first = ptr; first >= block; first--)
		if (ptr - first < kspan_tiny_size(span, first))
			return first;
	return NULL;
}

/**
 * kspan_lookup_around - find the live object that has an address
 * @ptr: any value
 * @object: the result, if there is one; its span is set in any case
 * @first: the object's first byte, if there is one
 *
 * Context: Any, NMI too, with preemption off.
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
		*first = (void *)span->base;
		break;
	default:
		return false;
	}
	return *first && look_up(*first, object) == KSPAN_FAULT_NONE &&
	       object->span == span &&
	       (unsigned long)(ptr - *first) < object->size;
}

/* Pointers looked up off the fast path, ever.  Context: Any. */
unsigned long kspan_lookup_count(void)
{
	unsigned long nr = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu(nr_lookup, cpu));
	return nr;
}

/**
 * kspan_size_fits - whether an object may have been asked for with a size
 * @object: a live object
 * @size: bytes
 *
 * Exact up to the class.  An object of kspan_alloc_aligned() whose class is
 * above its size's own fits every size that it holds, and so does one that
 * kspan_realloc() shrank where it was.  With check=2 it must be the size itself.
 *
 * Context: Any.
 * Return: whether @size may be what the object was allocated with.
 */
bool kspan_size_fits(const struct kspan_object *object, size_t size)
{
	const struct kspan_span *span = object->span;

	if (!size || size > object->size)
		return false;
	if (kspan_redzone_on())
		return size == object->size;
	switch (span->kind) {
	case KSPAN_TINY:
		return size == object->size;
	case KSPAN_LARGE:
		return DIV_ROUND_UP(size, KSPAN_PAGE_SIZE) == span->nr_pages ||
		       kspan_is_shrunk(span);
	default:
		/* The size of a named cache's objects is no size class's. */
		if (!kspan_sc_class(kspan_span_sc(span)))
			return true;
		return kspan_obj_untracked(*object->state) == KSPAN_OBJ_ALIGNED ||
		       kspan_size_to_class(size) == kspan_sc_class(kspan_span_sc(span));
	}
}
