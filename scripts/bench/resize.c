// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that grow: by half, like a vector; by a line, like a log; and by a
 * page, like the buffer of a file.  And objects that shrink.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/sizes.h>

#include "bench.h"

static __always_inline size_t half_more(size_t size)
{
	return size + size / 2 + 8;
}

static __always_inline size_t a_line_more(size_t size)
{
	return size + 16;
}

static __always_inline size_t a_record_more(size_t size)
{
	return size + 64;
}

static __always_inline size_t a_page_more(size_t size)
{
	return size + SZ_4K;
}

static __always_inline u64 grow_loop(const struct bench_args *args,
				     size_t (*next)(size_t size),
				     void *(*resize)(const void *ptr, size_t size,
						     gfp_t gfp),
				     void (*free)(const void *ptr))
{
	unsigned int i, loops = args->loops;
	size_t size, end = args->size;
	u64 start = bench_now();
	void *ptr, *grown;

	for (i = 0; i < loops; i++) {
		ptr = NULL;
		for (size = next(0); size <= end; size = next(size)) {
			grown = resize(ptr, size, GFP_KERNEL);
			if (unlikely(!grown)) {
				free(ptr);
				return BENCH_FAILED;
			}
			ptr = grown;
			bench_touch(ptr, i);
		}
		free(ptr);
	}
	return bench_now() - start;
}

static __always_inline void *slab_resize(const void *ptr, size_t size, gfp_t gfp)
{
	return krealloc(ptr, size, gfp);
}

static noinline u64 half_kspan(const struct bench_args *args)
{
	return grow_loop(args, half_more, kspan_realloc, kspan_free);
}

static noinline u64 half_slab(const struct bench_args *args)
{
	return grow_loop(args, half_more, slab_resize, kfree);
}

static noinline u64 line_kspan(const struct bench_args *args)
{
	return grow_loop(args, a_line_more, kspan_realloc, kspan_free);
}

static noinline u64 line_slab(const struct bench_args *args)
{
	return grow_loop(args, a_line_more, slab_resize, kfree);
}

static noinline u64 record_kspan(const struct bench_args *args)
{
	return grow_loop(args, a_record_more, kspan_realloc, kspan_free);
}

static noinline u64 record_slab(const struct bench_args *args)
{
	return grow_loop(args, a_record_more, slab_resize, kfree);
}

static noinline u64 page_kspan(const struct bench_args *args)
{
	return grow_loop(args, a_page_more, kspan_realloc, kspan_free);
}

static noinline u64 page_slab(const struct bench_args *args)
{
	return grow_loop(args, a_page_more, slab_resize, kfree);
}

/* Allocate, resize to @to, free; args->size is what it was. */
static __always_inline u64 change_loop(const struct bench_args *args, size_t to,
				       void *(*alloc)(size_t size, gfp_t gfp),
				       void *(*resize)(const void *ptr, size_t size,
						       gfp_t gfp),
				       void (*free)(const void *ptr))
{
	unsigned int i, loops = args->loops;
	size_t from = args->size;
	u64 start = bench_now();
	void *ptr, *changed;

	for (i = 0; i < loops; i++) {
		ptr = alloc(from, GFP_KERNEL);
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
		changed = resize(ptr, to, GFP_KERNEL);
		if (unlikely(!changed)) {
			free(ptr);
			return BENCH_FAILED;
		}
		bench_touch(changed, i);
		free(changed);
	}
	return bench_now() - start;
}

/* What a row for a single change resizes to. */
static size_t change_to;

static noinline u64 change_kspan(const struct bench_args *args)
{
	return change_loop(args, change_to, kspan_alloc, kspan_realloc, kspan_free);
}

static noinline u64 change_slab(const struct bench_args *args)
{
	return change_loop(args, change_to, bench_kmalloc, slab_resize, kfree);
}

static const struct {
	const char *name;
	size_t from, to;
} changes[] = {
	{ "realloc-4096-3000", 4096, 3000 },
	{ "realloc-4096-100", 4096, 100 },
	{ "realloc-100-64", 100, 64 },
	{ "realloc-64-100", 64, 100 },
};

/* Rows for growing objects; an operation is one object.  Return: 0. */
int bench_resize(void)
{
	struct bench_args args = {
		.size = SZ_64K,
		.loops = bench_loops(32),
		.kernel = "krealloc",
	};
	unsigned int i;

	bench_row("grow-half-64k", half_kspan, half_slab, &args);
	args.size = SZ_4K;
	bench_row("grow-line-4k", line_kspan, line_slab, &args);
	bench_row("grow-record-4k", record_kspan, record_slab, &args);
	args.size = SZ_1M;
	args.loops = bench_loops(4096);
	bench_row("grow-page-1m", page_kspan, page_slab, &args);
	args.loops = bench_loops(1);
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		args.size = changes[i].from;
		change_to = changes[i].to;
		bench_row(changes[i].name, change_kspan, change_slab, &args);
	}
	return 0;
}
