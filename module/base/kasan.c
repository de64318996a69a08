// SPDX-License-Identifier: GPL-2.0
/*
 * KASAN's shadow of heap memory.  One shadow byte for each granule of 8 bytes
 * says how many of these may be accessed.
 *
 * Of KASAN's functions for allocators, modules can call kasan_poison() only.  It
 * writes whole granules.  This file writes the granule in which an object ends.
 */
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/kasan.h>

#include "base/kasan.h"

#if KSPAN_KASAN

#define GRANULE		(1UL << KASAN_SHADOW_SCALE_SHIFT)

/*
 * KASAN's names for these values are private to mm/kasan.  It reports an access
 * as vmalloc-out-of-bounds, slab-out-of-bounds and use-after-free
 * (slab-use-after-free from 6.4 on).
 */
#define SHADOW_FRESH	0xf8
#define SHADOW_REDZONE	0xfc
#define SHADOW_FREED	0xfb

/* Not instrumented: the shadow has no shadow of its own. */
static noinline __no_sanitize_address void set_granule(const void *ptr, u8 value)
{
	*(u8 *)kasan_mem_to_shadow(ptr) = value;
}

/**
 * kspan_kasan_poison_new - poison memory that was never used
 * @mem: memory from vmalloc()
 * @bytes: its size, a multiple of PAGE_SIZE
 *
 * Context: Any.
 */
void kspan_kasan_poison_new(const void *mem, size_t bytes)
{
	kasan_poison(mem, bytes, SHADOW_FRESH, false);
}

/**
 * kspan_kasan_unpoison_object - allow access to exactly the bytes of an object
 * @ptr: the object
 * @size: its size in bytes
 * @room: bytes of its slot; 0 if it shares granules with other objects, in which
 *	case none of them are poisoned
 *
 * Context: Any, including NMI.
 */
void kspan_kasan_unpoison_object(const void *ptr, size_t size, size_t room)
{
	const void *start = PTR_ALIGN_DOWN(ptr, GRANULE);
	size_t whole = ALIGN_DOWN(size, GRANULE), used = ALIGN(size, GRANULE);

	if (!room) {
		kasan_poison(start, ALIGN(ptr + size - start, GRANULE), 0, false);
		return;
	}
	kasan_poison(ptr, whole, 0, false);
	if (whole != used)
		set_granule(ptr + whole, size - whole);
	kasan_poison(ptr + used, room - used, SHADOW_REDZONE, false);
}

/**
 * kspan_kasan_poison_object - forbid access to an object
 * @ptr: the object
 * @room: bytes of its slot
 *
 * Context: Any, including NMI.
 */
void kspan_kasan_poison_object(const void *ptr, size_t room)
{
	kasan_poison(ptr, room, SHADOW_FREED, false);
}

#endif /* KSPAN_KASAN */
