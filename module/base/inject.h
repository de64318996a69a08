/* SPDX-License-Identifier: GPL-2.0 */
/*
 * inject.h - failures that a test requests.
 *
 * Every place that asks the kernel for something calls kspan_inject() first.
 * None of these places is on a fast path.
 */
#ifndef KSPAN_INJECT_H
#define KSPAN_INJECT_H

#include <linux/types.h>

/* What kspan asks the kernel for. */
enum kspan_inject_place {
	KSPAN_INJECT_ANY,	/* all of the following */
	KSPAN_INJECT_CHUNK,	/* heap memory, by vmalloc() */
	KSPAN_INJECT_SLAB,	/* a slab of a metadata pool */
	KSPAN_INJECT_TABLE,	/* a table, of the arena map or another */
	KSPAN_INJECT_PERCPU,
	KSPAN_INJECT_WORKER,	/* the workqueue */
	KSPAN_INJECT_CPUHP,	/* the callback for CPUs that go */
	KSPAN_INJECT_SHRINKER,
	KSPAN_INJECT_DEBUGFS,
	KSPAN_INJECT_NR_PLACES,
};

/* The place's name, as in the module parameter. */
extern const char * const kspan_inject_names[KSPAN_INJECT_NR_PLACES];

bool kspan_inject(enum kspan_inject_place place);
int kspan_inject_set(const char *text);
unsigned long kspan_inject_count(void);

#endif /* KSPAN_INJECT_H */
