/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sanitize.h - objects as the kernel's debug options see them.
 *
 * KASAN is told which bytes are whose, kmemleak what lives, lockdep what ends
 * with a lock in it.  Called where objects come from clients and go to them,
 * once each way.  In kernels without those options every function is empty;
 * with one of them the fast paths are as slow as others.
 */
#ifndef KSPAN_SANITIZE_H
#define KSPAN_SANITIZE_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/kmemleak.h>
#include <linux/types.h>

#include "base/kasan.h"

/* Whether there is anything to tell. */
#define KSPAN_SANITIZE	(KSPAN_KASAN || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || \
			 IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))

void kspan_sanitize_object(void *ptr, size_t size, gfp_t gfp);
void kspan_sanitize_objects(void **objs, size_t n, size_t size, gfp_t gfp);
void kspan_sanitize_free_object(const void *ptr);
void kspan_sanitize_resize_object(void *ptr, size_t size, gfp_t gfp);
void kspan_sanitize_whole(const void *ptr, size_t size);
void kspan_sanitize_forget(const void *ptr, size_t room);

/* An object goes to a client: @size bytes, or NULL.  Return: @ptr. */
static __always_inline void *kspan_sanitize_alloc(void *ptr, size_t size,
						  gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_object(ptr, size, gfp);
	return ptr;
}

/* @n objects go to a client. */
static __always_inline void kspan_sanitize_alloc_many(void **objs, size_t n,
						      size_t size, gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_objects(objs, n, size, gfp);
}

/* A client frees @ptr, whatever it is. */
static __always_inline void kspan_sanitize_free(const void *ptr)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_free_object(ptr);
}

/* A client frees @n pointers, whatever they are. */
static __always_inline void kspan_sanitize_free_many(void **objs, size_t n)
{
	while (KSPAN_SANITIZE && n--)
		kspan_sanitize_free_object(*objs++);
}

/* An object stays where it is and has @size bytes now.  Return: @ptr. */
static __always_inline void *kspan_sanitize_resize(void *ptr, size_t size,
						   gfp_t gfp)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_resize_object(ptr, size, gfp);
	return ptr;
}

/* A client was told that it may use @size bytes of a live object. */
static __always_inline void kspan_sanitize_size(const void *ptr, size_t size)
{
	if (KSPAN_KASAN)
		kspan_sanitize_whole(ptr, size);
}

/*
 * An object waits where kmemleak does not look.  Context: Any but NMI.
 */
static __always_inline void kspan_sanitize_pending(const void *ptr)
{
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		kmemleak_ignore(ptr);
}

/* An object freed in NMI, of a slot of @room bytes, is not linked any more. */
static __always_inline void kspan_sanitize_deferred(const void *ptr, size_t room)
{
	if (KSPAN_SANITIZE)
		kspan_sanitize_forget(ptr, room);
}

#endif /* KSPAN_SANITIZE_H */
