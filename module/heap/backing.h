/* SPDX-License-Identifier: GPL-2.0 */
/* backing.h - getting heap memory from the kernel and returning it. */
#ifndef KSPAN_BACKING_H
#define KSPAN_BACKING_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/types.h>

/*
 * Bytes of heap memory now, bytes returned since load, and the number of calls
 * that got and returned memory.
 */
extern atomic_long_t kspan_heap_sys;
extern atomic64_t kspan_heap_released;
extern atomic_long_t kspan_nr_grow;
extern atomic_long_t kspan_nr_release;

/*
 * Whether heap memory is in the kernel's direct map rather than in vmalloc
 * space.  Memory of the direct map is one physical block.
 */
static inline bool kspan_is_direct(const void *mem)
{
	return !is_vmalloc_addr(mem);
}

unsigned long kspan_sys_total(void);
bool kspan_memory_is_tight(unsigned long bytes);
int kspan_node_of(const void *mem, unsigned long bytes);
bool kspan_is_on_node(const void *mem, unsigned long bytes, int node);
void *kspan_backing_get(unsigned long bytes, gfp_t gfp, int *node, int *err);
void kspan_backing_put(void *mem, unsigned long bytes, unsigned long heap_bytes);

#endif /* KSPAN_BACKING_H */
