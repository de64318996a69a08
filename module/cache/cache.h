/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache.h - per-CPU caches: the front of the allocator.
 *
 * Each CPU has three caches, one each for task, softirq and hardirq context.
 * With preemption off, no code can interrupt a user of a cache and use the same
 * cache.  So a cache needs no lock and no interrupt masking, and its use never
 * fails because of nesting.  NMIs can interrupt everything and use no cache.
 *
 * For each span class a cache has two magazines: A, which allocations drain,
 * and F, which frees fill.  A top is the address of a slot: that of the next
 * object in A, and that of the next free slot in F.  Neither needs a counter to
 * find its end (depot.h): A ends at a sentinel whose state no allocation
 * accepts, and F at an aligned address.  When A is empty and F is not, the two
 * swap.
 *
 * Since A only drains and F only fills, the numbers of allocations and frees
 * follow from the tops.  Counters change only when a magazine is exchanged.
 */
#ifndef KSPAN_CACHE_H
#define KSPAN_CACHE_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "cache/quarantine.h"
#include "base/sample.h"
#include "central/depot.h"

enum kspan_context {
	KSPAN_CTX_TASK,
	KSPAN_CTX_SOFTIRQ,
	KSPAN_CTX_HARDIRQ,
	KSPAN_NR_CTX,
	KSPAN_CTX_NMI = KSPAN_NR_CTX,
};

/* Spare magazines of a class, beside A and F; see cache_spare.h. */
struct kspan_spares {
	struct kspan_mag *full;
	struct kspan_mag *empty;
	unsigned int nr_full;
};

/*
 * Ageing of a class in the cache of a CPU and context.  @seen belongs to the
 * tick: the number of calls, modulo 2^16, when the tick last read it.  @marked
 * says that the CPU should drain the class.  Any code sets it and the CPU
 * clears it. A lost mark delays the drain by one tick.
 */
struct kspan_aging {
	u16 seen;
	bool marked;
};

/* Bits of preempt_count() that are all clear in task context. */
#define KSPAN_CTX_MASK	(NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)

/* The tops of a span class in a cache, in this order. */
enum kspan_top {
	KSPAN_A,
	KSPAN_F,
	KSPAN_NR_ENDS,
};

/* The counts of a span class: objects ever put into an A, and taken out of an F. */
enum kspan_count {
	KSPAN_LOADED,
	KSPAN_UNLOADED,
	KSPAN_NR_COUNTS,
};

/*
 * The tops of the task cache.  The array is static, so that an instruction
 * reaches it without a pointer.  The static per-CPU memory of modules is too
 * small for the other two caches.
 */
DECLARE_PER_CPU(struct kspan_slot *, kspan_tops[]);

/* The tops of the softirq and of the hardirq cache, KSPAN_NR_TOPS each. */
extern struct kspan_slot * __percpu *kspan_irq_tops;

/**
 * struct kspan_sampler - when a class of a cache is sampled next
 *
 * When the next sample falls into A, its object is MARKED, so that the fast
 * path does not take it.  What F holds is counted when it becomes A, and what
 * leaves A without being allocated is not any more, and loses its mark.
 * Written by their CPU alone.
 *
 * @left: objects to come into A before the one that will be marked; 0 while A
 *	has a marked one
 * @mark: the slot in A whose object is marked, 0 for none
 * @sample: whether the next mark is for the profile
 * @was: the state of the marked object, FREE or ZEROED
 */
struct kspan_sampler {
	unsigned long left;
	u8 mark;
	bool sample;
	u8 was;
};

/*
 * KSPAN_NR_TOPS counts of the task cache, and KSPAN_NR_SC samplers behind them;
 * only their CPU writes them.
 */
extern unsigned long __percpu *kspan_task_counts;

/**
 * struct kspan_sc_cpu - the part of a dynamic span class in the caches of a CPU
 * @tops: by context; the @index of the class leads to those of the task cache
 * @counts: by context, see enum kspan_count; only their CPU writes them
 * @samplers: by context
 * @spares: as those of struct kspan_cache_cpu
 * @aging: by context
 * @seen: by context: the counts that the account of the client's heap includes
 *	so far; only their CPU writes them
 */
struct kspan_sc_cpu {
	struct kspan_slot *tops[KSPAN_NR_CTX][KSPAN_NR_ENDS];
	unsigned long counts[KSPAN_NR_CTX][KSPAN_NR_COUNTS];
	struct kspan_sampler samplers[KSPAN_NR_CTX];
	struct kspan_spares spares;
	struct kspan_aging aging[KSPAN_NR_CTX];
	unsigned long seen[KSPAN_NR_CTX][KSPAN_NR_COUNTS];
};

/*
 * Budget of a CPU for free objects, in bytes.  More memory buys more speed.
 * Written at load and by CPU hotplug; read with READ_ONCE().
 */
extern unsigned long kspan_cache_budget;

/**
 * kspan_context - which cache the caller may use
 *
 * Context: Any, with preemption off.  A task with softirqs disabled is in
 * task context, since no softirq can interrupt it.
 * Return: one of KSPAN_CTX_TASK, _SOFTIRQ, _HARDIRQ and _NMI.
 */
static __always_inline unsigned int kspan_context(void)
{
	unsigned int count = preempt_count();

	if (likely(!(count & KSPAN_CTX_MASK)))
		return KSPAN_CTX_TASK;
	if (count & NMI_MASK)
		return KSPAN_CTX_NMI;
	return count & HARDIRQ_MASK ? KSPAN_CTX_HARDIRQ : KSPAN_CTX_SOFTIRQ;
}

/* Whether the fast paths below may be used. */
static __always_inline bool kspan_in_task(void)
{
	return likely(!(preempt_count() & KSPAN_CTX_MASK));
}

/*
 * The address of a top of this CPU.  On x86 an instruction with a segment
 * prefix reaches the top without it.  Elsewhere the computation can be a call,
 * so callers do it once.
 */
static __always_inline struct kspan_slot **kspan_top_at(unsigned long i)
{
	return IS_ENABLED(CONFIG_X86) ? NULL : this_cpu_ptr(&kspan_tops[i]);
}

static __always_inline struct kspan_slot *kspan_top_get(struct kspan_slot **top,
							unsigned long i)
{
	if (IS_ENABLED(CONFIG_X86))
		return __this_cpu_read(kspan_tops[i]);
	return READ_ONCE(*top);
}

/*
 * This is a separate function because on 32-bit x86 the macro casts its
 * argument before adding, so that a + 1 would be one byte further instead of
 * one slot.
 */
static __always_inline void kspan_top_write(unsigned long i,
					    struct kspan_slot *slot)
{
	__this_cpu_write(kspan_tops[i], slot);
}

static __always_inline void kspan_top_set(struct kspan_slot **top,
					  unsigned long i,
					  struct kspan_slot *slot)
{
	if (IS_ENABLED(CONFIG_X86))
		kspan_top_write(i, slot);
	else
		WRITE_ONCE(*top, slot);
}

/*
 * The common part of the pops of all contexts: make the object at the top of A
 * LIVE.
 *
 * Every free claims its object, so no other magazine holds this object.  The
 * test of its state detects the end of A, by the state of the sentinel, as well
 * as a state byte that was overwritten.
 *
 * Return: false, without any change, if A is empty or its object is not free.
 */
static __always_inline bool kspan_slot_take(const struct kspan_slot *slot, u8 *was)
{
	u8 *state = slot->state;

	*was = *state;
	if (unlikely(*was > KSPAN_OBJ_ZEROED))
		return false;
	WRITE_ONCE(*state, KSPAN_OBJ_LIVE);
	return true;
}

/*
 * The common part of the pushes of all contexts: claim an object and store it
 * at the top of F.
 *
 * Return: false, without any change, if F is full or the state is not @was.
 */
static __always_inline bool kspan_slot_put(struct kspan_slot *slot,
					   const void *ptr, u8 *state, u8 was)
{
	if (unlikely(!((unsigned long)slot & KSPAN_MAG_MASK)))
		return false;
	if (unlikely(!kspan_obj_claim(state, was, KSPAN_OBJ_FREE)))
		return false;
	slot->ptr = (void *)ptr;
	slot->state = state;
	return true;
}

/**
 * kspan_cache_pop - take an object out of A
 * @a: KSPAN_A_INDEX() of the span class
 * @ptr: the object, now LIVE
 * @was: the state it had, FREE or ZEROED
 *
 * Context: Task, with preemption off.
 * Return: false, without any change, if A is empty or its object is not free.
 */
static __always_inline bool kspan_cache_pop(unsigned long a, void **ptr,
					    u8 *was)
{
	struct kspan_slot **top = kspan_top_at(a);
	struct kspan_slot *slot = kspan_top_get(top, a);

	if (unlikely(!kspan_slot_take(slot, was)))
		return false;
	/* Write the top before reading the pointer: gcc needs one instruction less. */
	slot--;
	kspan_top_set(top, a, slot);
	*ptr = slot[1].ptr;
	return true;
}

/**
 * kspan_cache_pop_as - kspan_cache_pop() with a given live state
 * @a: KSPAN_A_INDEX() of the span class
 * @ptr: the object
 * @now: the live state that it gets
 *
 * Context: Task, with preemption off.
 * Return: false, without any change, if A is empty or its object is not free.
 */
static __always_inline bool kspan_cache_pop_as(unsigned long a, void **ptr, u8 now)
{
	struct kspan_slot *slot = __this_cpu_read(kspan_tops[a]);

	if (unlikely(*slot->state > KSPAN_OBJ_ZEROED))
		return false;
	WRITE_ONCE(*slot->state, now);
	*ptr = slot->ptr;
	kspan_top_write(a, slot - 1);
	return true;
}

/**
 * kspan_cache_pop_row - take several objects out of A
 * @a: KSPAN_A_INDEX() of the span class
 * @objs: receives the objects
 * @nr: maximum number of objects
 *
 * The top of A stays in a register during the loop.
 *
 * Context: Task, with preemption off.
 * Return: the number of objects, which are now LIVE.
 */
static __always_inline unsigned int kspan_cache_pop_row(unsigned long a,
							void **objs,
							unsigned int nr)
{
	struct kspan_slot *slot = __this_cpu_read(kspan_tops[a]);
	void **obj = objs, **end = objs + nr;
	u8 was;

	for (; obj != end && likely(kspan_slot_take(slot, &was)); obj++, slot--)
		*obj = slot->ptr;
	kspan_top_write(a, slot);
	return obj - objs;
}

/* A top of the cache of the current interrupt.  Context: Softirq or hardirq. */
static __always_inline struct kspan_slot **kspan_cache_irq_top(unsigned long i)
{
	unsigned int ctx = preempt_count() & HARDIRQ_MASK ? KSPAN_CTX_HARDIRQ :
							    KSPAN_CTX_SOFTIRQ;

	if (unlikely(i >= KSPAN_NR_TOPS))
		return this_cpu_ptr(&kspan_tops[i]) + ctx * KSPAN_NR_ENDS;
	return this_cpu_ptr(kspan_irq_tops) + (ctx - 1) * KSPAN_NR_TOPS + i;
}

/* kspan_cache_pop() for any cache.  Context: that of the cache. */
static __always_inline bool kspan_top_pop(struct kspan_slot **top, void **ptr,
					  u8 *was)
{
	struct kspan_slot *slot = *top;

	if (unlikely(!kspan_slot_take(slot, was)))
		return false;
	WRITE_ONCE(*top, slot - 1);
	*ptr = slot->ptr;
	return true;
}

/**
 * kspan_cache_pop_irq - kspan_cache_pop() for interrupts
 * @a: KSPAN_A_INDEX() of the span class
 * @ptr: the object, now LIVE
 * @was: the state it had, FREE or ZEROED
 *
 * Context: Softirq or hardirq, not NMI.
 * Return: false, without any change, if A is empty or its object is not free.
 */
static __always_inline bool kspan_cache_pop_irq(unsigned long a, void **ptr,
						u8 *was)
{
	return kspan_top_pop(kspan_cache_irq_top(a), ptr, was);
}

/* Number of slots from the top of an empty A to the last object of F. */
static __always_inline unsigned long kspan_cache_diff(const struct kspan_slot *a,
						      const struct kspan_slot *f)
{
	return (((unsigned long)f - (unsigned long)a) & KSPAN_MAG_MASK) /
	       sizeof(*a);
}

/* Distance from A to the counts in the task cache of a dynamic span class. */
#define KSPAN_COUNTS_BEHIND \
	(offsetof(struct kspan_sc_cpu, counts) / sizeof(unsigned long))

/* And from these its sampler. */
#define KSPAN_SAMPLER_BEHIND						\
	((offsetof(struct kspan_sc_cpu, samplers) -			\
	  offsetof(struct kspan_sc_cpu, counts)) / sizeof(unsigned long))

/* The counts of the task cache, from the index of A. */
static __always_inline unsigned long __percpu *
kspan_cache_counts_at(unsigned long a, bool is_static)
{
	if (!is_static && a >= KSPAN_NR_TOPS)
		return (unsigned long __percpu *)&kspan_tops[a] +
		       KSPAN_COUNTS_BEHIND;
	return kspan_task_counts + a;
}

/* What is left of the distance to the next sample; see struct kspan_sampler. */
static __always_inline unsigned long __percpu *
kspan_cache_left_at(unsigned long __percpu *counts, unsigned long a,
		    bool is_static)
{
	return counts + (!is_static && a >= KSPAN_NR_TOPS ? KSPAN_SAMPLER_BEHIND :
							    KSPAN_NR_TOPS);
}

/* Count a swap of A and F; @diff is how many more objects A holds than before. */
static __always_inline void kspan_cache_count_swap(unsigned long __percpu *counts,
						   unsigned long diff)
{
	__this_cpu_add(counts[KSPAN_LOADED], diff);
	__this_cpu_add(counts[KSPAN_UNLOADED], diff);
}

/**
 * kspan_cache_swap_pop - swap A and F, and take an object out of A
 * @a: KSPAN_A_INDEX() of the span class
 * @ptr: the object, now LIVE
 * @was: the state it had, FREE or ZEROED
 * @is_static: whether the caller knows that the span class is static
 *
 * This is the short path for the most frequent case in which the fast path
 * fails; kspan_cache_take() handles all cases.  A CPU that frees what it
 * allocates needs only this one: with few objects in its cache it swaps every
 * few calls.
 *
 * Context: Task, with preemption off.
 * Return: false, without any change, if A is not empty, F is, or there is a
 * sample to be taken of what F holds.
 */
static __always_inline bool kspan_cache_swap_pop(unsigned long a, void **ptr,
						 u8 *was, bool is_static)
{
	struct kspan_slot *drained = __this_cpu_read(kspan_tops[a]);
	struct kspan_slot *slot = __this_cpu_read(kspan_tops[a + 1]) - 1;
	unsigned long __percpu *counts = kspan_cache_counts_at(a, is_static);
	unsigned long __percpu *left = kspan_cache_left_at(counts, a, is_static);
	unsigned long diff = kspan_cache_diff(drained, slot);
	unsigned long distance = __this_cpu_read(*left);

	/* With a quarantine, freed objects have to wait. */
	if (kspan_quarantine_on())
		return false;
	if (unlikely(drained->state != &kspan_none_state ||
		     drained == &kspan_no_mag.slot[KSPAN_MAG_SLOTS - 1] ||
		     distance < diff))
		return false;
	if (unlikely(!kspan_slot_take(slot, was)))
		return false;
	*ptr = slot->ptr;
	kspan_top_write(a, slot - 1);
	kspan_top_write(a + 1, drained + 1);
	distance -= diff;
	__this_cpu_write(*left, distance);
	kspan_cache_count_swap(counts, diff);
	return true;
}

/**
 * kspan_cache_take_row - take several objects out of A, and out of F when A is
 * empty
 * @a: KSPAN_A_INDEX() of the span class
 * @objs: receives the objects
 * @nr: maximum number of objects
 * @is_static: whether the caller knows that the span class is static
 *
 * This does what as many single calls would do, so a few objects cost no more
 * than those.
 *
 * Context: Any.
 * Return: the number of objects, which are now LIVE; 0 in interrupts.
 */
static __always_inline unsigned int kspan_cache_take_row(unsigned long a,
							 void **objs,
							 unsigned int nr,
							 bool is_static)
{
	unsigned int got;
	u8 was;

	if (unlikely(!kspan_in_task()))
		return 0;
	preempt_disable();
	got = kspan_cache_pop_row(a, objs, nr);
	if (unlikely(got < nr) &&
	    kspan_cache_swap_pop(a, objs + got, &was, is_static)) {
		got++;
		got += kspan_cache_pop_row(a, objs + got, nr - got);
	}
	preempt_enable();
	return got;
}

/*
 * kspan_cache_push() of an object with the live state @was, in the same
 * context.
 */
static __always_inline bool kspan_cache_push_from(unsigned long f,
						  const void *ptr, u8 *state,
						  u8 was)
{
	struct kspan_slot **top = kspan_top_at(f);
	struct kspan_slot *slot = kspan_top_get(top, f);

	if (unlikely(!kspan_slot_put(slot, ptr, state, was)))
		return false;
	kspan_top_set(top, f, slot + 1);
	return true;
}

/**
 * kspan_cache_push - claim an object and put it into F
 * @f: KSPAN_F_INDEX() of the span class
 * @ptr: the object
 * @state: its state byte
 *
 * Context: Task, with preemption off.
 * Return: false, without any change, if F is full or the object is not LIVE.
 */
static __always_inline bool kspan_cache_push(unsigned long f, const void *ptr,
					     u8 *state)
{
	return kspan_cache_push_from(f, ptr, state, KSPAN_OBJ_LIVE);
}

/**
 * kspan_cache_push_irq - kspan_cache_push() for interrupts
 * @f: KSPAN_F_INDEX() of the span class
 * @ptr: the object
 * @state: its state byte
 *
 * Context: Softirq or hardirq, not NMI.
 * Return: false, without any change, if F is full or the object is not LIVE.
 */
static __always_inline bool kspan_cache_push_irq(unsigned long f,
						 const void *ptr, u8 *state)
{
	struct kspan_slot **top = kspan_cache_irq_top(f), *slot = *top;

	if (unlikely(!kspan_slot_put(slot, ptr, state, KSPAN_OBJ_LIVE)))
		return false;
	WRITE_ONCE(*top, slot + 1);
	return true;
}

int kspan_cache_init(void);
void kspan_cache_exit(void);
bool kspan_cache_swap_free(const struct kspan_span *span);
int kspan_sc_init_cpus(struct kspan_span_class *class);
void kspan_sc_free_cpus(struct kspan_span_class *class);
int kspan_sc_begin(struct kspan_span_class *class, bool magazines);
void kspan_sc_end_all(struct kspan_span_class *class, unsigned int nr);
void kspan_sc_count(unsigned int sc, u64 *nmalloc, u64 *nfree);
unsigned long kspan_sc_nr_spans(unsigned int sc);
void kspan_cache_drain_sc(unsigned int sc);
void *kspan_cache_take(unsigned int sc, u8 *was);
bool kspan_cache_reuse(unsigned int sc);
unsigned int kspan_cache_take_many(unsigned int sc, void **objs,
				   unsigned int nr, bool zero);
void kspan_cache_put(unsigned int sc, const void *ptr, u8 *state);
void *kspan_cache_take_node(unsigned int sc, int node, u8 *was);
void *kspan_cache_take_reserved(unsigned int sc, int node, u8 *was);
void *kspan_cache_take_redzoned(unsigned int sc, int node, size_t size,
				bool zero, bool reserved);
void kspan_cache_account(unsigned int sc, bool freeing);
void kspan_cache_count_direct(unsigned int sc, enum kspan_count which,
			      size_t bytes);
void kspan_cache_set_budget(unsigned int nr_cpus);
void kspan_cache_drain_local(void);
void kspan_cache_drain_dead(unsigned int cpu);
void kspan_cache_drain_marked(void);
void kspan_cache_resample(unsigned int cpu);
bool kspan_cache_mark_idle(unsigned int cpu);
bool kspan_cache_mark_all(unsigned int cpu);
bool kspan_cache_mark_sc(unsigned int cpu, unsigned int sc);
bool kspan_cache_holds(unsigned int cpu);
void kspan_cache_count(unsigned int sc, u64 *nmalloc, u64 *nfree);
unsigned long kspan_cache_held(unsigned int sc);
void kspan_cache_count_guard(unsigned int sc, enum kspan_count which,
			     size_t bytes);
const char *kspan_cache_check_local(void);

#endif /* KSPAN_CACHE_H */
