/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tags.h - a number for each small object, while a watcher needs one.
 *
 * A tag belongs to the state byte of an object.  The blocks of state bytes come
 * from pools.  Each page of such a pool has an array with a tag for each of its
 * bytes.  While tags are off there are no arrays.  When tags are switched on,
 * all of them are 0.
 */
#ifndef KSPAN_TAGS_H
#define KSPAN_TAGS_H

#include <linux/gfp.h>
#include <linux/types.h>

struct kspan_pool;
struct page;

bool kspan_tags_begin(void);
void kspan_tags_end(void);
bool kspan_tag_add(const u8 *state, gfp_t gfp);
u16 kspan_tag_read(const u8 *state);
bool kspan_tag_swap(const u8 *state, u16 *tag);

/* Called by the pools of state bytes. */
void kspan_tags_new_slab(struct page *slab, unsigned int order, gfp_t gfp);
void kspan_tags_free_slab(struct page *slab, unsigned int order);

#endif /* KSPAN_TAGS_H */
