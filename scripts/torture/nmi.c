// SPDX-License-Identifier: GPL-2.0
/*
 * Real NMIs.  Interrupts send them to other CPUs, where they can interrupt the
 * allocator anywhere, also with interrupts off.  An NMI frees an object that
 * was left for it, and allocates one, which it keeps for the next NMI of its
 * CPU.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kspan.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <asm/apic.h>
#include <asm/nmi.h>

#include "torture.h"

#define SIZE_BITS	14
#define BIG_BITS	18
/* Longest time, in milliseconds, for an NMI to arrive. */
#define ARRIVAL_MS	1000U
#define STEP_MS		20U

/* The fill byte of objects that NMIs allocate. */
#define FILL		0x6e

/* Sizes in bytes that NMIs allocate, in turn. */
static const size_t sizes[] = { 64, 64, 200, 1000, 4096 };

/*
 * The object that the next NMI of a CPU frees.  Any context accesses it, only
 * by xchg().
 */
static DEFINE_PER_CPU(void *, nmi_object);
/* An NMI is on its way: set by its sender, cleared by the NMI. */
static DEFINE_PER_CPU(int, nmi_sent);
/* Written only by NMIs of this CPU. */
static DEFINE_PER_CPU(unsigned long, nr_nmis);
static DEFINE_PER_CPU(unsigned long, nr_given);
/* The object that the last NMI of the CPU has allocated, and its bytes. */
static DEFINE_PER_CPU(void *, kept);
static DEFINE_PER_CPU(size_t, kept_size);

/* Free the object of the last NMI.  Context: NMI, or after the last NMI. */
static void free_kept(unsigned int cpu)
{
	void **ptr = per_cpu_ptr(&kept, cpu);
	size_t size = per_cpu(kept_size, cpu);

	if (!*ptr)
		return;
	if (!kspan_owns(*ptr) || kspan_size(*ptr) < size)
		torture_fail("an NMI's allocation is not an object");
	else if (memchr_inv(*ptr, FILL, size))
		torture_fail("an NMI's allocation was written to");
	kspan_free(*ptr);
	*ptr = NULL;
}

/*
 * The first allocation on each CPU returns NULL, later ones take from the
 * stash.
 */
static void allocate(unsigned int cpu, unsigned int turn)
{
	size_t size = sizes[turn % ARRAY_SIZE(sizes)];
	void *ptr;

	free_kept(cpu);
	if (kspan_alloc(8192, GFP_ATOMIC | __GFP_NOWARN))
		torture_fail("kspan_alloc() gives 8 KiB in NMI");
	ptr = kspan_alloc(size, GFP_ATOMIC | __GFP_NOWARN);
	if (!ptr)
		return;
	memset(ptr, FILL, size);
	this_cpu_write(kept, ptr);
	this_cpu_write(kept_size, size);
	this_cpu_inc(nr_given);
}

static int torture_nmi(unsigned int type, struct pt_regs *regs)
{
	void *ptr = xchg(this_cpu_ptr(&nmi_object), NULL);

	if (!xchg(this_cpu_ptr(&nmi_sent), 0))
		return NMI_DONE;
	this_cpu_inc(nr_nmis);
	allocate(smp_processor_id(), this_cpu_read(nr_nmis));
	if (ptr && !kspan_owns(ptr))
		torture_fail("an NMI's object is not kspan's");
	kspan_free(ptr);
	return NMI_HANDLED;
}

/* Send an NMI to a CPU with an object to free.  Context: Hardirq. */
void torture_nmi_send(struct torture_ctx *ctx, unsigned int cpu)
{
	unsigned int bits = torture_once_in(ctx, 16) ? BIG_BITS : SIZE_BITS;
	void *old;

	/* No CPU goes or comes while interrupts are off here. */
	if (!cpu_online(cpu) || cmpxchg(per_cpu_ptr(&nmi_sent, cpu), 0, 1))
		return;
	old = xchg(per_cpu_ptr(&nmi_object, cpu),
		   kspan_alloc(torture_pick_size(ctx, bits),
			       GFP_NOWAIT | __GFP_NOWARN));
	kspan_free(old);
	apic->send_IPI(cpu, NMI_VECTOR);
}

/* Context: Module load. */
int torture_nmi_init(void)
{
	return register_nmi_handler(NMI_LOCAL, torture_nmi, 0, "kspan_torture");
}

/* Wait for the last NMIs.  Context: Task, after the last torture_nmi_send(). */
void torture_nmi_exit(void)
{
	unsigned int cpu, ms;

	for_each_possible_cpu(cpu) {
		for (ms = 0; READ_ONCE(per_cpu(nmi_sent, cpu)) &&
		     ms < ARRIVAL_MS; ms += STEP_MS)
			msleep(STEP_MS);
		kspan_free(xchg(per_cpu_ptr(&nmi_object, cpu), NULL));
	}
	unregister_nmi_handler(NMI_LOCAL, "kspan_torture");
	for_each_possible_cpu(cpu)
		free_kept(cpu);
}

unsigned long torture_nr_nmis(void)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(nr_nmis, cpu));
	return sum;
}

unsigned long torture_nr_nmi_objects(void)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(nr_given, cpu));
	return sum;
}
