// SPDX-License-Identifier: GPL-2.0
/*
 * The stashes: how objects are taken, and how stashes are filled and emptied.
 *
 * The objects in a stash count as free, like those in magazines.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include "base/meta.h"
#include "base/tick.h"
#include "cache/stash.h"
#include "central/central.h"
#include "span/arena.h"
#include "span/report.h"

/**
 * struct stash - the stash of a CPU
 * @obj: free objects by static span class, or NULL; changed by exchange in any
 *	context and by any CPU
 * @given: number of objects taken so far; only NMIs of this CPU write it
 */
struct stash {
	void *obj[KSPAN_NR_SC][KSPAN_STASH_OBJS];
	unsigned long given[KSPAN_NR_SC];
};

/* Ticks without an allocation in NMI after which the stashes are emptied. */
#define IDLE_TICKS	16U

/*
 * The span classes for which the stashes are filled.  Any context may set a
 * bit.
 */
static DECLARE_BITMAP(wanted, KSPAN_NR_SC);

/* Ticks since the last allocation in NMI.  A hint; any context clears it. */
static unsigned int idle_ticks;

/*
 * NULL before the first allocation in NMI.  Set once, by the worker that fills
 * the stashes; read in any context.
 */
static struct stash __percpu *stashes;

static struct stash __percpu *get_stashes(void)
{
	/* Pairs with the release in kspan_stash_begin(). */
	return smp_load_acquire(&stashes);
}

/**
 * kspan_stash_begin - allocate the stashes if there are none
 *
 * Context: Process context that may sleep; one caller at a time.
 * Return: 0 or -ENOMEM.
 */
int kspan_stash_begin(void)
{
	struct stash __percpu *new;

	if (stashes)
		return 0;
	new = kspan_meta_percpu(sizeof(*new), KSPAN_SYS_MCACHE);
	if (!new)
		return -ENOMEM;
	/* Readers of the pointer see empty stashes. */
	smp_store_release(&stashes, new);
	return 0;
}

/* Context: module unload; the stashes are empty. */
void kspan_stash_exit(void)
{
	if (stashes)
		kspan_meta_percpu_free(stashes, sizeof(*stashes),
				       KSPAN_SYS_MCACHE);
	stashes = NULL;
}

static struct kspan_slot slot_of(void *ptr)
{
	struct kspan_span *span = kspan_span_find(ptr);

	return (struct kspan_slot){
		.ptr = ptr,
		.state = span->state + kspan_span_index(span, (unsigned long)ptr),
	};
}

/* Take any object of a row, or NULL. */
static void *take_any(void **row)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < KSPAN_STASH_OBJS; i++) {
		if (!READ_ONCE(row[i]))
			continue;
		ptr = xchg(&row[i], NULL);
		if (ptr)
			return ptr;
	}
	return NULL;
}

/**
 * kspan_stash_take - take an object from the stash of this CPU
 * @sc: static span class, for which the stashes are filled from now on
 * @was: set to the previous state of the object, FREE or ZEROED
 *
 * Context: NMI.
 * Return: a LIVE object, or NULL if there is none.
 */
void *kspan_stash_take(unsigned int sc, u8 *was)
{
	struct stash __percpu *all = get_stashes();
	struct kspan_slot slot;
	struct stash *stash;
	void *ptr;

	WRITE_ONCE(idle_ticks, 0);
	set_bit(sc, wanted);
	if (!all)
		return NULL;
	stash = this_cpu_ptr(all);
	while ((ptr = take_any(stash->obj[sc]))) {
		slot = slot_of(ptr);
		*was = READ_ONCE(*slot.state);
		if (likely(*was <= KSPAN_OBJ_ZEROED)) {
			WRITE_ONCE(*slot.state, KSPAN_OBJ_LIVE);
			WRITE_ONCE(stash->given[sc], stash->given[sc] + 1);
			return ptr;
		}
		/* The object is never reused. */
		kspan_report_corrupt("state of an object that should be free", sc);
	}
	return NULL;
}

/* Return the objects of a row to the central list.  Context: preemption off. */
static void drain_row(void **row, unsigned int sc)
{
	struct kspan_slot slot;
	void *ptr;

	while ((ptr = take_any(row))) {
		slot = slot_of(ptr);
		kspan_central_flush(sc, &slot, 1);
	}
}

/**
 * kspan_stash_fill - fill a row of a stash from the central list
 * @cpu: CPU of the stash
 * @sc: static span class
 *
 * Context: Any but NMI, with preemption off.
 * Return: true if the row is full or needs no objects; false if the list has no
 * object, or there are no stashes.
 */
bool kspan_stash_fill(unsigned int cpu, unsigned int sc)
{
	struct stash __percpu *all = get_stashes();
	struct kspan_slot slot;
	unsigned int i;
	void **row;

	if (!all)
		return false;
	row = per_cpu_ptr(all, cpu)->obj[sc];
	for (i = 0; i < KSPAN_STASH_OBJS; i++) {
		if (READ_ONCE(row[i]))
			continue;
		if (!kspan_central_fill(cpu_to_mem(cpu), sc, &slot, 1))
			return false;
		/* Other code has filled it in the meantime. */
		if (cmpxchg(&row[i], NULL, slot.ptr))
			kspan_central_flush(sc, &slot, 1);
	}
	/* Store the objects before the test; pairs with kspan_stash_release(). */
	smp_mb();
	if (unlikely(!test_bit(sc, wanted)))
		drain_row(row, sc);
	kspan_tick_watch();
	return true;
}

/**
 * kspan_stash_next - find the next span class for which the stashes are filled
 * @sc: the first class to check
 *
 * Context: Any.
 * Return: the class, or KSPAN_NR_SC if there is none.
 */
unsigned int kspan_stash_next(unsigned int sc)
{
	return find_next_bit(wanted, KSPAN_NR_SC, sc);
}

/**
 * kspan_stash_drain - return the objects of a stash to the central lists
 * @cpu: CPU of the stash
 *
 * Context: Any but NMI.
 */
void kspan_stash_drain(unsigned int cpu)
{
	struct stash __percpu *all = get_stashes();
	unsigned int sc;

	for (sc = 1; all && sc < KSPAN_NR_SC; sc++) {
		preempt_disable();
		drain_row(per_cpu_ptr(all, cpu)->obj[sc], sc);
		preempt_enable();
	}
}

/* Whether there is no class for which stashes are filled.  Context: Any. */
bool kspan_stash_is_idle(void)
{
	return bitmap_empty(wanted, KSPAN_NR_SC);
}

/**
 * kspan_stash_release - empty all stashes, until the next allocation in NMI
 *
 * Context: Any but NMI.
 */
void kspan_stash_release(void)
{
	unsigned int cpu;

	if (kspan_stash_is_idle())
		return;
	bitmap_zero(wanted, KSPAN_NR_SC);
	/* Clear the bits before the drain; pairs with kspan_stash_fill(). */
	smp_mb();
	for_each_possible_cpu(cpu)
		kspan_stash_drain(cpu);
}

/* Empty the stashes if no NMI has allocated for a while.  Context: the tick. */
void kspan_stash_age(void)
{
	if (kspan_stash_is_idle())
		return;
	if (READ_ONCE(idle_ticks) < IDLE_TICKS)
		WRITE_ONCE(idle_ticks, READ_ONCE(idle_ticks) + 1);
	else
		kspan_stash_release();
}

/* Number of objects of a static span class taken so far.  Context: Any. */
unsigned long kspan_stash_given(unsigned int sc)
{
	struct stash __percpu *all = get_stashes();
	unsigned long nr = 0;
	unsigned int cpu;

	if (likely(!all))
		return 0;
	for_each_possible_cpu(cpu)
		nr += READ_ONCE(per_cpu_ptr(all, cpu)->given[sc]);
	return nr;
}
