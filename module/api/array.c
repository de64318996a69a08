// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays, for which these functions return NULL if the size in bytes overflows,
 * and zeroed objects on a node.
 */
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/overflow.h>

#include "api/watch.h"

/**
 * kspan_alloc_array - allocate an array
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_alloc_for(bytes, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_alloc_array);

/**
 * kspan_calloc - allocate a zeroed array
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_calloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_zalloc_for(bytes, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_calloc);

/**
 * kspan_alloc_array_node - allocate an array on a NUMA node
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc(); with __GFP_THISNODE only from @node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_alloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_alloc_node_for(bytes, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_alloc_array_node);

/**
 * kspan_calloc_node - allocate a zeroed array on a NUMA node
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc(); with __GFP_THISNODE only from @node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_calloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_alloc_node_for(bytes, gfp | __GFP_ZERO, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_calloc_node);

/**
 * kspan_realloc_array - change the length of an array
 * @ptr: the array, or NULL
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL, and @ptr as it was, without memory or if
 * @n * @size overflows.
 */
void *kspan_realloc_array(void *ptr, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_realloc_for(ptr, bytes, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_realloc_array);

/**
 * kspan_zalloc_node - allocate a zeroed object on a NUMA node
 * @size: bytes
 * @gfp: as for kmalloc(); with __GFP_THISNODE only from @node
 * @node: the node, or NUMA_NO_NODE
 *
 * Context: Any, for NMI see nmi_alloc.c; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_zalloc_node(size_t size, gfp_t gfp, int node)
{
	return kspan_alloc_node_for(size, gfp | __GFP_ZERO, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_zalloc_node);
