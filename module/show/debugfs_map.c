// SPDX-License-Identifier: GPL-2.0
/* The debugfs files that map the memory: arenas and spans. */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "base/inject.h"
#include "base/node.h"
#include "base/noprobe.h"
#include "heap/large_cache.h"
#include "heap/page_heap.h"
#include "show/debugfs.h"
#include "span/arena.h"

/*
 * A map string has this many characters per frame, each for MAP_GROUP heap
 * pages.
 */
#define MAP_CHARS	64U
#define MAP_GROUP	(KSPAN_FRAME_PAGES / MAP_CHARS)

/*
 * The parts of a frame that chunks and regions cover; a bit for each heap page.
 */
struct frame_map {
	unsigned long base;
	unsigned int nr_chunks;
	DECLARE_BITMAP(have, KSPAN_FRAME_PAGES);
	DECLARE_BITMAP(used, KSPAN_FRAME_PAGES);
};

/* Clip a range of heap pages to the frame.  Returns false if none are in it. */
static bool clip(const struct frame_map *map, unsigned long addr,
		 unsigned long nr_pages, unsigned long *first,
		 unsigned long *skip, unsigned long *nr)
{
	unsigned long start = addr >> KSPAN_PAGE_SHIFT;
	unsigned long frame = map->base >> KSPAN_PAGE_SHIFT;
	unsigned long from = max(start, frame);
	unsigned long to = min(start + nr_pages, frame + KSPAN_FRAME_PAGES);

	if (from >= to)
		return false;
	*first = from - frame;
	*skip = from - start;
	*nr = to - from;
	return true;
}

/*
 * The chunks of all nodes, copied in one walk and sorted by address.  One walk
 * per frame would take time proportional to the square of the heap.
 */
struct chunk_copy {
	unsigned long base;
	unsigned int nr_pages;
	DECLARE_BITMAP(map, KSPAN_CHUNK_MAX);
};

struct chunk_list {
	unsigned long nr;
	unsigned long max;
	struct chunk_copy *chunk;
};

/* Chunks beyond list->max are left out. */
static __kspan_noprobe void copy_chunk(const struct kspan_chunk *chunk, void *arg)
{
	struct chunk_list *list = arg;
	struct chunk_copy *copy;

	if (list->nr == list->max)
		return;
	copy = &list->chunk[list->nr++];
	copy->base = chunk->base;
	copy->nr_pages = chunk->nr_pages;
	bitmap_copy(copy->map, chunk->map, KSPAN_CHUNK_MAX);
}

static int by_base(const void *a, const void *b)
{
	const struct chunk_copy *left = a, *right = b;

	return left->base < right->base ? -1 : left->base > right->base;
}

/* Context: Process context that may sleep.  Return: 0 or -ENOMEM. */
static int copy_chunks(struct chunk_list *list)
{
	int node;

	list->nr = 0;
	list->max = 0;
	for_each_kspan_node(node)
		list->max += READ_ONCE(kspan_page_heap_of(node)->nr_chunks);
	/* Leave room for chunks that are added meanwhile. */
	list->max += list->max / 16 + 16;
	list->chunk = kvmalloc_array(list->max, sizeof(*list->chunk), GFP_KERNEL);
	if (!list->chunk)
		return -ENOMEM;
	for_each_kspan_node(node)
		kspan_page_heap_walk(kspan_page_heap_of(node), copy_chunk, list);
	sort(list->chunk, list->nr, sizeof(*list->chunk), by_base, NULL);
	return 0;
}

static void map_chunk(const struct chunk_copy *chunk, struct frame_map *map)
{
	unsigned long first, skip, nr, i;

	if (!clip(map, chunk->base, chunk->nr_pages, &first, &skip, &nr))
		return;
	map->nr_chunks++;
	bitmap_set(map->have, first, nr);
	for (i = 0; i < nr; i++)
		if (test_bit(skip + i, chunk->map))
			__set_bit(first + i, map->used);
}

/* Map the memory of a large object; that of a run lies in a chunk. */
static void map_large(const struct kspan_span *span, struct frame_map *map)
{
	bool is_kept = READ_ONCE(span->live) == KSPAN_LIFE_NONE;
	unsigned long first, skip, nr;

	if (!kspan_is_region(span)) {
		/* map_chunk() counted a cached run as in use. */
		if (is_kept && clip(map, span->base, READ_ONCE(span->nr_pages),
				    &first, &skip, &nr))
			bitmap_clear(map->used, first, nr);
		return;
	}
	if (!clip(map, (unsigned long)span->mem, span->region_pages, &first,
		  &skip, &nr))
		return;
	map->nr_chunks++;
	bitmap_set(map->have, first, nr);
	if (!is_kept)
		bitmap_set(map->used, first, nr);
}

/* Map all large objects of a frame, found through the arena map. */
static void map_larges(struct kspan_span **table, struct frame_map *map)
{
	const struct kspan_span *span, *last = NULL;
	unsigned int i;

	for (i = 0; i < KSPAN_FRAME_PAGES; i++) {
		/* Spans are reused only after a grace period. */
		preempt_disable();
		span = READ_ONCE(table[i]);
		if (span->kind == KSPAN_LARGE && span != last)
			map_large(span, map);
		preempt_enable();
		last = span;
	}
}

static unsigned long longest_idle(const struct frame_map *map)
{
	unsigned long at = 0, end, longest = 0;

	while ((at = find_next_andnot_bit(map->have, map->used,
					  KSPAN_FRAME_PAGES, at)) <
	       KSPAN_FRAME_PAGES) {
		for (end = at; end < KSPAN_FRAME_PAGES &&
		     test_bit(end, map->have) && !test_bit(end, map->used); end++)
			;
		longest = max(longest, end - at);
		at = end;
	}
	return longest;
}

static unsigned int weight_of(const unsigned long *bits, unsigned int first)
{
	unsigned int i, weight = 0;

	for (i = first; i < first + MAP_GROUP; i++)
		weight += test_bit(i, bits);
	return weight;
}

/* '.' no memory, '-' idle, '+' partly in use, '#' all in use. */
static void show_map(struct seq_file *m, const struct frame_map *map)
{
	unsigned int i;

	for (i = 0; i < KSPAN_FRAME_PAGES; i += MAP_GROUP) {
		unsigned int have = weight_of(map->have, i);
		unsigned int used = weight_of(map->used, i);

		if (!have)
			seq_putc(m, '.');
		else if (!used)
			seq_putc(m, '-');
		else
			seq_putc(m, used == have ? '#' : '+');
	}
}

/*
 * Frames come in ascending order; *@next is the first chunk that can be in this
 * one.
 */
static void show_frame(struct seq_file *m, struct frame_map *map,
		       struct kspan_span **table, unsigned long base,
		       const struct chunk_list *list, unsigned long *next)
{
	const struct chunk_copy *chunk = list->chunk;
	unsigned int have, used;
	unsigned long i;

	memset(map, 0, sizeof(*map));
	map->base = base;
	while (*next < list->nr && chunk[*next].base - 1 +
	       (chunk[*next].nr_pages << KSPAN_PAGE_SHIFT) < base)
		++*next;
	for (i = *next; i < list->nr &&
	     chunk[i].base <= base + (KSPAN_FRAME_SIZE - 1); i++)
		map_chunk(&chunk[i], map);
	map_larges(table, map);
	have = bitmap_weight(map->have, KSPAN_FRAME_PAGES);
	used = bitmap_weight(map->used, KSPAN_FRAME_PAGES);
	if (!have)
		return;
	seq_printf(m, "%lu %u %u %u %lu ", kspan_arena_index(base),
		   map->nr_chunks, used, have - used, longest_idle(map));
	show_map(m, map);
	seq_putc(m, '\n');
}

static int arenas_show(struct seq_file *m, void *unused)
{
	struct frame_map *map = NULL;
	unsigned long addr = 0, next = 0;
	struct kspan_span **table;
	struct chunk_list list;

	if (!kspan_inject(KSPAN_INJECT_TABLE))
		map = kmalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return -ENOMEM;
	if (copy_chunks(&list)) {
		kfree(map);
		return -ENOMEM;
	}
	seq_puts(m, "arena chunks inuse idle longest map\n");
	while ((table = kspan_arena_frame(&addr))) {
		show_frame(m, map, table, addr, &list, &next);
		cond_resched();
		if (addr > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
		addr += KSPAN_FRAME_SIZE;
	}
	kvfree(list.chunk);
	kfree(map);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(arenas);

/*
 * The file "spans" is read one span at a time.  A position in the file is the
 * number of a heap page in the address space; position 0 is the header.
 */
static unsigned long span_page(unsigned long page)
{
	unsigned long addr = page << KSPAN_PAGE_SHIFT, frame = addr, i;
	struct kspan_span **table;
	bool found;

	while ((table = kspan_arena_frame(&frame))) {
		i = max(addr, frame) - frame;
		for (i >>= KSPAN_PAGE_SHIFT; i < KSPAN_FRAME_PAGES; i++) {
			struct kspan_span *span;

			addr = frame + (i << KSPAN_PAGE_SHIFT);
			preempt_disable();
			span = READ_ONCE(table[i]);
			/* A region may begin in the middle of a heap page. */
			found = span->kind != KSPAN_NONE &&
				ALIGN_DOWN(READ_ONCE(span->base),
					   KSPAN_PAGE_SIZE) == addr;
			preempt_enable();
			if (found)
				return addr >> KSPAN_PAGE_SHIFT;
		}
		cond_resched();
		if (frame > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
		frame += KSPAN_FRAME_SIZE;
	}
	return 0;
}

static void *spans_start(struct seq_file *m, loff_t *pos)
{
	unsigned long page;

	if (!*pos)
		return SEQ_START_TOKEN;
	page = span_page(*pos);
	if (!page)
		return NULL;
	*pos = page;
	return pos;
}

static void *spans_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return spans_start(m, pos);
}

static void spans_stop(struct seq_file *m, void *v)
{
}

static const char *large_state(const struct kspan_span *span)
{
	switch (READ_ONCE(span->live)) {
	case KSPAN_LIFE_NONE:
		return "cached";
	case KSPAN_LIFE_QUARANTINED:
		return "quarantined";
	default:
		return "large";
	}
}

static const char *span_state(const struct kspan_span *span)
{
	if (span->kind == KSPAN_LARGE)
		return large_state(span);
	if (!READ_ONCE(span->magic) && span->kind != KSPAN_TINY)
		return "quarantined";
	if (READ_ONCE(span->nr_free) == span->nr_objs)
		return "empty";
	return READ_ONCE(span->nr_free) ? "partial" : "full";
}

static int spans_show(struct seq_file *m, void *v)
{
	unsigned int i, objs = 1, live = 1, class = 0;
	struct kspan_span *span;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "pages class objects live state owner\n");
		return 0;
	}
	preempt_disable();
	span = kspan_span_find((void *)((unsigned long)*(loff_t *)v << KSPAN_PAGE_SHIFT));
	/* The span may have ended since it was found. */
	if (span->kind == KSPAN_NONE || span->kind == KSPAN_GUARD)
		goto unlock;
	if (span->kind == KSPAN_LARGE) {
		live = kspan_life_is_live(READ_ONCE(span->live));
	} else {
		class = kspan_sc_class(kspan_span_sc(span));
		objs = span->nr_objs;
		for (i = 0, live = 0; i < objs; i++)
			live += kspan_obj_is_live(READ_ONCE(span->state[i]));
	}
	seq_printf(m, "%u %u %u %u %s %s\n", kspan_span_pages(span), class,
		   objs, live, span_state(span), kspan_kind_names[span->kind]);
unlock:
	preempt_enable();
	return 0;
}

static const struct seq_operations spans_sops = {
	.start = spans_start,
	.next = spans_next,
	.stop = spans_stop,
	.show = spans_show,
};
DEFINE_SEQ_ATTRIBUTE(spans);

/* Create the files in kspan's directory.  Context: module load. */
void kspan_debugfs_add_maps(struct dentry *dir)
{
	debugfs_create_file("arenas", 0400, dir, NULL, &arenas_fops);
	debugfs_create_file("spans", 0400, dir, NULL, &spans_fops);
}
