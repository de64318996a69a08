/* SPDX-License-Identifier: GPL-2.0 */
/*
 * percpu.h - CPUs and nodes.  One thread simulates all CPUs, one after the
 * other.  Each CPU has a copy of the section with the per-CPU variables.
 */
#ifndef SIM_PERCPU_H
#define SIM_PERCPU_H

#include <linux/spinlock.h>
#include <linux/types.h>

#ifndef NR_CPUS
#define NR_CPUS			2U
#endif
#define MAX_NUMNODES		2

extern unsigned int sim_cpu;		/* the current CPU */
extern unsigned int sim_online_cpus;	/* one bit for each */
extern int nr_online_nodes;
extern long sim_cpu_offset[NR_CPUS];	/* from a variable to a CPU's copy */

#define SIM_PERCPU	__attribute__((section("sim_percpu")))
#define DECLARE_PER_CPU(type, name) extern SIM_PERCPU typeof(type) name
#define DEFINE_PER_CPU(type, name) SIM_PERCPU typeof(type) name

/* As with DEBUG_PREEMPT: the caller must not move to another CPU. */
static inline unsigned int sim_pinned_cpu(void)
{
	SIM_CHECK(sim_preempt_count || sim_irqs_off || sim_pinned);
	return sim_cpu;
}

#define per_cpu_ptr(ptr, cpu) \
	((typeof(*(ptr)) *)((char *)(ptr) + sim_cpu_offset[cpu]))
#define per_cpu(var, cpu)	(*per_cpu_ptr(&(var), cpu))
#define this_cpu_ptr(ptr)	per_cpu_ptr(ptr, sim_pinned_cpu())
#define __this_cpu_read(var)	READ_ONCE(*this_cpu_ptr(&(var)))
#define __this_cpu_write(var, val) WRITE_ONCE(*this_cpu_ptr(&(var)), val)
#define __this_cpu_add(var, n)	(*this_cpu_ptr(&(var)) += (n))
#define __this_cpu_sub(var, n)	__this_cpu_add(var, -(n))
#define this_cpu_inc(var)	(per_cpu(var, sim_cpu)++)
#define raw_cpu_inc(var)	(per_cpu(var, sim_cpu)++)
#define smp_processor_id()	sim_pinned_cpu()
#define raw_smp_processor_id()	sim_cpu

void *__alloc_percpu(size_t size, size_t align);
void free_percpu(void *mem);
#define alloc_percpu(type) \
	((type *)__alloc_percpu(sizeof(type), __alignof__(type)))

#define num_possible_cpus()	NR_CPUS
#define num_online_cpus()	((unsigned int)__builtin_popcount(sim_online_cpus))
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < NR_CPUS; (cpu)++)
#define for_each_online_cpu(cpu) \
	for_each_possible_cpu(cpu) \
		if (sim_online_cpus & (1U << (cpu)))
#define cpus_read_lock()	might_sleep()
#define cpus_read_unlock()	might_sleep()

#define cpu_online(cpu)		(!!(sim_online_cpus & (1U << (cpu))))

/* Nodes 0 to nr_online_nodes - 1 are online, and all have memory. */
typedef struct {
	int nr;
} nodemask_t;

#define node_states		((nodemask_t[]){ { nr_online_nodes } })
#define N_MEMORY		0
#define first_node(mask)	0
#define nodes_weight(mask)	((mask).nr)
#define node_isset(node, mask)	((node) < (mask).nr)
#define for_each_node_mask(node, mask) \
	for ((node) = 0; (node) < (mask).nr; (node)++)
#define cpu_to_mem(cpu)		((int)(cpu) % nr_online_nodes)
#define numa_mem_id()		cpu_to_mem(sim_cpu)
#define nr_node_ids		MAX_NUMNODES

enum cpuhp_state {
	CPUHP_BP_PREPARE_DYN,
};

int cpuhp_setup_state_nocalls(enum cpuhp_state state, const char *name,
			      int (*startup)(unsigned int cpu),
			      int (*teardown)(unsigned int cpu));
void cpuhp_remove_state_nocalls(enum cpuhp_state state);

#endif /* SIM_PERCPU_H */
