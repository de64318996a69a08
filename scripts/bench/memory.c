// SPDX-License-Identifier: GPL-2.0
/*
 * Memory used in relation to memory requested: while all objects are live,
 * after nine tenths were freed at random, and after all were freed.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kmod.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/sizes.h>
#include <linux/umh.h>
#include <linux/vmstat.h>

#include "bench.h"

#define NR_MAX		1000000U

static void **objs;
static u32 *sizes;

/* Requested bytes, and the bytes that one side uses for them. */
struct use {
	u64 asked;
	u64 live;
	u64 asked_kept;
	u64 kept;
	u64 none;
};

static u64 kspan_used(void)
{
	struct kspan_stats stats;

	kspan_read_stats(&stats);
	return stats.sys;
}

/* All slab pages, and the pages kmalloc() gets from the page allocator. */
static u64 slab_used(void)
{
	return (u64)(global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		     global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)) <<
	       PAGE_SHIFT;
}

static void kspan_shrink(void)
{
	kspan_release();
}

/* No function that modules can call shrinks all of kmalloc()'s caches. */
static void slab_shrink(void)
{
	char shell[] = "/bin/sh", option[] = "-c", path[] = "PATH=/bin";
	char command[] = "for f in /sys/kernel/slab/*/shrink; do echo 1 >$f; done";
	char *argv[4] = { shell, option, command };
	char *envp[2] = { path };

	if (call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC))
		pr_warn("kspan_bench: could not shrink the kernel's caches\n");
}

static void measure(u64 want, void *(*alloc)(size_t size, gfp_t gfp),
		    void (*free)(const void *ptr), u64 (*used)(void),
		    void (*shrink)(void), struct use *use)
{
	unsigned int nr = 0, nr_kept, at;
	u64 before, random = 7;

	shrink();
	before = used();
	for (; use->asked < want && nr < NR_MAX; nr++) {
		sizes[nr] = bench_fleet_size(&random);
		objs[nr] = alloc(sizes[nr], GFP_KERNEL | __GFP_NOWARN);
		if (!objs[nr])
			break;
		use->asked += sizes[nr];
		if (nr % 1024 == 0)
			cond_resched();
	}
	use->live = used() - before;

	use->asked_kept = use->asked;
	for (nr_kept = nr / 10; nr > nr_kept;) {
		at = bench_below(&random, nr--);
		free(objs[at]);
		use->asked_kept -= sizes[at];
		objs[at] = objs[nr];
		sizes[at] = sizes[nr];
	}
	shrink();
	use->kept = used() - before;

	while (nr)
		free(objs[--nr]);
	shrink();
	use->none = used() - before;
	/* Counters of pages are exact to some tens of pages a CPU. */
	if ((s64)use->none < 0)
		use->none = 0;
}

static void *slab_alloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static void slab_free(const void *ptr)
{
	kfree(ptr);
}

static void memory_rows(void)
{
	u64 want = min(si_mem_available() / 4 * PAGE_SIZE, (u64)SZ_128M);
	struct use kspan = {}, slab = {};

	measure(want, kspan_alloc, kspan_free, kspan_used, kspan_shrink, &kspan);
	measure(want, slab_alloc, slab_free, slab_used, slab_shrink, &slab);
	if (!kspan.asked || kspan.asked != slab.asked) {
		pr_warn("kspan_bench: out of memory, no rows of memory\n");
		return;
	}
	if (bench_wanted("memory-live"))
		bench_memory_row("memory-live", kspan.live, slab.live, kspan.asked);
	if (bench_wanted("memory-keep-10"))
		bench_memory_row("memory-keep-10", kspan.kept, slab.kept,
				 kspan.asked_kept);
	if (bench_wanted("memory-keep-0"))
		bench_memory_row("memory-keep-0", kspan.none, slab.none,
				 kspan.asked);
}

/* Rows for memory used.  Return: 0 or -ENOMEM. */
int bench_memory(void)
{
	int err = -ENOMEM;

	if (!bench_group_wanted("memory-"))
		return 0;
	objs = kvmalloc_array(NR_MAX, sizeof(*objs), GFP_KERNEL);
	sizes = kvmalloc_array(NR_MAX, sizeof(*sizes), GFP_KERNEL);
	if (objs && sizes) {
		memory_rows();
		err = 0;
	}
	kvfree(sizes);
	kvfree(objs);
	return err;
}
