/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sanitize.h - reports of objects to the kernel's debug options.
 *
 * KASAN gets the bytes that clients may use, kmemleak the live objects, and
 * lockdep the objects that end, which may contain a lock.  These functions are
 * called once where an object goes to a client and once where it returns.  In
 * kernels without these options every function is empty; with one of them the
 * fast paths are slow.
 */
#ifndef KSPAN_SANITIZE_H
#define KSPAN_SANITIZE_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/kmemleak.h>
#include <linux/types.h>

#include "base/kasan.h"

/* Whether any of these options is enabled. */
#define KSPAN_SANITIZE	(KSPAN_KASAN || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || \
			 IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))

void kspan_sanitize_object(void *ptr, size_t size, gfp_t gfp);
void kspan_sanitize_objects(void **objs, size_t n, size_t size, gfp_t gfp);
void kspan_sanitize_free_object(const void *ptr);
void kspan_sanitize_resize_object(void *ptr, size_t size, gfp_t gfp);
void kspan_sanitize_whole(const void *ptr, size_t size);
void kspan_sanitize_forget(const void *ptr, size_t room);

/*
 * Report the allocation of an object of @size bytes, or of NULL.  Returns @ptr.
 */
static __always_inline void *kspan_sanitize_alloc(void *ptr, size_t size,
						  gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_object(ptr, size, gfp);
	return ptr;
}

/* Report the allocation of @n objects. */
static __always_inline void kspan_sanitize_alloc_many(void **objs, size_t n,
						      size_t size, gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_objects(objs, n, size, gfp);
}

/* Report that a client frees @ptr, which may be any value. */
static __always_inline void kspan_sanitize_free(const void *ptr)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_free_object(ptr);
}

/* Report that a client frees @n pointers, which may be any values. */
static __always_inline void kspan_sanitize_free_many(void **objs, size_t n)
{
	while (KSPAN_SANITIZE && n--)
		kspan_sanitize_free_object(*objs++);
}

/*
 * Report that an object stays in place and has @size bytes now.  Returns @ptr.
 */
static __always_inline void *kspan_sanitize_resize(void *ptr, size_t size,
						   gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_resize_object(ptr, size, gfp);
	return ptr;
}

/* Report that a client may use @size bytes of a live object. */
static __always_inline void kspan_sanitize_size(const void *ptr, size_t size)
{
	if (KSPAN_KASAN)
		kspan_sanitize_whole(ptr, size);
}

/*
 * kmemleak must not report an object that waits where it does not scan.
 * Context: Any but NMI.
 */
static __always_inline void kspan_sanitize_pending(const void *ptr)
{
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		kmemleak_ignore(ptr);
}

/* Report the end of an object that was freed in NMI and is no longer linked. */
static __always_inline void kspan_sanitize_deferred(const void *ptr, size_t room)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_forget(ptr, room);
}

#endif /* KSPAN_SANITIZE_H */
