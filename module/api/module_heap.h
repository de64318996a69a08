/* SPDX-License-Identifier: GPL-2.0 */
/*
 * module_heap.h - heaps of modules.
 */
#ifndef KSPAN_MODULE_HEAP_H
#define KSPAN_MODULE_HEAP_H

#ifdef CONFIG_MODULES
int kspan_module_heap_init(void);
void kspan_module_heap_exit(void);
#else
static inline int kspan_module_heap_init(void)
{
	return 0;
}

static inline void kspan_module_heap_exit(void)
{
}
#endif

#endif /* KSPAN_MODULE_HEAP_H */
