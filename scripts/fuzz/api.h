/* SPDX-License-Identifier: GPL-2.0 */
/*
 * api.h - the steps of the target `api`, by file.
 *
 * In a step, @a selects the context and the flags; @x and @y select sizes,
 * numbers and objects.  Each function documents the rest.
 */
#ifndef FUZZ_API_H
#define FUZZ_API_H

#include "live.h"

/* The context in which the step makes its calls. */
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

/* A call and the state before it, which tell whether it may return NULL. */
struct api_attempt {
	gfp_t gfp;
	size_t size;	/* of one object */
	size_t all;	/* of all requested objects */
	enum sim_context context;
	unsigned long refused;
	long failures;
	u8 heap;	/* the client's heap, or 0 */
	long heap_sys;
	unsigned long free_pages[2];	/* of each node's page heap */
};

struct api_attempt api_try(const struct fuzz_step *step, size_t size);
void api_tried(const struct api_attempt *attempt, bool success);

/* api_alloc.c */
void api_alloc(const struct fuzz_step *step);
void api_alloc_bulk(const struct fuzz_step *step);
void api_resize(const struct fuzz_step *step);

/* api_heap.c: clients' heaps */
void api_heaps_begin(void);
void api_heaps_end(void);
void api_heap(const struct fuzz_step *step);

/* api_free.c */
void api_free(const struct fuzz_step *step);
void api_free_bulk(const struct fuzz_step *step);
void api_free_bad(const struct fuzz_step *step);
void api_overwrite(const struct fuzz_step *step);
void api_free_all(void);

#endif /* FUZZ_API_H */
