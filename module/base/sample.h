/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sample.h - which allocations are sampled for the heap profile.
 *
 * The Go runtime's nextSample: sample points lie on the sequence of all bytes
 * ever allocated, at random distances whose mean is the profile rate.  The
 * distances are exponentially distributed, so the points are a Poisson process:
 * an object of size bytes is sampled with a probability of
 * 1 - exp(-size / rate), whatever was allocated before it.
 *
 * So each class of each cache may count its own bytes, and the points of all
 * together are the same process.
 */
#ifndef KSPAN_SAMPLE_H
#define KSPAN_SAMPLE_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Largest profile rate, bytes. */
#define KSPAN_SAMPLE_RATE_MAX	(1UL << 30)

/* A distance that no cache counts down in practice. */
#define KSPAN_SAMPLE_NEVER	((unsigned long)LONG_MAX)

/*
 * Mean bytes between samples, 0 for none.  Written at load and by the debugfs
 * file profile_rate, under a mutex there; read with READ_ONCE().
 */
extern unsigned long kspan_sample_rate;

/*
 * At most so many objects of a class go without one for which the slow path is
 * taken, so that it can make a guard object; 0 for no such limit.  Written when
 * guard_ms changes, read with READ_ONCE().
 */
extern unsigned long kspan_sample_reach;

u32 kspan_sample_random(void);
u32 kspan_minus_ln(u32 random);
unsigned long kspan_sample_distance(size_t size);

/**
 * kspan_sample_one - whether to sample an object that no magazine held
 * @size: its bytes
 *
 * Context: Any but NMI.
 * Return: whether a sample point falls into it.
 */
static inline bool kspan_sample_one(size_t size)
{
	return READ_ONCE(kspan_sample_rate) && !kspan_sample_distance(size);
}

void kspan_sample_init(void);

#endif /* KSPAN_SAMPLE_H */
