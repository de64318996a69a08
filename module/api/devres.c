// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that are freed with a device, and objects for the kernel's mempools.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/slab.h>

#include "api/watch.h"

/* The devres entry of an object. */
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
 * Context: Any but NMI and, on PREEMPT_RT, non-preemptible context; may sleep
 * if @gfp allows it.
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
 * Context: As for devm_kspan_alloc().
 * Return: as for devm_kspan_alloc().
 */
void *devm_kspan_zalloc(struct device *dev, size_t size, gfp_t gfp)
{
	return alloc_managed(dev, size, gfp | __GFP_ZERO, _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kspan_zalloc);

/**
 * devm_kspan_free - free an object of devm_kspan_alloc() before its device is
 * removed
 * @dev: the device
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * This warns if the object does not belong to the device.
 *
 * Context: As for devm_kspan_alloc().
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
 * @pool_data: size of an element in bytes, cast to a pointer
 *
 * Pass this function to mempool_create(), together with kspan_mempool_free()
 * and the size of an element as the pool's data.
 *
 * Context: As for kspan_alloc().
 * Return: as for kspan_alloc().
 */
void *kspan_mempool_alloc(gfp_t gfp, void *pool_data)
{
	return kspan_alloc_for((size_t)pool_data, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_mempool_alloc);

/**
 * kspan_mempool_free - free an element of a mempool
 * @element: an element from kspan_mempool_alloc()
 * @pool_data: ignored
 *
 * Context: As for kspan_free().
 */
void kspan_mempool_free(void *element, void *pool_data)
{
	kspan_free_for(element, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_mempool_free);
