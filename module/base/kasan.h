/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shadow.h - what KASAN lets code touch of heap memory.
 *
 * In kernels without KASAN every function is empty or the plain call it
 * stands for.  Memory of kspan's is poisoned, so that any access is reported,
 * but for the bytes of live objects; kspan itself touches others only between
 * kspan_kasan_pause() and kspan_kasan_resume().
 */
#ifndef KSPAN_KASAN_H
#define KSPAN_KASAN_H

#include <linux/kasan.h>
#include <linux/string.h>
#include <linux/types.h>

/* Only with this does vmalloc() memory have a shadow that can be written. */
#if defined(CONFIG_KASAN_GENERIC) && defined(CONFIG_KASAN_VMALLOC)
#define KSPAN_KASAN 1
#else
#define KSPAN_KASAN 0
#endif

#if KSPAN_KASAN
/* The kernel's, exported to modules but declared for mm/kasan alone. */
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

/* From here on this task may touch what is poisoned; it nests. */
static __always_inline void kspan_kasan_pause(void)
{
	kasan_disable_current();
}

/* No more. */
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
