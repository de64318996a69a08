/* SPDX-License-Identifier: GPL-2.0 */
/*
 * api.h - the steps of the target `api`, by what they do.
 *
 * Of a step, @a says in which context and with which flags, @x and @y how much
 * or which; each function documents the rest.
 */
#ifndef FUZZ_API_H
#define FUZZ_API_H

#include "live.h"

/* Where the step's calls are made. */
static inline enum sim_context api_context(const struct fuzz_step *step)
{
	return step->a % 8 == SIM_NR_CONTEXTS ? SIM_TASK : step->a % 8;
}

static inline bool api_may_sleep(const struct fuzz_step *step)
{
	return api_context(step) == SIM_TASK;
}

gfp_t api_gfp(const struct fuzz_step *step);
size_t api_size(const struct fuzz_step *step);

/* What must be true of a call that gave NULL, or did not. */
struct api_attempt {
	gfp_t gfp;
	size_t size;	/* of one object */
	size_t all;	/* of all that are asked for */
	enum sim_context context;
	unsigned long refused;
	long failures;
	long heap_sys;
	unsigned long free_pages[2];	/* of each node's heap */
};

struct api_attempt api_try(const struct fuzz_step *step, size_t size);
void api_tried(const struct api_attempt *attempt, bool success);

/* api_alloc.c */
void api_alloc(const struct fuzz_step *step);
void api_alloc_bulk(const struct fuzz_step *step);
void api_resize(const struct fuzz_step *step);

/* api_free.c */
void api_free(const struct fuzz_step *step);
void api_free_bulk(const struct fuzz_step *step);
void api_free_bad(const struct fuzz_step *step);
void api_overwrite(const struct fuzz_step *step);
void api_free_all(void);

#endif /* FUZZ_API_H */
