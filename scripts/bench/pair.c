// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs: allocate an object, write a word to it, and free it.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/topology.h>
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

static __always_inline void *slab_node(size_t size, gfp_t gfp)
{
	return kmalloc_node(size, gfp, numa_mem_id());
}

static __always_inline void *node_alloc(size_t size, gfp_t gfp)
{
	return kspan_alloc_node(size, gfp, numa_mem_id());
}

static noinline u64 node_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, node_alloc, kspan_free);
}

static noinline u64 node_slab(const struct bench_args *args)
{
	return pair_loop(args, false, slab_node, kfree);
}

static noinline u64 tiny_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, kspan_alloc_tiny, kspan_free);
}

/* As the compiler sees it where the size is a constant. */
static __always_inline void *const_alloc(size_t size, gfp_t gfp)
{
	return kspan_alloc(64, GFP_KERNEL);
}

static __always_inline void *const_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(64, GFP_KERNEL);
}

static noinline u64 const_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, const_alloc, kspan_free);
}

static noinline u64 const_slab(const struct bench_args *args)
{
	return pair_loop(args, false, const_kmalloc, kfree);
}

/* The caller knows how large its objects are. */
static noinline u64 sized_kspan(const struct bench_args *args)
{
	unsigned int i, loops = args->loops;
	size_t size = args->size;
	u64 start = bench_now();
	void *ptr;

	for (i = 0; i < loops; i++) {
		ptr = kspan_alloc(size, args->gfp);
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
		kspan_free_sized(ptr, size);
	}
	return bench_now() - start;
}

/* Questions about one object, and calls that do nothing. */
static __always_inline u64 ask_loop(const struct bench_args *args,
				    void *(*alloc)(size_t size, gfp_t gfp),
				    size_t (*ask)(const void *ptr),
				    void (*free)(const void *ptr))
{
	unsigned int i, loops = args->loops;
	void *ptr = args->size ? alloc(args->size, args->gfp) : NULL;
	u64 start = bench_now(), took;
	size_t sum = 0;

	for (i = 0; i < loops; i++)
		sum += ask(ptr);
	took = bench_now() - start;
	/* The compiler must not leave the questions out. */
	OPTIMIZER_HIDE_VAR(sum);
	free(ptr);
	return took;
}

static noinline u64 ask_kspan(const struct bench_args *args)
{
	return ask_loop(args, kspan_alloc, kspan_size, kspan_free);
}

static noinline u64 ask_slab(const struct bench_args *args)
{
	return ask_loop(args, bench_kmalloc, ksize, kfree);
}

static __always_inline size_t free_null(const void *ptr)
{
	OPTIMIZER_HIDE_VAR(ptr);
	kspan_free(ptr);
	return 0;
}

static __always_inline size_t kfree_null(const void *ptr)
{
	OPTIMIZER_HIDE_VAR(ptr);
	kfree(ptr);
	return 0;
}

static noinline u64 null_kspan(const struct bench_args *args)
{
	return ask_loop(args, kspan_alloc, free_null, kspan_free);
}

static noinline u64 null_slab(const struct bench_args *args)
{
	return ask_loop(args, bench_kmalloc, kfree_null, kfree);
}

static __always_inline size_t alloc_nothing(const void *ptr)
{
	size_t size = 0;

	OPTIMIZER_HIDE_VAR(size);
	return (size_t)kspan_alloc(size, GFP_KERNEL);
}

static __always_inline size_t kmalloc_nothing(const void *ptr)
{
	size_t size = 0;

	OPTIMIZER_HIDE_VAR(size);
	return (size_t)kmalloc(size, GFP_KERNEL);
}

static noinline u64 nothing_kspan(const struct bench_args *args)
{
	return ask_loop(args, kspan_alloc, alloc_nothing, kspan_free);
}

static noinline u64 nothing_slab(const struct bench_args *args)
{
	return ask_loop(args, bench_kmalloc, kmalloc_nothing, kfree);
}

/* An alignment that is not the size's own; kmalloc() takes a power of two for it. */
static size_t odd_align;

static __always_inline void *get_odd(size_t size, gfp_t gfp)
{
	return kspan_alloc_aligned(size, odd_align, gfp);
}

static __always_inline void *slab_odd(size_t size, gfp_t gfp)
{
	return kmalloc(roundup_pow_of_two(max(size, odd_align)), gfp);
}

static noinline u64 odd_kspan(const struct bench_args *args)
{
	return pair_loop(args, false, get_odd, kspan_free);
}

static noinline u64 odd_slab(const struct bench_args *args)
{
	return pair_loop(args, false, slab_odd, kfree);
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

static const struct {
	const char *name;
	size_t size, align;
} odd_sizes[] = {
	{ "aligned-24-16", 24, 16 },
	{ "aligned-100-64", 100, 64 },
	{ "aligned-600-512", 600, 512 },
	{ "aligned-4097-4k", 4097, 4096 },
};

/* Single calls that do something else than allocate and free. */
static void other_rows(struct bench_args *args)
{
	unsigned int i;

	args->size = 64;
	bench_row("const-64", const_kspan, const_slab, args);
	bench_row("sized-64", sized_kspan, pair_slab, args);
	bench_row("node-64", node_kspan, node_slab, args);
	args->gfp |= __GFP_THISNODE;
	bench_row("thisnode-64", node_kspan, node_slab, args);
	args->gfp = GFP_KERNEL;
	bench_row("ask-size-64", ask_kspan, ask_slab, args);
	args->size = 8;
	bench_row("tiny-8", tiny_kspan, pair_slab, args);
	args->size = 0;
	bench_row("free-null", null_kspan, null_slab, args);
	bench_row("alloc-0", nothing_kspan, nothing_slab, args);
	for (i = 0; i < ARRAY_SIZE(odd_sizes); i++) {
		args->size = odd_sizes[i].size;
		odd_align = odd_sizes[i].align;
		bench_row(odd_sizes[i].name, odd_kspan, odd_slab, args);
	}
}

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
	other_rows(&args);
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
