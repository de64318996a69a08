// SPDX-License-Identifier: GPL-2.0
/*
 * Look-ups of sizes and pointers: the usable bytes of an object or of a
 * request, and whether a pointer is an object.
 */
#include <linux/align.h>
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/limits.h>
#include <linux/preempt.h>

#include "api/free.h"
#include "api/lookup.h"
#include "api/sanitize.h"
#include "base/sizeclass.h"
#include "span/redzone.h"

/* kspan_size() of anything but a plain live object. */
static noinline size_t size_slow(const void *ptr)
{
	struct kspan_object object;
	bool live;

	if (ZERO_OR_NULL_PTR(ptr))
		return 0;
	preempt_disable();
	live = kspan_lookup_live(ptr, &object);
	preempt_enable();
	if (!live)
		return 0;
	kspan_sanitize_size(ptr, object.size);
	return object.size;
}

/**
 * kspan_size - usable bytes of an object
 * @ptr: the object
 *
 * The caller may use all of them.  The kernel's fortified string functions
 * accept that, because the compiler is told the size of an object only if it is
 * known at compile time and fills its class.
 *
 * Context: Any.
 * Return: bytes, at least as many as were requested, and exactly as many with
 * check=2; 0 for NULL, ZERO_SIZE_PTR and anything else that is not the first
 * byte of a live object.
 */
size_t kspan_size(const void *ptr)
{
	const struct kspan_span *span;
	size_t size = 0;

	preempt_disable();
	span = kspan_span_of(ptr);
	if (!KSPAN_SANITIZE && likely(kspan_is_live(span, ptr)))
		size = kspan_span_size(span);
	preempt_enable();
	if (unlikely(!size))
		return size_slow(ptr);
	kspan_lookup_counted();
	return size;
}
EXPORT_SYMBOL_GPL(kspan_size);

/**
 * kspan_owns - whether a pointer is a live object of kspan
 * @ptr: any value
 *
 * Context: Any.
 * Return: true for the first byte of a live object.
 */
bool kspan_owns(const void *ptr)
{
	struct kspan_object object;
	bool live;

	if (ZERO_OR_NULL_PTR(ptr))
		return false;
	/*
	 * Not kspan_size(), which tells the sanitizers that all bytes are in
	 * use.
	 */
	preempt_disable();
	live = kspan_lookup_live(ptr, &object);
	preempt_enable();
	return live;
}
EXPORT_SYMBOL_GPL(kspan_owns);

/**
 * kspan_size_roundup - the usable size that a request gets
 * @size: bytes
 *
 * Context: Any.
 * Return: kspan_size(kspan_alloc(@size)), in bytes; @size itself if it is too
 * large to be allocated, or with check=2.
 */
size_t kspan_size_roundup(size_t size)
{
	if (kspan_redzone_on())
		return size;
	if (size <= KSPAN_SMALL_MAX)
		return kspan_classes[kspan_size_to_class(size)].size;
	if (size > SIZE_MAX - KSPAN_PAGE_SIZE)
		return size;
	return ALIGN(size, KSPAN_PAGE_SIZE);
}
EXPORT_SYMBOL_GPL(kspan_size_roundup);
