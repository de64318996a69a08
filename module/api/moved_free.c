// SPDX-License-Identifier: GPL-2.0
/*
 * kfree() and its relatives for modules that use <linux/kspan_slab.h>.
 *
 * Such a module also frees memory that other code has allocated.  The arena map
 * decides which allocator an object came from.  All memory that kspan holds
 * counts as kspan's, live or not, so a second free is reported and harmless.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/moved.h"
#include "base/compat.h"

/* Up to this value the second argument of kvfree_call_rcu() is an offset. */
#define RCU_OFFSET_MAX	4096UL

/**
 * kspan_slab_free - kfree() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: Any; NMI only for objects of kspan.
 */
void kspan_slab_free(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free(ptr);
	else
		kfree(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free);

/**
 * kspan_slab_free_const - kfree_const() of a moved module
 * @ptr: the object, NULL, or constant data
 *
 * Context: Any but NMI.
 */
void kspan_slab_free_const(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free(ptr);
	else
		kfree_const(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free_const);

/**
 * kspan_slab_free_link - kfree_link() of a moved module
 * @ptr: the object or NULL
 *
 * Context: Any but NMI.
 */
void kspan_slab_free_link(void *ptr)
{
	kspan_slab_free(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free_link);

/**
 * kspan_slab_kvfree_atomic - kvfree_atomic() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: Any but NMI.
 */
void kspan_slab_kvfree_atomic(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free(ptr);
	else
		kvfree_atomic(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvfree_atomic);

/**
 * kspan_slab_free_nolock - kfree_nolock() of a moved module
 * @ptr: the object or NULL
 *
 * Context: Any.
 */
void kspan_slab_free_nolock(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free(ptr);
	else
		kfree_nolock(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free_nolock);

/**
 * kspan_slab_free_sensitive - kfree_sensitive() of a moved module
 * @ptr: the object or NULL; it is wiped
 *
 * Context: Any but NMI.
 */
void kspan_slab_free_sensitive(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free_sensitive(ptr);
	else
		kfree_sensitive(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free_sensitive);

/**
 * kspan_slab_kvfree - kvfree() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: As for kvfree().
 */
void kspan_slab_kvfree(const void *ptr)
{
	kspan_free_any(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvfree);

/**
 * kspan_slab_kvfree_sensitive - kvfree_sensitive() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR; it is wiped
 * @len: its bytes
 *
 * Context: As for kvfree_sensitive().
 */
void kspan_slab_kvfree_sensitive(const void *ptr, size_t len)
{
	if (kspan_moved_owns(ptr))
		kspan_free_sensitive(ptr);
	else
		kvfree_sensitive(ptr, len);
}
EXPORT_SYMBOL_GPL(kspan_slab_kvfree_sensitive);

/**
 * kspan_slab_vfree - vfree() of a moved module
 * @ptr: the area, an object of kvmalloc(), or NULL
 *
 * vmalloc() of a moved module is that of the kernel.
 *
 * Context: As for vfree().
 */
void kspan_slab_vfree(const void *ptr)
{
	if (kspan_moved_owns(ptr))
		kspan_free(ptr);
	else
		vfree(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_vfree);

/**
 * kspan_slab_free_rcu - kfree_rcu() and kvfree_rcu() of a moved module
 * @head: a struct rcu_head in the object, or NULL
 * @ptr: the object; up to 6.2 the offset of @head in it
 *
 * Context: Any but NMI; may sleep without @head.
 */
void kspan_slab_free_rcu(void *head, void *ptr)
{
	void *obj = ptr;

	if (head && (unsigned long)ptr < RCU_OFFSET_MAX)
		obj = head - (unsigned long)ptr;
	if (kspan_moved_owns(obj))
		__kspan_free_rcu(head, obj);
	else
		kvfree_call_rcu(head, ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_free_rcu);

/**
 * kspan_slab_rcu_barrier - kvfree_rcu_barrier() of a moved module
 *
 * Context: Process context that may sleep.
 */
void kspan_slab_rcu_barrier(void)
{
	kspan_rcu_barrier();
	kspan_kernel_rcu_barrier();
}
EXPORT_SYMBOL_GPL(kspan_slab_rcu_barrier);

/**
 * kspan_slab_ksize - ksize() of a moved module
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: Any.
 * Return: usable bytes.
 */
size_t kspan_slab_ksize(const void *ptr)
{
	return kspan_moved_owns(ptr) ? kspan_size(ptr) : ksize(ptr);
}
EXPORT_SYMBOL_GPL(kspan_slab_ksize);

/**
 * kspan_slab_size_roundup - kmalloc_size_roundup() of a moved module
 * @size: bytes
 *
 * Context: Any.
 * Return: bytes of the object that kmalloc(@size) would give.
 */
size_t kspan_slab_size_roundup(size_t size)
{
	return kspan_size_roundup(size);
}
EXPORT_SYMBOL_GPL(kspan_slab_size_roundup);

/**
 * kspan_slab_dump_obj - kmem_dump_obj() of a moved module
 * @ptr: any value
 *
 * Context: Any but NMI.
 * Return: whether it is an object.
 */
int kspan_slab_dump_obj(void *ptr)
{
	if (!kspan_moved_owns(ptr))
		return kspan_kernel_dump_obj(ptr);
	kspan_describe(ptr);
	return true;
}
EXPORT_SYMBOL_GPL(kspan_slab_dump_obj);
