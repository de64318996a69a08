// SPDX-License-Identifier: GPL-2.0
/*
 * How a dynamic span class begins and ends.
 */
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "base/node.h"
#include "cache/cache_tops.h"

/**
 * kspan_sc_begin - give a span class all that it needs
 * @class: its figures and everything else that is set once
 * @magazines: whether it has objects, and so magazines; that of a heap's large
 *	objects has none
 *
 * Context: Process context that may sleep.
 * Return: 0 or an error, and nothing is left behind.
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
 * kspan_sc_end_all - give back what kspan_sc_begin() gave
 * @class: span classes without spans, one after the other
 * @nr: how many
 *
 * Context: as kspan_sc_withdraw().
 */
void kspan_sc_end_all(struct kspan_span_class *class, unsigned int nr)
{
	u64 nmalloc, nfree;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!class[i].cpu)
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
 * kspan_sc_nr_spans - spans of a span class on all nodes
 * @sc: span class
 *
 * Context: Any; the class stays.
 * Return: their number.
 */
unsigned long kspan_sc_nr_spans(unsigned int sc)
{
	unsigned long nr = 0;
	int node;

	for_each_kspan_node(node)
		nr += READ_ONCE(kspan_central_of(node, sc)->nr_spans);
	return nr;
}
