/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sim.h - the simulated kernel as a target sees it.
 *
 * One thread plays two CPUs.  Nothing happens by itself: workers, interrupts
 * and time run when the target says so, memory ends when it says so, and
 * after a reboot everything is as at the first start, addresses included, so
 * that an input does the same in every run.
 */
#ifndef SIM_H
#define SIM_H

#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* Where vmalloc() has memory: near, and too far away for the map's window. */
#define SIM_NEAR	0x200000000000UL
#define SIM_FAR		0x280000000000UL
#define SIM_ZONE_BYTES	(256UL << 20)

/* Everything as before the module was loaded; live memory of it is lost. */
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
/* Also checks that no lock is held and nothing else was left behind. */
void sim_leave(enum sim_context context);

/* Interrupts that wait; workers that wait; time, and those whose it is. */
void sim_run_irq_work(void);
void sim_run_workers(void);
void sim_advance(unsigned long by);

/* Take CPU 1 away and bring it back; the caller moves to CPU 0. */
void sim_cpu_down(void);
void sim_cpu_up(void);

/* Ask the shrinker for pages, as often as it has some. */
void sim_shrink(unsigned long nr_pages);
bool sim_has_shrinker(void);
/* Call who wants to know that a process is about to be killed. */
void sim_oom(void);

/*
 * One bit for each of the next requests for memory, or for anything else that
 * the kernel may not have: 1 is refused.  And one to be refused later: 1 is the
 * next, 0 none.
 */
extern unsigned int sim_refuse;
extern unsigned long sim_refuse_nth;
/* The next areas of vmalloc() are far away. */
extern bool sim_far;
/* A probe in the page allocator: called once, by the next who may not sleep. */
extern void (*sim_page_probe)(void);
/* A probe at a lock: called once, by the task that takes the nth lock from now. */
extern void (*sim_lock_probe)(void);
extern unsigned int sim_lock_probe_nth;
/* Run a probe; what it does is no part of the section that it came into. */
void sim_run_probe(void (*probe)(void));
/* No request may wake kswapd: the caller may hold a lock of the scheduler's. */
extern bool sim_no_kswapd;
/* Requests that were refused since the last reboot. */
extern unsigned long sim_nr_refused;
/* Heap and metadata, in bytes, that the module holds. */
unsigned long sim_bytes_held(void);

/* A mapped range that vmalloc() gave last, for addresses that are close. */
unsigned long sim_last_area(void);

#endif /* SIM_H */
