// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that a client's heap holds in reserve, for code that must not fail.
 *
 * They are free objects of the heap's spans.  An allocation gets them only when
 * it would fail otherwise.  Frees refill the reserve automatically, when
 * objects return to their spans.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/mutex.h>
#include <linux/topology.h>

#include "api/client_heap.h"
#include "api/client_heap_limit.h"
#include "api/grow.h"
#include "base/node.h"
#include "central/central.h"
#include "span/redzone.h"

/* Serialises changes of reserves. */
static DEFINE_MUTEX(reserve_mutex);

/*
 * The class of a size, or NULL if objects of that size do not come from spans
 * of several objects.
 */
static struct kspan_span_class *class_of(struct kspan_heap *h, size_t size)
{
	unsigned int class;

	if (!size || size > KSPAN_SMALL_MAX)
		return NULL;
	class = kspan_redzone_on() ? kspan_redzone_class(size, 0) :
				     kspan_size_to_class(size);
	return class ? &h->class[class] : NULL;
}

static void set_reserve(unsigned int sc, int node, unsigned int nr)
{
	int other;

	for_each_kspan_node(other)
		kspan_central_set_reserve(other, sc, other == node ? nr : 0);
}

/* Add spans until a central list has @nr free objects. */
static int fill(struct kspan_span_class *class, size_t size, int node,
		unsigned int nr)
{
	struct kspan_central *central = kspan_central_of(node, class->sc);
	gfp_t gfp = GFP_KERNEL | __GFP_THISNODE;
	unsigned int tries = 0;
	unsigned long before;
	int err, on = node;

	while ((before = READ_ONCE(central->nr_free)) < nr) {
		err = kspan_grow_class(class->sc, &on, gfp);
		if (err == -ENOBUFS &&
		    kspan_client_heap_make_room(class->quota, size, gfp, &tries))
			continue;
		if (err || READ_ONCE(central->nr_free) <= before)
			return -ENOMEM;
	}
	return 0;
}

/**
 * kspan_heap_reserve - hold objects in reserve for code that must not fail
 * @h: the heap
 * @size: size of an object in bytes, up to 32 KiB, or slightly less with
 *	check=2
 * @nr: number of objects of that size's class; 0 removes the reserve
 *
 * After that, kspan_heap_alloc() for a size of that class can return @nr more
 * objects when there is no memory or the heap is at its limit, in any context
 * but NMI.  The reserve is refilled when objects of that class are freed, or
 * when the next allocation that finds memory adds a span.  The reserve counts
 * towards the limit of the heap.
 *
 * Context: Process context that may sleep.
 * Return: 0; -EINVAL for a size that cannot be reserved; -ENOMEM, and the class
 * then has no reserve.
 */
int kspan_heap_reserve(struct kspan_heap *h, size_t size, unsigned int nr)
{
	struct kspan_span_class *class = class_of(h, size);
	int node = numa_mem_id(), err;

	if (!class)
		return -EINVAL;
	if (!kspan_has_node(node))
		node = kspan_first_node;
	mutex_lock(&reserve_mutex);
	set_reserve(class->sc, node, nr);
	err = fill(class, size, node, nr);
	if (err)
		set_reserve(class->sc, node, 0);
	mutex_unlock(&reserve_mutex);
	return err;
}
EXPORT_SYMBOL_GPL(kspan_heap_reserve);
