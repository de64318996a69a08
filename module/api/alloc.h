/* SPDX-License-Identifier: GPL-2.0 */
/* alloc.h - allocation by span class, for other files of kspan. */
#ifndef KSPAN_ALLOC_H
#define KSPAN_ALLOC_H

#include <linux/gfp.h>
#include <linux/types.h>

void kspan_alloc_init(void);
int kspan_bound_node(int node);
void kspan_mark_aligned(void *ptr);
void *kspan_take_object(unsigned int sc, size_t size, gfp_t gfp, int node,
			bool zero);
void *kspan_alloc_sc(unsigned int sc, size_t size, gfp_t gfp, int node, bool zero);
void *kspan_alloc_roomy(size_t room, gfp_t gfp, bool data);

#endif /* KSPAN_ALLOC_H */
