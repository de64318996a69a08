// SPDX-License-Identifier: GPL-2.0
/*
 * The search: depth first, each run from the beginning.
 *
 * A run asks for a choice wherever there is another possibility than that the
 * code continues.  The answers of a run are stored.  The next run gives the
 * same answers up to the last one that has an alternative left, and takes that
 * alternative.
 */
#include "explore.h"

#define MAX_CHOICES	65536U
/* Of so many random choices one is to do something. */
#define RANDOM_SHARE	8U

static struct {
	u16 nr;
	u16 taken;
} choices[MAX_CHOICES];
static unsigned int nr_choices;
static unsigned int depth;
static bool first;
static u32 random_state;

enum exp_mode exp_mode;

static u32 next_random(u32 below)
{
	random_state = random_state * 1664525U + 1013904223U;
	return ((u64)random_state * below) >> 32;
}

unsigned int exp_choose(unsigned int nr)
{
	if (nr == 1 || exp_mode == EXP_REPLAY)
		return 0;
	if (exp_mode == EXP_RANDOM)
		return next_random(RANDOM_SHARE) ? 0 : next_random(nr);
	if (depth == nr_choices) {
		SIM_CHECK(nr_choices < MAX_CHOICES);
		choices[nr_choices].nr = nr;
		choices[nr_choices++].taken = 0;
	}
	/* The same choices lead to the same run. */
	SIM_CHECK(choices[depth].nr == nr);
	return choices[depth++].taken;
}

void exp_search_begin(enum exp_mode mode)
{
	exp_mode = mode;
	nr_choices = 0;
	first = true;
	if (mode == EXP_RANDOM)
		random_state = 1;
}

bool exp_search_next(void)
{
	depth = 0;
	if (exp_mode != EXP_SEARCH || first) {
		first = false;
		return true;
	}
	while (nr_choices) {
		if (++choices[nr_choices - 1].taken < choices[nr_choices - 1].nr)
			return true;
		nr_choices--;
	}
	return false;
}
