/* SPDX-License-Identifier: GPL-2.0 */
/*
 * backing.h - heap memory from the kernel, and back.
 */
#ifndef KSPAN_BACKING_H
#define KSPAN_BACKING_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/types.h>

/* Bytes of heap pages now; bytes ever given back; how often each way. */
extern atomic_long_t kspan_heap_sys;
extern atomic64_t kspan_heap_released;
extern atomic_long_t kspan_nr_grow;
extern atomic_long_t kspan_nr_release;

/*
 * Whether heap memory lies in the kernel's direct map instead of vmalloc space.
 * Such memory is one physical block.
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
