// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that end with a device, and objects for the kernel's mempools.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/slab.h>

#include "api/watch.h"

/* What devres keeps of an object. */
struct managed {
	void *ptr;
};

static void release_object(struct device *dev, void *res)
{
	struct managed *managed = res;

	kspan_free_for(managed->ptr, _RET_IP_);
}

static int is_object(struct device *dev, void *res, void *ptr)
{
	struct managed *managed = res;

	return managed->ptr == ptr;
}

static void *alloc_managed(struct device *dev, size_t size, gfp_t gfp,
			   unsigned long ip)
{
	struct managed *managed;

	if (!size)
		return ZERO_SIZE_PTR;
	managed = devres_alloc(release_object, sizeof(*managed),
			       gfp & ~__GFP_ZERO);
	if (!managed)
		return NULL;
	managed->ptr = kspan_alloc_for(size, gfp, ip);
	if (!managed->ptr) {
		devres_free(managed);
		return NULL;
	}
	devres_add(dev, managed);
	return managed->ptr;
}

/**
 * devm_kspan_alloc - allocate an object that is freed when a driver is unbound
 * @dev: the device
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI and, on PREEMPT_RT, only where one may be preempted;
 * may sleep if @gfp allows it.
 * Return: the object, which devm_kspan_free() can free earlier; ZERO_SIZE_PTR
 * for 0 bytes; NULL without memory.
 */
void *devm_kspan_alloc(struct device *dev, size_t size, gfp_t gfp)
{
	return alloc_managed(dev, size, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kspan_alloc);

/**
 * devm_kspan_zalloc - allocate a zeroed object that is freed with a device
 * @dev: the device
 * @size: bytes
 * @gfp: as for kmalloc()
 *
 * Context: As devm_kspan_alloc().
 * Return: as devm_kspan_alloc().
 */
void *devm_kspan_zalloc(struct device *dev, size_t size, gfp_t gfp)
{
	return alloc_managed(dev, size, gfp | __GFP_ZERO, _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kspan_zalloc);

/**
 * devm_kspan_free - free an object of devm_kspan_alloc() before its device goes
 * @dev: the device
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Warns if the object is none of the device's.
 *
 * Context: As devm_kspan_alloc().
 */
void devm_kspan_free(struct device *dev, const void *ptr)
{
	if (ZERO_OR_NULL_PTR(ptr))
		return;
	WARN_ON(devres_release(dev, release_object, is_object, (void *)ptr));
}
EXPORT_SYMBOL_GPL(devm_kspan_free);

/**
 * kspan_mempool_alloc - allocate an element of a mempool
 * @gfp: as for kmalloc()
 * @pool_data: bytes of an element, a size_t as a pointer
 *
 * For mempool_create(), together with kspan_mempool_free().  The data of the
 * pool is the size of an element, cast to a pointer.
 *
 * Context: As kspan_alloc().
 * Return: as kspan_alloc().
 */
void *kspan_mempool_alloc(gfp_t gfp, void *pool_data)
{
	return kspan_alloc_for((size_t)pool_data, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_mempool_alloc);

/**
 * kspan_mempool_free - free an element of a mempool
 * @element: what kspan_mempool_alloc() gave
 * @pool_data: as there
 *
 * Context: As kspan_free().
 */
void kspan_mempool_free(void *element, void *pool_data)
{
	kspan_free_for(element, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_mempool_free);
