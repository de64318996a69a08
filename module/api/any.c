// SPDX-License-Identifier: GPL-2.0
/*
 * Pointers of unknown origin: calls for code that has objects of kspan and of
 * the kernel's own allocators, and cannot tell them apart.
 *
 * The arena map decides by the address alone: memory that kspan holds for
 * objects belongs to kspan, whether or not there is a live object.  So kspan
 * reports a second free of its object, where kvfree() would unmap the whole
 * chunk around it.  An object stays with the allocator that it came from.
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
 * kspan_contains - whether an address is in memory that kspan holds for objects
 * @ptr: any value
 *
 * This is the case for every byte of a chunk's pages and of a large object's
 * region, whether it belongs to a live object, to a freed one, or was never
 * used.  It is not the case for memory that kspan has returned to the kernel,
 * nor for kspan's own data structures.
 *
 * The result stays true as long as the caller has an object there.  For other
 * memory it may be out of date when the function returns.
 *
 * Context: Any, including NMI.
 * Return: whether it is.
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
 * Context: Any for kspan's memory; as for kvfree() for other memory.
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
 * Bytes from an address to the end of its vmalloc() area.  No function that
 * modules may call returns them, but each area ends with an unmapped guard
 * page.
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
 * For an area of vmalloc() this is the size of its pages. kspan finds it with
 * one page table walk per page.
 *
 * Context: Any for kspan's memory; any but NMI for other memory.
 * Return: bytes; 0 for NULL, for ZERO_SIZE_PTR, and for kspan's memory where no
 * live object begins.
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
 * @new_size: bytes; 0 frees the object
 * @gfp: as for kmalloc(); for an area of vmalloc() as for kvmalloc()
 *
 * Context: Any but NMI for kspan's memory; as for kvrealloc() for other memory,
 * which may sleep for an area of vmalloc().
 * Return: the object, moved or not, from the same allocator; ZERO_SIZE_PTR for
 * 0 bytes; NULL without memory, in which case the object is unchanged.
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
