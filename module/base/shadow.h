/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shadow.h - what KASAN lets code touch of heap memory.
 *
 * In kernels without KASAN every function is empty or the plain call it
 * stands for.  Memory of kspan's is poisoned, so that any access is reported,
 * but for the bytes of live objects; kspan itself touches others only between
 * kspan_shadow_pause() and kspan_shadow_resume().
 */
#ifndef KSPAN_SHADOW_H
#define KSPAN_SHADOW_H

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

void kspan_shadow_fresh(const void *mem, size_t bytes);
void kspan_shadow_show(const void *ptr, size_t size, size_t room);
void kspan_shadow_hide(const void *ptr, size_t room);
#else
static inline void kspan_shadow_fresh(const void *mem, size_t bytes)
{
}

static inline void kspan_shadow_show(const void *ptr, size_t size, size_t room)
{
}

static inline void kspan_shadow_hide(const void *ptr, size_t room)
{
}
#endif

/* From here on this task may touch what is poisoned; it nests. */
static __always_inline void kspan_shadow_pause(void)
{
	kasan_disable_current();
}

/* No more. */
static __always_inline void kspan_shadow_resume(void)
{
	kasan_enable_current();
}

/* memset() of memory that may be poisoned. */
static __always_inline void *kspan_shadow_set(void *mem, int byte, size_t bytes)
{
	void *ret;

	kspan_shadow_pause();
	ret = memset(mem, byte, bytes);
	kspan_shadow_resume();
	return ret;
}

#endif /* KSPAN_SHADOW_H */
