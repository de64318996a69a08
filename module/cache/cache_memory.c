// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: the memory that they are.
 *
 * The static span classes share a few arrays.  A dynamic one has a piece of
 * per-CPU memory of its own, with its tops, counts and spares.  An index
 * (spanclass.h) reaches its tops from where those of the static span classes
 * are, so the fast paths need not know one from the other.
 */
#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/stddef.h>

#include "base/meta.h"
#include "cache/cache_spare.h"
#include "cache/cache_tops.h"
#include "cache/stash.h"

/* The index that leads to a top of the task cache. */
static unsigned long index_of(struct kspan_slot * __percpu *top)
{
	/* Either way round: the quotient is exact, and so is what wraps. */
	return (long)((unsigned long)top - (unsigned long)&kspan_tops[0]) /
	       (long)sizeof(*top);
}

/**
 * kspan_sc_init_cpus - give a dynamic span class its part of the caches
 * @class: the class, without spans
 *
 * Context: Process context that may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_sc_init_cpus(struct kspan_span_class *class)
{
	const struct kspan_class *info = &class->info;
	struct kspan_sc_cpu __percpu *cpus;
	unsigned int cpu, ctx;

	BUILD_BUG_ON(offsetof(struct kspan_sc_cpu, tops));
	cpus = kspan_meta_percpu(sizeof(*cpus), KSPAN_SYS_MCACHE);
	if (!cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct kspan_slot **tops = per_cpu_ptr(cpus, cpu)->tops[ctx];

			tops[KSPAN_A] = KSPAN_NO_A;
			tops[KSPAN_F] = KSPAN_NO_F;
			kspan_sampler_arm(&per_cpu_ptr(cpus, cpu)->samplers[ctx],
					  info->size);
		}
	}
	class->spare_limit = kspan_spare_limit(info);
	/* Readers of the pointer see the tops; see kspan_sc_has_mags(). */
	smp_store_release(&class->cpu, cpus);
	/* Readers of the index see the pointer as well. */
	smp_store_release(&class->index, index_of(&cpus->tops[0][KSPAN_F]));
	return 0;
}

/* Context: Process; the class has been withdrawn, or was never published. */
void kspan_sc_free_cpus(struct kspan_span_class *class)
{
	if (class->cpu)
		kspan_meta_percpu_free(class->cpu, sizeof(*class->cpu),
				       KSPAN_SYS_MCACHE);
}

#define IRQ_TOPS_BYTES	(KSPAN_NR_IRQ_CTX * KSPAN_NR_TOPS * \
			 sizeof(struct kspan_slot *))
#define TASK_COUNTS_BYTES (KSPAN_NR_TOPS * sizeof(unsigned long) + \
			   KSPAN_NR_SC * sizeof(struct kspan_sampler))

static void free_memory(void)
{
	kspan_meta_percpu_free(kspan_cache_cpus, sizeof(*kspan_cache_cpus),
			       KSPAN_SYS_MCACHE);
	kspan_meta_percpu_free(kspan_task_counts, TASK_COUNTS_BYTES,
			       KSPAN_SYS_MCACHE);
	kspan_meta_percpu_free(kspan_irq_tops, IRQ_TOPS_BYTES,
			       KSPAN_SYS_MCACHE);
}

/* Count kspan_tops, which is part of the module. */
static void account_tops(int sign)
{
	long bytes = sign * (long)(KSPAN_NR_TOPS * sizeof(kspan_tops[0])) *
		     (int)num_possible_cpus();

	kspan_meta_account(KSPAN_SYS_MCACHE, bytes);
	atomic_long_add(bytes, &kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
}

/**
 * kspan_cache_init - empty caches for every CPU there may be
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_cache_init(void)
{
	unsigned int cpu, ctx, sc;

	BUILD_BUG_ON(sizeof(struct kspan_sampler) != 2 * sizeof(long));
	BUILD_BUG_ON(offsetof(struct kspan_sampler, left));
	BUILD_BUG_ON(2 * KSPAN_NR_CLASSES + 1 >= KSPAN_NR_SC);
	kspan_irq_tops = kspan_meta_percpu(IRQ_TOPS_BYTES, KSPAN_SYS_MCACHE);
	kspan_task_counts = kspan_meta_percpu(TASK_COUNTS_BYTES,
					      KSPAN_SYS_MCACHE);
	kspan_cache_cpus = kspan_meta_percpu(sizeof(*kspan_cache_cpus),
					     KSPAN_SYS_MCACHE);
	if (!kspan_irq_tops || !kspan_task_counts || !kspan_cache_cpus) {
		free_memory();
		return -ENOMEM;
	}
	account_tops(1);
	kspan_cache_set_budget(num_online_cpus());
	kspan_spare_init();
	kspan_cache_setup();
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(kspan_cache_cpus, cpu)->random = get_random_u32();
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

			for (sc = 0; sc < KSPAN_NR_SC; sc++) {
				kspan_set_a(&c, sc, NULL, 0);
				kspan_set_f(&c, sc, NULL, 0);
				if (sc)
					kspan_sampler_arm(kspan_sampler_of(&c, sc),
							  kspan_sc_info(sc)->size);
			}
		}
	}
	return 0;
}

/* Context: module unload; the caches were drained. */
void kspan_cache_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kspan_cache_drain_dead(cpu);
	kspan_stash_exit();
	free_memory();
	account_tops(-1);
}
