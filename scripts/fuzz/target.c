// SPDX-License-Identifier: GPL-2.0
/*
 * Functions shared by the targets.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/minmax.h>

#include "target.h"

#define STEP_BYTES	6U

bool fuzz_next(struct fuzz_input *input, struct fuzz_step *step)
{
	const u8 *at = input->at;

	if (input->left < STEP_BYTES)
		return false;
	*step = (struct fuzz_step){
		.code = at[0],
		.a = at[1],
		.x = at[2] | at[3] << 8,
		.y = at[4] | at[5] << 8,
	};
	input->at += STEP_BYTES;
	input->left -= STEP_BYTES;
	return true;
}

/* --- how inputs change ----------------------------------------------------- */

static unsigned int below(unsigned int *seed, unsigned int limit)
{
	*seed = *seed * 1664525U + 1013904223U;
	return ((u64)*seed * limit) >> 32;
}

/* Insert @nr steps at @at, copied from @from.  Return: the number of steps. */
static size_t copy_steps(u8 *data, size_t steps, size_t at, size_t from,
			 size_t nr)
{
	u8 *copy = malloc(nr * STEP_BYTES);

	memcpy(copy, data + from * STEP_BYTES, nr * STEP_BYTES);
	memmove(data + (at + nr) * STEP_BYTES, data + at * STEP_BYTES,
		(steps - at) * STEP_BYTES);
	memcpy(data + at * STEP_BYTES, copy, nr * STEP_BYTES);
	free(copy);
	return steps + nr;
}

static size_t drop_steps(u8 *data, size_t steps, size_t at, size_t nr)
{
	memmove(data + at * STEP_BYTES, data + (at + nr) * STEP_BYTES,
		(steps - at - nr) * STEP_BYTES);
	return steps - nr;
}

/*
 * Half of the time change whole steps: filling a magazine or a chunk takes the
 * same step many times, which changes of single bytes rarely produce.
 */
size_t fuzz_mutate(u8 *data, size_t size, size_t max, unsigned int seed)
{
	size_t steps = size / STEP_BYTES, at, from, nr;

	seed = seed * 2654435761U + 1;
	if (!steps || below(&seed, 2))
		return fuzz_mutate_bytes(data, size, max);
	at = below(&seed, steps);
	from = below(&seed, steps);
	nr = below(&seed, min(steps - from, 16UL)) + 1;
	switch (below(&seed, 4)) {
	case 0:
		nr = min(nr, steps - at);
		return drop_steps(data, steps, at, nr) * STEP_BYTES;
	case 1:	/* the kind of another step */
		data[at * STEP_BYTES] = data[from * STEP_BYTES];
		return steps * STEP_BYTES;
	case 2:	/* a new step */
		from = at;
		nr = 1;
		break;
	}
	if ((steps + nr) * STEP_BYTES > max)
		return fuzz_mutate_bytes(data, size, max);
	steps = copy_steps(data, steps, at, from, nr);
	for (from = 0; nr == 1 && from < STEP_BYTES; from++)
		if (below(&seed, 2))
			data[at * STEP_BYTES + from] = below(&seed, 256);
	return steps * STEP_BYTES;
}
