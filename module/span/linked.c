// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: an object that is freed while it is still in a list.
 *
 * A node of the kernel's lists has two neighbours that point to it: those of a
 * struct list_head by prev of the next node and next of the previous one; those
 * of a struct hlist_node by pprev of the next node and by *pprev.  A pending
 * timer is a hlist_node, and a pending work_struct is a list_head in the list
 * of a worker pool, so both are found.  Any two neighbouring words of an object
 * may be a node.  The addresses in them are read in a way that tolerates
 * faults.
 *
 * Both neighbours must point back, as they do for a node in a list.  A node
 * that was removed from its list contains poison or points to itself, or its
 * former neighbours point elsewhere.  A list that lies in the object as a
 * whole, such as an empty list head, is no fault and is not reported.
 *
 * A client that frees all nodes of a list before it reinitialises the head
 * frees each node while it is linked.  This is reported too, because it looks
 * the same.
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

/* The most bytes of an object that are checked. */
#define LOOK_MAX	4096UL

/* The first two words of a node, list_head or hlist_node. */
struct node {
	unsigned long next;
	unsigned long prev;	/* or pprev */
};

/* Whether the word at @addr, which may be any number, equals @want. */
static bool word_is(unsigned long addr, unsigned long want)
{
	unsigned long word;

	if (addr < PAGE_OFFSET || !IS_ALIGNED(addr, sizeof(long)))
		return false;
	return !copy_from_kernel_nofault(&word, (void *)addr, sizeof(word)) &&
	       word == want;
}

/*
 * Whether the two words at @at are a node of a list that is not entirely within
 * the @bytes at @start.
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
	/* The last node of a hlist has no next one. */
	return !next || word_is(next + offsetof(struct node, prev), self);
}

/**
 * kspan_linked_check - report an object that is freed while still in a list
 * @span: its span
 * @ptr: the object, claimed, with the content that its owner left
 *
 * Context: Any but NMI.
 */
void kspan_linked_check(const struct kspan_span *span, const void *ptr)
{
	unsigned long bytes = kspan_redzone_asked(span, ptr), at;
	unsigned long start = (unsigned long)ptr;
	bool linked = false;

	/*
	 * In UML, reads of unmapped addresses fault in spite of
	 * copy_from_kernel_nofault().
	 */
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
