// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated kernel counts: objects that move while preemption or interrupts
 * are off; and it has a probe come in where a lock is taken.
 */
#include "central/central.h"
#include "sim.h"
#include "sim_sections.h"

/*
 * Objects on their way between magazines and spans.  In a caller's section the
 * calls that it makes add up, which is his affair.
 */
static void count_moved(unsigned int nr)
{
	/* Preemption may be on again: this was a section of its own. */
	if (sim_preempt_count == sim_preempt_outside + sim_readers)
		sim_moved = 0;
	sim_moved += nr;
	sim_irq_moved += nr;
	SIM_CHECK(sim_preempt_outside || sim_irqs_outside ||
		  sim_moved <= SIM_MOVE_MAX);
	SIM_CHECK(!sim_irqs_off || sim_irqs_outside ||
		  sim_irq_moved <= SIM_MOVE_MAX);
}

/* The linker has the module call these. */
unsigned int __real_kspan_central_fill(int node, unsigned int sc,
				       struct kspan_slot *slots,
				       unsigned int want);
void __real_kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
				unsigned int nr);
unsigned int __wrap_kspan_central_fill(int node, unsigned int sc,
				       struct kspan_slot *slots,
				       unsigned int want);
void __wrap_kspan_central_flush(unsigned int sc, const struct kspan_slot *slots,
				unsigned int nr);

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
