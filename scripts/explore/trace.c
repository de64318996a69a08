// SPDX-License-Identifier: GPL-2.0
/*
 * Prints a run, and a line from which it can be repeated.
 *
 * The line lists the steps by which the run left the straight path.  Each has
 * the thread that was left, the number of its event there, and what followed:
 * `0@17>1` continues with thread 1 after event 17 of thread 0; `0@17>1/5` also
 * holds back the stores of the CPU from its fifth on; `0@17!2` makes stores of
 * CPU 2 visible; `0@17!2/5` makes those before its fifth visible.  A `-` stands
 * for the start of the run.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"
#include "central/central.h"
#include "explore.h"
#include "sim_sections.h"

#define MAX_LINES	8192U
#define MAX_TAKEN	4096U
#define MAX_PCS		512U
#define TEXT_BYTES	56U

enum line_kind {
	ACCESS,
	STEP,
	CALL,
};

struct line {
	enum line_kind kind;
	unsigned int thread;
	struct exp_site site;
	struct exp_step step;
	u64 value;		/* before a read or an atomic operation */
	char text[TEXT_BYTES];
};

struct taken {
	unsigned int thread;
	unsigned long event;
	struct exp_step step;
	unsigned long ordinal;
};

static struct line lines[MAX_LINES];
static unsigned int nr_lines;
static struct taken taken[MAX_TAKEN];
static unsigned int nr_taken;
static struct taken replay[MAX_TAKEN];
static unsigned int nr_replay, replay_at;

void exp_trace_reset(void)
{
	nr_lines = 0;
	nr_taken = 0;
	replay_at = 0;
}

static struct line *add_line(enum line_kind kind, unsigned int thread)
{
	struct line *line = &lines[nr_lines];

	/* The first ones are of most use. */
	if (nr_lines < MAX_LINES - 1)
		nr_lines++;
	line->kind = kind;
	line->thread = thread;
	return line;
}

void exp_trace_access(unsigned int thread, const struct exp_site *site)
{
	struct line *line = add_line(ACCESS, thread);

	line->site = *site;
	line->value = 0;
	if (site->addr)
		memcpy(&line->value, site->addr, min(site->bytes, sizeof(u64)));
}

void exp_trace_step(unsigned int thread, unsigned long event,
		    const struct exp_step *step, unsigned long ordinal)
{
	add_line(STEP, thread)->step = *step;
	if (nr_taken < MAX_TAKEN)
		taken[nr_taken++] = (struct taken){ thread, event, *step, ordinal };
}

void exp_trace_call(unsigned int thread, const char *format, ...)
{
	struct line *line = add_line(CALL, thread);
	va_list args;

	va_start(args, format);
	vsnprintf(line->text, TEXT_BYTES, format, args);
	va_end(args);
}

/* --- replays --------------------------------------------------------------- */

static void print_taken(void)
{
	const struct taken *at;

	for (at = taken; at < taken + nr_taken; at++) {
		if (at->thread == EXP_MAX_THREADS)
			printf(" -@0");
		else
			printf(" %u@%lu", at->thread, at->event);
		printf("%c%u", at->step.kind == EXP_DRAIN ? '!' : '>',
		       at->step.target);
		if (at->ordinal != ULONG_MAX)
			printf("/%lu", at->ordinal);
	}
}

void exp_replay_parse(const char *text)
{
	struct taken *at = replay;
	char kind;
	int length;

	for (; *text; at++) {
		SIM_CHECK(at < replay + MAX_TAKEN);
		text += strspn(text, " ");
		if (!*text)
			break;
		at->thread = EXP_MAX_THREADS;
		if (sscanf(text, "-@%lu%n", &at->event, &length) != 1 &&
		    sscanf(text, "%u@%lu%n", &at->thread, &at->event, &length) != 2)
			sim_fail(__FILE__, __LINE__, "not a run");
		text += length;
		if (sscanf(text, "%c%u%n", &kind, &at->step.target, &length) != 2)
			sim_fail(__FILE__, __LINE__, "not a run");
		text += length;
		at->step.kind = kind == '!' ? EXP_DRAIN : EXP_SWITCH;
		at->ordinal = ULONG_MAX;
		if (sscanf(text, "/%lu%n", &at->ordinal, &length) == 1)
			text += length;
	}
	nr_replay = at - replay;
}

bool exp_replay_step(unsigned int thread, unsigned long event,
		     struct exp_step *step, unsigned long *ordinal)
{
	const struct taken *next = &replay[replay_at];

	if (replay_at == nr_replay || next->thread != thread ||
	    next->event != event)
		return false;
	*step = next->step;
	*ordinal = next->ordinal;
	replay_at++;
	return true;
}

/* --- names ----------------------------------------------------------------- */

static struct {
	void *pc;
	char text[160];
} places[MAX_PCS];
static unsigned int nr_places;

static const char *place_of(void *pc)
{
	unsigned int i;

	for (i = 0; i < nr_places; i++)
		if (places[i].pc == pc)
			return places[i].text;
	return "";
}

/* The name of a file of the module's, from there on; a mutant's is elsewhere. */
static const char *in_module(const char *file)
{
	return strstr(file, "module/");
}

/*
 * A place in the code, from the output of addr2line: functions inlined into one
 * another, innermost first, a line with the name and one with the place.
 */
static void read_place(FILE *pipe, char *text, size_t bytes)
{
	char name[128], file[512], outer[128] = "";
	const char *at;

	text[0] = 0;
	while (fgets(name, sizeof(name), pipe) && name[0] != '=' &&
	       fgets(file, sizeof(file), pipe)) {
		name[strcspn(name, "\n")] = 0;
		file[strcspn(file, "\n ")] = 0;
		at = in_module(file);
		if (!text[0] && at)
			snprintf(text, bytes, "%s() %s", name, at + 7);
		else if (!text[0])
			continue;
		snprintf(outer, sizeof(outer), "%s", name);
	}
	if (outer[0] && strncmp(outer, text, strlen(outer)))
		snprintf(text + strlen(text), bytes - strlen(text), " in %s()",
			 outer);
}

static void find_places(void)
{
	static char command[MAX_PCS * 40];
	const struct line *line;
	size_t length;
	unsigned int i;
	FILE *pipe;

	for (line = lines; line < lines + nr_lines; line++) {
		for (i = 0; i < nr_places && places[i].pc != line->site.pc; i++)
			;
		if (line->kind == ACCESS && line->site.pc && i == nr_places &&
		    nr_places < MAX_PCS)
			places[nr_places++].pc = line->site.pc;
	}
	length = snprintf(command, sizeof(command), "addr2line -i -f -e /proc/%d/exe",
			  getpid());
	for (i = 0; i < nr_places; i++)
		length += snprintf(command + length, sizeof(command) - length,
				   " %lx", (unsigned long)places[i].pc - 1);
	snprintf(command + length, sizeof(command) - length,
		 " -a 2>/dev/null | sed 's/^0x[0-9a-f]*$/=/'");
	pipe = popen(command, "r");
	if (!pipe)
		return;
	/* Each address comes first; so the text before the first is empty. */
	if (fgets(command, sizeof(command), pipe))
		for (i = 0; i < nr_places; i++)
			read_place(pipe, places[i].text, sizeof(places[i].text));
	pclose(pipe);
}

/* The variable of the module at an address, by nm. */
static void name_variable(const void *addr, char *text, size_t bytes)
{
	unsigned long at, best = 0;
	char command[128], name[128], line[256];
	FILE *pipe;

	snprintf(command, sizeof(command), "nm /proc/%d/exe 2>/dev/null", getpid());
	pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "%lx %*c %127s", &at, name) != 2 ||
		    at > (unsigned long)addr || at < best)
			continue;
		best = at;
		snprintf(text, bytes, "%s+%lu", name, (unsigned long)addr - at);
	}
	if (pipe)
		pclose(pipe);
}

static void name_address(const void *addr, char *text, size_t bytes)
{
	const char *lists = (const char *)kspan_central_of(0, 0);
	size_t offset = (const char *)addr - lists, in_span;
	char letter = exp_history_letter(addr);
	unsigned int cpu;

	if (letter) {
		snprintf(text, bytes, "state of %c", letter);
		return;
	}
	letter = exp_history_span(addr, &in_span);
	if (letter) {
		snprintf(text, bytes, "span of %c, +%zu", letter, in_span);
		return;
	}
	if (offset < KSPAN_NR_SC * sizeof(struct kspan_central)) {
		snprintf(text, bytes, "central list %zu, +%zu",
			 offset / sizeof(struct kspan_central),
			 offset % sizeof(struct kspan_central));
		return;
	}
	for (cpu = 0; cpu < EXP_NR_CPUS; cpu++) {
		offset = (const char *)addr - (sim_percpu_start + sim_cpu_offset[cpu]);
		if (offset >= (size_t)(sim_percpu_stop - sim_percpu_start))
			continue;
		name_variable(sim_percpu_start + offset, text, bytes);
		snprintf(text + strlen(text), bytes - strlen(text), " of CPU %u", cpu);
		return;
	}
	if ((const char *)addr >= sim_data_start && (const char *)addr < sim_bss_stop)
		name_variable(addr, text, bytes);
	else
		snprintf(text, bytes, "%p", addr);
}

/* --- printing -------------------------------------------------------------- */

static const char *const access_names[] = {
	[EXP_READ] = "read",
	[EXP_WRITE] = "write",
	[EXP_ATOMIC] = "atomic",
	[EXP_LOCK] = "lock",
	[EXP_UNLOCK] = "unlock",
	[EXP_IRQS_OFF] = "interrupts off",
	[EXP_RCU] = "grace period",
	[EXP_END] = "end",
};

static const char *const context_names[] = {
	[SIM_TASK] = "task",
	[SIM_PREEMPT_OFF] = "preempt off",
	[SIM_BH_OFF] = "softirqs off",
	[SIM_IRQS_OFF] = "irqs off",
	[SIM_SOFTIRQ] = "softirq",
	[SIM_HARDIRQ] = "hardirq",
	[SIM_NMI] = "NMI",
};

static void print_access(const struct line *line)
{
	char name[96] = "", value[32] = "";

	if (line->site.addr)
		name_address(line->site.addr, name, sizeof(name));
	if (line->site.access == EXP_READ || line->site.access == EXP_ATOMIC)
		snprintf(value, sizeof(value), " (was %llx)", line->value);
	printf("%-7s%s%s%s%s", access_names[line->site.access], name, value,
	       line->site.pc ? "  " : "", place_of(line->site.pc));
}

static void print_step(const struct line *line)
{
	if (line->step.kind == EXP_DRAIN)
		printf("-- stores of CPU %u become visible: %u", line->step.target,
		       line->step.nr);
	else
		printf("-- thread %u goes on", line->step.target);
	if (line->step.kind == EXP_SWITCH && line->thread != EXP_MAX_THREADS &&
	    exp_thread_cpu(line->thread) != exp_thread_cpu(line->step.target))
		printf("; visible stores of CPU %u: %u", exp_thread_cpu(line->thread),
		       line->step.nr);
}

static void print_run(void)
{
	const struct line *line;

	find_places();
	for (line = lines; line < lines + nr_lines; line++) {
		if (line->thread == EXP_MAX_THREADS)
			printf("    %-20s ", "");
		else
			printf("    thread %u CPU %u %-8s", line->thread,
			       exp_thread_cpu(line->thread),
			       context_names[exp_thread_context(line->thread)]);
		if (line->kind == ACCESS)
			print_access(line);
		else if (line->kind == STEP)
			print_step(line);
		else
			printf("%s", line->text);
		printf("\n");
	}
	printf("    to repeat:");
	print_taken();
	printf("\n");
}

/* Where a failure leads instead of to the end of the program, if not NULL. */
ucontext_t *exp_go_on_at;

__noreturn void exp_fail(const char *what)
{
	static bool again;

	exp_running = false;
	if (exp_go_on_at)
		setcontext(exp_go_on_at);
	if (again)
		_exit(1);
	again = true;
	printf("FAIL %s: %s\n", exp_name, what);
	print_run();
	fflush(stdout);
	_exit(1);
}

/* A check of the simulated kernel. */
__noreturn void sim_fail(const char *file, int line, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%d: %s", in_module(file) ?: file, line,
		 what);
	exp_fail(text);
}

static void on_signal(int signal)
{
	exp_fail(strsignal(signal));
}

void exp_trace_init(void)
{
	static char stack[1 << 16];
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
}

/* The run that was repeated, if nothing is wrong with it. */
void exp_trace_print(void)
{
	print_run();
}
