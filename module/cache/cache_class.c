// SPDX-License-Identifier: GPL-2.0
/*
 * Dynamic span classes: begin and end.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "base/node.h"
#include "cache/cache_tops.h"

/**
 * kspan_sc_begin - set up a dynamic span class
 * @class: its figures and all other fields that are set once
 * @magazines: whether it has small objects and needs magazines; the class for
 *	the large objects of a heap does not
 *
 * Context: Process context that may sleep.
 * Return: 0 or an error, after which nothing is left allocated.
 */
int kspan_sc_begin(struct kspan_span_class *class, bool magazines)
{
	int err;

	err = kspan_sc_init_homes(class);
	if (!err && magazines)
		err = kspan_sc_init_cpus(class);
	if (!err)
		err = kspan_sc_publish(class);
	if (err) {
		kspan_sc_free_cpus(class);
		kspan_sc_free_homes(class);
	}
	return err;
}

/**
 * kspan_sc_end_all - undo kspan_sc_begin() for several span classes
 * @class: array of span classes without spans
 * @nr: number of classes
 *
 * Context: as kspan_sc_withdraw().
 */
void kspan_sc_end_all(struct kspan_span_class *class, unsigned int nr)
{
	u64 nmalloc, nfree;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		/* The class for the large objects of a heap has no size. */
		if (!class[i].info.size)
			continue;
		kspan_cache_count(class[i].sc, &nmalloc, &nfree);
		WRITE_ONCE(class[i].gone, true);
		atomic64_add(nmalloc, &kspan_sc_gone[class[i].class]);
		if (!class[i].class)
			atomic64_add(nmalloc * class[i].info.size,
				     &kspan_sc_gone_bytes);
	}
	kspan_sc_withdraw(class, nr);
	for (i = 0; i < nr; i++) {
		kspan_sc_free_cpus(&class[i]);
		kspan_sc_free_homes(&class[i]);
	}
}

/**
 * kspan_sc_count - number of objects of a span class ever allocated and freed
 * @sc: span class
 * @nmalloc: the number of allocated ones
 * @nfree: the number of freed ones
 *
 * Context: Any; the class must stay meanwhile.
 */
void kspan_sc_count(unsigned int sc, u64 *nmalloc, u64 *nfree)
{
	unsigned long nr_twice = 0;
	int node;

	kspan_cache_count(sc, nmalloc, nfree);
	/* Two racing frees each counted such an object. */
	for_each_kspan_node(node)
		nr_twice += READ_ONCE(kspan_central_of(node, sc)->nr_twice);
	*nfree -= nr_twice;
}

/**
 * kspan_sc_nr_spans - number of spans of a span class on all nodes
 * @sc: span class
 *
 * Context: Any; the class must stay meanwhile.
 * Return: the number.
 */
unsigned long kspan_sc_nr_spans(unsigned int sc)
{
	unsigned long nr = 0;
	int node;

	for_each_kspan_node(node)
		nr += READ_ONCE(kspan_central_of(node, sc)->nr_spans);
	return nr;
}
