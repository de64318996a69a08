/* SPDX-License-Identifier: GPL-2.0 */
/*
 * span.h - spans: a run of heap pages cut into objects of one class.
 *
 * The central list of its class owns a span.  The bitmap of a span has a bit
 * for each object that lies free in the span.  All other objects are held by a
 * magazine or by a client.  The state byte of an object says who holds it:
 *
 *	bitmap bit	state			holder
 *	1		FREE or ZEROED		the span
 *	0		FREE or ZEROED		a magazine
 *	0		LIVE or ALIGNED		a client
 *	0		DEFERRED		kspan: freed in NMI, on its way back
 *	0		QUARANTINED		nobody: freed with sbrk=1, or found
 *						damaged
 *
 * With check=2 (redzone.c) no object is in a magazine, and there are also
 *
 *	1		POISONED		the span
 *	0		REDZONED or OVERRUN	a client
 *
 * States and bitmap lie outside the span, so an overrun of an object does not
 * reach them and a free does not touch the object.
 *
 * A free changes a live state to another one by compare-and-exchange.  kspan
 * therefore reports every double free at the call that makes it, also when two
 * CPUs, or a task and an interrupt, free one object at the same moment: exactly
 * one of them succeeds.  What no allocator can tell is a stale free.  Once an
 * object was freed and allocated again, a second free by its old owner is a
 * valid free of the new owner's object.
 *
 * The descriptor of a span and its states are reused only after an RCU grace
 * period, and a section with preemption off counts as an RCU read section.  So a
 * free that races with the end of the span reads the old descriptor, never that
 * of another span.
 */
#ifndef KSPAN_SPAN_H
#define KSPAN_SPAN_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>

#include "base/spanclass.h"

/*
 * State of an object.  FREE and ZEROED are the two an alloc may take, and
 * POISONED, which only the slow path knows.
 */
enum kspan_obj {
	KSPAN_OBJ_FREE,		/* content unknown */
	KSPAN_OBJ_ZEROED,	/* every byte known to be zero */
	KSPAN_OBJ_LIVE,
	KSPAN_OBJ_ALIGNED,	/* live, of a class above its size's own */
	KSPAN_OBJ_REDZONED,	/* live, with a redzone behind it */
	KSPAN_OBJ_OVERRUN,	/* live, its redzone found overwritten and reported */
	KSPAN_OBJ_DEFERRED,
	KSPAN_OBJ_POISONED,	/* free, every byte known to be poison */
	KSPAN_OBJ_QUARANTINED,
	KSPAN_OBJ_NONE = 0xff,	/* no object: the tail of a span, a sentinel */
};

/* Whether an object of this state is a client's. */
static inline bool kspan_obj_is_live(u8 state)
{
	return state >= KSPAN_OBJ_LIVE && state <= KSPAN_OBJ_OVERRUN;
}

/* Whether an object of this state is a client's and has a redzone. */
static inline bool kspan_obj_has_redzone(u8 state)
{
	return state == KSPAN_OBJ_REDZONED || state == KSPAN_OBJ_OVERRUN;
}

/**
 * kspan_obj_claim - win the right to free an object
 * @state: its state byte
 * @from: the live state that the caller has seen
 * @to: the state it gets
 *
 * Of several CPUs and contexts that free one object at the same moment exactly
 * one succeeds, so an object lies in one magazine at most.  The operation
 * orders nothing: an object reaches another CPU through the lock of a depot or
 * of a central list.
 *
 * Context: Any.
 * Return: whether the object is the caller's now.
 */
static __always_inline bool kspan_obj_claim(u8 *state, u8 from, u8 to)
{
	return try_cmpxchg_relaxed(state, &from, to);
}

/* Whether an object of this state may lie in its span. */
static inline bool kspan_obj_is_free(u8 state)
{
	return state <= KSPAN_OBJ_ZEROED || state == KSPAN_OBJ_POISONED;
}

struct kspan_chunk;

/**
 * struct kspan_span - descriptor, one cache line on 64-bit machines
 *
 * kspan_free() reads @base, @state, @magic and @index only.  They are set
 * before the span appears in the arena map and stay until after a grace
 * period, except @magic, which is zeroed (WRITE_ONCE) when the span dies so
 * that whoever still holds the pointer takes the slow path.
 *
 * @base: address of the first object
 * @state: object states, @nr_objs of them and a NONE behind
 * @asked: large: bytes asked for, with check=2 only; as @base
 * @deferred: large, freed in NMI: place in the list of free.c
 * @magic: the class's, or 0: every free of it takes the slow path
 * @sc: small: span class; large: 0; set once
 * @kind: enum kspan_kind; set once
 * @node: NUMA node of the memory; set once
 * @index: small: index of its F in the per-CPU caches, see cache.h; set once
 * @nr_pages: large: heap pages; set by who takes it
 * @list: small: place in a partial list, under the central lock; dead: in
 *	the dead_spans list, under its lock
 * @kept: large: place in the lists by size of large_cache.c, under their lock
 * @nr_objs: small: objects; set once
 * @nr_free: bits set in the bitmap, under the central lock
 * @bucket: small: which partial list, or KSPAN_NO_BUCKET, under the central
 *	lock
 * @data: large: holds no pointers; as @base
 * @needzero: the pages were used before; set once
 * @region_pages: region: heap pages it has room for; 0: a run of a chunk
 * @live: large: enum kspan_life; cmpxchg() decides which free of many wins
 * @state_pool: small: which pool @state is from; set once
 * @chunk: small, or a large run: where the pages are from; set once
 * @mem: region: what vmalloc() gave; set once
 */
struct kspan_span {
	unsigned long base;
	union {
		u8 *state;
		size_t asked;
		struct llist_node deferred;
	};
	u32 magic;
	u16 sc;
	u8 kind;
	union {
		u8 bucket;
		bool data;
	};

	/* Only of a span whose @magic is not 0 an index may be used. */
	union {
		unsigned long index;
		u32 nr_pages;
	};
	union {
		struct list_head list;
		struct hlist_node kept;
	};
	union {
		struct {
			u16 nr_objs;
			u16 nr_free;
		};
		u32 region_pages;
	};
	s16 node;
	bool needzero;
	union {
		u8 live;
		u8 state_pool;
	};
	union {
		struct kspan_chunk *chunk;
		void *mem;
	};
};

/**
 * struct kspan_large - descriptor of a large object
 *
 * @span: what every part of kspan knows of it
 * @lru: place among the kept spans of its sort, newest first, or in no list; a
 *	span that is in use may be there as well.  This and @epoch are guarded by
 *	large_cache_lock
 * @epoch: the large cache's when the span was put there
 * @fit_pages: region: heap pages of the largest object it is meant for; set once
 * @owned: bytes that it counts with in its client's heap; its client's
 * @shrunk: the object was resized to less than its pages, and stays all the same;
 *	its client's
 */
struct kspan_large {
	struct kspan_span span;
	struct list_head lru;
	u32 epoch;
	u32 fit_pages;
	unsigned long owned;
	bool shrunk;
} __aligned(64);

static inline struct kspan_large *kspan_large_of(struct kspan_span *span)
{
	return container_of(span, struct kspan_large, span);
}

/* Whether any size that a large object holds may be what it has. */
static inline bool kspan_is_shrunk(const struct kspan_span *span)
{
	return READ_ONCE(container_of(span, const struct kspan_large, span)->shrunk);
}

/* Life of a large object, in span->live. */
enum kspan_life {
	KSPAN_LIFE_NONE,
	KSPAN_LIFE_LIVE,
	KSPAN_LIFE_OVERRUN,	/* live, its redzone found overwritten and reported */
	KSPAN_LIFE_DEFERRED,	/* freed in NMI, on its way back */
	KSPAN_LIFE_QUARANTINED,	/* over, and nobody gets its memory again */
};

/* Whether a large object is a client's. */
static inline bool kspan_life_is_live(u8 life)
{
	return life == KSPAN_LIFE_LIVE || life == KSPAN_LIFE_OVERRUN;
}

/* In no list: full, or on its way in or out; found corrupt, for ever. */
#define KSPAN_NO_BUCKET	0xff
#define KSPAN_QUARANTINED	0xfe

/* Markers of the arena map; their magic is 0. */
extern struct kspan_span kspan_null_span;	/* no page of kspan's */
extern struct kspan_span kspan_idle_span;	/* a page whose span is gone */
extern struct kspan_span kspan_fresh_span;	/* a page that had none yet */

/* The free bitmap follows the states and their NONE byte. */
static inline unsigned long *kspan_span_bitmap(const struct kspan_span *span)
{
	return (unsigned long *)(span->state +
				 ALIGN(span->nr_objs + 1, sizeof(long)));
}

/* With check=2, bytes asked for, by object; behind the bitmap. */
static inline u16 *kspan_span_asked(const struct kspan_span *span)
{
	return (u16 *)(kspan_span_bitmap(span) + BITS_TO_LONGS(span->nr_objs));
}

/* One word a tiny block, behind the bitmap. */
static inline atomic64_t *kspan_span_words(const struct kspan_span *span)
{
	unsigned long *bitmap = kspan_span_bitmap(span);

	return (atomic64_t *)PTR_ALIGN(bitmap + BITS_TO_LONGS(span->nr_objs), 8);
}

/* The span class of a small span. */
static inline unsigned int kspan_span_sc(const struct kspan_span *span)
{
	return span->sc;
}

/* Heap pages of @span; 0 for a marker of the arena map. */
static inline unsigned int kspan_span_pages(const struct kspan_span *span)
{
	switch (span->kind) {
	case KSPAN_LARGE:
		return READ_ONCE(span->nr_pages);
	case KSPAN_NONE:
		return 0;
	default:
		return kspan_sc_info(kspan_span_sc(span))->nr_pages;
	}
}

/* Bytes of an object of @span. */
static inline unsigned long kspan_span_size(const struct kspan_span *span)
{
	if (span->kind == KSPAN_LARGE)
		return (unsigned long)span->nr_pages << KSPAN_PAGE_SHIFT;
	return kspan_sc_info(kspan_span_sc(span))->size;
}

/* Whether a large object's span is a region of its own. */
static inline bool kspan_is_region(const struct kspan_span *span)
{
	return span->region_pages != 0;
}

/* Bytes that a large object's span has room for. */
static inline unsigned long kspan_room_bytes(const struct kspan_span *span)
{
	unsigned long pages = span->region_pages ?: span->nr_pages;

	return pages << KSPAN_PAGE_SHIFT;
}

/* Whether an address lies in the pages of a span's objects. */
static inline bool kspan_span_has(const struct kspan_span *span,
				  unsigned long addr)
{
	return addr - span->base <
	       (unsigned long)kspan_span_pages(span) << KSPAN_PAGE_SHIFT;
}

/* Whether an address lies in the memory of a large object's span. */
static inline bool kspan_room_has(const struct kspan_span *span,
				  unsigned long addr)
{
	if (!kspan_is_region(span))
		return kspan_span_has(span, addr);
	return addr - (unsigned long)span->mem < kspan_room_bytes(span);
}

/* Index of the object that holds @addr, an address inside @span. */
static inline unsigned int kspan_span_index(const struct kspan_span *span,
					    unsigned long addr)
{
	u32 magic = kspan_sc_info(kspan_span_sc(span))->magic;

	return ((u64)(addr - span->base) * magic) >> 32;
}

static inline unsigned long kspan_span_addr(const struct kspan_span *span,
					    unsigned int index)
{
	return span->base + index * kspan_span_size(span);
}

int kspan_span_init(void);
void kspan_span_exit(void);
void kspan_span_free_dead(void);
struct kspan_span *kspan_span_alloc(unsigned int sc, gfp_t gfp);
void kspan_span_free(struct kspan_span *span);
void kspan_span_setup(struct kspan_span *span, unsigned int sc);
void kspan_span_construct(const struct kspan_span *span, void *obj);
void kspan_span_end(struct kspan_span *span);
unsigned int kspan_span_nr_dead(void);

/* Dead descriptors that make it worth waiting for a grace period. */
#define KSPAN_DEAD_KICK	256U

const char *kspan_span_check(const struct kspan_span *span);

#endif /* KSPAN_SPAN_H */
