// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation in NMI: objects come from the stash of the CPU (cache/stash.h).
 *
 * The first allocation of a size class in NMI finds no stash and returns NULL.
 * From then on the stashes of all CPUs hold objects of that class, until idle
 * memory is released or no NMI has allocated for a while.  An irq_work refills
 * the stash of its CPU right after the NMI from the central lists.  If they
 * have too few objects, a worker allocates memory.  So no memory is used, and
 * no work is done, before code allocates in NMI.
 */
#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include "api/alloc.h"
#include "api/grow.h"
#include "api/nmi_alloc.h"
#include "api/sanitize.h"
#include "base/gfp.h"
#include "base/sizeclass.h"
#include "base/spanclass.h"
#include "cache/stash.h"
#include "reclaim/worker.h"
#include "span/redzone.h"

#define GFP_STASH	(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)

static void fill_here(struct irq_work *work);
static void fill_all(struct work_struct *work);

/* Fills the stash of its CPU.  It is a hard irq_work, as in kspan_kick(). */
static DEFINE_PER_CPU(struct irq_work, fill_irq);

/*
 * Allocates the stashes, and fills them when the central lists have too few
 * objects.
 */
static DECLARE_WORK(fill_work, fill_all);

/**
 * kspan_nmi_alloc - allocate an object in NMI
 * @size: requested bytes, not 0
 * @align: alignment in bytes, 0 for that of the size's class
 * @gfp: the client's flags
 * @kind: number of the span class that is class 0 of the kind
 *
 * Context: NMI.
 * Return: the object, or NULL.
 */
void *kspan_nmi_alloc(size_t size, size_t align, gfp_t gfp, unsigned int kind)
{
	unsigned int sc;
	void *ptr;
	u8 was;

	/* With redzones an object needs more than an exchange. */
	if (kspan_redzone_on() || align || size > KSPAN_STASH_MAX ||
	    gfp & __GFP_THISNODE)
		return NULL;
	sc = kind + kspan_size_to_class(size);
	ptr = kspan_stash_take(sc, &was);
	/* A CPU that is going offline handles no more interrupts. */
	if (cpu_online(raw_smp_processor_id()))
		irq_work_queue(this_cpu_ptr(&fill_irq));
	if (ptr && kspan_want_zero(gfp) && was != KSPAN_OBJ_ZEROED)
		kspan_fill_object(ptr, 0, kspan_sc_info(sc)->size);
	return ptr;
}

static void fill_here(struct irq_work *work)
{
	unsigned int sc;
	bool full = true;

	preempt_disable();
	for_each_kspan_stash_sc(sc)
		full &= kspan_stash_fill(smp_processor_id(), sc);
	preempt_enable();
	if (!full)
		kspan_queue_filling(&fill_work);
}

/* Fill a row of a stash, with new memory if necessary. */
static void fill(unsigned int cpu, unsigned int sc)
{
	int node = kspan_bound_node(cpu_to_mem(cpu));
	bool full;

	do {
		preempt_disable();
		full = kspan_stash_fill(cpu, sc);
		preempt_enable();
	} while (!full && !kspan_grow_class(sc, &node, GFP_STASH));
}

static void fill_all(struct work_struct *work)
{
	unsigned int cpu, sc;

	if (kspan_stash_begin())
		return;
	for_each_online_cpu(cpu) {
		for_each_kspan_stash_sc(sc)
			fill(cpu, sc);
		/* Its hotplug callback may have emptied the stash before. */
		if (!cpu_online(cpu))
			kspan_stash_drain(cpu);
		cond_resched();
	}
}

/**
 * kspan_nmi_settle - wait until the stashes have been filled
 *
 * Context: Process context that may sleep, outside of memory reclaim.
 */
void kspan_nmi_settle(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&fill_irq, cpu));
	flush_work(&fill_work);
}

/* Context: module load.  Return: 0. */
int kspan_nmi_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(fill_irq, cpu) = IRQ_WORK_INIT_HARD(fill_here);
	return 0;
}

/* Context: module unload, after the last allocation. */
void kspan_nmi_exit(void)
{
	kspan_stash_release();
	kspan_nmi_settle();
	kspan_stash_release();
}
