/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cache.h - per-CPU caches: the front of the allocator.
 *
 * Each CPU has three caches, one for task, one for softirq and one for
 * hardirq context.  With preemption off nothing can nest into the cache of
 * its own context, so a cache needs no lock, no atomic operation and no
 * interrupt masking, and no use of it can fail for being nested.  NMIs nest
 * into anything and use none.
 *
 * For each span class a cache has two magazines: A, which allocs drain, and
 * F, which frees fill.  A top is the address of a slot: of the next object in
 * A, of the next free slot in F.  Neither end needs a counter (depot.h): A
 * ends at a sentinel whose state no alloc takes, F at an aligned address.
 * When A is drained and F holds something the two trade places.
 *
 * A being only drained and F only filled, what was allocated and freed is
 * known from where the tops stand; counters change only when a magazine does.
 */
#ifndef KSPAN_CACHE_H
#define KSPAN_CACHE_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "central/depot.h"

enum kspan_context {
	KSPAN_CTX_TASK,
	KSPAN_CTX_SOFTIRQ,
	KSPAN_CTX_HARDIRQ,
	KSPAN_NR_CTX,
	KSPAN_CTX_NMI = KSPAN_NR_CTX,
};

/* Magazines of a class that a CPU keeps beside A and F, see cache_spare.h. */
struct kspan_spares {
	struct kspan_mag *full;
	struct kspan_mag *empty;
	unsigned int nr_full;
};

/*
 * How a class in the cache of a CPU and context ages.  @seen is the tick's: how
 * many calls there had been when it last looked, less what does not fit.
 * @marked says that the CPU should drain the class: set by anyone, cleared by the
 * CPU; a mark that is lost costs a tick.
 */
struct kspan_aging {
	u16 seen;
	bool marked;
};

/* Bits of preempt_count() that are all clear in task context. */
#define KSPAN_CTX_MASK	(NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)

/* The tops of a span class in a cache, from the first one on. */
enum kspan_top {
	KSPAN_A,
	KSPAN_F,
	KSPAN_NR_ENDS,
};

/* And its counts: what went into A magazines and out of F ones, ever. */
enum kspan_count {
	KSPAN_LOADED,
	KSPAN_UNLOADED,
	KSPAN_NR_COUNTS,
};

/*
 * The task cache, static so that an instruction reaches it without a pointer;
 * a module's static per-CPU memory is too small for the other two.
 */
DECLARE_PER_CPU(struct kspan_slot *, kspan_tops[]);

/* The softirq's and the hardirq's, KSPAN_NR_TOPS each. */
extern struct kspan_slot * __percpu *kspan_irq_tops;

/* KSPAN_NR_TOPS counts of the task cache; written by their CPU alone. */
extern unsigned long __percpu *kspan_task_counts;

/**
 * struct kspan_sc_cpu - what a dynamic span class has in the caches of a CPU
 * @tops: by context; of the task's the first is at the class's @index
 * @counts: by context, see enum kspan_count; written by their CPU alone
 * @spares: as those of struct kspan_cache_cpu
 * @aging: by context
 */
struct kspan_sc_cpu {
	struct kspan_slot *tops[KSPAN_NR_CTX][KSPAN_NR_ENDS];
	unsigned long counts[KSPAN_NR_CTX][KSPAN_NR_COUNTS];
	struct kspan_spares spares;
	struct kspan_aging aging[KSPAN_NR_CTX];
};

/*
 * Bytes of free objects a CPU should hold: speed for memory.  Written at load and
 * when a CPU comes or goes, read with READ_ONCE().
 */
extern unsigned long kspan_cache_budget;

/**
 * kspan_context - which cache the caller may use
 *
 * Context: Any, with preemption off.  A task with softirqs disabled is in
 * task context, since no softirq can come between.
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
 * A top of this CPU.  On x86 an instruction with a segment prefix reaches it;
 * elsewhere its address is computed, which can be a call and is done once.
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
 * A function of its own, since the macro casts its argument as it stands on
 * 32-bit x86, where a + 1 is a byte on instead of a slot.
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
 * What is common to the pops of all contexts: make the object at A's top LIVE.
 *
 * A free claims its object, so nobody else can give this one away.  The test of
 * its state finds the end of A, by the state of the sentinel, and also a state
 * byte that was overwritten.
 *
 * Return: false, and nothing done, if A is empty or its object is not free.
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
 * What is common to the pushes of all contexts: claim an object and store it at
 * F's top.
 *
 * Return: false, and nothing done, if F is full or the object is not LIVE.
 */
static __always_inline bool kspan_slot_put(struct kspan_slot *slot,
					   const void *ptr, u8 *state)
{
	if (unlikely(!((unsigned long)slot & KSPAN_MAG_MASK)))
		return false;
	if (unlikely(!kspan_obj_claim(state, KSPAN_OBJ_LIVE, KSPAN_OBJ_FREE)))
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
 * Return: false, and nothing done, if A is drained or holds a wrong object.
 */
static __always_inline bool kspan_cache_pop(unsigned long a, void **ptr,
					    u8 *was)
{
	struct kspan_slot **top = kspan_top_at(a);
	struct kspan_slot *slot = kspan_top_get(top, a);

	if (unlikely(!kspan_slot_take(slot, was)))
		return false;
	/* The top before the pointer, or gcc needs an instruction more. */
	slot--;
	kspan_top_set(top, a, slot);
	*ptr = slot[1].ptr;
	return true;
}

/* A top of the interrupt that runs.  Context: Softirq or hardirq. */
static __always_inline struct kspan_slot **kspan_cache_irq_top(unsigned long i)
{
	unsigned int ctx = preempt_count() & HARDIRQ_MASK ? KSPAN_CTX_HARDIRQ :
							    KSPAN_CTX_SOFTIRQ;

	if (unlikely(i >= KSPAN_NR_TOPS))
		return this_cpu_ptr(&kspan_tops[i]) + ctx * KSPAN_NR_ENDS;
	return this_cpu_ptr(kspan_irq_tops) + (ctx - 1) * KSPAN_NR_TOPS + i;
}

/* kspan_cache_pop() for the cache of any context.  Context: that. */
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
 * Context: Softirq, hardirq; no NMI.
 * Return: false, and nothing done, if A is drained or holds a wrong object.
 */
static __always_inline bool kspan_cache_pop_irq(unsigned long a, void **ptr,
						u8 *was)
{
	return kspan_top_pop(kspan_cache_irq_top(a), ptr, was);
}

/* How many slots from drained A's top to F's last object. */
static __always_inline unsigned long kspan_cache_diff(const struct kspan_slot *a,
						      const struct kspan_slot *f)
{
	return (((unsigned long)f - (unsigned long)a) & KSPAN_MAG_MASK) /
	       sizeof(*a);
}

/* Where the counts of a dynamic span class's task cache are, from its A on. */
#define KSPAN_COUNTS_BEHIND \
	(offsetof(struct kspan_sc_cpu, counts) / sizeof(unsigned long))

/* Add to both counts of the task cache, from the index of A. */
static __always_inline void kspan_cache_count_swap(unsigned long a,
						   unsigned long diff,
						   bool is_static)
{
	unsigned long __percpu *counts = kspan_task_counts + a;

	if (!is_static && a >= KSPAN_NR_TOPS)
		counts = (unsigned long __percpu *)&kspan_tops[a] +
			 KSPAN_COUNTS_BEHIND;
	__this_cpu_add(counts[KSPAN_LOADED], diff);
	__this_cpu_add(counts[KSPAN_UNLOADED], diff);
}

/**
 * kspan_cache_swap_pop - let what F holds be A, and take an object out of it
 * @a: KSPAN_A_INDEX() of the span class
 * @ptr: the object, now LIVE
 * @was: the state it had, FREE or ZEROED
 * @is_static: whether the span class is known to be a static one
 *
 * The short way for the commonest end of a fast path; kspan_cache_take()
 * knows all ways.  A CPU that frees what it allocates lives on this one: with
 * few objects in its cache it comes here every few calls.
 *
 * Context: Task, with preemption off.
 * Return: false, and nothing done, if A is not drained or F holds nothing.
 */
static __always_inline bool kspan_cache_swap_pop(unsigned long a, void **ptr,
						 u8 *was, bool is_static)
{
	struct kspan_slot *drained = __this_cpu_read(kspan_tops[a]);
	struct kspan_slot *slot = __this_cpu_read(kspan_tops[a + 1]) - 1;
	unsigned long diff = kspan_cache_diff(drained, slot);

	if (unlikely(drained->state != &kspan_none_state ||
		     drained == &kspan_no_mag.slot[KSPAN_MAG_SLOTS - 1]))
		return false;
	if (unlikely(!kspan_slot_take(slot, was)))
		return false;
	*ptr = slot->ptr;
	kspan_top_write(a, slot - 1);
	kspan_top_write(a + 1, drained + 1);
	kspan_cache_count_swap(a, diff, is_static);
	return true;
}

/**
 * kspan_cache_push - claim an object and put it into F
 * @f: KSPAN_F_INDEX() of the span class
 * @ptr: the object
 * @state: its state byte
 *
 * Context: Task, with preemption off.
 * Return: false, and nothing done, if F is full or the object is not LIVE.
 */
static __always_inline bool kspan_cache_push(unsigned long f, const void *ptr,
					     u8 *state)
{
	struct kspan_slot **top = kspan_top_at(f);
	struct kspan_slot *slot = kspan_top_get(top, f);

	if (unlikely(!kspan_slot_put(slot, ptr, state)))
		return false;
	kspan_top_set(top, f, slot + 1);
	return true;
}

/**
 * kspan_cache_push_irq - kspan_cache_push() for interrupts
 * @f: KSPAN_F_INDEX() of the span class
 * @ptr: the object
 * @state: its state byte
 *
 * Context: Softirq, hardirq; no NMI.
 * Return: false, and nothing done, if F is full or the object is not LIVE.
 */
static __always_inline bool kspan_cache_push_irq(unsigned long f,
						 const void *ptr, u8 *state)
{
	struct kspan_slot **top = kspan_cache_irq_top(f), *slot = *top;

	if (unlikely(!kspan_slot_put(slot, ptr, state)))
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
unsigned long kspan_sc_nr_spans(unsigned int sc);
void kspan_cache_drain_sc(unsigned int sc);
void *kspan_cache_take(unsigned int sc, u8 *was);
unsigned int kspan_cache_take_many(unsigned int sc, void **objs,
				   unsigned int nr, bool zero);
void kspan_cache_put(unsigned int sc, const void *ptr, u8 *state);
void *kspan_cache_take_node(unsigned int sc, int node, u8 *was);
void *kspan_cache_take_redzoned(unsigned int sc, int node, size_t size,
				bool zero);
void kspan_cache_set_budget(unsigned int nr_cpus);
void kspan_cache_drain_local(void);
void kspan_cache_drain_dead(unsigned int cpu);
void kspan_cache_drain_marked(void);
bool kspan_cache_mark_idle(unsigned int cpu);
bool kspan_cache_mark_all(unsigned int cpu);
bool kspan_cache_holds(unsigned int cpu);
void kspan_cache_count(unsigned int sc, u64 *nmalloc, u64 *nfree);
unsigned long kspan_cache_held(unsigned int sc);
const char *kspan_cache_check_local(void);

#endif /* KSPAN_CACHE_H */
