/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - the model of the allocator: the live objects, each with its own
 * content, and what was freed or damaged.
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

/* A live object. */
struct live {
	u8 *ptr;
	size_t asked;
	size_t usable;
	enum live_kind kind;
	bool data;	/* a data object, also after a resize */
	bool aligned;	/* by kspan_alloc_aligned() beyond its size, or shrunk */
	bool zero;	/* always allocated and resized with __GFP_ZERO */
	bool spoilt;	/* check=2: its redzone was overwritten */
	u8 seed;	/* determines its content */
	u8 heap;	/* the client's heap that it is from, from 1; 0: none */
};

/* The state of the model; every target may read it. */
struct live_state {
	struct live obj[LIVE_MAX];
	unsigned int nr;
	void *freed[LIVE_NR_FREED];	/* the latest; not live as they were */
	unsigned int nr_freed;		/* in total */
	unsigned long overruns;		/* overrun objects that were freed */
	bool lost;			/* quarantined memory exists */
	bool wrote_freed;		/* check=2: to a free object */
	u8 seed;
};

extern struct live_state live;

/* How an object was requested. */
struct live_request {
	size_t size;
	size_t align;
	bool data;
	bool tiny;
	bool zero;
	bool filled;	/* it already has its content */
	u8 heap;
};

/* Whether redzones are on, so that usable sizes are exact. */
static inline bool live_redzoned(void)
{
	return kspan_params.check == 2;
}

/* The clients' heaps, by number; NULL: there is none. */
#define LIVE_NR_HEAPS	2U
extern struct kspan_heap *live_heaps[LIVE_NR_HEAPS + 1];

void live_reset(void);

/* Check all promises about a new object, then fill it. */
struct live *live_add(void *ptr, const struct live_request *request);
/* Check that the first @bytes of its content are unchanged. */
void live_check(const struct live *obj, size_t bytes);
void live_fill(struct live *obj);
/* The object is about to be freed, or was moved by a resize. */
void live_forget(struct live *obj);
/* The live object that begins at @ptr, or NULL. */
struct live *live_at(const void *ptr);
/* Whether @ptr is any byte of a live object, as its client sees it. */
bool live_around(const void *ptr);
/* Whether kspan_free_sized() must accept this size. */
bool live_fits(const struct live *obj, size_t size);
/* Compare kspan's statistics at rest with the model. */
void live_check_stats(void);
unsigned int live_nr_spoilt(void);

/* The first byte that is not 0, or NULL. */
const u8 *live_not_zero(const u8 *mem, size_t bytes);

#endif /* FUZZ_LIVE_H */
