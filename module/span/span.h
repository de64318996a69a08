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
 *	0		QUARANTINED		none: freed with sbrk=1, or found
 *						damaged
 *
 * With check=2 (redzone.c) no object is in a magazine, and there are also
 *
 *	1		POISONED		the span
 *	0		REDZONED or OVERRUN	a client
 *
 * A sample of the allocations (sample.h) is recorded in the heap profile:
 *
 *	0		MARKED			a magazine: its next alloc is sampled
 *	0		any live | TRACKED	a client: its free is reported to the profile
 *
 * The fast paths accept neither, so that they need no test for it.
 *
 * States and bitmap lie outside the span, so an overrun of an object does not
 * reach them and a free does not touch the object.
 *
 * A free changes a live state to another one by compare-and-exchange.  kspan
 * therefore reports every double free at the call that makes it, also when two
 * CPUs, or a task and an interrupt, free one object at the same moment: exactly
 * one of them succeeds.  No allocator can detect a stale free: once an object
 * was freed and allocated again, a second free by its old owner is a valid free
 * of the new owner's object.
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
 * State of an object.  The fast path of an allocation accepts FREE and ZEROED.
 * The slow path accepts POISONED as well.
 */
enum kspan_obj {
	KSPAN_OBJ_FREE,		/* content unknown */
	KSPAN_OBJ_ZEROED,	/* free, all bytes are zero */
	KSPAN_OBJ_LIVE,
	KSPAN_OBJ_ALIGNED,	/* live, of a larger class than its size needs */
	KSPAN_OBJ_REDZONED,	/* live, with a redzone behind it */
	KSPAN_OBJ_OVERRUN,	/* live, its redzone found overwritten and reported */
	KSPAN_OBJ_DEFERRED,
	KSPAN_OBJ_POISONED,	/* free, all bytes are poison */
	KSPAN_OBJ_MARKED,	/* free, in an A: the slow path has to see it */
	KSPAN_OBJ_QUARANTINED,
	/* Added to the state of an object that a table remembers by its address. */
	KSPAN_OBJ_TRACKED = 0x40,
	KSPAN_OBJ_NONE = 0xff,	/* no object: the tail of a span, a sentinel */
};

/* The state without KSPAN_OBJ_TRACKED. */
static inline u8 kspan_obj_untracked(u8 state)
{
	return state == KSPAN_OBJ_NONE ? state : state & ~KSPAN_OBJ_TRACKED;
}

/* Whether a client holds an object of this state. */
static inline bool kspan_obj_is_live(u8 state)
{
	state = kspan_obj_untracked(state);
	return state >= KSPAN_OBJ_LIVE && state <= KSPAN_OBJ_OVERRUN;
}

/* Whether a client holds an object of this state and it has a redzone. */
static inline bool kspan_obj_has_redzone(u8 state)
{
	state = kspan_obj_untracked(state);
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
 * period, except @magic, which becomes 0 (WRITE_ONCE) when the span dies, so
 * that code that still holds the pointer takes the slow path.
 *
 * @base: address of the first object
 * @state: state bytes of @nr_objs objects, and a NONE behind them
 * @asked: large: requested bytes, with check=2 only; guard: bytes; as @base
 * @deferred: large, freed in NMI: place in the list of deferred.c
 * @magic: that of the class, or 0 to send every free to the slow path
 * @sc: small: span class; set once.  large: 0, or the span class of the client's
 *	heap that it belongs to; belongs to the holder of the span
 * @kind: enum kspan_kind; set once
 * @node: NUMA node of the memory; set once
 * @index: small: index of its F in the per-CPU caches, see cache.h; set once,
 *	and once more when the class of a client's heap gets magazines
 * @nr_pages: large: heap pages of the object; set by its allocation
 * @list: small: place in a partial list, under the central lock; dead: in
 *	the dead_spans list, under its lock
 * @kept: large: place in the lists by size of large_cache.c, under their lock
 * @nr_objs: small: objects; set once
 * @nr_free: bits set in the bitmap, under the central lock
 * @bucket: small: which partial list, or KSPAN_NO_BUCKET, under the central
 *	lock
 * @data: large or guard: holds no pointers; as @base
 * @needzero: the pages were used before; set once
 * @region_pages: region: heap pages it has room for; 0: a run of a chunk
 * @live: large: enum kspan_life; a free claims the object by cmpxchg()
 * @state_pool: small: which pool @state is from; set once
 * @chunk: small, or a large run: where the pages are from; set once
 * @mem: region: its memory from vmalloc(); set once
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

	/* @index may be used only if @magic is not 0. */
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
 * @span: the common part of all descriptors
 * @lru: place among the cached spans of its sort, newest first, or in no list; a
 *	span in use may be in the list as well.  large_cache_lock protects this
 *	field and @epoch
 * @epoch: epoch of the large cache when the span was put there
 * @fit_pages: region: heap pages of the largest object that it may serve; set once
 * @tracked: the object was sampled; belongs to the owner of the object, and to who
 *	frees it
 * @shrunk: the object was resized in place to less than its pages; belongs to the
 *	owner of the object
 * @tag: number of the call site of the object, see callsites.c; by xchg()
 */
struct kspan_large {
	struct kspan_span span;
	struct list_head lru;
	u32 epoch;
	u32 fit_pages;
	bool tracked;
	bool shrunk;
	u32 tag;
} __aligned(64);

static inline struct kspan_large *kspan_large_of(struct kspan_span *span)
{
	return container_of(span, struct kspan_large, span);
}

/* Whether a large object was shrunk in place, so that any smaller size is valid. */
static inline bool kspan_is_shrunk(const struct kspan_span *span)
{
	return READ_ONCE(container_of(span, const struct kspan_large, span)->shrunk);
}

/* State of a large object, in span->live. */
enum kspan_life {
	KSPAN_LIFE_NONE,	/* free */
	KSPAN_LIFE_LIVE,
	KSPAN_LIFE_OVERRUN,	/* live, its redzone found overwritten and reported */
	KSPAN_LIFE_DEFERRED,	/* freed in NMI, on its way back */
	KSPAN_LIFE_QUARANTINED,	/* free, and its memory is not reused */
};

/* Whether a client holds a large object of this state. */
static inline bool kspan_life_is_live(u8 life)
{
	return life == KSPAN_LIFE_LIVE || life == KSPAN_LIFE_OVERRUN;
}

/* Values of @bucket: in no list (full, or being moved); quarantined for ever. */
#define KSPAN_NO_BUCKET	0xff
#define KSPAN_QUARANTINED	0xfe

/* Markers of the arena map; their magic is 0. */
extern struct kspan_span kspan_null_span;	/* a page outside of kspan's memory */
extern struct kspan_span kspan_idle_span;	/* a page whose span has ended */
extern struct kspan_span kspan_fresh_span;	/* a page that was never in a span */

/* The free bitmap follows the states and their NONE byte. */
static inline unsigned long *kspan_span_bitmap(const struct kspan_span *span)
{
	return (unsigned long *)(span->state +
				 ALIGN(span->nr_objs + 1, sizeof(long)));
}

/* With check=2, the requested bytes of each object; behind the bitmap. */
static inline u16 *kspan_span_asked(const struct kspan_span *span)
{
	return (u16 *)(kspan_span_bitmap(span) + BITS_TO_LONGS(span->nr_objs));
}

/* One word for each tiny block, behind the bitmap. */
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

/* Number of heap pages of @span; 0 for a marker of the arena map or a guard object. */
static inline unsigned int kspan_span_pages(const struct kspan_span *span)
{
	switch (span->kind) {
	case KSPAN_LARGE:
		return READ_ONCE(span->nr_pages);
	case KSPAN_GUARD:
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
	if (unlikely(span->kind == KSPAN_GUARD))
		return span->asked;
	return kspan_sc_info(kspan_span_sc(span))->size;
}

/* Whether the span of a large object is a region rather than a run. */
static inline bool kspan_is_region(const struct kspan_span *span)
{
	return span->region_pages != 0;
}

/* Bytes of memory that the span of a large object has. */
static inline unsigned long kspan_room_bytes(const struct kspan_span *span)
{
	unsigned long pages = span->region_pages ?: span->nr_pages;

	return pages << KSPAN_PAGE_SHIFT;
}

/* Whether an address lies in the pages of the objects of a span. */
static inline bool kspan_span_has(const struct kspan_span *span,
				  unsigned long addr)
{
	return addr - span->base <
	       (unsigned long)kspan_span_pages(span) << KSPAN_PAGE_SHIFT;
}

/* Whether an address lies in the memory of the span of a large object. */
static inline bool kspan_room_has(const struct kspan_span *span,
				  unsigned long addr)
{
	if (!kspan_is_region(span))
		return kspan_span_has(span, addr);
	return addr - (unsigned long)span->mem < kspan_room_bytes(span);
}

/* Index of the object that contains @addr, an address inside @span. */
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

/* Number of dead descriptors for which a worker waits for a grace period. */
#define KSPAN_DEAD_KICK	256U

const char *kspan_span_check(const struct kspan_span *span);

#endif /* KSPAN_SPAN_H */
