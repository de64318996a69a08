/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sim.h - the simulated kernel as a target sees it.
 *
 * One thread simulates two CPUs.  Nothing happens by itself: workers and
 * interrupts run, time passes, and memory runs out only when the target says
 * so.  A reboot restores the state of the first start, including all addresses,
 * so that an input has the same effect in every run.
 */
#ifndef SIM_H
#define SIM_H

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* Ranges of vmalloc(): one near, and one too far away for the map's window. */
#define SIM_NEAR	0x200000000000UL
#define SIM_FAR		0x280000000000UL
#define SIM_ZONE_BYTES	(256UL << 20)

/* Restore the state before the module was loaded; its memory is lost. */
void sim_reboot(void);

/* Where code runs. */
enum sim_context {
	SIM_TASK,
	SIM_PREEMPT_OFF,
	SIM_BH_OFF,
	SIM_IRQS_OFF,
	SIM_SOFTIRQ,
	SIM_HARDIRQ,
	SIM_NMI,
	SIM_NR_CONTEXTS,
};

void sim_enter(enum sim_context context);
/* Also checks that no lock is held and that all nesting counts are restored. */
void sim_leave(enum sim_context context);

/* Run pending interrupts, run pending workers, let time pass and run timers. */
void sim_run_irq_work(void);
void sim_run_workers(void);
void sim_advance(unsigned long by);

/* Take CPU 1 offline, and back online.  The caller moves to CPU 0. */
void sim_cpu_down(void);
void sim_cpu_up(void);

/* Ask the shrinker for pages until it has no more. */
void sim_shrink(unsigned long nr_pages);
bool sim_has_shrinker(void);
/* Call the out-of-memory notifiers. */
void sim_oom(void);

/*
 * sim_refuse has one bit for each of the next requests for memory, or for
 * anything else that the kernel may refuse; a set bit refuses the request.
 * sim_refuse_nth refuses one more: 1 is the next request, 0 means none.
 */
extern unsigned int sim_refuse;
extern unsigned long sim_refuse_nth;
/* The next areas of vmalloc() come from the far range. */
extern bool sim_far;
/* A probe in the page allocator, called once, at the next atomic request. */
extern void (*sim_page_probe)(void);
/*
 * A probe at a lock, called once, when a task takes the nth lock from now on.
 */
extern void (*sim_lock_probe)(void);
extern unsigned int sim_lock_probe_nth;
/* Run a probe.  Its work does not count in the section that it interrupts. */
void sim_run_probe(void (*probe)(void));
/*
 * No request may wake kswapd, as the caller may hold a lock of the scheduler.
 */
extern bool sim_no_kswapd;
/* Requests that were refused since the last reboot. */
extern unsigned long sim_nr_refused;
/* Bytes of heap and metadata that the module holds. */
unsigned long sim_bytes_held(void);
/* The same of per-CPU memory that was asked for. */
unsigned long sim_percpu_held(void);

/* A mapped area that vmalloc() returned recently, for addresses near it. */
unsigned long sim_last_area(void);

#endif /* SIM_H */
