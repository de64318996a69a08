/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spanclass.h - span classes: what the spans of one set have in common.
 *
 * A span class is known by a number, sc.  The static ones, below KSPAN_NR_SC,
 * are a size class and a kind each: pointer objects have sc == size class,
 * data objects follow KSPAN_NR_CLASSES behind, tiny blocks come last.  sc 0 is
 * always empty, so that a request for 0 bytes takes the slow path by itself.
 * The dynamic ones, from KSPAN_NR_SC on, belong to a named cache or to a
 * client's heap and come and go with it.
 *
 * A dynamic span class ends only when it has no span left, and its structure is
 * freed only after RCU grace periods.  So whoever found a span
 * in the arena map with preemption off may use the span's class, and so may
 * whoever calls kspan_sc_exists() in an RCU read section and finds it there.
 */
#ifndef KSPAN_SPANCLASS_H
#define KSPAN_SPANCLASS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/sizeclass.h"

struct kspan_heap;
struct kspan_sc_home;
struct kspan_sc_cpu;

/**
 * struct kspan_span_class - a dynamic span class
 * @info: size, divisor, objects and pages of a span, objects of a magazine;
 *	set once
 * @sc: its number; set by kspan_sc_publish()
 * @class: the size class it stands for in the statistics, or 0; set once
 * @kind: enum kspan_kind; set once
 * @spare_limit: full magazines that a CPU keeps beside A and F; set once
 * @homes: its central list and depot on each node, by node number, NULL for a
 *	node that kspan has no structures for; set once
 * @cpu: its part of the per-CPU caches; NULL without magazines
 * @index: the index of its F; that of sc 0 without magazines, which is always
 *	full
 * @asked: bytes that all its objects are asked for with; 0: each has its own;
 *	set once
 * @ctor: called for each object of a new span, or NULL; cleared when nobody
 *	allocates any more
 * @keeps: whether nothing may write to its free objects, which keep what is in
 *	them from one user to the next; set once
 * @rcu: whether spans end only after a grace period; set once
 * @heap: the client's heap that it belongs to, or NULL; set once
 * @nr_large: of a heap's class 0: its live large objects
 * @large_bytes: and their bytes
 * @large_asked: and the bytes of all there ever were
 * @gone: whether it is about to leave the table
 * @name: of the cache or heap it belongs to; set once
 */
struct kspan_span_class {
	struct kspan_class info;
	unsigned int sc;
	u8 class;
	u8 kind;
	u8 spare_limit;
	struct kspan_sc_home **homes;
	struct kspan_sc_cpu __percpu *cpu;
	unsigned long index;
	u32 asked;
	bool keeps;
	bool rcu;
	bool gone;
	void (*ctor)(void *obj);
	const char *name;
	struct kspan_heap *heap;
	atomic_long_t nr_large;
	atomic64_t large_bytes;
	atomic64_t large_asked;
};

/*
 * Indices of a span class's tops in the per-CPU caches, see cache.h.  Those of
 * the static span classes are places in the array kspan_tops; one that is not
 * below KSPAN_NR_TOPS leads from there to the part of the per-CPU memory where
 * the tops of a dynamic span class are, so that one instruction reaches either.
 */
#define KSPAN_A_INDEX(sc)		(2UL * (sc))
#define KSPAN_F_INDEX(sc)		(2UL * (sc) + 1)
#define KSPAN_NR_TOPS		(2 * KSPAN_NR_SC)

/* Bytes of the largest object that has a slot in a span. */
#define KSPAN_SC_SIZE_MAX	((1UL << 20) + KSPAN_PAGE_SIZE)

/* Span classes there may be; a span has 16 bits for the number. */
#define KSPAN_SC_BLOCK		256U
#define KSPAN_SC_BLOCKS		256U
#define KSPAN_SC_MAX		(KSPAN_SC_BLOCK * KSPAN_SC_BLOCKS - 1)

/*
 * The dynamic ones by number, in blocks that stay until the module goes.
 * Written under a mutex; read in an RCU read section.
 */
extern struct kspan_span_class **kspan_sc_blocks[KSPAN_SC_BLOCKS];
/* All numbers in use are below this; it only grows. */
extern unsigned int kspan_sc_limit;

/*
 * Objects that were allocated from dynamic span classes that have ended, and
 * freed, all of them: by size class, 0 for named caches; and the bytes of those.
 */
extern atomic64_t kspan_sc_gone[KSPAN_NR_CLASSES + 1];
extern atomic64_t kspan_sc_gone_bytes;

/* A dynamic span class by its number, NULL if there is none. */
static inline struct kspan_span_class *kspan_sc_find(unsigned int sc)
{
	struct kspan_span_class **block;

	block = READ_ONCE(kspan_sc_blocks[sc / KSPAN_SC_BLOCK]);
	return block ? READ_ONCE(block[sc % KSPAN_SC_BLOCK]) : NULL;
}

static inline bool kspan_sc_is_static(unsigned int sc)
{
	return likely(sc < KSPAN_NR_SC);
}

/* Whether there is such a span class.  Context: in an RCU read section. */
static inline bool kspan_sc_exists(unsigned int sc)
{
	const struct kspan_span_class *class;

	if (kspan_sc_is_static(sc))
		return true;
	class = kspan_sc_find(sc);
	return class && !READ_ONCE(class->gone);
}

/*
 * All numbers that a span class may have; one of a dynamic span class may have
 * none, or none any more.
 */
#define for_each_kspan_sc(sc) \
	for ((sc) = 1; (sc) < READ_ONCE(kspan_sc_limit); (sc)++)

/**
 * kspan_sc_enter - begin to work on a span class
 * @sc: any number that for_each_kspan_sc() gave
 *
 * Context: Any.
 * Return: false if there is no such class; else it stays until
 * kspan_sc_leave(), and so does an RCU read section.
 */
static inline bool kspan_sc_enter(unsigned int sc)
{
	rcu_read_lock();
	if (kspan_sc_exists(sc))
		return true;
	rcu_read_unlock();
	return false;
}

static inline void kspan_sc_leave(void)
{
	rcu_read_unlock();
}

/* The figures of a span class. */
static inline const struct kspan_class *kspan_sc_info(unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return &kspan_classes[sc];
	return &kspan_sc_find(sc)->info;
}

/* The size class of a span class, 0 for a named cache's. */
static inline unsigned int kspan_sc_class(unsigned int sc)
{
	if (unlikely(!kspan_sc_is_static(sc)))
		return kspan_sc_find(sc)->class;
	if (sc == KSPAN_SC_TINY)
		return KSPAN_TINY_CLASS;
	return sc > KSPAN_SC_DATA ? sc - KSPAN_SC_DATA : sc;
}

/* The kind of a span class. */
static inline enum kspan_kind kspan_sc_kind(unsigned int sc)
{
	if (unlikely(!kspan_sc_is_static(sc)))
		return kspan_sc_find(sc)->kind;
	if (sc == KSPAN_SC_TINY)
		return KSPAN_TINY;
	return sc > KSPAN_SC_DATA ? KSPAN_DATA : KSPAN_PTR;
}

/* The index of the F of a span class, for its spans. */
static inline unsigned long kspan_sc_index(unsigned int sc)
{
	if (kspan_sc_is_static(sc))
		return KSPAN_F_INDEX(sc);
	return READ_ONCE(kspan_sc_find(sc)->index);
}

/* Whether nothing may write to free objects of a span class. */
static inline bool kspan_sc_keeps(unsigned int sc)
{
	return !kspan_sc_is_static(sc) && kspan_sc_find(sc)->keeps;
}

/* Whether the spans of a span class end only after a grace period. */
static inline bool kspan_sc_is_rcu(unsigned int sc)
{
	return !kspan_sc_is_static(sc) && kspan_sc_find(sc)->rcu;
}

/* Whether a span class is a client's heap's. */
static inline bool kspan_sc_is_heap(unsigned int sc)
{
	return !kspan_sc_is_static(sc) && kspan_sc_find(sc)->heap;
}

bool kspan_sc_figures(struct kspan_class *info, size_t size);
int kspan_sc_publish(struct kspan_span_class *class);
void kspan_sc_withdraw(struct kspan_span_class *class, unsigned int nr);
int kspan_sc_init(void);
void kspan_sc_exit(void);

#endif /* KSPAN_SPANCLASS_H */
