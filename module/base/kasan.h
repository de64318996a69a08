/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kasan.h - which heap memory KASAN allows code to access.
 *
 * On kernels without KASAN every function here is empty, or is the plain call
 * that it wraps.  All heap memory but the bytes of live objects is poisoned, so
 * KASAN reports any access to it.  kspan itself accesses such memory only
 * between kspan_kasan_pause() and kspan_kasan_resume().
 */
#ifndef KSPAN_KASAN_H
#define KSPAN_KASAN_H

#include <linux/kasan.h>
#include <linux/string.h>
#include <linux/types.h>

/* Only with both options does vmalloc() memory have a shadow that can be written. */
#if defined(CONFIG_KASAN_GENERIC) && defined(CONFIG_KASAN_VMALLOC)
#define KSPAN_KASAN 1
#else
#define KSPAN_KASAN 0
#endif

#if KSPAN_KASAN
/* The kernel exports this function but declares it for mm/kasan only. */
void kasan_poison(const void *addr, size_t size, u8 value, bool init);

void kspan_kasan_poison_new(const void *mem, size_t bytes);
void kspan_kasan_unpoison_object(const void *ptr, size_t size, size_t room);
void kspan_kasan_poison_object(const void *ptr, size_t room);
#else
static inline void kspan_kasan_poison_new(const void *mem, size_t bytes)
{
}

static inline void kspan_kasan_unpoison_object(const void *ptr, size_t size, size_t room)
{
}

static inline void kspan_kasan_poison_object(const void *ptr, size_t room)
{
}
#endif

/* Allow this task to access poisoned memory until the resume.  Calls nest. */
static __always_inline void kspan_kasan_pause(void)
{
	kasan_disable_current();
}

/* End what kspan_kasan_pause() allowed. */
static __always_inline void kspan_kasan_resume(void)
{
	kasan_enable_current();
}

/* memset() of memory that may be poisoned. */
static __always_inline void *kspan_fill_object(void *mem, int byte, size_t bytes)
{
	void *ret;

	kspan_kasan_pause();
	ret = memset(mem, byte, bytes);
	kspan_kasan_resume();
	return ret;
}

#endif /* KSPAN_KASAN_H */
