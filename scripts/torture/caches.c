// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches and heaps.  A few exist for the whole run, and their objects are
 * used like all others.  The heap is that of the module, so kspan destroys it
 * after the module's exit function.  A thread also creates a short-lived cache
 * or heap now and then, fills it, empties it, and destroys it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/slab.h>

#include "torture.h"

#define SHORT_OBJS	24
/*
 * Number of objects in reserve, and the limit in bytes of a heap that has one.
 */
#define RESERVED	4
#define SHORT_LIMIT	(256UL << 10)

static const size_t sizes[] = { 24, 200, 1000, 5000 };
static struct kspan_cache *lasting[ARRAY_SIZE(sizes)];
DEFINE_KSPAN_HEAP(lasting_heap);

/* Create the caches of the whole run.  Return: 0 or -ENOMEM. */
int torture_caches_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		lasting[i] = kspan_cache_create("kspan_torture", sizes[i], 0,
						i % 2 ? 0 : (__force unsigned long)
							    SLAB_TYPESAFE_BY_RCU,
						NULL);
		if (!lasting[i])
			return -ENOMEM;
	}
	return lasting_heap ? 0 : -ENOMEM;
}

/* Destroy them.  Context: all their objects have been freed. */
void torture_caches_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		kspan_cache_destroy(lasting[i]);
}

/* Allocate from one of the caches; kspan_free() may free the object. */
void torture_cache_alloc(struct torture_ctx *ctx, struct torture_obj *obj,
			 gfp_t gfp)
{
	unsigned int i = torture_pick(ctx, ARRAY_SIZE(sizes));

	obj->kind = TORTURE_ALIGNED;
	obj->size = sizes[i];
	obj->ptr = kspan_cache_alloc(lasting[i], gfp);
}

/* The whole life of a short-lived cache. */
void torture_cache_life(struct torture_ctx *ctx)
{
	struct torture_obj obj[SHORT_OBJS];
	size_t size = 1 + torture_pick(ctx, 3000);
	struct kspan_cache *c;
	unsigned int i, nr;

	c = kspan_cache_create("kspan_torture_short", size, 0, 0, NULL);
	if (!c)
		return;
	for (nr = 0; nr < SHORT_OBJS; nr++) {
		obj[nr].kind = TORTURE_ALIGNED;
		obj[nr].size = size;
		obj[nr].ptr = kspan_cache_alloc(c, GFP_KERNEL);
		if (!obj[nr].ptr)
			break;
		torture_obj_born(ctx, &obj[nr], false);
	}
	for (i = 0; i < nr; i++) {
		torture_obj_check(ctx, &obj[i]);
		if (i % 2)
			kspan_free(obj[i].ptr);
		else
			kspan_cache_free(c, obj[i].ptr);
	}
	torture_count(ctx, TORTURE_OPS, 2 * nr);
	kspan_cache_destroy(c);
}

/* Allocate from the heap; any function may free or resize the object. */
void torture_heap_alloc(struct torture_ctx *ctx, struct torture_obj *obj,
			gfp_t gfp)
{
	obj->size = torture_pick_size(ctx, 16);
	obj->ptr = kspan_heap_alloc(lasting_heap, obj->size, gfp);
}

/*
 * Give a heap a limit that it reaches, and a reserve, which must serve at the
 * limit as well.
 */
static void limit_heap(struct torture_ctx *ctx, struct kspan_heap *h)
{
	void *ptr[RESERVED];
	unsigned int i;

	kspan_heap_set_limit(h, SHORT_LIMIT);
	if (kspan_heap_reserve(h, 200, RESERVED))
		return;
	kspan_heap_set_limit(h, 1);
	for (i = 0; i < RESERVED; i++) {
		ptr[i] = kspan_heap_alloc(h, 200, GFP_ATOMIC | __GFP_NOWARN);
		if (!ptr[i])
			torture_fail("%s: of %u objects in reserve %u are there",
				     ctx->name, RESERVED, i);
	}
	for (i = 0; i < RESERVED; i++)
		kspan_free(ptr[i]);
	kspan_heap_set_limit(h, SHORT_LIMIT);
}

/*
 * Destroy a heap with @nr objects left: by kspan_heap_destroy_all(), or by
 * kspan_heap_destroy(), and then free the objects one by one.
 */
static void end_heap(struct torture_ctx *ctx, struct kspan_heap *h,
		     struct torture_obj *obj, unsigned int nr)
{
	size_t left;

	if (torture_pick(ctx, 4)) {
		left = kspan_heap_destroy_all(h);
		if (left != nr)
			torture_fail("%s: a heap ends with %zu of %u objects",
				     ctx->name, left, nr);
		return;
	}
	kspan_heap_destroy(h);
	for (; nr; nr--, obj++) {
		torture_obj_check(ctx, obj);
		kspan_free(obj->ptr);
	}
}

/*
 * The whole life of a short-lived heap.  The thread frees half of the objects;
 * the others are left when the heap is destroyed.
 */
void torture_heap_life(struct torture_ctx *ctx)
{
	struct kspan_heap *h = kspan_heap_create("kspan_torture_short", 0);
	bool limited = !torture_pick(ctx, 2);
	struct torture_obj obj[SHORT_OBJS];
	unsigned int i, nr;

	if (!h)
		return;
	if (limited)
		limit_heap(ctx, h);
	for (nr = 0; nr < SHORT_OBJS; nr++) {
		obj[nr].kind = TORTURE_PLAIN;
		obj[nr].size = torture_pick_size(ctx, 17);
		obj[nr].ptr = kspan_heap_alloc(h, obj[nr].size,
					       limited ? GFP_KERNEL | __GFP_NOWARN :
							 GFP_KERNEL);
		if (!obj[nr].ptr)
			break;
		torture_obj_born(ctx, &obj[nr], false);
	}
	for (i = 0; i < nr / 2; i++) {
		torture_obj_check(ctx, &obj[i]);
		kspan_free(obj[i].ptr);
	}
	for (; i < nr; i++)
		torture_obj_check(ctx, &obj[i]);
	torture_count(ctx, TORTURE_OPS, 2 * nr);
	end_heap(ctx, h, obj + nr / 2, nr - nr / 2);
}
