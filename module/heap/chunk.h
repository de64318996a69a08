/* SPDX-License-Identifier: GPL-2.0 */
/*
 * chunk.h - memory from vmalloc(), in the units by which the heap grows and
 * shrinks.
 *
 * The kernel exports no function that reserves vmalloc space to be filled page
 * by page.  So kspan returns whole chunks: 2 MiB where vmalloc_huge() can map
 * them by one page table entry, and less elsewhere and on small address spaces.
 */
#ifndef KSPAN_CHUNK_H
#define KSPAN_CHUNK_H

#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>

#include "base/compat.h"
#include "base/sizeclass.h"

/* Heap pages of a chunk: the maximum, and the normal number on this machine. */
#define KSPAN_CHUNK_MAX		256U
#if KSPAN_HUGE_CHUNKS
#define KSPAN_CHUNK_PAGES	256U
#elif defined(CONFIG_64BIT)
#define KSPAN_CHUNK_PAGES	32U
#else
#define KSPAN_CHUNK_PAGES	64U
#endif

/*
 * Heap pages of a chunk where memory is short, or where the caller may not
 * sleep and has to wait until the whole chunk is zeroed: 64 KiB.
 */
#define KSPAN_CHUNK_SMALL	8U

/**
 * struct kspan_chunk - heap pages that are obtained and returned together
 *
 * The lock of the page heap protects the fields from @list on.
 *
 * @base: address of the first heap page; set once
 * @mem: memory from the kernel, at @base or just below it; set once
 * @bytes: size of @mem; set once
 * @nr_pages: number of heap pages; set once
 * @node: NUMA node; set once
 * @far: true for memory of the direct map on 64-bit machines, which is outside
 *	the window of the arena map; set once
 * @list: node in the list of @bucket of the page heap
 * @all: node in the list of all chunks
 * @bucket: index of the list, or U16_MAX for a quarantined chunk, which is in
 *	none; see page_heap.c
 * @used: number of pages in spans
 * @longest: number of pages in the longest free run
 * @idle_since: jiffies when @used fell to 0
 * @map: a bit for each page, set while the page is in a span
 * @dirty: a bit for each page, set once the page may contain bytes other than 0
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
