// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that grow: by half, as a vector does, and by a line, as a log does.
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

/* Rows for growing objects; an operation is one object.  Return: 0. */
int bench_resize(void)
{
	struct bench_args args = {
		.size = SZ_64K,
		.loops = bench_loops(32),
		.kernel = "krealloc",
	};

	bench_row("grow-half-64k", half_kspan, half_slab, &args);
	args.size = SZ_4K;
	bench_row("grow-line-4k", line_kspan, line_slab, &args);
	return 0;
}
