// SPDX-License-Identifier: GPL-2.0
/*
 * CPU hotplug during a run.  When a CPU goes offline the kernel moves its
 * threads and timers to other CPUs and leaves them there.  This file brings
 * them back, as otherwise all of them would soon run on one CPU.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/sched.h>

#include "torture.h"

static enum cpuhp_state state;
/* CPUs that came back.  Hotplug callbacks, which are serialised, write it. */
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

/* Context: Module load, after all threads and CPUs are set up. */
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
