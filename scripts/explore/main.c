// SPDX-License-Identifier: GPL-2.0
/*
 * The command line, and the loop over all runs of a scenario.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/kspan.h>
#include <linux/spinlock.h>

#include "explore.h"
#include "load.h"
#include "show/verify.h"

/* Runs that find most of what is shared before the search begins. */
#define RANDOM_RUNS	500U
/* Of the first runs, whether everything is restored. */
#define CHECKED_RUNS	16U
#define MAX_LIVE	256U

const char *exp_name = "explore";

/* States at the end of a run that were looked at. */
#define NR_STATES	(1U << 20)
static u64 states[NR_STATES];
static unsigned int nr_states;

/* Whether a state is a new one. */
static bool add_state(u64 state)
{
	unsigned int i = state % NR_STATES;

	state |= !state;
	for (; states[i]; i = (i + 1) % NR_STATES)
		if (states[i] == state)
			return false;
	/* With so many, the others are looked at each time. */
	if (nr_states < NR_STATES / 2) {
		states[i] = state;
		nr_states++;
	}
	return true;
}

/* What has to hold when all threads have ended; frees all objects. */
static const char *check_end(void)
{
	struct kspan_stats stats;
	void *live[MAX_LIVE];
	const char *wrong = exp_history_check();
	unsigned int i, nr, reports;
	u64 state;

	if (wrong)
		return wrong;
	reports = exp_history_reports();
	nr = exp_history_live(live, MAX_LIVE);
	for (i = 0; i < nr; i++)
		if (!exp_history_is_whole(live[i]))
			return "an object that a client holds was written to";
	state = exp_memory_hash() + reports;
	for (i = 0; i < nr; i++)
		state += (u64)live[i] * 0x9e3779b97f4a7c15UL;
	if (!add_state(state))
		return NULL;
	for (i = 0; i < nr; i++)
		kspan_free(live[i]);
	if (exp_history_reports() != reports)
		return "an object that a client holds cannot be freed";
	sim_run_irq_work();
	kspan_release();
	kspan_read_stats(&stats);
	if (stats.double_free + stats.bad_free != reports)
		return "reports and counts of double frees differ";
	if (stats.corrupt)
		return "something was found corrupt";
	if (stats.heap_objects)
		return "heap_objects is not 0 when all are free";
	if (stats.heap_inuse)
		return "a span is lost: heap_inuse is not 0 when all are free";
	wrong = kspan_verify();
	sim_leave(SIM_TASK);
	return wrong;
}

/* Bits of what runs ended with. */
static unsigned int results;

static void run_once(const struct exp_scenario *scenario)
{
	static unsigned int nr;
	const char *wrong;

	exp_shared_grew = false;
	exp_history_restore();
	exp_trace_reset();
	exp_run(scenario);
	if (scenario->result)
		results |= 1U << scenario->result();
	wrong = check_end();
	if (wrong)
		exp_fail(wrong);
	exp_memory_restore();
	if (nr++ < CHECKED_RUNS && exp_memory_check())
		exp_fail(exp_memory_check());
}

static void say_progress(unsigned long nr)
{
	static time_t last;
	time_t now = time(NULL);

	if (now - last < 2)
		return;
	last = now;
	fprintf(stderr, "%s: %lu interleavings\n", exp_name, nr);
}

static void run_random(const struct exp_scenario *scenario)
{
	unsigned int i;

	exp_search_begin(EXP_RANDOM);
	for (i = 0; i < RANDOM_RUNS; i++) {
		exp_search_next();
		run_once(scenario);
	}
}

/* How many there are, or @most if there are more, then @all is false. */
static unsigned long run_all(const struct exp_scenario *scenario,
			     unsigned long most, bool *all)
{
	unsigned long nr;

	do {
		nr = 0;
		exp_search_begin(EXP_SEARCH);
		exp_shared_grew = false;
		*all = false;
		while (!exp_shared_grew && nr < most) {
			*all = !exp_search_next();
			if (*all)
				break;
			run_once(scenario);
			say_progress(++nr);
		}
	} while (exp_shared_grew);
	return nr;
}

static void prepare(const struct exp_scenario *scenario)
{
	struct kspan_params params;

	exp_name = scenario->name;
	exp_memory_init();
	sim_reboot();
	sim_init_on_free = scenario->init_on_free;
	params = kspan_params;
	SIM_CHECK(!fuzz_load(&params));
	scenario->setup();
	sim_leave(SIM_TASK);
	exp_history_save();
	exp_memory_save();
}

/* Once to see what is shared, since the trace shows that, and once more. */
static void repeat(const struct exp_scenario *scenario, const char *run)
{
	static bool again;
	ucontext_t here;

	exp_replay_parse(run);
	exp_search_begin(EXP_REPLAY);
	getcontext(&here);
	if (!again) {
		again = true;
		exp_go_on_at = &here;
		run_once(scenario);
	}
	exp_go_on_at = NULL;
	exp_memory_restore();
	run_once(scenario);
	exp_trace_print();
}

static const struct exp_scenario *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < exp_nr_scenarios; i++)
		if (!strcmp(exp_scenarios[i].name, name))
			return &exp_scenarios[i];
	fprintf(stderr, "no such scenario: %s\n", name);
	exit(2);
}

static void list(void)
{
	unsigned int i;

	for (i = 0; i < exp_nr_scenarios; i++)
		printf("%s %u %u %s\n", exp_scenarios[i].name,
		       exp_scenarios[i].switches, exp_scenarios[i].holds,
		       exp_scenarios[i].what);
}

/* What the command line asks for. */
struct options {
	const char *repeat;
	unsigned long most_runs;
};

static void read_option(struct exp_scenario *scenario, struct options *options,
			const char *name, const char *value)
{
	unsigned int nr = atoi(value);

	if (!strcmp(name, "--bound"))
		scenario->switches = nr;
	else if (!strcmp(name, "--holds"))
		scenario->holds = nr;
	else if (!strcmp(name, "--most-bound"))
		scenario->switches = min(scenario->switches, nr);
	else if (!strcmp(name, "--most-holds"))
		scenario->holds = min(scenario->holds, nr);
	else if (!strcmp(name, "--most-runs"))
		options->most_runs = nr;
	else if (!strcmp(name, "--repeat"))
		options->repeat = value;
}

/*
 * explore --list, or explore SCENARIO [OPTION VALUE]..., for scripts/explore.sh.
 */
int main(int argc, char **argv)
{
	struct options options = { .most_runs = ULONG_MAX };
	const struct exp_scenario *known;
	struct exp_scenario scenario;
	unsigned long nr;
	bool all;
	int i;

	if (argc < 2 || !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	known = find(argv[1]);
	scenario = *known;
	for (i = 2; i + 1 < argc; i += 2)
		read_option(&scenario, &options, argv[i], argv[i + 1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	exp_trace_init();
	prepare(&scenario);
	if (options.repeat) {
		repeat(&scenario, options.repeat);
		return 0;
	}
	run_random(&scenario);
	nr = run_all(&scenario, options.most_runs, &all);
	/* With less that may happen, or more, there can be others. */
	if (all && scenario.switches == known->switches &&
	    scenario.holds == known->holds && results != scenario.results) {
		printf("FAIL %s: runs ended with results %x instead of %x\n",
		       scenario.name, results, scenario.results);
		return 1;
	}
	printf("ok %s: %lu interleavings%s, %u switches, %u holds\n",
	       scenario.name, nr, all ? "" : ", not all", scenario.switches,
	       scenario.holds);
	return 0;
}
