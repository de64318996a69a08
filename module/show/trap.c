// SPDX-License-Identifier: GPL-2.0
/*
 * The parameter trap_kfree.  Code that was not moved to kspan may pass an
 * object of kspan to kfree() or vfree(), which damages the kernel's memory or
 * causes an oops far from the mistake.  Probes at the entry of both functions
 * report the object and the caller before that happens.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/kspan.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/ratelimit.h>

#include "api/describe.h"
#include "base/params.h"
#include "show/trap.h"

static DEFINE_RATELIMIT_STATE(trap_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

static int on_free(struct kprobe *probe, struct pt_regs *regs)
{
	const void *ptr = (void *)regs_get_kernel_argument(regs, 0);
	char text[KSPAN_DESCRIPTION_LEN];
	unsigned long first;

	if (likely(!kspan_contains(ptr)) || !__ratelimit(&trap_limit))
		return 0;
	/* Preemption is off in a probe, as kspan_describe_text() requires. */
	kspan_describe_text(text, ptr, &first);
	pr_err("%s() of kspan's memory, which takes kspan_free(): %s\n",
	       probe->symbol_name, text);
	dump_stack();
	return 0;
}

static struct kprobe probes[] = {
	{ .symbol_name = "kfree", .pre_handler = on_free },
	{ .symbol_name = "vfree", .pre_handler = on_free },
};

static unsigned int nr_probes;

/*
 * Set the probes if the parameter asks for them.  Context: module load.
 * Return: 0.
 */
int kspan_trap_init(void)
{
	int err;

	if (!kspan_params.trap_kfree)
		return 0;
	for (nr_probes = 0; nr_probes < ARRAY_SIZE(probes); nr_probes++) {
		err = register_kprobe(&probes[nr_probes]);
		if (err) {
			pr_warn("trap_kfree: no probe at %s(): error %d\n",
				probes[nr_probes].symbol_name, err);
			break;
		}
	}
	return 0;
}

/* Context: module unload. */
void kspan_trap_exit(void)
{
	while (nr_probes)
		unregister_kprobe(&probes[--nr_probes]);
}
