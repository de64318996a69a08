// SPDX-License-Identifier: GPL-2.0
/*
 * KASAN's shadow of heap memory: a byte for each 8, which says how many of
 * them may be touched.
 *
 * Of what KASAN offers to allocators modules can call kasan_poison() alone.
 * It writes whole granules; the one in which an object ends is written here.
 */
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/kasan.h>

#include "base/kasan.h"

#if KSPAN_KASAN

#define GRANULE		(1UL << KASAN_SHADOW_SCALE_SHIFT)

/*
 * KASAN's names for these are private to mm/kasan; it reports an access to
 * them as vmalloc-out-of-bounds, slab-out-of-bounds and, from 6.4 on with
 * slab- before it, use-after-free.
 */
#define SHADOW_FRESH	0xf8
#define SHADOW_REDZONE	0xfc
#define SHADOW_FREED	0xfb

/* The shadow has no shadow. */
static noinline __no_sanitize_address void set_granule(const void *ptr, u8 value)
{
	*(u8 *)kasan_mem_to_shadow(ptr) = value;
}

/**
 * kspan_kasan_poison_new - memory that nobody has used yet
 * @mem: what vmalloc() gave
 * @bytes: its size, a multiple of PAGE_SIZE
 *
 * Context: Any.
 */
void kspan_kasan_poison_new(const void *mem, size_t bytes)
{
	kasan_poison(mem, bytes, SHADOW_FRESH, false);
}

/**
 * kspan_kasan_unpoison_object - let the bytes of an object be used, and no more
 * @ptr: the object
 * @size: bytes of it
 * @room: bytes of its slot; 0 if it shares granules with others, none of which
 *	are poisoned then
 *
 * Context: Any, NMI too.
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
 * kspan_kasan_poison_object - let no byte of an object be used any more
 * @ptr: the object
 * @room: bytes of its slot
 *
 * Context: Any, NMI too.
 */
void kspan_kasan_poison_object(const void *ptr, size_t room)
{
	kasan_poison(ptr, room, SHADOW_FREED, false);
}

#endif /* KSPAN_KASAN */
