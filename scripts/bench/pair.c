// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs: allocate an object, write a word to it, and free it.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bench.h"

static __always_inline u64 pair_loop(const struct bench_args *args, bool every,
				     void *(*alloc)(size_t size, gfp_t gfp),
				     void (*free)(const void *ptr))
{
	size_t at;

	unsigned int i, loops = args->loops;
	size_t size = args->size;
	gfp_t gfp = args->gfp;
	u64 start = bench_now();
	void *ptr;

	for (i = 0; i < loops; i++) {
		ptr = alloc(size, gfp);
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
		/* With @every, write to each page. */
		for (at = PAGE_SIZE; every && at < size; at += PAGE_SIZE)
			bench_touch(ptr + at, i);
		free(ptr);
	}
	return bench_now() - start;
}

static __always_inline void *slab_zalloc(size_t size, gfp_t gfp)
{
	return kzalloc(size, gfp);
}

static __always_inline void *virtual_alloc(size_t size, gfp_t gfp)
{
	return vmalloc(size);
}

static noinline u64 pair_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, kspan_alloc, kspan_free);
}

static noinline u64 pair_slab(const struct bench_args *args)
{
	return pair_loop(args, false, bench_kmalloc, kfree);
}

static noinline u64 zeroed_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, kspan_zalloc, kspan_free);
}

static noinline u64 zeroed_slab(const struct bench_args *args)
{
	return pair_loop(args, false, slab_zalloc, kfree);
}

static noinline u64 pair_either(const struct bench_args *args)
{
	return pair_loop(args, false, bench_kvmalloc, kvfree);
}

static noinline u64 pair_virtual(const struct bench_args *args)
{
	return pair_loop(args, false, virtual_alloc, vfree);
}

static noinline u64 touched_kspan(const struct bench_args *args)
{
	return pair_loop(args, true, kspan_alloc, kspan_free);
}

static noinline u64 touched_either(const struct bench_args *args)
{
	return pair_loop(args, true, bench_kvmalloc, kvfree);
}

/* Aligned to its size, as kmalloc() does it. */
static __always_inline void *get_aligned(size_t size, gfp_t gfp)
{
	return kspan_alloc_aligned(size, size, gfp);
}

static noinline u64 aligned_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, get_aligned, kspan_free);
}

static const unsigned int small_sizes[] = {
	8, 16, 24, 32, 48, 64, 96, 100, 128, 192, 200, 256, 512, 1000, 1024,
	2048, 4096, 8192, 16384, 32768,
};

static const unsigned int other_sizes[] = { 64, 512, 4096 };

static const struct {
	const char *name;
	size_t size;
	unsigned int share;	/* of the usual loops, one in so many */
} large_sizes[] = {
	{ "64k", SZ_64K, 32 },
	{ "1m", SZ_1M, 256 },
	{ "16m", SZ_16M, 4096 },
};

/* Powers of two, aligned to their size. */
static const struct {
	const char *name;
	size_t size;
	unsigned int share;
} aligned_sizes[] = {
	{ "aligned-64", 64, 1 },
	{ "aligned-16k", SZ_16K, 16 },
	{ "aligned-64k", SZ_64K, 32 },
	{ "aligned-1m", SZ_1M, 256 },
	{ "aligned-2m", SZ_2M, 512 },
};

/* The size of every class, and a size in the middle below it. */
static void every_class(struct bench_args *args)
{
	size_t size, last = 0;
	char name[32];

	for (size = 8; size <= SZ_32K; size = kspan_size_roundup(size + 1)) {
		args->size = size;
		snprintf(name, sizeof(name), "class-%zu", size);
		bench_row(name, pair_kspan, pair_slab, args);
		args->size = last + (size - last + 1) / 2;
		snprintf(name, sizeof(name), "class-%zu-mid", size);
		if (args->size != size)
			bench_row(name, pair_kspan, pair_slab, args);
		last = size;
	}
}

/* Rows for pairs of all kinds.  Return: 0. */
int bench_pairs(void)
{
	struct bench_args args = { .gfp = GFP_KERNEL, .loops = bench_loops(1) };
	unsigned int i, loops = args.loops;
	char name[32];

	for (i = 0; i < ARRAY_SIZE(small_sizes); i++) {
		args.size = small_sizes[i];
		snprintf(name, sizeof(name), "pair-%zu", args.size);
		bench_row(name, pair_kspan, pair_slab, &args);
	}
	every_class(&args);
	for (i = 0; i < ARRAY_SIZE(other_sizes); i++) {
		args.size = other_sizes[i];
		snprintf(name, sizeof(name), "zeroed-%zu", args.size);
		bench_row(name, zeroed_kspan, zeroed_slab, &args);
	}
	args.gfp = GFP_ATOMIC;
	for (i = 0; i < ARRAY_SIZE(other_sizes); i++) {
		args.size = other_sizes[i];
		snprintf(name, sizeof(name), "atomic-%zu", args.size);
		bench_row(name, pair_kspan, pair_slab, &args);
	}
	args.gfp = GFP_KERNEL;
	for (i = 0; i < ARRAY_SIZE(aligned_sizes); i++) {
		args.size = aligned_sizes[i].size;
		args.loops = max(loops / aligned_sizes[i].share, 2U);
		bench_row(aligned_sizes[i].name, aligned_kspan, pair_slab,
			  &args);
	}
	for (i = 0; i < ARRAY_SIZE(large_sizes); i++) {
		args.size = large_sizes[i].size;
		args.loops = max(loops / large_sizes[i].share, 2U);
		args.kernel = "kvmalloc";
		snprintf(name, sizeof(name), "large-%s-kv", large_sizes[i].name);
		bench_row(name, pair_kspan, pair_either, &args);
		snprintf(name, sizeof(name), "large-%s-touched",
			 large_sizes[i].name);
		bench_row(name, touched_kspan, touched_either, &args);
		args.kernel = "vmalloc";
		snprintf(name, sizeof(name), "large-%s-v", large_sizes[i].name);
		bench_row(name, pair_kspan, pair_virtual, &args);
	}
	return 0;
}
