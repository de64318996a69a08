/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - the model of the allocator: the objects that are live, each with a
 * content of its own, and what was freed or damaged.
 */
#ifndef FUZZ_LIVE_H
#define FUZZ_LIVE_H

#include <linux/mm.h>
#include <linux/types.h>

#include "target.h"

#define LIVE_MAX	1024U
#define LIVE_NR_FREED	32U

enum live_kind {
	LIVE_PTR,
	LIVE_DATA,
	LIVE_TINY,
	LIVE_LARGE,
};

/* An object from its allocation to its free. */
struct live {
	u8 *ptr;
	size_t asked;
	size_t usable;
	enum live_kind kind;
	bool data;	/* and stays so when it is resized */
	bool aligned;	/* by kspan_alloc_aligned(), above its size's own; or shrunk */
	bool zero;	/* all of its life with __GFP_ZERO */
	bool spoilt;	/* check=2: a byte behind it was written to */
	u8 seed;	/* of its content */
};

/* All that the model knows; any target may look. */
struct live_state {
	struct live obj[LIVE_MAX];
	unsigned int nr;
	void *freed[LIVE_NR_FREED];	/* lately; no longer live as they were */
	unsigned int nr_freed;		/* ever */
	unsigned long overruns;		/* ended, and kspan must have found */
	bool lost;			/* damaged objects: memory out of use */
	bool wrote_freed;		/* check=2: to a free object */
	u8 seed;
};

extern struct live_state live;

/* What an object is asked for with, beside its size. */
struct live_request {
	size_t size;
	size_t align;
	bool data;
	bool tiny;
	bool zero;
	bool filled;	/* it has a content already */
};

/* Whether redzones are on: sizes are exact then. */
static inline bool live_redzoned(void)
{
	return kspan_params.check == 2;
}

void live_reset(void);

/* A new object: all that is promised about it is checked, then it is filled. */
struct live *live_add(void *ptr, const struct live_request *request);
/* Its content is as it was written.  @bytes: so many of it. */
void live_check(const struct live *obj, size_t bytes);
void live_fill(struct live *obj);
/* It is being freed, or was moved by a resize. */
void live_forget(struct live *obj);
/* The live object that begins at @ptr, or NULL. */
struct live *live_at(const void *ptr);
/* Whether any byte of a live object, as the client sees it, is at @ptr. */
bool live_around(const void *ptr);
/* Whether kspan_free_sized() has to take this size. */
bool live_fits(const struct live *obj, size_t size);
/* The numbers that follow from all this are those of kspan, at rest. */
void live_check_stats(void);
unsigned int live_nr_spoilt(void);

/* The first byte that is not 0, or NULL. */
const u8 *live_not_zero(const u8 *mem, size_t bytes);

#endif /* FUZZ_LIVE_H */
