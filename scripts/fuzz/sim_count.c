// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated kernel counts the objects that move while preemption or
 * interrupts are off, and runs a probe when a lock is taken.
 */
#include "central/central.h"
#include "sim.h"
#include "sim_count.h"
#include "sim_sections.h"

/*
 * Count objects that move between magazines and spans.  If the caller of kspan
 * has turned preemption or interrupts off, its calls add up, and no limit
 * applies.
 */
static void count_moved(unsigned int nr)
{
	/* If preemption was on outside, a new section has begun. */
	if (sim_preempt_count == sim_preempt_outside + sim_readers)
		sim_moved = 0;
	sim_moved += nr;
	sim_irq_moved += nr;
	SIM_CHECK(sim_preempt_outside || sim_irqs_outside ||
		  sim_moved <= SIM_MOVE_MAX);
	SIM_CHECK(!sim_irqs_off || sim_irqs_outside ||
		  sim_irq_moved <= SIM_MOVE_MAX);
}

unsigned int __wrap_kspan_central_fill(int node, unsigned int sc,
				       struct kspan_slot *slots,
				       unsigned int want)
{
	unsigned int nr = __real_kspan_central_fill(node, sc, slots, want);

	count_moved(nr);
	return nr;
}

void __wrap_kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
				unsigned int nr)
{
	__real_kspan_central_flush(sc, slots, nr);
	count_moved(nr);
}

void sim_before_lock(void)
{
	void (*probe)(void) = sim_lock_probe;

	if (!probe || sim_nr_locks || in_interrupt() || --sim_lock_probe_nth)
		return;
	sim_lock_probe = NULL;
	sim_run_probe(probe);
}
