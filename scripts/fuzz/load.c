// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload the module; it has no debugfs here.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/module.h>

#include "load.h"
#include "show/debugfs.h"
#include "show/verify.h"
#include "sim.h"

int fuzz_load(const struct kspan_params *params)
{
	int err;

	kspan_params = *params;
	err = sim_module_init();
	sim_leave(SIM_TASK);
	/* A failed load has a reason and leaves nothing behind. */
	if (err) {
		SIM_CHECK(sim_nr_refused || params->memory_limit);
		SIM_CHECK(!sim_bytes_held());
	}
	SIM_CHECK(sim_has_shrinker() == !err);
	return err;
}

void fuzz_unload(bool exact)
{
	sim_run_irq_work();
	sim_module_exit();
	sim_leave(SIM_TASK);
	SIM_CHECK(!exact || (!sim_bytes_held() && !sim_percpu_held()));
}

void fuzz_verify(bool spoilt)
{
	const char *wrong = kspan_verify();

	sim_leave(SIM_TASK);
	if (wrong && !(spoilt && strstr(wrong, "was written ")))
		sim_fail("kspan_verify()", 0, wrong);
}

/* There is no debugfs here. */
void kspan_debugfs_init(void)
{
}

void kspan_debugfs_exit(void)
{
}

int kstrtoul(const char *text, unsigned int base, unsigned long *value)
{
	*value = strtoul(text, NULL, base);
	return 0;
}
