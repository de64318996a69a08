// SPDX-License-Identifier: GPL-2.0
/*
 * The scenarios.  Each is small and covers one place where CPUs or contexts
 * interact.
 *
 * Most objects have 28 KiB: two of them fill a magazine, and a span has two, so
 * that a few calls reach the depot, the central list and the end of a span.
 */
#include <linux/kspan.h>

#include "cache/cache.h"
#include "central/central.h"
#include "central/depot.h"
#include "explore.h"
#include "litmus.h"
#include "span/span.h"

#define SMALL	64U
#define BIG	28672U
#define LARGE	(100UL << 10)

static void *obj[8];

/* The setup's: calls that follow are on this CPU. */
static void on_cpu(unsigned int cpu)
{
	sim_cpu = cpu;
}

/* Let a CPU's A and F have a magazine each, A with objects, F with @nr. */
static void warm(unsigned int cpu, size_t size, unsigned int nr)
{
	void *mine[8];
	unsigned int i;

	on_cpu(cpu);
	for (i = 0; i < nr; i++)
		mine[i] = exp_alloc(size);
	while (i)
		exp_free(mine[--i]);
}

static unsigned int class_of(size_t size)
{
	return kspan_size_to_class(size);
}

/* What the scavenger does about a class, as far as one CPU can. */
static void give_back(size_t size)
{
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
	kspan_depot_drain(0, class_of(size), true);
	kspan_central_drain(0, class_of(size));
}

/* --- two frees of one object ----------------------------------------------- */

static void setup_free_warm(void)
{
	on_cpu(0);
	obj[0] = exp_alloc(SMALL);
	warm(0, SMALL, 2);
	warm(1, SMALL, 2);
	warm(2, SMALL, 2);
	on_cpu(0);
}

static void setup_free_cold(void)
{
	on_cpu(2);
	obj[0] = exp_alloc(SMALL);
	on_cpu(0);
}

static void free_alloc_twice(void)
{
	exp_free(obj[0]);
	exp_alloc(SMALL);
	exp_alloc(SMALL);
}

static void free_alloc(void)
{
	exp_free(obj[0]);
	exp_alloc(SMALL);
}

static void free_first(void)
{
	exp_free(obj[0]);
}

static void free_first_big_alloc(void)
{
	exp_free(obj[0]);
	exp_alloc(BIG);
}

/* Interrupts have caches of their own, which are to have magazines. */
static void setup_free_irq(void)
{
	void *mine;

	setup_free_warm();
	sim_enter(SIM_HARDIRQ);
	mine = kspan_alloc(SMALL, GFP_ATOMIC);
	kspan_free(mine);
	sim_leave(SIM_HARDIRQ);
	sim_enter(SIM_SOFTIRQ);
	mine = kspan_alloc(SMALL, GFP_ATOMIC);
	kspan_free(mine);
	sim_leave(SIM_SOFTIRQ);
}

/* --- bulk ------------------------------------------------------------------ */

static void setup_bulk(void)
{
	unsigned int i;

	on_cpu(0);
	for (i = 0; i < 3; i++)
		obj[i] = exp_alloc(SMALL);
	warm(0, SMALL, 2);
	warm(1, SMALL, 2);
	on_cpu(0);
}

static void free_three(void)
{
	void *all[] = { obj[0], obj[1], obj[2] };

	exp_free_bulk(3, all);
	exp_alloc(SMALL);
}

static void free_middle(void)
{
	exp_free(obj[1]);
	exp_alloc(SMALL);
}

static void free_other_three(void)
{
	void *all[] = { obj[2], obj[1], obj[0] };

	exp_free_bulk(3, all);
}

static void alloc_three(void)
{
	void *all[3];

	exp_alloc_bulk(SMALL, 3, all);
}

/* --- magazines that move ---------------------------------------------------- */

/* CPU 0: A drained, F full; its objects @obj[0] and @obj[1] are free. */
static void setup_swap(void)
{
	unsigned int i;

	on_cpu(0);
	for (i = 0; i < 4; i++)
		obj[i] = exp_alloc(BIG);
	warm(1, BIG, 2);
	on_cpu(0);
	exp_free(obj[0]);
	exp_free(obj[1]);
	exp_history_know(obj[0]);
	exp_history_know(obj[1]);
	exp_history_know(obj[2]);
}

static void alloc_free_big(void)
{
	exp_alloc(BIG);
	exp_alloc(BIG);
	exp_free(obj[2]);
}

static void free_free_big(void)
{
	exp_free(obj[2]);
	exp_free(obj[3]);
}

/*
 * CPUs 0 and 1 have the maximum of spares, full Fs and empty As.  So the
 * objects that they free go to the depot, and those that they allocate come
 * from there.
 */
static void setup_depot(void)
{
	void *mine[40];
	unsigned int i, cpu;

	on_cpu(0);
	for (i = 0; i < 4; i++)
		obj[i] = exp_alloc(BIG);
	for (cpu = 0; cpu < 2; cpu++) {
		on_cpu(cpu);
		for (i = 0; i < 12; i++)
			mine[i] = exp_alloc(BIG);
		for (i = 0; i < 12; i++)
			exp_free(mine[i]);
	}
	on_cpu(0);
}

static void put_two(void)
{
	exp_free(obj[0]);
	exp_free(obj[1]);
}

static void put_two_more(void)
{
	exp_free(obj[2]);
	exp_free(obj[3]);
}

/* A magazine lies in the depot, and CPUs 0 to 2 have nothing. */
static void setup_depot_get(void)
{
	void *mine[14];
	unsigned int i;

	on_cpu(0);
	for (i = 0; i < 2; i++)
		obj[i] = exp_alloc(BIG);
	for (i = 0; i < 4; i++)
		mine[i] = exp_alloc(BIG);
	for (i = 0; i < 4; i++)
		exp_free(mine[i]);
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
}

static void alloc_big(void)
{
	exp_alloc(BIG);
}

static void alloc_two_big(void)
{
	exp_alloc(BIG);
	exp_alloc(BIG);
}

static void put_and_drain(void)
{
	exp_free(obj[0]);
	exp_free(obj[1]);
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
}

static void drain_depot(void)
{
	kspan_depot_drain(0, class_of(BIG), true);
}

/* --- spans that end --------------------------------------------------------- */

/* @obj[0] is the last live object of its span. */
static void setup_span_end(void)
{
	on_cpu(1);
	warm(1, BIG, 2);
	on_cpu(0);
	obj[0] = exp_alloc(BIG);
	give_back(BIG);
	obj[1] = exp_alloc(BIG);
	obj[2] = exp_alloc(BIG);
	exp_history_know(obj[0]);
}

static void free_and_give_back(void)
{
	exp_free(obj[0]);
	exp_free(obj[1]);
	exp_free(obj[2]);
	give_back(BIG);
}

static void free_and_recycle(void)
{
	exp_free(obj[0]);
	exp_free(obj[1]);
	exp_free(obj[2]);
	give_back(BIG);
	kspan_span_free_dead();
	exp_alloc(BIG);
}

/* Nothing is free but pages: CPU 1 has to make a span. */
static void setup_span_grow(void)
{
	on_cpu(0);
	obj[0] = exp_alloc(BIG);
	obj[1] = exp_alloc(BIG);
	obj[2] = exp_alloc(BIG);
	obj[3] = exp_alloc(BIG);
	give_back(BIG);
}

static void free_all_and_give_back(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		exp_free(obj[i]);
	give_back(BIG);
}

/* --- refill and flush -------------------------------------------------------- */

/* Spans have free objects; CPU 1's magazines have some to return. */
static void setup_refill(void)
{
	unsigned int i;

	on_cpu(0);
	for (i = 0; i < 4; i++)
		obj[i] = exp_alloc(BIG);
	give_back(BIG);
	exp_free(obj[3]);
	give_back(BIG);
	on_cpu(1);
	exp_free(obj[2]);
	on_cpu(0);
}

static void drain_cache(void)
{
	migrate_disable();
	kspan_cache_drain_local();
	migrate_enable();
}

/* --- an interrupt on a CPU whose caches are being drained --------------------- */

static void setup_drain_irq(void)
{
	setup_free_irq();
	obj[1] = exp_alloc(SMALL);
}

static void free_second_alloc(void)
{
	exp_free(obj[1]);
	exp_alloc(SMALL);
}

/* --- wiped, tiny and large objects --------------------------------------------------- */

static void free_first_sensitive(void)
{
	void *mine;

	exp_free_sensitive(obj[0]);
	mine = exp_alloc(SMALL);
	exp_look(mine);
	exp_free(mine);
}

/* Two objects of one block, which is full. */
static void setup_tiny(void)
{
	on_cpu(0);
	obj[0] = exp_alloc_tiny(8);
	obj[1] = exp_alloc_tiny(8);
	/* Another block is the current one. */
	obj[2] = exp_alloc_tiny(8);
}

static void free_alloc_tiny(void)
{
	exp_free(obj[0]);
	exp_alloc_tiny(8);
}

static void free_both_tiny(void)
{
	exp_free(obj[1]);
	exp_free(obj[0]);
	exp_alloc_tiny(8);
}

static void setup_large(void)
{
	on_cpu(0);
	obj[0] = exp_alloc(LARGE);
}

static void free_alloc_large(void)
{
	exp_free(obj[0]);
	exp_alloc(LARGE);
}

static void free_sensitive_large(void)
{
	exp_free_sensitive(obj[0]);
	exp_alloc(LARGE);
}

/* --- the order of memory ------------------------------------------------------ */

static void setup_nothing(void)
{
}

const struct exp_scenario exp_scenarios[] = {
	/* Results: bit 0 neither load saw the store, 1 the first did, 3 both. */
	{
		"litmus-store-load", "two CPUs store, then load what the other stores",
		setup_nothing,
		{ { litmus_store_x_load_y, 0 }, { litmus_store_y_load_x, 1 } },
		2, 1, false, litmus_seen, 0xf,
	},
	{
		"litmus-no-holds", "the same, if stores were visible at once",
		setup_nothing,
		{ { litmus_store_x_load_y, 0 }, { litmus_store_y_load_x, 1 } },
		2, 0, false, litmus_seen, 0xe,
	},
	{
		"litmus-barrier", "the same with full barriers between",
		setup_nothing,
		{ { litmus_store_x_mb_load_y, 0 }, { litmus_store_y_mb_load_x, 1 } },
		2, 1, false, litmus_seen, 0xe,
	},
	{
		"litmus-locked", "the same with locked instructions instead of stores",
		setup_nothing,
		{ { litmus_swap_x_load_y, 0 }, { litmus_swap_y_load_x, 1 } },
		2, 1, false, litmus_seen, 0xe,
	},
	{
		"litmus-order", "two stores, and two loads in the other order",
		setup_nothing,
		{ { litmus_store_x_store_y, 0 }, { litmus_load_y_load_x, 1 } },
		2, 1, false, litmus_seen, 0xd,
	},
	{
		"litmus-lock", "two CPUs count with a lock held",
		setup_nothing,
		{ { litmus_count, 0 }, { litmus_count, 1 } },
		2, 1, false, litmus_counted, 0x4,
	},
	{
		"litmus-no-lock", "two CPUs count without one",
		setup_nothing,
		{ { litmus_count_plainly, 0 }, { litmus_count_plainly, 1 } },
		2, 1, false, litmus_counted, 0x6,
	},
	{
		"free-free", "two CPUs free one object, then allocate twice",
		setup_free_warm,
		{ { free_alloc_twice, 0 }, { free_alloc_twice, 1 } }, 8, 3,
	},
	{
		"free-free-cold", "the same, by CPUs without magazines",
		setup_free_cold,
		{ { free_alloc, 0 }, { free_alloc, 1 } }, 2, 1,
	},
	{
		"free-irq", "a task and a hardirq of one CPU free one object",
		setup_free_irq,
		{ { free_alloc, 0 }, { free_alloc, 0, SIM_HARDIRQ } }, 8, 0,
	},
	{
		"free-softirq-irq", "a task, a softirq and a hardirq of one CPU do",
		setup_free_irq,
		{ { free_alloc, 0 }, { free_alloc, 0, SIM_SOFTIRQ },
		  { free_alloc, 0, SIM_HARDIRQ } }, 8, 0,
	},
	{
		"free-irq-free", "a task and a hardirq of one CPU and another CPU do",
		setup_free_irq,
		{ { free_alloc, 0 }, { free_first, 0, SIM_HARDIRQ },
		  { free_alloc, 1 } }, 4, 1,
	},
	{
		"free-nmi", "a task, an NMI of its CPU and another CPU do",
		setup_free_warm,
		{ { free_alloc, 0 }, { free_first, 0, SIM_NMI },
		  { free_first, 1 } }, 3, 1,
	},
	{
		"free-three", "three CPUs free one object, then allocate",
		setup_free_warm,
		{ { free_alloc, 0 }, { free_alloc, 1 }, { free_alloc, 2 } }, 3, 1,
	},
	{
		"bulk-free", "a bulk free and a free of one of its objects",
		setup_bulk,
		{ { free_three, 0 }, { free_middle, 1 } }, 8, 3,
	},
	{
		"bulk-bulk", "two bulk frees of the same objects, and a bulk allocation",
		setup_bulk,
		{ { free_three, 0 }, { free_other_three, 1 },
		  { alloc_three, 2 } }, 3, 1,
	},
	{
		"swap", "a full F becomes A, while another CPU frees one of its objects",
		setup_swap,
		{ { alloc_free_big, 0 }, { free_first_big_alloc, 1 } }, 6, 2,
	},
	{
		"swap-free", "the same, while another CPU frees the same as this one",
		setup_swap,
		{ { free_free_big, 0 }, { free_free_big, 1 } }, 6, 2,
	},
	{
		"depot-put", "two CPUs bring magazines to the depot",
		setup_depot,
		{ { put_two, 0 }, { put_two_more, 1 } }, 3, 1,
	},
	{
		"depot-get", "two CPUs want the magazines of the depot",
		setup_depot_get,
		{ { alloc_two_big, 0 }, { alloc_two_big, 1 } }, 3, 1,
	},
	{
		"depot-trade", "one CPU brings a magazine, one takes one, one drains",
		setup_depot_get,
		{ { put_and_drain, 0 }, { alloc_big, 1 }, { drain_depot, 2 } }, 2, 0,
	},
	{
		"refill-flush", "one CPU fills a magazine from spans, one empties its own",
		setup_refill,
		{ { alloc_big, 0 }, { drain_cache, 1 } }, 4, 1,
	},
	{
		"span-end", "a span goes back while another CPU frees its object again",
		setup_span_end,
		{ { free_and_give_back, 0 }, { free_first_big_alloc, 1 } }, 3, 1,
	},
	{
		"span-recycle", "the same, and its descriptor is used again",
		setup_span_end,
		{ { free_and_recycle, 0 }, { free_first_big_alloc, 1 } }, 2, 1,
	},
	{
		"span-grow", "spans go back while another CPU makes one",
		setup_span_grow,
		{ { free_all_and_give_back, 0 }, { alloc_two_big, 1 } }, 2, 0,
	},
	{
		"drain-irq", "a hardirq where caches are drained, and another CPU",
		setup_drain_irq,
		{ { drain_cache, 0 }, { free_second_alloc, 0, SIM_HARDIRQ },
		  { free_second_alloc, 1 } }, 2, 1,
	},
	{
		"free-sensitive", "two CPUs wipe and free one object, then allocate",
		setup_free_cold,
		{ { free_first_sensitive, 0 }, { free_first_sensitive, 1 } }, 3, 0,
	},
	{
		"free-init", "two CPUs free one object with init_on_free",
		setup_free_warm,
		{ { free_alloc, 0 }, { free_alloc, 1 } }, 3, 1, true,
	},
	{
		"tiny-free", "two CPUs free tiny objects of one block, then allocate",
		setup_tiny,
		{ { free_alloc_tiny, 0 }, { free_both_tiny, 1 } }, 3, 1,
	},
	{
		"tiny-free-init", "the same with init_on_free",
		setup_tiny,
		{ { free_alloc_tiny, 0 }, { free_both_tiny, 1 } }, 2, 1, true,
	},
	{
		"large-sensitive", "two CPUs wipe and free one large object",
		setup_large,
		{ { free_sensitive_large, 0 }, { free_sensitive_large, 1 } }, 2, 1,
	},
	{
		"large-free", "two CPUs free one large object, then allocate",
		setup_large,
		{ { free_alloc_large, 0 }, { free_alloc_large, 1 } }, 3, 1,
	},
};

const unsigned int exp_nr_scenarios = ARRAY_SIZE(exp_scenarios);
