// SPDX-License-Identifier: GPL-2.0
/*
 * Waves of equal objects: allocate many, write to each, free all of them, and
 * start again.  The larger the object, the more a wave uses the layers behind
 * the caches: spans are added and dropped, and large objects come from the
 * kernel and return to it.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "bench.h"

#define OBJS_MAX	4096U
/* Bytes of a phase of the row whose sizes change. */
#define PHASE_BYTES	(100UL << 20)
/* Sizes that are asked for once after a release. */
#define NR_SIZES	100U

static void **objs;		/* OBJS_MAX of them */

/*
 * Allocate @nr objects, each @step bytes larger than the one before, and free them.
 * Return: false without memory.
 */
static __always_inline bool one_wave(unsigned int nr, size_t size, size_t step,
				     void *(*alloc)(size_t size, gfp_t gfp),
				     void (*free)(const void *ptr))
{
	unsigned int got, i;

	for (got = 0; got < nr; got++, size += step) {
		objs[got] = alloc(size, GFP_KERNEL);
		if (unlikely(!objs[got]))
			break;
		bench_touch(objs[got], got);
	}
	for (i = 0; i < got; i++)
		free(objs[i]);
	return got == nr;
}

static __always_inline u64 wave_loop(const struct bench_args *args,
				     void *(*alloc)(size_t size, gfp_t gfp),
				     void (*free)(const void *ptr))
{
	u64 start = bench_now();
	unsigned int loop;

	for (loop = 0; loop < args->loops; loop++)
		if (!one_wave(args->batch, args->size, 0, alloc, free))
			return BENCH_FAILED;
	return bench_now() - start;
}

static noinline u64 wave_kspan(const struct bench_args *args)
{
	return wave_loop(args, kspan_alloc, kspan_free);
}

static noinline u64 wave_slab(const struct bench_args *args)
{
	return wave_loop(args, bench_kmalloc, kfree);
}

static noinline u64 wave_either(const struct bench_args *args)
{
	return wave_loop(args, bench_kvmalloc, kvfree);
}

/* A wave for which nothing is kept; giving it back is not counted. */
static noinline u64 cold_kspan(const struct bench_args *args)
{
	kspan_release();
	return wave_kspan(args);
}

/* One phase after the other, each with objects of another size. */
static __always_inline u64 phase_loop(const struct bench_args *args,
				      void *(*alloc)(size_t size, gfp_t gfp),
				      void (*free)(const void *ptr))
{
	static const size_t sizes[] = { 50 << 10, 70 << 10, 100 << 10, 50 << 10 };
	struct bench_args phase = { .loops = 1 };
	u64 sum = 0, took;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		phase.size = sizes[i];
		phase.batch = PHASE_BYTES / sizes[i];
		took = wave_loop(&phase, alloc, free);
		if (took == BENCH_FAILED)
			return BENCH_FAILED;
		/* An operation is an object of whatever size. */
		sum += took * (args->batch / ARRAY_SIZE(sizes)) / phase.batch;
	}
	return sum;
}

static noinline u64 phase_kspan(const struct bench_args *args)
{
	return phase_loop(args, kspan_alloc, kspan_free);
}

static noinline u64 phase_either(const struct bench_args *args)
{
	return phase_loop(args, bench_kvmalloc, kvfree);
}

/* An object of each of many sizes, the first ones after a release. */
static __always_inline u64 sizes_loop(const struct bench_args *args,
				      void *(*alloc)(size_t size, gfp_t gfp),
				      void (*free)(const void *ptr))
{
	u64 start = bench_now();

	if (!one_wave(NR_SIZES, 8, 80, alloc, free))
		return BENCH_FAILED;
	return bench_now() - start;
}

static noinline u64 sizes_kspan(const struct bench_args *args)
{
	kspan_release();
	return sizes_loop(args, kspan_alloc, kspan_free);
}

static noinline u64 sizes_slab(const struct bench_args *args)
{
	return sizes_loop(args, bench_kmalloc, kfree);
}

static const struct {
	const char *name;
	size_t size;
	unsigned int nr;
} waves[] = {
	{ "wave-1k", SZ_1K, 4096 },
	{ "wave-2k", SZ_2K, 4096 },
	{ "wave-4k", SZ_4K, 4096 },
	{ "wave-8k", SZ_8K, 4096 },
	{ "wave-16k", SZ_16K, 1024 },
	{ "wave-32k", SZ_32K, 1024 },
	{ "wave-256-4k", SZ_4K, 256 },
	{ "wave-256-8k", SZ_8K, 256 },
	{ "wave-256-16k", SZ_16K, 256 },
	{ "wave-256-32k", SZ_32K, 256 },
};

static const struct {
	const char *name;
	size_t size;
	unsigned int nr;
} cold[] = {
	{ "cold-33k", 33 << 10, 128 },
	{ "cold-64k", SZ_64K, 64 },
	{ "cold-256k", SZ_256K, 32 },
	{ "cold-1m", SZ_1M, 16 },
};

static void wave_rows(void)
{
	struct bench_args args = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(waves); i++) {
		args.size = waves[i].size;
		args.batch = waves[i].nr;
		args.loops = bench_loops(8 * waves[i].nr);
		bench_row(waves[i].name, wave_kspan, wave_slab, &args);
	}
	args.kernel = "kvmalloc";
	args.loops = 1;
	for (i = 0; i < ARRAY_SIZE(cold); i++) {
		args.size = cold[i].size;
		args.batch = cold[i].nr;
		bench_row(cold[i].name, cold_kspan, wave_either, &args);
	}
	args.batch = OBJS_MAX;
	bench_row("phases-100m", phase_kspan, phase_either, &args);
	args.batch = NR_SIZES;
	args.kernel = NULL;
	bench_row("sizes-100", sizes_kspan, sizes_slab, &args);
}

/* Rows for waves of objects.  Return: 0 or -ENOMEM. */
int bench_waves(void)
{
	objs = kvmalloc_array(OBJS_MAX, sizeof(*objs), GFP_KERNEL);
	if (!objs)
		return -ENOMEM;
	wave_rows();
	kvfree(objs);
	return 0;
}
