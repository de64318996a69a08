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

/* main.c: whether the user wants the row, for what is dear to set up. */
bool bench_wanted(const char *name);
/*
 * Measure both sides in turn and print a row, unless the name is not
 * wanted.
 */
void bench_row(const char *name, bench_fn kspan, bench_fn kernel,
	       const struct bench_args *args);
/* Loops of a batch that make about as many operations as the user wants. */
unsigned int bench_loops(unsigned int batch);

/* The workloads, by file; all return 0 or an error. */
int bench_pairs(void);
int bench_batches(void);
int bench_fleet(void);

#endif /* KSPAN_BENCH_H */
