// SPDX-License-Identifier: GPL-2.0
/*
 * Random replacement, as in the larson benchmark: with many live objects, free
 * a random one and allocate another.
 *
 * The sizes follow those of Google's servers: the mean of the ten distributions
 * in fleetbench (fleetbench/tcmalloc/distributions), uniform within each bin.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "bench.h"

#define NR_LIVE		10000U
#define NR_STEPS	32768U	/* drawn beforehand, and repeated; power of 2 */

/* A bin covers the sizes above the previous bin's @max up to its own. */
static const struct {
	unsigned int max;
	unsigned int share;	/* of all allocations, in 1/10000 */
} bins[] = {
	{ 8, 420 }, { 16, 720 }, { 32, 2310 }, { 64, 3050 }, { 96, 950 },
	{ 128, 600 }, { 192, 460 }, { 256, 320 }, { 512, 460 }, { 1024, 250 },
	{ 2048, 120 }, { 4096, 190 }, { 8192, 100 }, { 32768, 29 },
	{ 262144, 21 },
};

struct step {
	u32 slot;
	u32 size;
};

static struct step *steps;	/* NR_STEPS of them, the same for both sides */

u32 bench_fleet_size(u64 *random)
{
	unsigned int i = 0, low = 0, at = bench_below(random, 10000);

	while (at >= bins[i].share) {
		at -= bins[i].share;
		low = bins[i++].max;
	}
	return low + 1 + bench_below(random, bins[i].max - low);
}

/*
 * The objects stay from one measurement to the next, as in a program that runs
 * for long.
 */
static __always_inline u64 replace_loop(const struct bench_args *args,
					void **slots, unsigned int *pos,
					void *(*alloc)(size_t size, gfp_t gfp),
					void (*free)(const void *ptr))
{
	unsigned int i, at = *pos, loops = args->loops;
	gfp_t gfp = args->gfp;
	u64 start = bench_now();

	for (i = 0; i < loops; i++) {
		const struct step *step = &steps[at++ % NR_STEPS];
		void *ptr;

		free(slots[step->slot]);
		ptr = alloc(step->size, gfp);
		slots[step->slot] = ptr;
		if (unlikely(!ptr))
			return BENCH_FAILED;
		bench_touch(ptr, i);
	}
	*pos = at;
	return bench_now() - start;
}

static void **kspan_slots, **slab_slots;
static unsigned int kspan_pos, slab_pos;

static noinline u64 replace_kspan(const struct bench_args *args)
{
	return replace_loop(args, kspan_slots, &kspan_pos, kspan_alloc,
			    kspan_free);
}

static noinline u64 replace_slab(const struct bench_args *args)
{
	return replace_loop(args, slab_slots, &slab_pos, bench_kmalloc, kfree);
}

static int fill_slots(void)
{
	u64 random = NR_LIVE;
	unsigned int i;
	u32 size;

	for (i = 0; i < NR_STEPS; i++) {
		steps[i].slot = bench_below(&random, NR_LIVE);
		steps[i].size = bench_fleet_size(&random);
	}
	for (i = 0; i < NR_LIVE; i++) {
		size = bench_fleet_size(&random);
		kspan_slots[i] = kspan_alloc(size, GFP_KERNEL);
		slab_slots[i] = kmalloc(size, GFP_KERNEL);
		if (!kspan_slots[i] || !slab_slots[i])
			return -ENOMEM;
	}
	return 0;
}

/* A row for random replacement.  Return: 0 or -ENOMEM. */
int bench_fleet(void)
{
	struct bench_args args = {
		.gfp = GFP_KERNEL,
		.loops = bench_loops(1),
	};
	int err = -ENOMEM;
	unsigned int i;

	if (!bench_wanted("larson"))
		return 0;
	kspan_pos = 0;
	slab_pos = 0;
	steps = kvmalloc_array(NR_STEPS, sizeof(*steps), GFP_KERNEL);
	kspan_slots = kvcalloc(NR_LIVE, sizeof(*kspan_slots), GFP_KERNEL);
	slab_slots = kvcalloc(NR_LIVE, sizeof(*slab_slots), GFP_KERNEL);
	if (!steps || !kspan_slots || !slab_slots)
		goto out;
	err = fill_slots();
	if (!err)
		bench_row("larson", replace_kspan, replace_slab, &args);
	for (i = 0; i < NR_LIVE; i++) {
		kspan_free(kspan_slots[i]);
		kfree(slab_slots[i]);
	}
out:
	kvfree(slab_slots);
	kvfree(kspan_slots);
	kvfree(steps);
	return err;
}
