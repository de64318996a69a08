/* SPDX-License-Identifier: GPL-2.0 */
/* grow.h - memory for requests that find no free object. */
#ifndef KSPAN_GROW_H
#define KSPAN_GROW_H

#include <linux/gfp.h>
#include <linux/types.h>

struct kspan_quota;

int kspan_grow_class(unsigned int sc, int *node, gfp_t gfp);
void *kspan_grow_large(size_t size, size_t align, gfp_t gfp, int node,
		       bool zero);
void *kspan_grow_reuse(size_t size, size_t align, gfp_t gfp, int node, bool zero,
		       struct kspan_quota *quota);

#endif /* KSPAN_GROW_H */
