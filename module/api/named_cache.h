/* SPDX-License-Identifier: GPL-2.0 */
/* named_cache.h - named caches, for other files of kspan. */
#ifndef KSPAN_NAMED_CACHE_H
#define KSPAN_NAMED_CACHE_H

#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

#include "base/spanclass.h"

/**
 * struct kspan_cache - a named cache
 * @class: its span class; the fast paths read its index
 * @list: node in the list of all caches, under caches_mutex
 * @destroyed: whether its client has destroyed it while objects were left;
 *	under caches_mutex
 * @module: the module that created it, or ""; under caches_mutex
 * @name: its name; set once
 */
struct kspan_cache {
	struct kspan_span_class class;
	struct list_head list;
	bool destroyed;
	char module[MODULE_NAME_LEN];
	char name[];
};

/* Called for each cache, in the order of creation. */
typedef void (*kspan_named_cache_fn)(const struct kspan_cache *c, void *arg);

bool kspan_cache_can(const char *name, size_t size, size_t align,
		     unsigned long flags);
void kspan_named_cache_walk(kspan_named_cache_fn fn, void *arg);
void kspan_named_cache_left(const char *module);
int kspan_named_cache_init(void);
void kspan_named_cache_exit(void);

#endif /* KSPAN_NAMED_CACHE_H */
