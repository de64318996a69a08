// SPDX-License-Identifier: GPL-2.0
/*
 * Target: the whole allocator.  An input loads the module with its own
 * parameters, possibly while the kernel refuses a request for memory.  It then
 * calls all functions in all contexts, and unloads the module.
 */
#include <linux/kspan.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include "api.h"
#include "base/meta.h"
#include "cache/cache_tops.h"
#include "cache/stash.h"
#include "cache/tiny.h"
#include "heap/backing.h"
#include "heap/chunk.h"
#include "heap/page_heap.h"
#include "span/arena.h"
#include "span/redzone.h"

/*
 * Static per-CPU memory, which kspan counts and the simulated kernel does not, in
 * bytes.
 */
static long uncounted;

static long not_held(void)
{
	return (long)kspan_sys_total() -
	       (long)(sim_bytes_held() + sim_percpu_held());
}

/* Bytes of descriptors and magazines in use after the load. */
static long inuse;

/* --- the world ------------------------------------------------------------- */

/* A CPU that is offline has no magazines and no objects. */
static void check_bare(unsigned int cpu)
{
	struct kspan_ctx_cache c;
	unsigned int ctx, sc;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = kspan_cache_of(cpu, ctx);
		for (sc = 1; sc < KSPAN_NR_SC; sc++)
			SIM_CHECK(kspan_is_bare(&c, sc));
	}
}

static void change_cpu(const struct fuzz_step *step)
{
	switch (step->x % 4) {
	case 0:
		sim_cpu_down();
		check_bare(1);
		break;
	case 1:
		sim_cpu_up();
		break;
	default:
		sim_cpu = sim_online_cpus & 2 ? step->x & 1 : 0;
		break;
	}
}

/* memory_limit: none, or near the memory in use. */
static void change_limit(const struct fuzz_step *step)
{
	unsigned long limit = kspan_sys_total() + (s16)step->x * 64L;

	kspan_params.memory_limit = step->y & 1 ? limit : 0;
}

/* The most that a probe's use of kspan can change in this CPU's caches. */
static void probe(void)
{
	kspan_tiny_drain_local();
	kspan_cache_drain_local();
}

/* Calls of probe_pair(). */
static unsigned int nr_pairs;

/*
 * The least that it can change: it may fill what was drained, and drain what
 * was filled.  The allocation does not count failures, as no step made it.
 */
static void probe_pair(void)
{
	unsigned int sc = 1 + nr_pairs++ % KSPAN_NR_CLASSES;
	const void *ptr;
	u8 was;

	if (kspan_redzone_on())
		return;
	ptr = kspan_cache_take(sc, &was);
	if (ptr)
		kspan_cache_put(sc, ptr, kspan_span_find(ptr)->state +
				 kspan_span_index(kspan_span_find(ptr),
						  (unsigned long)ptr));
}

static void change_world(const struct fuzz_step *step)
{
	size_t held = sim_bytes_held();

	switch (step->a % 10) {
	case 0 ... 1:
		change_cpu(step);
		break;
	case 2:
		sim_run_irq_work();
		break;
	case 3:
		sim_run_workers();
		break;
	case 4:
		sim_advance(step->x % (2 * HZ));
		break;
	case 5:
		if (step->y & 1)
			sim_oom();
		else
			sim_shrink(step->x % 1024);
		break;
	case 6:
		SIM_CHECK(kspan_release() <= held);
		break;
	case 7:
		if (step->y & 2)
			api_heap(step);
		else
			change_limit(step);
		break;
	case 8:
		sim_far = step->x & 1;
		break;
	default:
		sim_refuse_nth = step->x % 16;
		sim_refuse = step->y;
		sim_page_probe = step->x & 16 ? probe : NULL;
		sim_lock_probe = step->x & 64 ? probe_pair : probe;
		sim_lock_probe_nth = step->x >> 8 & 31;
		if (!(step->x & 32) || !sim_lock_probe_nth)
			sim_lock_probe = NULL;
		break;
	}
}

static void check_all(void)
{
	unsigned int i;

	live_check_stats();
	fuzz_verify(live.wrote_freed || live_nr_spoilt());
	for (i = 0; i < live.nr; i++)
		live_check(&live.obj[i], live.obj[i].asked);
	/* All memory of the simulated kernel is counted. */
	SIM_CHECK(not_held() == uncounted);
}

static void run_step(const struct fuzz_step *step)
{
	sim_printk("step %u: %u %u %u\n", step->code % 32, step->a, step->x,
		   step->y);
	switch (step->code % 32) {
	case 0 ... 9:
		api_alloc(step);
		break;
	case 10 ... 14:
		api_free(step);
		break;
	case 15 ... 17:
		api_alloc_bulk(step);
		break;
	case 18 ... 20:
		api_free_bulk(step);
		break;
	case 21 ... 23:
		api_resize(step);
		break;
	case 24 ... 25:
		api_free_bad(step);
		break;
	case 26:
		api_overwrite(step);
		break;
	case 27:
		check_all();
		break;
	default:
		change_world(step);
		break;
	}
	sim_leave(SIM_TASK);
}

/* --- the end --------------------------------------------------------------- */

static long inuse_now(void)
{
	return atomic_long_read(&kspan_inuse_bytes[KSPAN_SYS_MSPAN]) +
	       atomic_long_read(&kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
}

/* With all objects freed and memory released, only the reserve is left. */
static void end_empty(void)
{
	struct kspan_stats stats;

	api_free_all();
	sim_refuse = 0;
	sim_refuse_nth = 0;
	api_heaps_end();
	sim_run_irq_work();
	sim_run_workers();
	kspan_release();
	check_all();
	kspan_read_stats(&stats);
	SIM_CHECK(!stats.heap_objects && !stats.alloc);
	if (live.lost || kspan_params.sbrk)
		return;
	SIM_CHECK(!stats.heap_inuse);
	SIM_CHECK(inuse_now() == inuse);
	SIM_CHECK(stats.heap_sys < stats.reserve +
		  KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE * nr_online_nodes);
}

/* Objects that were left behind keep their content. */
static void check_left(void)
{
	unsigned int i;

	for (i = 0; i < live.nr; i++)
		live_check(&live.obj[i], live.obj[i].asked);
}

/*
 * The first two steps give the parameters, and the request for memory that
 * fails while the module loads.
 */
static int load(const struct fuzz_step *a, const struct fuzz_step *b)
{
	static const unsigned int quarantines[] = { 0, 0, 16, 512 };
	struct kspan_params params = {
		.reserve_kb = a->x % 1024,
		.scavenge_ms = 1 + a->y % 10000,
		.memory_limit = b->code == 255 ? b->x * 256UL : 0,
		.check = a->a % 3,
		.randomize = a->a >> 2 & 1,
		.sbrk = (a->a >> 3 & 7) == 7,
		.quarantine_kb = quarantines[a->a >> 6 & 3],
	};

	sim_init_on_alloc = a->code & 1;
	sim_init_on_free = a->code & 2;
	nr_online_nodes = a->code & 4 ? 2 : 1;
	sim_refuse_nth = b->a & 3 ? 0 : b->y % 64;
	return fuzz_load(&params);
}

int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct fuzz_step a = {}, b = {}, step;
	bool leave;

	fuzz_next(&input, &a);
	fuzz_next(&input, &b);
	sim_reboot();
	live_reset();
	nr_pairs = 0;
	if (load(&a, &b))
		return 0;
	sim_refuse_nth = 0;
	/* An allocation in NMI makes the stashes, which stay until the unload. */
	SIM_CHECK(!kspan_stash_begin());
	inuse = inuse_now();
	uncounted = not_held();
	api_heaps_begin();
	while (fuzz_next(&input, &step))
		run_step(&step);
	leave = b.code & 1;
	if (leave)
		check_all();
	else
		end_empty();
	leave = live.nr;
	fuzz_unload(!leave && !live.lost && !kspan_params.sbrk);
	check_left();
	return 0;
}
