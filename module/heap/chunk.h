/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chunk.h - memory from vmalloc(), the unit in which the heap grows and
 * shrinks.
 *
 * No kernel export reserves vmalloc space and fills it page by page, so what
 * is given back is a whole chunk: 2 MiB where vmalloc_huge() can map that by
 * one entry, less where it cannot and on small address spaces.
 */
#ifndef KSPAN_CHUNK_H
#define KSPAN_CHUNK_H

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>

#include "base/compat.h"
#include "base/sizeclass.h"

/* Heap pages of a chunk: at most, and as a rule on this machine. */
#define KSPAN_CHUNK_MAX		256U
#if KSPAN_HUGE_CHUNKS
#define KSPAN_CHUNK_PAGES	256U
#elif defined(CONFIG_64BIT)
#define KSPAN_CHUNK_PAGES	32U
#else
#define KSPAN_CHUNK_PAGES	64U
#endif

/*
 * Heap pages that a chunk should have where there is little memory, or where it
 * is obtained by a caller that may not sleep, who waits while all of it is
 * zeroed: 64 KiB.
 */
#define KSPAN_CHUNK_SMALL	8U

/**
 * struct kspan_chunk - heap pages that come and go together
 *
 * Everything below @list is guarded by the heap's lock.
 *
 * @base: address of the first heap page; set once
 * @mem: what the kernel gave, at or just below @base; set once
 * @bytes: what it was asked for; set once
 * @nr_pages: heap pages; set once
 * @node: NUMA node; set once
 * @far: on 64-bit machines, memory of the direct map, which the window of the
 *	arena map does not reach; set once
 * @list: place in the heap's list for @bucket
 * @all: place in the list of all chunks
 * @bucket: index of that list, or U16_MAX for a chunk in none, see heap.c
 * @used: pages in spans
 * @longest: pages of the longest free run
 * @idle_since: jiffies when @used fell to 0
 * @map: a bit for each page, set while it is in a span
 * @dirty: a bit for each page, set once it may hold other bytes than zeros
 */
struct kspan_chunk {
	unsigned long base;
	void *mem;
	unsigned long bytes;
	u16 nr_pages;
	s16 node;
	bool far;

	struct list_head list;
	struct list_head all;
	u16 bucket;
	u16 used;
	u16 longest;
	unsigned long idle_since;
	DECLARE_BITMAP(map, KSPAN_CHUNK_MAX);
	DECLARE_BITMAP(dirty, KSPAN_CHUNK_MAX);
};

int kspan_chunk_init(void);
void kspan_chunk_exit(void);
struct kspan_chunk *kspan_chunk_get(int node, unsigned int nr_pages, gfp_t gfp,
				    int *err);
void kspan_chunk_put(struct kspan_chunk *chunk);

#endif /* KSPAN_CHUNK_H */
