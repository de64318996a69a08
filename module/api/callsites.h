/* SPDX-License-Identifier: GPL-2.0 */
/* callsites.h - exact accounting by call site. */
#ifndef KSPAN_CALLSITES_H
#define KSPAN_CALLSITES_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include "base/watch.h"

struct kspan_object;
struct module;

/**
 * struct kspan_site_row - the counts of a call site
 * @bytes: usable bytes of its live objects
 * @objects: number of its live objects
 * @total_bytes: usable bytes allocated there since the accounting began
 * @total_objects: number of objects allocated there since the accounting began
 */
struct kspan_site_row {
	u64 bytes;
	u64 objects;
	u64 total_bytes;
	u64 total_objects;
};

/* Whether the accounting is on.  Only a hint if preemption is on. */
extern bool kspan_callsites_on;

static __always_inline bool kspan_callsites_are_on(void)
{
	return kspan_is_watched() && READ_ONCE(kspan_callsites_on);
}

int kspan_callsites_begin(void);
void kspan_callsites_end(void);

/* Called for the watchers; see watch.c. */
void kspan_callsite_prepare(const struct kspan_object *object, gfp_t gfp);
void kspan_callsite_alloc(const struct kspan_object *object, unsigned long ip);
void kspan_callsite_free(const struct kspan_object *object);
void kspan_callsite_resize(const struct kspan_object *object, size_t size);

bool kspan_callsite_of(const struct kspan_object *object, char *text);

/* Reading the table, between lock and unlock. */
void kspan_callsites_lock(void);
void kspan_callsites_unlock(void);
bool kspan_callsites_row(unsigned int i, struct kspan_site_row *row, char *text);

/* Unloading of modules. */
void kspan_callsites_name(const struct module *mod, const char *module,
			  bool leaves);
bool kspan_callsites_left(const char *module);

#endif /* KSPAN_CALLSITES_H */
