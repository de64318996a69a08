// SPDX-License-Identifier: GPL-2.0
/*
 * Oopses: if the address of the fault or a register points into kspan's memory,
 * kspan adds a description of that memory to the kernel's report.
 *
 * A freed small object stays mapped, so a pointer to it does not fault.  What
 * faults is a pointer that was read from the freed object; another register
 * often still points to the object.
 *
 * The kernel calls this with interrupts off, in any context, while other CPUs
 * run.  So nothing here takes a lock or allocates. kspan's own structures may
 * be the damaged ones, so they are checked before they are used.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#include "api/describe.h"
#include "show/oops.h"
#include "show/oops_regs.h"

/* Maximum number of objects described in one oops. */
#define MAX_REPORTS	8U

/* The objects that this oops has described. */
struct reports {
	unsigned int nr;
	unsigned long first[MAX_REPORTS];
};

/* Describe the memory at @value, unless this oops has described it already. */
static void report(struct reports *reports, const char *what, const char *how,
		   unsigned long value)
{
	char text[KSPAN_DESCRIPTION_LEN];
	unsigned long first;
	unsigned int i;

	if (reports->nr == MAX_REPORTS ||
	    !kspan_describe_safely(text, (void *)value, &first))
		return;
	for (i = 0; i < reports->nr; i++)
		if (reports->first[i] == first)
			return;
	reports->first[reports->nr++] = first;
	pr_alert("%s %s kspan's memory: %s\n", what, how, text);
	kspan_describe_more((void *)value);
}

/**
 * kspan_oops_report - describe kspan's memory that an oops refers to
 * @addr: the address of the fault, or any other value
 * @regs: the registers, or NULL
 *
 * Context: Any, including NMI.
 * Return: number of objects described.
 */
unsigned int kspan_oops_report(unsigned long addr, const struct pt_regs *regs)
{
	struct reports reports = {};
	unsigned int i;

	preempt_disable();
	report(&reports, "the faulting address", "is in", addr);
	/* The page behind a large object faults. */
	report(&reports, "the faulting address", "is behind",
	       (addr & PAGE_MASK) - 1);
	for (i = 0; regs && i < ARRAY_SIZE(kspan_regs); i++)
		report(&reports, kspan_regs[i].name, "points to",
		       *(unsigned long *)((char *)regs + kspan_regs[i].offset));
	preempt_enable();
	return reports.nr;
}

static int on_die(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct die_args *args = data;

	if (event == DIE_OOPS)
		kspan_oops_report(kspan_fault_address(), args->regs);
	return NOTIFY_DONE;
}

static struct notifier_block die_block = {
	.notifier_call = on_die,
};

/*
 * Log a summary when the kernel panics. kspan_read_stats() may not run in NMI.
 */
static int on_panic(struct notifier_block *nb, unsigned long event, void *data)
{
	struct kspan_stats stats;

	if (in_nmi())
		return NOTIFY_DONE;
	kspan_read_stats(&stats);
	pr_alert("%llu live objects of %llu bytes, %llu bytes from the kernel\n",
		 stats.heap_objects, stats.alloc, stats.sys);
	if (stats.bad_free || stats.double_free || stats.overrun ||
	    stats.use_after_free || stats.corrupt)
		pr_alert("bad frees: %llu, double frees: %llu, overruns: %llu, uses after free: %llu, corrupt: %llu\n",
			 stats.bad_free, stats.double_free, stats.overrun,
			 stats.use_after_free, stats.corrupt);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {
	.notifier_call = on_panic,
};

/* Context: module load.  Return: 0 or an error. */
int kspan_oops_init(void)
{
	int err = register_die_notifier(&die_block);

	if (!err)
		atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	return err;
}

/* Context: module unload. */
void kspan_oops_exit(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	unregister_die_notifier(&die_block);
}
