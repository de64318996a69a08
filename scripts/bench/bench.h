/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of kspan_bench share.
 *
 * A workload is one loop, written once as an always-inline function of the
 * functions to call and instantiated for kspan and for the kernel.  Both
 * sides thus run the same code, and their calls are direct.
 */
#ifndef KSPAN_BENCH_H
#define KSPAN_BENCH_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/types.h>

/* What a measurement returns if an allocation fails. */
#define BENCH_FAILED	U64_MAX

struct bench_args {
	size_t size;		/* bytes of an object */
	gfp_t gfp;
	unsigned int batch;	/* objects live at a time */
	unsigned int loops;	/* how often; an operation is one of batch */
	const u32 *order;	/* in which the objects of a batch are freed */
	const char *kernel;	/* the other side, if it is not kmalloc */
};

/* Runs the loop.  Return: what it took, by bench_now(), or BENCH_FAILED. */
typedef u64 (*bench_fn)(const struct bench_args *args);

/* Set at load: whether this machine has a cycle counter. */
extern bool bench_cycles;

static inline u64 bench_now(void)
{
	return bench_cycles ? get_cycles() : ktime_get_ns();
}

/* The one word that is written to every object. */
static __always_inline void bench_touch(void *ptr, unsigned long word)
{
	WRITE_ONCE(*(unsigned long *)ptr, word);
}

/* The next of numbers that are the same in every run; cheap. */
static __always_inline u32 bench_random(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* A number below @n. */
static __always_inline u32 bench_below(u64 *state, u32 n)
{
	return ((u64)bench_random(state) * n) >> 31;
}

/* kmalloc() and its kind are macros or inline, so that they need a name. */
static __always_inline void *bench_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static __always_inline void *bench_kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp);
}

/* main.c: whether the user wants the row, for what is dear to set up. */
bool bench_wanted(const char *name);
/* Whether one of a group of rows may be wanted. */
bool bench_group_wanted(const char *prefix);
/*
 * Measure both sides in turn and print a row, unless the name is not
 * wanted.
 */
void bench_row(const char *name, bench_fn kspan, bench_fn kernel,
	       const struct bench_args *args);
/* A row of bytes used for each 1000 that were asked for. */
void bench_memory_row(const char *name, u64 kspan, u64 kernel, u64 asked);
/* Loops of a batch that make about as many operations as the user wants. */
unsigned int bench_loops(unsigned int batch);

/* The workloads, by file; all return 0 or an error. */
int bench_pairs(void);
int bench_batches(void);
int bench_named(void);
int bench_fleet(void);
int bench_contexts(void);
int bench_resize(void);
int bench_live(void);
int bench_memory(void);
int bench_copies(void);
int bench_stress(void);
int bench_cpus(void);

/* copy.c: called by who loads the module, around everything else. */
void bench_copy_prepare(void);
void bench_copy_finish(void);

/* fleet.c: a size as servers ask for. */
u32 bench_fleet_size(u64 *random);

/* threads.c: run @fn on CPUs 0 to @nr - 1 at once, a thread each. */
typedef int (*bench_thread_fn)(unsigned int id, void *arg);

/* Return: what it took from the common start to the last end. */
u64 bench_on_cpus(unsigned int nr, bench_thread_fn fn, void *arg);

#endif /* KSPAN_BENCH_H */
