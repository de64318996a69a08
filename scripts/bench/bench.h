/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared by the files of kspan_bench.
 *
 * A workload is one loop, written once as an always-inline function whose
 * parameters are the functions to call.  It is instantiated for kspan and for
 * the kernel, so that both sides run the same code with direct calls.
 */
#ifndef KSPAN_BENCH_H
#define KSPAN_BENCH_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/types.h>

/* Result of a measurement in which an allocation failed. */
#define BENCH_FAILED	U64_MAX

struct bench_args {
	size_t size;		/* bytes of an object */
	gfp_t gfp;
	unsigned int batch;	/* objects live at the same time */
	unsigned int loops;	/* batches; one operation per object */
	const u32 *order;	/* order in which a batch is freed */
	const char *kernel;	/* the other side, if not kmalloc */
};

/* Run the loop.  Return: the time by bench_now(), or BENCH_FAILED. */
typedef u64 (*bench_fn)(const struct bench_args *args);

/* Set at load: whether this machine has a cycle counter. */
extern bool bench_cycles;

static inline u64 bench_now(void)
{
	return bench_cycles ? get_cycles() : ktime_get_ns();
}

/* Write one word, as is done with every object. */
static __always_inline void bench_touch(void *ptr, unsigned long word)
{
	WRITE_ONCE(*(unsigned long *)ptr, word);
}

/* A cheap generator with the same numbers in every run. */
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

/* Functions for kmalloc() and its relatives, which are macros or inline. */
static __always_inline void *bench_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static __always_inline void *bench_kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp);
}

/* main.c: whether a row is wanted, for rows whose setup is expensive. */
bool bench_wanted(const char *name);
/* Whether a row of the group may be wanted. */
bool bench_group_wanted(const char *prefix);
/* Measure both sides in turn and print a row, if the name is wanted. */
void bench_row(const char *name, bench_fn kspan, bench_fn kernel,
	       const struct bench_args *args);
/* Print a row of bytes used for each 1000 requested bytes. */
void bench_memory_row(const char *name, u64 kspan, u64 kernel, u64 asked);
/* Print a row of two numbers of the unit of time. */
void bench_plain_row(const char *name, u64 kspan, u64 kernel);
/* Number of batches that makes about as many operations as requested. */
unsigned int bench_loops(unsigned int batch);

/* The workloads by file; each returns 0 or an error. */
int bench_pairs(void);
int bench_batches(void);
int bench_named(void);
int bench_heaps(void);
int bench_fleet(void);
int bench_contexts(void);
int bench_resize(void);
int bench_live(void);
int bench_memory(void);
int bench_copies(void);
int bench_stress(void);
int bench_cpus(void);
int bench_waves(void);
int bench_tail(void);

/* copy.c: called by the task that loads the module, around the run. */
void bench_copy_prepare(void);
void bench_copy_finish(void);

/* fleet.c: a random size with the distribution of server programs. */
u32 bench_fleet_size(u64 *random);

/* threads.c: run @fn on CPUs 0 to @nr - 1 at once, in a thread each. */
typedef int (*bench_thread_fn)(unsigned int id, void *arg);

/* Return: the time from the common start to the last end. */
u64 bench_on_cpus(unsigned int nr, bench_thread_fn fn, void *arg);

#endif /* KSPAN_BENCH_H */
