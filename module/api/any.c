// SPDX-License-Identifier: GPL-2.0
/*
 * Whose pointer is it: calls for code that has objects of kspan and of the
 * kernel's own allocators, and does not know which it holds.
 *
 * The arena map answers, by the address alone: memory that kspan holds for
 * objects is kspan's, whether an object lives there or not.  So a second free
 * of an object is reported by kspan, where kvfree() would unmap the whole chunk
 * around it.  An object stays with the allocator it is from.
 */
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "api/watch.h"
#include "base/compat.h"
#include "span/arena.h"

/**
 * kspan_contains - whether an address lies in memory that kspan holds for objects
 * @ptr: any value
 *
 * That is every byte of a chunk's pages and of a large object's region, whether
 * it is part of a live object, of a freed one or was never used.  It is not
 * memory that went back to the kernel, nor kspan's own structures.
 *
 * The answer stays true as long as an object of the caller's lives there; for
 * other memory it may be out of date when it arrives.
 *
 * Context: Any, NMI too.
 * Return: whether it does.
 */
bool kspan_contains(const void *ptr)
{
	bool contains;

	preempt_disable();
	contains = kspan_arena_has(ptr);
	preempt_enable();
	return contains;
}
EXPORT_SYMBOL_GPL(kspan_contains);

/**
 * kspan_free_any - free an object of kspan, kmalloc(), kvmalloc() or vmalloc()
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: For kspan's memory any; for other memory as kvfree().
 */
void kspan_free_any(const void *ptr)
{
	if (ZERO_OR_NULL_PTR(ptr))
		return;
	if (kspan_contains(ptr))
		kspan_free_for(ptr, _RET_IP_);
	else
		kvfree(ptr);
}
EXPORT_SYMBOL_GPL(kspan_free_any);

/*
 * Bytes from an address to the end of its vmalloc() area.  Nothing that modules
 * may call tells it; but each area has an unmapped guard page behind it.
 */
static size_t area_size(const void *ptr)
{
	const void *end = ptr;

	while (is_vmalloc_addr(end) && vmalloc_to_page(end))
		end += PAGE_SIZE;
	return end - ptr;
}

/**
 * kspan_size_any - usable bytes of an object of any of these allocators
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * For an area of vmalloc() the size is that of its pages; it is found by a walk
 * of its page table, page by page.
 *
 * Context: For kspan's memory any; for other memory any but NMI.
 * Return: bytes; 0 for NULL, ZERO_SIZE_PTR and for kspan's memory where no live
 * object begins.
 */
size_t kspan_size_any(const void *ptr)
{
	if (ZERO_OR_NULL_PTR(ptr))
		return 0;
	if (kspan_contains(ptr))
		return kspan_size(ptr);
	if (is_vmalloc_addr(ptr))
		return PAGE_ALIGNED(ptr) ? area_size(ptr) : 0;
	return virt_addr_valid(ptr) ? ksize(ptr) : 0;
}
EXPORT_SYMBOL_GPL(kspan_size_any);

/**
 * kspan_realloc_any - change the size of an object of any of these allocators
 * @ptr: the object; NULL or ZERO_SIZE_PTR to allocate one from kspan
 * @new_size: bytes; 0 frees it
 * @gfp: as for kmalloc(); for an area of vmalloc() as for kvmalloc()
 *
 * Context: For kspan's memory any but NMI; for other memory as kvrealloc(),
 * which may sleep for an area of vmalloc().
 * Return: the object, moved or not, from the allocator it was from;
 * ZERO_SIZE_PTR for 0 bytes; NULL, and the object as it was, without memory.
 */
void *kspan_realloc_any(const void *ptr, size_t new_size, gfp_t gfp)
{
	if (ZERO_OR_NULL_PTR(ptr) || kspan_contains(ptr))
		return kspan_realloc_for(ptr, new_size, gfp, _RET_IP_);
	if (!new_size) {
		kvfree(ptr);
		return ZERO_SIZE_PTR;
	}
	return kspan_kvrealloc(ptr, kspan_size_any(ptr), new_size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_realloc_any);
