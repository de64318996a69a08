/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spanclass.h - span classes: what the spans of one set have in common.
 *
 * A number, sc, identifies a span class.  A static span class, below
 * KSPAN_NR_SC, is a size class and a kind: for pointer objects, sc is the size
 * class; for data objects, it is KSPAN_NR_CLASSES more; tiny blocks have the
 * last number. sc 0 is always empty, so that a request for 0 bytes takes the
 * slow path without a test.  A dynamic span class, from KSPAN_NR_SC on, belongs
 * to a named cache or to a client's heap, and is created and destroyed with it.
 *
 * A dynamic span class ends only when it has no span left, and its structure is
 * freed only after RCU grace periods.  So code that found a span in the arena
 * map with preemption off may use the class of the span.  So may code for which
 * kspan_sc_exists() has returned true, until its RCU read section ends.
 */
#ifndef KSPAN_SPANCLASS_H
#define KSPAN_SPANCLASS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/quota.h"
#include "base/sizeclass.h"

struct kspan_sc_home;
struct kspan_sc_cpu;

/**
 * struct kspan_span_class - a dynamic span class
 * @info: size, divisor, objects and pages of a span, objects of a magazine;
 *	set once
 * @sc: its number; set by kspan_sc_publish()
 * @class: the size class that counts its objects in the statistics, or 0; set
 *	once
 * @kind: enum kspan_kind; set once
 * @spare_limit: full magazines that a CPU keeps beside A and F; set once
 * @homes: its central list and depot on each node, by node number, NULL for a
 *	node that kspan has no structures for; set once
 * @cpu: its part of the per-CPU caches; NULL without magazines
 * @index: the index of its F; without magazines that of sc 0, whose F is always
 *	full.  It changes when the class of a heap gets magazines
 * @asked: requested size in bytes of all its objects; 0: each object has its
 *	own; set once
 * @ctor: called for each object of a new span, or NULL; cleared when no more
 *	objects are allocated
 * @keeps: whether free objects keep their contents from one user to the next,
 *	so that nothing may write to them; set once
 * @rcu: whether spans end only after a grace period; set once
 * @quota: account of the client's heap that it belongs to, or NULL; set once
 * @since: jiffies when @nr_before was read; a hint
 * @nr_before: @nr_given at that time, to see whether the class is hot; a hint
 * @nr_given: number of objects allocated while it had no magazines
 * @nr_returned: number of objects freed while it had no magazines
 * @gone: whether it is about to leave the table
 * @name: name of its cache or heap; set once
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
	struct kspan_quota *quota;
	unsigned long since;
	long nr_before;
	atomic_long_t nr_given;
	atomic_long_t nr_returned;
};

/*
 * Indices of the tops of a span class in the per-CPU caches, see cache.h.  The
 * indices of static span classes are places in the array kspan_tops.  An index
 * from KSPAN_NR_TOPS on is the distance from that array to the tops of a
 * dynamic span class elsewhere in per-CPU memory.  So one instruction reaches
 * either.
 */
#define KSPAN_A_INDEX(sc)		(2UL * (sc))
#define KSPAN_F_INDEX(sc)		(2UL * (sc) + 1)
#define KSPAN_NR_TOPS		(2 * KSPAN_NR_SC)

/* Bytes of the largest object that has a slot in a span. */
#define KSPAN_SC_SIZE_MAX	((1UL << 20) + KSPAN_PAGE_SIZE)

/* Limits on the number of span classes; a span has 16 bits for the number. */
#define KSPAN_SC_BLOCK		256U
#define KSPAN_SC_BLOCKS		256U
#define KSPAN_SC_MAX		(KSPAN_SC_BLOCK * KSPAN_SC_BLOCKS - 1)

/*
 * The dynamic span classes by number, in blocks that stay until unload.
 * Written under sc_mutex; read in an RCU read section.
 */
extern struct kspan_span_class **kspan_sc_blocks[KSPAN_SC_BLOCKS];
/* All numbers in use are below this limit, which only grows. */
extern unsigned int kspan_sc_limit;

/*
 * The number of objects that were allocated from, and freed to, dynamic span
 * classes that have ended: by size class, 0 for named caches.  And their bytes.
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
 * Iterate over all numbers that a span class may have.  There may be no dynamic
 * span class of a number, or no longer; see kspan_sc_enter().
 */
#define for_each_kspan_sc(sc) \
	for ((sc) = 1; (sc) < READ_ONCE(kspan_sc_limit); (sc)++)

/**
 * kspan_sc_enter - begin to work on a span class
 * @sc: a number from for_each_kspan_sc()
 *
 * Context: Any.  If it returns true, an RCU read section lasts until
 * kspan_sc_leave().
 * Return: false if there is no such class; otherwise the class stays until
 * kspan_sc_leave().
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

/* The size class of a span class, 0 for that of a named cache. */
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

/* The index of the F of a span class, which its spans hold. */
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

/* The account of the client's heap that a span class belongs to, or NULL. */
static inline struct kspan_quota *kspan_sc_quota(unsigned int sc)
{
	return kspan_sc_is_static(sc) ? NULL : kspan_sc_find(sc)->quota;
}

/* Whether a span class keeps its empty spans, which no other class may use. */
static inline bool kspan_sc_keeps_spans(unsigned int sc)
{
	const struct kspan_quota *quota = kspan_sc_quota(sc);

	return unlikely(quota) && !READ_ONCE(quota->ended);
}

bool kspan_sc_figures(struct kspan_class *info, size_t size);
int kspan_sc_publish(struct kspan_span_class *class);
void kspan_sc_withdraw(struct kspan_span_class *class, unsigned int nr);
int kspan_sc_init(void);
void kspan_sc_exit(void);

#endif /* KSPAN_SPANCLASS_H */
