// SPDX-License-Identifier: GPL-2.0
/*
 * Random distances between samples, without floating point.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/random.h>

#include "base/noprobe.h"
#include "base/params.h"
#include "base/sample.h"

/* ln(2) with 16 bits behind the point. */
#define LN2		45426U
#define FRACTION_BITS	16

unsigned long kspan_sample_rate __read_mostly;
unsigned long kspan_sample_reach __read_mostly;

/*
 * The state of a CPU's random generator.  Only its own CPU changes it, with
 * preemption off.  An interrupt may do the same in the middle of that; both
 * then get the same number, which does no harm.  get_random_u32() is not used
 * because it takes a sleeping lock on PREEMPT_RT.
 */
static DEFINE_PER_CPU(u64, generator);

/* A random number from Knuth's MMIX generator, whose upper bits are good. */
__kspan_noprobe u32 kspan_sample_random(void)
{
	u64 *state, next;

	preempt_disable();
	state = this_cpu_ptr(&generator);
	next = READ_ONCE(*state) * 6364136223846793005ULL + 1442695040888963407ULL;
	WRITE_ONCE(*state, next);
	preempt_enable();
	return next >> 32;
}

/**
 * kspan_minus_ln - the negative of a natural logarithm, in fixed point
 * @random: stands for (@random + 1) / 2^32, a number above 0 and up to 1
 *
 * The binary logarithm comes from repeated squaring, one bit a step.
 *
 * Context: Any.
 * Return: -ln() of that number, 16 bits of it behind the point.
 */
__kspan_noprobe u32 kspan_minus_ln(u32 random)
{
	u64 x = (u64)random + 1;
	unsigned int exponent = fls64(x) - 1, i;
	u32 log2 = exponent;

	/* 1 ≤ x / 2^31 < 2 from here on. */
	if (exponent <= 31)
		x <<= 31 - exponent;
	else
		x >>= exponent - 31;
	for (i = 0; i < FRACTION_BITS; i++) {
		x = x * x >> 31;
		log2 = log2 << 1 | x >> 32;
		x >>= x >> 32;
	}
	return (u64)((32U << FRACTION_BITS) - log2) * LN2 >> FRACTION_BITS;
}

/**
 * kspan_sample_distance - draw the distance to the next sample
 * @size: size of the objects in bytes
 *
 * Context: Any but NMI.
 * Return: the number of objects of @size to allocate without a sample before
 * the sampled one; KSPAN_SAMPLE_NEVER if sampling is off.
 */
__kspan_noprobe unsigned long kspan_sample_distance(size_t size)
{
	unsigned long rate = READ_ONCE(kspan_sample_rate);
	u64 bytes;

	if (!rate)
		return KSPAN_SAMPLE_NEVER;
	bytes = (u64)kspan_minus_ln(kspan_sample_random()) * rate >> FRACTION_BITS;
	return min_t(u64, div64_ul(bytes, size), KSPAN_SAMPLE_NEVER);
}

/* Seed the generators and set the rate.  Context: module load. */
void kspan_sample_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(generator, cpu) = get_random_u64();
	kspan_sample_rate = kspan_params.profile_rate;
}
