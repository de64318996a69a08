// SPDX-License-Identifier: GPL-2.0
/*
 * Draining one span class everywhere: what the end of a named cache needs.
 */
#include <linux/delay.h>
#include <linux/mutex.h>

#include "base/node.h"
#include "cache/cache.h"
#include "central/central.h"
#include "central/depot.h"
#include "reclaim/drain.h"
#include "reclaim/worker.h"

/* Somebody else may have a few of its objects or spans in his hands. */
#define DRAIN_TRIES	3U
#define DRAIN_PAUSE_MS	2U

/* The class that drain_here() is about; one at a time. */
static DEFINE_MUTEX(drain_mutex);
static unsigned int drain_sc;

static void drain_here(void)
{
	kspan_cache_drain_sc(READ_ONCE(drain_sc));
}

/**
 * kspan_drain_sc - return all free objects of a span class to the page heap
 * @sc: span class
 *
 * Context: Process context that may sleep, is not a hotplug callback and does
 * not keep CPUs from going.
 * Return: whether it has no span left.
 */
bool kspan_drain_sc(unsigned int sc)
{
	unsigned int tries;
	int node;

	mutex_lock(&drain_mutex);
	WRITE_ONCE(drain_sc, sc);
	for (tries = 0; tries < DRAIN_TRIES; tries++) {
		if (tries)
			msleep(DRAIN_PAUSE_MS);
		kspan_on_each_cpu(drain_here);
		for_each_kspan_node(node)
			kspan_depot_drain(node, sc, true);
		for_each_kspan_node(node)
			kspan_central_drain(node, sc);
		if (!kspan_sc_nr_spans(sc))
			break;
	}
	mutex_unlock(&drain_mutex);
	/* They are in no list any more, but have the class still. */
	kspan_central_drop_held();
	return !kspan_sc_nr_spans(sc);
}
