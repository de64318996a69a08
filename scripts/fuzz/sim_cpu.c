// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated kernel's CPUs: contexts, per-CPU memory, deferred work, and the
 * return to the state of the first start.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/workqueue.h>

#include "sim.h"
#include "sim_sections.h"

#define FIRST_JIFFIES	((unsigned long)-1000)	/* wraps around soon */

unsigned int sim_preempt_count;
unsigned int sim_preempt_outside;
size_t sim_filled;
unsigned int sim_moved;
unsigned int sim_irq_moved;
#ifndef SIM_EXPLORE
unsigned int sim_readers;
#endif
unsigned int sim_pinned;
unsigned int sim_nr_locks;
bool sim_irqs_off;
unsigned int sim_cpu;
unsigned int sim_online_cpus;
int nr_online_nodes;
long sim_cpu_offset[NR_CPUS];
unsigned long jiffies;
struct task_struct sim_task = { "fuzz", 1 };

static struct work_struct *works;
static struct irq_work *irq_works;
static int (*cpu_dead)(unsigned int cpu);
static struct shrinker the_shrinker;
static struct notifier_block *oom_notifier;
static u32 random_state;

/* --- messages -------------------------------------------------------------- */

void sim_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "FOUND %s:%d: %s\n", file, line, what);
	/* The sanitizer's death callback saves the input. */
	__builtin_trap();
}

void sim_printk(const char *format, ...)
{
	static int verbose = -1;
	va_list args;

	if (verbose < 0)
		verbose = !!getenv("FUZZ_VERBOSE");
	if (!verbose)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

u32 get_random_u32(void)
{
	random_state = random_state * 1664525U + 1013904223U;
	return random_state;
}

/* --- per-CPU memory -------------------------------------------------------- */

/* The section with the variables, and room for dynamic per-CPU memory. */
#define DYNAMIC_BYTES	(64UL << 10)
static SIM_PERCPU __aligned(SMP_CACHE_BYTES) char dynamic[DYNAMIC_BYTES];
static size_t dynamic_used;

/* The pieces of it; one that is free serves the next request of its size. */
#define PIECES_MAX	512U
static struct piece {
	void *mem;
	size_t size;
	bool used;
} pieces[PIECES_MAX];
static unsigned int nr_pieces;

static struct piece *new_piece(size_t size, size_t align)
{
	size_t at = ALIGN(dynamic_used, align);
	unsigned int i;

	for (i = 0; i < nr_pieces; i++)
		if (!pieces[i].used && pieces[i].size == size)
			return &pieces[i];
	SIM_CHECK(at + size <= DYNAMIC_BYTES && i < PIECES_MAX);
	dynamic_used = at + size;
	nr_pieces++;
	pieces[i] = (struct piece){ .mem = dynamic + at, .size = size };
	return &pieces[i];
}

void *__alloc_percpu(size_t size, size_t align)
{
	struct piece *piece;
	unsigned int cpu;

	if (sim_refused(0))
		return NULL;
	piece = new_piece(size, align);
	piece->used = true;
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(piece->mem, cpu), 0, size);
	return piece->mem;
}

void free_percpu(void *mem)
{
	unsigned int i;

	for (i = 0; i < nr_pieces; i++)
		if (pieces[i].mem == mem)
			pieces[i].used = false;
}

unsigned long sim_percpu_held(void)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < nr_pieces; i++)
		bytes += pieces[i].used ? pieces[i].size * num_possible_cpus() : 0;
	return bytes;
}

/* --- contexts -------------------------------------------------------------- */

bool sim_irqs_outside;

void (*sim_lock_probe)(void);
unsigned int sim_lock_probe_nth;

void sim_run_probe(void (*probe)(void))
{
	unsigned int outside = sim_preempt_outside, moved = sim_moved;
	unsigned int irq_moved = sim_irq_moved, count = sim_preempt_count;
	bool irqs_outside = sim_irqs_outside;
	size_t filled = sim_filled;

	sim_preempt_outside = count;
	sim_irqs_outside = true;
	probe();
	SIM_CHECK(sim_preempt_count == count);
	sim_preempt_outside = outside;
	sim_irqs_outside = irqs_outside;
	sim_moved = moved;
	sim_irq_moved = irq_moved;
	sim_filled = filled;
}

/* The value of preempt_count() in each context. */
static const unsigned int counts[SIM_NR_CONTEXTS] = {
	[SIM_PREEMPT_OFF] = 1,
	[SIM_BH_OFF] = SOFTIRQ_DISABLE_OFFSET,
	[SIM_SOFTIRQ] = SOFTIRQ_OFFSET,
	[SIM_HARDIRQ] = HARDIRQ_OFFSET,
	[SIM_NMI] = NMI_OFFSET | HARDIRQ_OFFSET,
};

static bool has_irqs_off(enum sim_context context)
{
	return context == SIM_IRQS_OFF || context == SIM_HARDIRQ ||
	       context == SIM_NMI;
}

void sim_enter(enum sim_context context)
{
	SIM_CHECK(!sim_preempt_count && !sim_irqs_off);
	sim_preempt_count = counts[context];
	sim_preempt_outside = sim_preempt_count;
	sim_filled = 0;
	sim_moved = 0;
	sim_irq_moved = 0;
	sim_irqs_outside = has_irqs_off(context);
	sim_irqs_off = has_irqs_off(context);
}

void sim_leave(enum sim_context context)
{
	SIM_CHECK(!sim_nr_locks);
	SIM_CHECK(sim_preempt_count == counts[context]);
	SIM_CHECK(sim_irqs_off == has_irqs_off(context));
	sim_preempt_count = 0;
	sim_preempt_outside = 0;
	sim_irqs_outside = false;
	sim_irqs_off = false;
}

/* --- interrupts ------------------------------------------------------------ */

bool irq_work_queue(struct irq_work *work)
{
	if (work->queued)
		return false;
	work->queued = true;
	work->next = irq_works;
	irq_works = work;
	return true;
}

void sim_run_irq_work(void)
{
	while (irq_works) {
		struct irq_work *work = irq_works;

		irq_works = work->next;
		work->queued = false;
		sim_enter(SIM_HARDIRQ);
		work->fn(work);
		sim_leave(SIM_HARDIRQ);
	}
}

void irq_work_sync(struct irq_work *work)
{
	might_sleep();
	sim_run_irq_work();
}

/* --- workers --------------------------------------------------------------- */

static void run_work(struct work_struct *work)
{
	unsigned int cpu = sim_cpu;

	might_sleep();
	work->queued = false;
	sim_cpu = work->cpu;
	migrate_disable();
	work->fn(work);
	migrate_enable();
	sim_leave(SIM_TASK);
	sim_cpu = cpu;
}

/* Dequeue @work or, if it is NULL, the oldest work that is due. */
static struct work_struct *unqueue(struct work_struct *work)
{
	struct work_struct **link, **found = NULL;

	for (link = &works; *link; link = &(*link)->next)
		if (work ? *link == work : !time_before(jiffies, (*link)->when))
			found = link;
	if (!found)
		return NULL;
	work = *found;
	*found = work->next;
	return work;
}

static bool enqueue(struct work_struct *work, unsigned int cpu,
		    unsigned long when)
{
	if (work->queued)
		return false;
	work->queued = true;
	work->cpu = cpu;
	work->when = when;
	work->next = works;
	works = work;
	return true;
}

bool queue_work_on(int cpu, struct workqueue_struct *wq,
		   struct work_struct *work)
{
	return enqueue(work, cpu, jiffies);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	return enqueue(work, sim_cpu, jiffies);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			unsigned long delay)
{
	return enqueue(&work->work, sim_cpu, jiffies + delay);
}

bool flush_work(struct work_struct *work)
{
	might_sleep();
	if (!unqueue(work))
		return false;
	run_work(work);
	return true;
}

bool cancel_work_sync(struct work_struct *work)
{
	might_sleep();
	if (!unqueue(work))
		return false;
	work->queued = false;
	return true;
}

bool cancel_delayed_work_sync(struct delayed_work *work)
{
	return cancel_work_sync(&work->work);
}

void sim_run_workers(void)
{
	struct work_struct *work;

	while ((work = unqueue(NULL)))
		run_work(work);
}

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active)
{
	if (sim_refused(0))
		return NULL;
	/* Any address will do. */
	return (struct workqueue_struct *)&works;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	sim_run_workers();
	SIM_CHECK(!works);
}

void sim_advance(unsigned long by)
{
	jiffies += by;
	sim_run_irq_work();
	sim_run_workers();
}

void sim_wait_event(void)
{
	might_sleep();
	sim_run_irq_work();
	sim_run_workers();
}

void msleep(unsigned int ms)
{
	might_sleep();
	sim_advance(msecs_to_jiffies(ms));
}

/* --- hotplug, shrinker ----------------------------------------------------- */

int cpuhp_setup_state_nocalls(enum cpuhp_state state, const char *name,
			      int (*startup)(unsigned int cpu),
			      int (*teardown)(unsigned int cpu))
{
	if (sim_refused(0))
		return -ENOSPC;
	cpu_dead = teardown;
	return 1;
}

void cpuhp_remove_state_nocalls(enum cpuhp_state state)
{
	cpu_dead = NULL;
}

void sim_cpu_down(void)
{
	sim_cpu = 0;
	if (!(sim_online_cpus & 2))
		return;
	sim_online_cpus &= ~2U;
	if (cpu_dead)
		cpu_dead(1);
}

void sim_cpu_up(void)
{
	sim_online_cpus |= 2;
}

int register_oom_notifier(struct notifier_block *block)
{
	oom_notifier = block;
	return 0;
}

int unregister_oom_notifier(struct notifier_block *block)
{
	SIM_CHECK(oom_notifier == block);
	oom_notifier = NULL;
	return 0;
}

void sim_oom(void)
{
	unsigned long held = sim_bytes_held(), freed = 0;

	if (!oom_notifier)
		return;
	oom_notifier->notifier_call(oom_notifier, 0, &freed);
	SIM_CHECK(freed << PAGE_SHIFT <= held);
}

struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	return sim_refused(0) ? NULL : &the_shrinker;
}

void shrinker_register(struct shrinker *shrinker)
{
}

void shrinker_free(struct shrinker *shrinker)
{
	the_shrinker = (struct shrinker){};
}

bool sim_has_shrinker(void)
{
	return the_shrinker.count_objects;
}

void sim_shrink(unsigned long nr_pages)
{
	struct shrink_control control = { .nr_to_scan = nr_pages };
	unsigned long nr;

	if (!the_shrinker.count_objects)
		return;
	nr = the_shrinker.count_objects(&the_shrinker, &control);
	if (nr != SHRINK_EMPTY)
		the_shrinker.scan_objects(&the_shrinker, &control);
}

/* --- reboot ---------------------------------------------------------------- */

/* A copy that also includes the sanitizer's redzones. */
static void copy_raw(void *to, const void *from, size_t bytes)
{
	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (bytes) : :
		     "memory");
}

static char *saved_data, *saved_percpu;

static void clear_raw(void *to, size_t bytes)
{
	asm volatile("rep stosb" : "+D" (to), "+c" (bytes) : "a" (0) : "memory");
}

/* Save the module's memory before anything has run. */
static void save_once(void)
{
	size_t percpu_bytes = sim_percpu_stop - sim_percpu_start;
	unsigned int cpu;

	if (saved_data)
		return;
	saved_data = malloc(sim_data_stop - sim_data_start);
	saved_percpu = malloc(percpu_bytes);
	copy_raw(saved_data, sim_data_start, sim_data_stop - sim_data_start);
	copy_raw(saved_percpu, sim_percpu_start, percpu_bytes);
	for (cpu = 1; cpu < num_possible_cpus(); cpu++) {
		char *copy = aligned_alloc(4096, ALIGN(percpu_bytes, 4096UL));

		sim_cpu_offset[cpu] = copy - sim_percpu_start;
	}
}

void sim_reboot(void)
{
	unsigned int cpu;

	sim_preempt_count = 0;
	sim_pinned = 0;
	sim_nr_locks = 0;
	sim_irqs_off = false;
	sim_cpu = 0;
	sim_online_cpus = (1U << num_possible_cpus()) - 1;
	nr_online_nodes = 1;
	jiffies = FIRST_JIFFIES;
	works = NULL;
	irq_works = NULL;
	sim_lock_probe = NULL;
	cpu_dead = NULL;
	oom_notifier = NULL;
	the_shrinker = (struct shrinker){};
	random_state = 1;
	dynamic_used = 0;
	nr_pieces = 0;

	save_once();
	copy_raw(sim_data_start, saved_data, sim_data_stop - sim_data_start);
	clear_raw(sim_bss_start, sim_bss_stop - sim_bss_start);
	for_each_possible_cpu(cpu)
		copy_raw(sim_percpu_start + sim_cpu_offset[cpu], saved_percpu,
			 sim_percpu_stop - sim_percpu_start);
	sim_memory_reset();
}
