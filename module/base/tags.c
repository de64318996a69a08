// SPDX-License-Identifier: GPL-2.0
/*
 * Tags: a number for each small object; see tags.h.
 *
 * The array of a page is found through page->private, without a lock.  The lowest
 * bits of page->private contain the order of the slab.  An array is installed by
 * compare-and-exchange.  It is removed after the last use of tags, or with its
 * slab.
 */
#include <linux/atomic.h>
#include <linux/mm.h>

#include "base/meta.h"
#include "base/pool.h"
#include "base/tags.h"

#define ARRAY_BYTES	(PAGE_SIZE * sizeof(u16))

/*
 * Whether new slabs get arrays.  Written only where tags are switched on and
 * off.
 */
static bool tags_on;

static u16 *array_of(const struct page *page)
{
	return (u16 *)(READ_ONCE(page->private) & ~KSPAN_SLAB_ORDER_MASK);
}

/* Give a page an array if it has none.  Return: whether it has one now. */
static bool add_array(struct page *page, gfp_t gfp)
{
	unsigned long old = READ_ONCE(page->private);
	u16 *array;

	if (array_of(page))
		return true;
	array = kspan_meta_alloc(ARRAY_BYTES, KSPAN_SYS_OTHER, gfp);
	if (!array)
		return false;
	/*
	 * The exchange orders the zeros of the array before the pointer to it.
	 * It fails if another caller has installed an array.
	 */
	if (cmpxchg(&page->private, old, (unsigned long)array | old) != old)
		kspan_meta_free(array, ARRAY_BYTES, KSPAN_SYS_OTHER);
	return true;
}

/**
 * kspan_tags_new_slab - prepare a new slab of state bytes for tags
 * @slab: its first page, which no other code knows yet
 * @order: order of its number of pages
 * @gfp: flags for the arrays; if there is no memory, kspan_tag_add() tries
 *	again
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 */
void kspan_tags_new_slab(struct page *slab, unsigned int order, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; READ_ONCE(tags_on) && i < 1U << order; i++)
		add_array(slab + i, gfp | __GFP_NOWARN);
}

/* Free the arrays of a slab.  Context: Process; its tags are not in use. */
void kspan_tags_free_slab(struct page *slab, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++) {
		struct page *page = slab + i;
		u16 *array = array_of(page);

		WRITE_ONCE(page->private,
			   page->private & KSPAN_SLAB_ORDER_MASK);
		kspan_meta_free(array, ARRAY_BYTES, KSPAN_SYS_OTHER);
	}
}

static bool add_slab(struct page *slab, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (!add_array(slab + i, GFP_KERNEL))
			return false;
	return true;
}

static bool free_slab(struct page *slab, unsigned int order)
{
	kspan_tags_free_slab(slab, order);
	return true;
}

/**
 * kspan_tags_begin - provide each small object with a tag of 0
 *
 * Context: Process context that may sleep; tags are off.
 * Return: false without memory.
 */
bool kspan_tags_begin(void)
{
	/*
	 * Set this first, so that slabs created from here on get arrays as
	 * well.
	 */
	WRITE_ONCE(tags_on, true);
	if (kspan_pools_walk_tagged(add_slab))
		return true;
	kspan_tags_end();
	return false;
}

/**
 * kspan_tags_end - free all tags
 *
 * A slab that is created at the same time may keep its arrays, with tags of 0.
 *
 * Context: Process context that may sleep; tags are not in use any more.
 */
void kspan_tags_end(void)
{
	WRITE_ONCE(tags_on, false);
	kspan_pools_walk_tagged(free_slab);
}

/**
 * kspan_tag_add - make sure that an object has a tag
 * @state: the state byte of the object, which stays allocated
 * @gfp: flags for the allocation
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: whether it has one.
 */
bool kspan_tag_add(const u8 *state, gfp_t gfp)
{
	return add_array(virt_to_page(state), gfp | __GFP_NOWARN);
}

/**
 * kspan_tag_swap - exchange the tag of an object
 * @state: its state byte
 * @tag: the new tag; on return, the old one
 *
 * Of several concurrent callers that set the tag to 0 exactly one gets the old
 * tag.
 *
 * Context: Any, including NMI, with preemption off and tags on.
 * Return: false if the object has no tag.
 */
bool kspan_tag_swap(const u8 *state, u16 *tag)
{
	u16 *array = array_of(virt_to_page(state));

	if (!array)
		return false;
	*tag = xchg(&array[offset_in_page(state)], *tag);
	return true;
}

/*
 * The tag of an object, or 0 if it has none.  Context: as for kspan_tag_swap().
 */
u16 kspan_tag_read(const u8 *state)
{
	u16 *array = array_of(virt_to_page(state));

	return array ? READ_ONCE(array[offset_in_page(state)]) : 0;
}
