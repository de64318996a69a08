// SPDX-License-Identifier: GPL-2.0
/* The page heaps of all nodes: setup at load and removal at unload. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "base/meta.h"
#include "base/node.h"
#include "base/params.h"
#include "heap/page_heap.h"

/*
 * All callers may use this part of the reserve for the first pages: 1/8, and at most
 * half a chunk.  So the chunk that comes next makes the reserve whole again.
 */
#define FIRST_PART	8U
#define FIRST_MAX	(KSPAN_CHUNK_PAGES / 2UL)

/* A worker adds a chunk when callers have fewer pages left: half a chunk. */
#define AHEAD_PAGES	(KSPAN_CHUNK_PAGES / 2)

static void heap_destroy(int node)
{
	struct kspan_page_heap *heap = kspan_page_heaps[node];

	kspan_page_heap_trim(heap, 0, 0);
	if (heap->nr_chunks && !kspan_params.sbrk)
		pr_warn("node %d: %lu chunks with objects in them stay\n", node,
			heap->nr_chunks);
	kspan_page_heaps[node] = NULL;
	kspan_meta_free(heap, sizeof(*heap), KSPAN_SYS_OTHER);
}

/**
 * kspan_page_heap_init - set up a page heap with its reserve for every node
 *
 * Context: Module load.
 * Return: 0, -EINVAL for a reserve_kb above a quarter of memory, or -ENOMEM.
 */
int kspan_page_heap_init(void)
{
	unsigned long reserve = DIV_ROUND_UP(kspan_params.reserve_kb,
					     KSPAN_PAGE_SIZE >> 10);
	struct kspan_page_heap *heap;
	int node, err;

	if (kspan_params.reserve_kb > totalram_pages() * (PAGE_SIZE >> 10) / 4) {
		pr_err("parameter reserve_kb=%lu: more than a quarter of all memory\n",
		       kspan_params.reserve_kb);
		return -EINVAL;
	}
	for_each_kspan_node(node) {
		heap = kspan_meta_alloc(sizeof(*heap), KSPAN_SYS_OTHER, GFP_KERNEL);
		if (!heap) {
			err = -ENOMEM;
			goto undo;
		}
		kspan_page_heap_setup(heap, node,
				      DIV_ROUND_UP(reserve, kspan_nr_nodes));
		heap->first_pages = min(heap->reserve_pages / FIRST_PART,
					FIRST_MAX);
		heap->ahead_pages = AHEAD_PAGES;
		kspan_page_heaps[node] = heap;
	}
	err = kspan_page_heap_fill_reserve();
	/*
	 * A memory_limit below the reserve is obeyed; the reserve is smaller
	 * then.
	 */
	if (!err || err == -EDQUOT)
		return 0;
undo:
	kspan_page_heap_exit();
	return err;
}

/* Return all chunks without live objects.  Context: module unload. */
void kspan_page_heap_exit(void)
{
	int node;

	for_each_kspan_node(node)
		if (kspan_page_heaps[node])
			heap_destroy(node);
}
