// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: an object that is freed while it is still in a list.
 *
 * A node of the kernel's lists has two neighbours that point to it: of a
 * struct list_head the next one's prev and the previous one's next; of a struct
 * hlist_node the next one's pprev and *pprev.  A pending timer is a hlist_node,
 * and a pending work_struct a list_head in the list of a worker pool, so they
 * are found as such.  Any two neighbouring words of an object may be a node;
 * where they lead is read without a fault, whatever it is.
 *
 * Both neighbours have to point back, as they do for a node in a list.  A node
 * that was taken out of its list has neighbours that point elsewhere, or
 * itself or poison in their place.  A list that lies in the object as a whole,
 * like an empty list head, is no fault, and is not told.
 *
 * Who frees all nodes of a list, and only then forgets its head, frees each
 * while it is linked.  That is told as well, as it cannot be told apart.
 */
#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/kconfig.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "base/kasan.h"
#include "span/linked.h"
#include "span/redzone.h"
#include "span/report.h"

/* Bytes of an object that are looked at. */
#define LOOK_MAX	4096UL

/* The first two words of a node, list_head or hlist_node. */
struct node {
	unsigned long next;
	unsigned long prev;	/* or pprev */
};

/* Whether the word at @addr, which may be anything, is @want. */
static bool word_is(unsigned long addr, unsigned long want)
{
	unsigned long word;

	if (addr < PAGE_OFFSET || !IS_ALIGNED(addr, sizeof(long)))
		return false;
	return !copy_from_kernel_nofault(&word, (void *)addr, sizeof(word)) &&
	       word == want;
}

/*
 * Whether the node at @at, which may be none, is in a list that does not lie as
 * a whole in the @bytes at @start.
 */
static bool is_linked(const struct node *at, unsigned long start,
		      unsigned long bytes)
{
	unsigned long next = READ_ONCE(at->next), prev = READ_ONCE(at->prev);
	unsigned long self = (unsigned long)at;

	if (prev - start < bytes && (!next || next - start < bytes))
		return false;
	if (!word_is(prev, self))
		return false;
	/* The last one of a hlist has none. */
	return !next || word_is(next + offsetof(struct node, prev), self);
}

/**
 * kspan_linked_check - look whether others point to an object that is freed
 * @span: its span
 * @ptr: the object, claimed, and as its owner left it
 *
 * Context: Any but NMI.
 */
void kspan_linked_check(const struct kspan_span *span, const void *ptr)
{
	unsigned long bytes = kspan_redzone_asked(span, ptr), at;
	unsigned long start = (unsigned long)ptr;
	bool linked = false;

	/* Its reads of what is not mapped fault all the same. */
	if (IS_ENABLED(CONFIG_UML))
		return;
	kspan_kasan_pause();
	for (at = start; at + sizeof(struct node) <= start + min(bytes, LOOK_MAX);
	     at += sizeof(long)) {
		linked = is_linked((const struct node *)at, start, bytes);
		if (linked)
			break;
	}
	kspan_kasan_resume();
	if (unlikely(linked))
		kspan_report_linked(ptr, span, at - start);
}
