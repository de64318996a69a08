// SPDX-License-Identifier: GPL-2.0
/*
 * Draining span classes on all CPUs and nodes, when a named cache or a client's
 * heap is destroyed.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>

#include "base/node.h"
#include "base/spanclass.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "central/depot.h"
#include "reclaim/drain.h"
#include "reclaim/worker.h"

/* Try several times: other code may be moving a few of its objects or spans. */
#define DRAIN_TRIES	3U
#define DRAIN_PAUSE_MS	2U
/*
 * Maximum number of empty spans of a class that a caller that cannot be
 * preempted returns at a time.
 */
#define SOME_SPANS	32U

/* The classes for drain_here(); drain_mutex admits one caller at a time. */
static DEFINE_MUTEX(drain_mutex);
static const struct kspan_span_class *drain_class;
static unsigned int drain_nr;

static void drain_here(void)
{
	unsigned int i;

	for (i = 0; i < READ_ONCE(drain_nr); i++)
		kspan_cache_drain_sc(READ_ONCE(drain_class)[i].sc);
}

static unsigned long nr_spans(const struct kspan_span_class *class,
			      unsigned int nr)
{
	unsigned long spans = 0;

	while (nr--)
		spans += kspan_sc_nr_spans(class[nr].sc);
	return spans;
}

static void drain_shared(unsigned int sc)
{
	int node;

	for_each_kspan_node(node)
		kspan_depot_drain(node, sc, true);
	for_each_kspan_node(node)
		kspan_central_drain(node, sc);
}

/**
 * kspan_drain_some - return a few empty spans of span classes to the page heap
 * @class: an array of dynamic span classes
 * @nr: number of classes
 *
 * The work is bounded, for a caller that cannot be preempted.
 *
 * Context: Any but NMI; the classes stay.
 * Return: whether there was an empty span.
 */
bool kspan_drain_some(const struct kspan_span_class *class, unsigned int nr)
{
	int node;

	for (; nr; nr--, class++)
		for_each_kspan_node(node)
			if (kspan_central_drain_some(node, class->sc, SOME_SPANS))
				return true;
	return false;
}

/**
 * kspan_drain_at_hand - return free objects of span classes to the page heap
 * @class: an array of dynamic span classes
 * @nr: number of classes
 * @wait: maximum number of jiffies to wait for other CPUs; 0 to drain only this
 *	CPU
 *
 * Objects that other CPUs return after that time are available to later
 * callers.
 *
 * Context: Process context that may sleep; no lock is taken that a caller of
 * the page allocator or a hotplug callback could hold.
 */
void kspan_drain_at_hand(const struct kspan_span_class *class, unsigned int nr,
			 unsigned long wait)
{
	unsigned int i, cpu;
	bool holds;

	migrate_disable();
	for (i = 0; i < nr; i++)
		kspan_cache_drain_sc(class[i].sc);
	migrate_enable();
	if (wait) {
		for_each_online_cpu(cpu) {
			for (i = 0, holds = false; i < nr; i++)
				holds |= kspan_cache_mark_sc(cpu, class[i].sc);
			if (holds)
				kspan_drain_soon(cpu);
		}
		kspan_drain_wait(wait);
	}
	kspan_quarantine_release();
	for (i = 0; i < nr; i++)
		drain_shared(class[i].sc);
}

/**
 * kspan_drain_classes - return all free objects of span classes to the page
 * heap
 * @class: array of dynamic span classes
 * @nr: number of classes
 *
 * Context: Process context that may sleep, is not a hotplug callback and does
 * not hold the hotplug lock.
 * Return: true if they have no span left.
 */
bool kspan_drain_classes(const struct kspan_span_class *class, unsigned int nr)
{
	unsigned int tries, i;

	mutex_lock(&drain_mutex);
	WRITE_ONCE(drain_class, class);
	WRITE_ONCE(drain_nr, nr);
	for (tries = 0; tries < DRAIN_TRIES && nr_spans(class, nr); tries++) {
		if (tries)
			msleep(DRAIN_PAUSE_MS);
		kspan_on_each_cpu(drain_here);
		/* Their objects that wait keep their spans. */
		kspan_quarantine_release();
		for (i = 0; i < nr; i++)
			drain_shared(class[i].sc);
	}
	/* Without spans, still free the empty magazines. */
	if (!tries)
		kspan_on_each_cpu(drain_here);
	mutex_unlock(&drain_mutex);
	/* These spans are in no list any more, but still refer to the class. */
	kspan_central_drop_held();
	return !nr_spans(class, nr);
}
