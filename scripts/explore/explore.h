/* SPDX-License-Identifier: GPL-2.0 */
/*
 * explore.h - the parts of the explorer.
 *
 * The explorer runs the module's own code, built for user space against the
 * simulated kernel of scripts/fuzz, on simulated CPUs.  It tries every order in
 * which their accesses to shared memory can take place, up to a bound.  One
 * host thread simulates everything; each simulated thread has its own stack.
 *
 *	hooks.c		functions that the compiler calls before memory accesses
 *	memory.c	the module's memory: saved once, restored after each run
 *	shared.c	finds the bytes that more than one thread uses
 *	buffer.c	the store buffers of the CPUs
 *	schedule.c	the threads, and the choice of the next one
 *	search.c	the choices of a run, and the choice of the next run
 *	history.c	checks the calls of the clients and their results
 *	trace.c		prints a run
 *	scenario.c	the calls of each scenario
 *	main.c		the command line and the loop
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <ucontext.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "sim.h"
#include "span/report.h"

/* The real one: nothing here is watched. */
#undef memset

#define EXP_MAX_THREADS	4U
#define EXP_NR_CPUS	num_possible_cpus()

/* --- scenarios ------------------------------------------------------------- */

/* One thread: a task or an interrupt, which keeps its CPU. */
struct exp_thread_spec {
	void (*fn)(void);
	unsigned int cpu;
	enum sim_context context;
};

/**
 * struct exp_scenario - a few threads, and the state in which they start
 * @name: its name on the command line
 * @what: description in one line
 * @setup: runs alone, before the initial state of all runs is saved
 * @threads: threads that then run concurrently
 * @switches: how often a run may take a CPU from a thread that could continue
 * @holds: how often a run may hold back stores of a CPU that it leaves
 * @init_on_free: whether the kernel was booted with init_on_free=1
 * @result: function that returns the result of a run, or NULL
 * @results: a bit for each result; runs must produce each of them and no other
 */
struct exp_scenario {
	const char *name;
	const char *what;
	void (*setup)(void);
	struct exp_thread_spec threads[EXP_MAX_THREADS];
	unsigned int switches;
	unsigned int holds;
	bool init_on_free;
	unsigned int (*result)(void);
	unsigned int results;
};

extern const struct exp_scenario exp_scenarios[];
extern const unsigned int exp_nr_scenarios;

/* --- history.c: the calls of the clients ------------------------------------ */

void *exp_alloc(size_t size);
void exp_alloc_bulk(size_t size, unsigned int nr, void **objs);
void *exp_alloc_tiny(size_t size);
void exp_free(void *ptr);
void exp_free_sensitive(void *ptr);
/* The client looks at what it wrote to its object. */
void exp_look(const void *ptr);
void exp_free_bulk(unsigned int nr, void **objs);

void exp_history_save(void);
void exp_history_restore(void);
/* Objects that a client holds after this run.  Return: how many. */
unsigned int exp_history_live(void **objs, unsigned int max);
/* Whether an object that a client holds has still what it wrote. */
bool exp_history_is_whole(const void *ptr);
/* Bad frees that were reported. */
unsigned int exp_history_reports(void);
/* NULL if some order of the calls explains what each returned. */
const char *exp_history_check(void);
/* An object that traces should have a name for.  Before the save. */
void exp_history_know(void *ptr);
/* 'A', 'B' ... for an object that some call had or returned, else 0. */
char exp_history_letter(const void *ptr);
/* The same for an address in the descriptor of its span. */
char exp_history_span(const void *addr, size_t *offset);

/* kspan_report_free(), and what its callers call, by the linker's --wrap. */
void __real_kspan_report_free(const void *ptr, const struct kspan_span *span,
			      enum kspan_fault fault, size_t size);
void __wrap_kspan_report_free(const void *ptr, const struct kspan_span *span,
			      enum kspan_fault fault, size_t size);

/* --- memory.c --------------------------------------------------------------- */

enum exp_memory {
	EXP_ELSEWHERE,	/* stacks, constants */
	EXP_SIM,	/* the simulated kernel's own, a black box */
	EXP_MODULE,
};

/* Its own variables, see sim_sections.h. */
extern char sim_own_data_start[] __asm__("__start_sim_data");
extern char sim_own_data_stop[] __asm__("__stop_sim_data");
extern char sim_own_bss_start[] __asm__("__start_sim_bss");
extern char sim_own_bss_stop[] __asm__("__stop_sim_bss");

/* What the simulated kernel calls instead of the C library's. */
void *exp_aligned_alloc(size_t align, size_t bytes);
void *exp_calloc(size_t nr, size_t bytes);
void *exp_malloc(size_t bytes);
void exp_free_mem(void *mem);

void exp_memory_init(void);
void exp_memory_save(void);
void exp_memory_restore(void);
/* NULL if all memory is as it was saved. */
const char *exp_memory_check(void);
u64 exp_memory_hash(void);
enum exp_memory exp_memory_kind(const void *addr);
void exp_memory_dirty(const void *addr, size_t bytes);

/* --- shared.c --------------------------------------------------------------- */

/* Set when a byte or a lock was found to be shared that was not known to be. */
extern bool exp_shared_grew;

bool exp_shared_access(const void *addr, size_t bytes, bool write,
		       unsigned int thread, u32 locks);
/* Whether what is there is only ever added to, while threads run. */
bool exp_shared_is_sum(const void *addr);
/* The bit of a lock.  Return: also whether several threads take it. */
u32 exp_shared_lock(const void *lock, unsigned int thread, bool *shared);

/* --- buffer.c --------------------------------------------------------------- */

#define EXP_BUFFER_MAX	56U

void exp_buffer_reset(void);
/* A store by @cpu, which runs, is about to be done. */
void exp_buffer_push(unsigned int cpu, void *addr, size_t bytes,
		     unsigned long ordinal);
unsigned int exp_buffer_count(unsigned int cpu);
/* The ordinal of the store @index; of one behind the last, the largest. */
unsigned long exp_buffer_ordinal(unsigned int cpu, unsigned int index);
/* How many stores have an ordinal below this. */
unsigned int exp_buffer_below(unsigned int cpu, unsigned long ordinal);
/* Let the oldest @nr stores of @cpu, which runs, be visible. */
void exp_buffer_commit(unsigned int cpu, unsigned int nr);
/* Take the stores of a CPU that stops out of memory; put them back. */
void exp_buffer_lift(unsigned int cpu);
void exp_buffer_lay(unsigned int cpu);
/* The oldest @nr stores of a CPU that does not run become visible. */
void exp_buffer_drain(unsigned int cpu, unsigned int nr);
/*
 * How many of the oldest stores must become visible so that the first store
 * that overlaps these bytes, after the @from oldest ones, becomes visible; 0 if
 * none does.
 */
unsigned int exp_buffer_overlap(unsigned int cpu, unsigned int from,
				const void *addr, size_t bytes);
/* A byte as the other CPUs see it when @nr stores of @cpu are visible. */
u8 exp_buffer_seen(unsigned int cpu, unsigned int nr, const u8 *addr);
/* Stores that ever went in, and that ever became visible. */
unsigned long exp_buffer_pushed(unsigned int cpu);
unsigned long exp_buffer_gone(unsigned int cpu);

/* --- schedule.c ------------------------------------------------------------- */

enum exp_access {
	EXP_READ,
	EXP_WRITE,
	EXP_ATOMIC,
	EXP_FENCE,
	EXP_LOCK,
	EXP_UNLOCK,
	EXP_IRQS_OFF,
	EXP_RCU,
	EXP_END,
};

/* Where a thread is, and what it is about to do. */
struct exp_site {
	enum exp_access access;
	void *addr;
	size_t bytes;
	void *pc;
};

/* Whether the running code belongs to a thread of the test. */
extern bool exp_running;

/* Run all threads of a scenario once. */
void exp_run(const struct exp_scenario *scenario);
/* The thread that runs, and its CPU. */
unsigned int exp_thread(void);
unsigned int exp_thread_cpu(unsigned int thread);
enum sim_context exp_thread_context(unsigned int thread);
void exp_access(struct exp_site site);
void exp_fence(void *pc);

/* --- search.c --------------------------------------------------------------- */

/* Something that happens at a site. */
enum exp_step_kind {
	EXP_GO_ON,	/* nothing */
	EXP_SWITCH,	/* to a thread; all stores but the newest few are visible */
	EXP_DRAIN,	/* stores of another CPU become visible */
};

struct exp_step {
	enum exp_step_kind kind;
	unsigned int target;	/* thread, or CPU */
	unsigned int nr;	/* stores that become visible */
};

enum exp_mode {
	EXP_RANDOM,
	EXP_SEARCH,
	EXP_REPLAY,
};

extern enum exp_mode exp_mode;

/* How many of @nr is taken. */
unsigned int exp_choose(unsigned int nr);
void exp_search_begin(enum exp_mode mode);
/* Before each run; false when all were. */
bool exp_search_next(void);

/* --- trace.c ---------------------------------------------------------------- */

void exp_trace_reset(void);
void exp_trace_access(unsigned int thread, const struct exp_site *site);
void exp_trace_step(unsigned int thread, unsigned long event,
		    const struct exp_step *step, unsigned long ordinal);
void exp_trace_call(unsigned int thread, const char *format, ...);
/* The step of the replay for this site, if there is one. */
bool exp_replay_step(unsigned int thread, unsigned long event,
		     struct exp_step *step, unsigned long *ordinal);
void exp_replay_parse(const char *text);
/* The scenario's name, for messages. */
extern const char *exp_name;
/* Faults of the code end the program by exp_fail() as well. */
void exp_trace_init(void);
void exp_trace_print(void);
/* End the program: what is wrong, and the run that shows it. */
__noreturn void exp_fail(const char *what);
/* Where a failure leads instead, if not NULL. */
extern ucontext_t *exp_go_on_at;

#endif /* EXPLORE_H */
