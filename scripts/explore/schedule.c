// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of a run, and the choice of the thread that continues.
 *
 * A thread runs until it reaches a site: before an access to relevant memory
 * (shared.c), before it takes a lock or disables interrupts, when it waits, or
 * at its end.  There, all possible continuations are listed and one of them is
 * chosen (search.c).  An interrupt runs on top of the code of its CPU, if that
 * has interrupts enabled, and that code continues when the interrupt has ended.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/spinlock.h>

#include "explore.h"

#define STACK_BYTES	(256UL << 10)
#define MAX_STEPS	512U
/* No thread of a scenario does so much; one that does goes round in circles. */
#define MAX_EVENTS	2000000UL

enum state {
	NOT_BEGUN,
	READY,
	WAITS_FOR_LOCK,
	WAITS_FOR_READERS,
	ENDED,
};

/* What of the simulated kernel belongs to a thread. */
struct context {
	unsigned int preempt_count;
	unsigned int preempt_outside;
	size_t filled;
	unsigned int pinned;
	unsigned int nr_locks;
	bool irqs_off;
	unsigned int cpu;
};

static struct thread {
	const struct exp_thread_spec *spec;
	enum state state;
	ucontext_t registers;
	struct context context;		/* while it does not run */
	struct thread *below;		/* that it interrupted */
	const bool *lock;		/* that it waits for */
	u32 locks;			/* that it holds */
	unsigned long events;
	unsigned long sections;		/* with preemption or interrupts off, ever */
	unsigned long sections_seen[EXP_MAX_THREADS];	/* when it began to wait */
} threads[EXP_MAX_THREADS];
static unsigned int nr_threads;

static const struct exp_scenario *scenario;
static struct thread *current_thread;	/* NULL before the first */
static struct thread *top[EXP_NR_CPUS];	/* not ended, nothing above it */
static unsigned long ordinals[EXP_NR_CPUS];	/* of the last store */
static unsigned int switches_left, holds_left;
static ucontext_t end_of_run;
static char stacks[EXP_MAX_THREADS][STACK_BYTES] __aligned(64);

bool exp_running;

static unsigned int number(const struct thread *thread)
{
	return thread - threads;
}

unsigned int exp_thread(void)
{
	return number(current_thread);
}

unsigned int exp_thread_cpu(unsigned int thread)
{
	return threads[thread].spec->cpu;
}

enum sim_context exp_thread_context(unsigned int thread)
{
	return threads[thread].spec->context;
}

/* --- contexts -------------------------------------------------------------- */

static struct context save_context(void)
{
	return (struct context){ sim_preempt_count, sim_preempt_outside,
		sim_filled, sim_pinned, sim_nr_locks, sim_irqs_off, sim_cpu };
}

/* What the compiler does not see is written here, so it has to be told. */
static void tell_of_context(void)
{
	exp_memory_dirty(&sim_preempt_count, sizeof(sim_preempt_count));
	exp_memory_dirty(&sim_preempt_outside, sizeof(sim_preempt_outside));
	exp_memory_dirty(&sim_filled, sizeof(sim_filled));
	exp_memory_dirty(&sim_pinned, sizeof(sim_pinned));
	exp_memory_dirty(&sim_nr_locks, sizeof(sim_nr_locks));
	exp_memory_dirty(&sim_irqs_off, sizeof(sim_irqs_off));
	exp_memory_dirty(&sim_cpu, sizeof(sim_cpu));
}

static void load_context(const struct context *context)
{
	sim_preempt_count = context->preempt_count;
	sim_preempt_outside = context->preempt_outside;
	sim_filled = context->filled;
	sim_pinned = context->pinned;
	sim_nr_locks = context->nr_locks;
	sim_irqs_off = context->irqs_off;
	sim_cpu = context->cpu;
}

static struct context context_of(const struct thread *thread)
{
	return thread == current_thread ? save_context() : thread->context;
}

/* Whether grace periods wait for it. */
static bool in_section(const struct thread *thread)
{
	struct context context = context_of(thread);

	return thread->state != NOT_BEGUN && thread->state != ENDED &&
	       (context.preempt_count || context.irqs_off);
}

static bool is_interrupt(const struct thread *thread)
{
	return thread->spec->context >= SIM_SOFTIRQ;
}

/* Whether a thread can begin on its CPU as that is. */
static bool can_begin(const struct thread *thread)
{
	const struct thread *below = top[thread->spec->cpu];
	struct context context;

	if (!below)
		return true;
	if (!is_interrupt(thread))
		return false;
	context = context_of(below);
	switch (thread->spec->context) {
	case SIM_SOFTIRQ:
		return !context.irqs_off &&
		       !(context.preempt_count &
			 (SOFTIRQ_MASK | HARDIRQ_MASK | NMI_MASK));
	case SIM_HARDIRQ:
		return !context.irqs_off;
	default:
		return !(context.preempt_count & NMI_MASK);
	}
}

static bool readers_are_gone(const struct thread *thread)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (thread->sections_seen[i] &&
		    in_section(&threads[i]) &&
		    thread->sections_seen[i] == threads[i].sections)
			return false;
	return true;
}

/*
 * Whether a thread can continue when @visible stores of the CPU that is left
 * are visible; all of them are if the thread stays on that CPU.
 */
static bool can_go_on(const struct thread *thread, unsigned int visible)
{
	unsigned int cpu = thread->spec->cpu;
	u8 held;

	if (thread->state == NOT_BEGUN)
		return can_begin(thread);
	if (thread->state == ENDED || top[cpu] != thread)
		return false;
	if (thread->state == WAITS_FOR_READERS)
		return readers_are_gone(thread);
	if (thread->state != WAITS_FOR_LOCK)
		return true;
	/* The CPU that runs may have let go of it, unseen by the others. */
	held = *thread->lock;
	if (current_thread && current_thread->spec->cpu != cpu)
		held = exp_buffer_seen(current_thread->spec->cpu, visible,
				       (const u8 *)thread->lock);
	/* Its own CPU may have: an interrupt, below which it waits. */
	if (held && exp_buffer_overlap(cpu, 0, thread->lock, 1) &&
	    current_thread && current_thread->spec->cpu != cpu)
		held = false;
	return !held;
}

/* --- what can happen ------------------------------------------------------- */

struct steps {
	struct exp_step step[MAX_STEPS];
	unsigned int nr;
};

static void add_step(struct steps *steps, enum exp_step_kind kind,
		     unsigned int target, unsigned int nr)
{
	SIM_CHECK(steps->nr < MAX_STEPS);
	steps->step[steps->nr++] = (struct exp_step){ kind, target, nr };
}

/* Other CPUs' stores to these bytes become visible, with those before them. */
static void add_drains(struct steps *steps, const void *addr, size_t bytes)
{
	unsigned int cpu, nr;

	for (cpu = 0; cpu < EXP_NR_CPUS; cpu++) {
		if (current_thread && cpu == current_thread->spec->cpu)
			continue;
		nr = 0;
		while ((nr = exp_buffer_overlap(cpu, nr, addr, bytes)))
			add_step(steps, EXP_DRAIN, cpu, nr);
	}
}

/* Another thread goes on.  @same_cpu: one of this CPU, an interrupt. */
static void add_switches(struct steps *steps, bool same_cpu_only)
{
	unsigned int cpu = current_thread ? current_thread->spec->cpu : EXP_NR_CPUS;
	unsigned int all = current_thread ? exp_buffer_count(cpu) : 0, i, left;
	struct thread *thread;

	for (i = 0; i < nr_threads; i++) {
		thread = &threads[i];
		if (thread == current_thread)
			continue;
		if (thread->spec->cpu == cpu || !current_thread) {
			if (can_go_on(thread, all))
				add_step(steps, EXP_SWITCH, i, all);
			continue;
		}
		if (same_cpu_only)
			continue;
		for (left = 0; left <= (holds_left ? all : 0); left++)
			if (can_go_on(thread, all - left))
				add_step(steps, EXP_SWITCH, i, all - left);
	}
}

/* --- what happens ---------------------------------------------------------- */

static void body(void);

static void begin(struct thread *thread)
{
	unsigned int cpu = thread->spec->cpu;

	thread->below = top[cpu];
	top[cpu] = thread;
	thread->state = READY;
	thread->context = (struct context){ .cpu = cpu };
	getcontext(&thread->registers);
	thread->registers.uc_stack.ss_sp = stacks[number(thread)];
	thread->registers.uc_stack.ss_size = STACK_BYTES;
	thread->registers.uc_link = NULL;
	makecontext(&thread->registers, body, 0);
}

/* Leave the thread that runs, for another one; it comes back when that does. */
static void switch_to(struct thread *next, unsigned int visible)
{
	struct thread *last = current_thread;
	unsigned int cpu = next->spec->cpu;

	if (last)
		last->context = save_context();
	if (!last || last->spec->cpu != cpu) {
		if (last) {
			if (visible < exp_buffer_count(last->spec->cpu))
				holds_left--;
			exp_buffer_commit(last->spec->cpu, visible);
			exp_buffer_lift(last->spec->cpu);
		}
		exp_buffer_lay(cpu);
	}
	if (next->state == NOT_BEGUN)
		begin(next);
	current_thread = next;
	load_context(&next->context);
	exp_running = true;
	swapcontext(last ? &last->registers : &end_of_run, &next->registers);
}

static void do_step(const struct exp_step *step)
{
	unsigned long ordinal, event = 0;
	unsigned int thread = EXP_MAX_THREADS, cpu = EXP_NR_CPUS;

	if (current_thread) {
		thread = number(current_thread);
		event = current_thread->events;
		cpu = current_thread->spec->cpu;
	}
	if (step->kind == EXP_DRAIN)
		ordinal = exp_buffer_ordinal(step->target, step->nr);
	else
		ordinal = cpu < EXP_NR_CPUS ? exp_buffer_ordinal(cpu, step->nr) :
					  ULONG_MAX;
	exp_trace_step(thread, event, step, ordinal);
	if (step->kind == EXP_DRAIN)
		exp_buffer_drain(step->target, step->nr);
	else
		switch_to(&threads[step->target], step->nr);
}

/* The next step of a replay, if it belongs here. */
static bool replayed(struct exp_step *step)
{
	unsigned int thread = EXP_MAX_THREADS, cpu = EXP_NR_CPUS;
	unsigned long event = 0, ordinal;

	if (current_thread) {
		thread = number(current_thread);
		event = current_thread->events;
		cpu = current_thread->spec->cpu;
	}
	if (!exp_replay_step(thread, event, step, &ordinal))
		return false;
	if (step->kind == EXP_DRAIN)
		cpu = step->target;
	step->nr = cpu < EXP_NR_CPUS ? exp_buffer_below(cpu, ordinal) : 0;
	return true;
}

/* Where the thread that runs could go on. */
static void pass_site(const struct exp_site *site)
{
	bool irqs_only = site->access == EXP_IRQS_OFF;
	struct exp_step step;
	struct steps steps;

	for (;;) {
		if (exp_mode == EXP_REPLAY) {
			if (!replayed(&step))
				return;
		} else {
			steps.nr = 0;
			add_step(&steps, EXP_GO_ON, 0, 0);
			if (site->bytes)
				add_drains(&steps, site->addr, site->bytes);
			if (switches_left)
				add_switches(&steps, irqs_only);
			step = steps.step[exp_choose(steps.nr)];
		}
		if (step.kind == EXP_GO_ON)
			return;
		if (step.kind == EXP_SWITCH)
			switches_left--;
		do_step(&step);
		/* Left once is enough: nothing has changed for the others. */
		if (step.kind == EXP_SWITCH)
			return;
	}
}

/* Something has to happen for any thread to go on. */
static void add_last_drains(struct steps *steps)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (threads[i].state == WAITS_FOR_LOCK)
			add_drains(steps, threads[i].lock, 1);
}

/* Where it cannot go on: others do, or what it waits for happens. */
static void stop_here(void)
{
	struct exp_step step;
	struct steps steps;

	if (exp_mode == EXP_REPLAY && replayed(&step)) {
		do_step(&step);
		return;
	}
	steps.nr = 0;
	add_switches(&steps, false);
	if (current_thread && current_thread->state == WAITS_FOR_LOCK)
		add_drains(&steps, current_thread->lock, 1);
	if (!steps.nr)
		add_last_drains(&steps);
	if (!steps.nr)
		exp_fail("deadlock: every thread waits");
	step = steps.step[exp_choose(steps.nr)];
	do_step(&step);
}

/* All threads have ended: the rest of their stores becomes visible. */
static void drain_all(void)
{
	struct exp_step step;
	struct steps steps;
	unsigned int cpu;

	if (current_thread)
		exp_buffer_lift(current_thread->spec->cpu);
	for (;;) {
		steps.nr = 0;
		for (cpu = 0; cpu < EXP_NR_CPUS; cpu++)
			if (exp_buffer_count(cpu))
				add_step(&steps, EXP_DRAIN, cpu,
					 exp_buffer_count(cpu));
		if (!steps.nr)
			return;
		if (exp_mode != EXP_REPLAY)
			step = steps.step[exp_choose(steps.nr)];
		else if (!replayed(&step))
			step = steps.step[0];
		do_step(&step);
	}
}

static bool all_ended(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (threads[i].state != ENDED)
			return false;
	return true;
}

static void count_event(void)
{
	if (++current_thread->events > MAX_EVENTS)
		exp_fail("a thread does not end");
}

static void body(void)
{
	struct thread *self = current_thread;
	struct exp_site site = { .access = EXP_END };

	sim_enter(self->spec->context);
	self->sections += in_section(self);
	self->spec->fn();
	sim_leave(self->spec->context);

	count_event();
	self->state = ENDED;
	top[self->spec->cpu] = self->below;
	exp_trace_access(number(self), &site);
	/* Once another one goes on, this does not come back. */
	while (!all_ended())
		stop_here();
	exp_running = false;
	drain_all();
	setcontext(&end_of_run);
}

void exp_run(const struct exp_scenario *what)
{
	unsigned int i;

	scenario = what;
	memset(threads, 0, sizeof(threads));
	memset(top, 0, sizeof(top));
	memset(ordinals, 0, sizeof(ordinals));
	for (nr_threads = 0; nr_threads < EXP_MAX_THREADS; nr_threads++) {
		if (!what->threads[nr_threads].fn)
			break;
		threads[nr_threads].spec = &what->threads[nr_threads];
	}
	for (i = 0; i < nr_threads; i++)
		SIM_CHECK(what->threads[i].cpu < EXP_NR_CPUS);
	switches_left = what->switches;
	holds_left = what->holds;
	current_thread = NULL;
	tell_of_context();
	exp_buffer_reset();
	stop_here();
	exp_running = false;
	current_thread = NULL;
	load_context(&(struct context){});
}

/* --- sites ----------------------------------------------------------------- */

void exp_access(struct exp_site site)
{
	bool write = site.access != EXP_READ, shared;
	enum exp_memory kind = exp_memory_kind(site.addr);
	struct thread *thread = current_thread;
	unsigned int cpu = thread->spec->cpu;

	count_event();
	if (write)
		exp_memory_dirty(site.addr, site.bytes);
	if (kind != EXP_MODULE)
		return;
	shared = !(site.access == EXP_ATOMIC && exp_shared_is_sum(site.addr)) &&
		 exp_shared_access(site.addr, site.bytes, write, number(thread),
				   thread->locks);
	if (shared || exp_mode == EXP_REPLAY)
		pass_site(&site);
	if (shared)
		exp_trace_access(number(thread), &site);
	if (site.access == EXP_ATOMIC) {
		exp_buffer_commit(cpu, exp_buffer_count(cpu));
	} else if (write) {
		ordinals[cpu]++;
		if (shared || exp_mode == EXP_REPLAY)
			exp_buffer_push(cpu, site.addr, site.bytes,
					ordinals[cpu]);
	}
}

void exp_fence(void *pc)
{
	unsigned int cpu = current_thread->spec->cpu;

	count_event();
	exp_buffer_commit(cpu, exp_buffer_count(cpu));
}

/* What the simulated kernel calls, see linux/spinlock.h. */

void sim_section(void)
{
	if (exp_running && !in_section(current_thread))
		current_thread->sections++;
}

static bool interrupt_waits(unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (threads[i].state == NOT_BEGUN && threads[i].spec->cpu == cpu)
			return true;
	return false;
}

void sim_irqs_go_off(void)
{
	struct exp_site site = { .access = EXP_IRQS_OFF };

	if (!exp_running)
		return;
	count_event();
	sim_section();
	if (interrupt_waits(current_thread->spec->cpu) ||
	    exp_mode == EXP_REPLAY)
		pass_site(&site);
}

void sim_wait_for_lock(bool *held)
{
	struct exp_site site = { EXP_LOCK, held, 1, __builtin_return_address(0) };
	struct thread *thread = current_thread;
	bool shared;
	u32 bit;

	exp_memory_dirty(held, 1);
	if (!exp_running)
		return;
	count_event();
	bit = exp_shared_lock(held, number(thread), &shared);
	if (shared || exp_mode == EXP_REPLAY)
		pass_site(&site);
	while (*held) {
		thread->state = WAITS_FOR_LOCK;
		thread->lock = held;
		stop_here();
		thread->state = READY;
	}
	if (shared)
		exp_trace_access(number(thread), &site);
	exp_buffer_commit(thread->spec->cpu, exp_buffer_count(thread->spec->cpu));
	thread->locks |= bit;
}

void sim_lets_go_of(bool *held)
{
	struct exp_site site = { EXP_UNLOCK, held, 1, __builtin_return_address(0) };
	struct thread *thread = current_thread;
	unsigned int cpu;
	bool shared;

	exp_memory_dirty(held, 1);
	if (!exp_running)
		return;
	count_event();
	cpu = thread->spec->cpu;
	thread->locks &= ~exp_shared_lock(held, number(thread), &shared);
	ordinals[cpu]++;
	if (shared)
		exp_trace_access(number(thread), &site);
	if (shared || exp_mode == EXP_REPLAY)
		exp_buffer_push(cpu, held, 1, ordinals[cpu]);
}

void sim_wait_for_readers(void)
{
	struct exp_site site = { .access = EXP_RCU };
	struct thread *thread = current_thread;
	unsigned int cpu, i;

	if (!exp_running)
		return;
	count_event();
	cpu = thread->spec->cpu;
	pass_site(&site);
	exp_trace_access(number(thread), &site);
	exp_buffer_commit(cpu, exp_buffer_count(cpu));
	for (i = 0; i < nr_threads; i++)
		thread->sections_seen[i] = &threads[i] != thread &&
			in_section(&threads[i]) ? threads[i].sections : 0;
	while (!readers_are_gone(thread)) {
		thread->state = WAITS_FOR_READERS;
		stop_here();
		thread->state = READY;
	}
}
