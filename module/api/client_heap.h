/* SPDX-License-Identifier: GPL-2.0 */
/* client_heap.h - the heaps of clients, for other files of kspan. */
#ifndef KSPAN_CLIENT_HEAP_H
#define KSPAN_CLIENT_HEAP_H

#include <linux/container_of.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/types.h>

#include "base/spanclass.h"

/**
 * struct kspan_heap - a client's heap
 * @class: its span classes by size class; the fast path reads their index.
 *	Entry 0 has no spans; its number marks the large objects of the heap
 * @quota: its account: the memory that it holds, and its limit
 * @list: node in the list of all heaps, under heaps_mutex
 * @flags: KSPAN_HEAP_...; set once
 * @on_limit: the client's function for an allocation at the limit, or NULL; set
 *	before there are objects
 * @on_limit_arg: the last argument of @on_limit; set with it
 * @module: the module that created it, or ""; under heaps_mutex
 * @name: its name; set once
 */
struct kspan_heap {
	struct kspan_span_class class[KSPAN_NR_CLASSES + 1];
	struct kspan_quota quota;
	struct list_head list;
	unsigned long flags;
	kspan_heap_limit_fn on_limit;
	void *on_limit_arg;
	char module[MODULE_NAME_LEN];
	char name[];
};

static inline struct kspan_heap *kspan_heap_of_quota(struct kspan_quota *quota)
{
	return container_of(quota, struct kspan_heap, quota);
}

/**
 * struct kspan_heap_stats - the statistics of a heap
 * @bytes: usable bytes of live objects
 * @objects: number of live objects
 * @peak: maximum of @bytes
 * @asked: usable bytes allocated since creation
 * @spans: number of spans; each large object that is live or cached has one
 * @limit: maximum of the bytes of its spans, 0 for no limit
 */
struct kspan_heap_stats {
	u64 bytes;
	u64 objects;
	u64 peak;
	u64 asked;
	u64 spans;
	u64 limit;
};

/* Called for each heap, in the order of creation. */
typedef void (*kspan_client_heap_fn)(struct kspan_heap *h, void *arg);

void kspan_client_heap_read(struct kspan_heap *h, struct kspan_heap_stats *out);
void kspan_client_heap_walk(kspan_client_heap_fn fn, void *arg);
struct kspan_heap *kspan_client_heap_of(const void *ptr);
void *kspan_client_heap_alloc_node(struct kspan_heap *h, size_t size, gfp_t gfp,
				   int node);
void kspan_client_heap_left(const char *module);
void kspan_client_heap_heat(struct kspan_span_class *class);
void kspan_client_heap_settle(void);
int kspan_client_heap_init(void);
void kspan_client_heap_exit(void);

#endif /* KSPAN_CLIENT_HEAP_H */
