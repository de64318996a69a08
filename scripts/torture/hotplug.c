// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that go and come during a run.  The kernel moves the threads and timers
 * of one that goes elsewhere and leaves them there; they are brought back, or
 * soon all of them would be on one CPU.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/sched.h>

#include "torture.h"

static enum cpuhp_state state;
/* CPUs that came back; written by one hotplug callback at a time. */
static unsigned long nr_returns;

static struct torture_cpu *cpu_of(unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < torture_nr_cpus; i++)
		if (torture_cpus[i].cpu == cpu)
			return &torture_cpus[i];
	return NULL;
}

static int cpu_comes(unsigned int cpu)
{
	struct torture_cpu *tc = cpu_of(cpu);

	if (!tc)
		return 0;
	torture_threads_come_home(tc);
	torture_irq_resume(tc);
	WRITE_ONCE(nr_returns, nr_returns + 1);
	return 0;
}

static int cpu_goes(unsigned int cpu)
{
	struct torture_cpu *tc = cpu_of(cpu);

	if (tc)
		torture_irq_pause(tc);
	return 0;
}

/* Context: Module load; all threads and CPUs are set up. */
int torture_hotplug_init(void)
{
	int ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN,
					    "kspan_torture:online",
					    cpu_comes, cpu_goes);

	if (ret < 0)
		return ret;
	state = ret;
	return 0;
}

/* Context: Module unload, or a load that failed. */
void torture_hotplug_exit(void)
{
	if (state)
		cpuhp_remove_state_nocalls(state);
}

unsigned long torture_nr_returns(void)
{
	return READ_ONCE(nr_returns);
}
