// SPDX-License-Identifier: GPL-2.0
/*
 * Injection of failures, by the module parameter `inject`.
 *
 * Debian's kernels have FAULT_INJECTION off.  It could also not single out the
 * requests of kspan, nor fail the n-th request of a module load.
 *
 *	PLACE:N		the N-th request from now on fails
 *	PLACE+N		that one and all after it do
 *	PLACE/N		every N-th one does
 *	off		none does
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/inject.h"

/* Longer than any text that means something. */
#define TEXT_MAX	40

const char * const kspan_inject_names[KSPAN_INJECT_NR_PLACES] = {
	[KSPAN_INJECT_ANY] = "any",
	[KSPAN_INJECT_CHUNK] = "chunk",
	[KSPAN_INJECT_SLAB] = "slab",
	[KSPAN_INJECT_TABLE] = "table",
	[KSPAN_INJECT_PERCPU] = "percpu",
	[KSPAN_INJECT_WORKER] = "worker",
	[KSPAN_INJECT_CPUHP] = "cpuhp",
	[KSPAN_INJECT_SHRINKER] = "shrinker",
	[KSPAN_INJECT_DEBUGFS] = "debugfs",
};

/*
 * Which requests fail.  @lock protects all fields; @armed is also read without
 * it.  @lock is a leaf and is taken in any context but NMI.
 */
static struct {
	raw_spinlock_t lock;
	bool armed;
	enum kspan_inject_place place;
	unsigned long left;	/* requests until the next one that fails */
	unsigned long period;	/* requests between failures, 0: fail once */
	unsigned long nr;	/* failures since the last setting */
} plan = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(plan.lock),
};

static bool is_due(enum kspan_inject_place place)
{
	if (!plan.armed)
		return false;
	if (plan.place != KSPAN_INJECT_ANY && plan.place != place)
		return false;
	if (--plan.left)
		return false;
	plan.left = plan.period;
	WRITE_ONCE(plan.armed, plan.period != 0);
	WRITE_ONCE(plan.nr, plan.nr + 1);
	return true;
}

/**
 * kspan_inject - test whether a request to the kernel has to fail
 * @place: the kind of request
 *
 * Context: Any but NMI.
 * Return: true if the caller must behave as if the kernel had refused.
 */
bool kspan_inject(enum kspan_inject_place place)
{
	unsigned long flags;
	bool due;

	if (likely(!READ_ONCE(plan.armed)))
		return false;
	raw_spin_lock_irqsave(&plan.lock, flags);
	due = is_due(place);
	raw_spin_unlock_irqrestore(&plan.lock, flags);
	return due;
}

/* Failures since the last setting.  Context: Any but NMI. */
unsigned long kspan_inject_count(void)
{
	return READ_ONCE(plan.nr);
}

static void set_plan(enum kspan_inject_place place, unsigned long nr,
		     unsigned long period)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&plan.lock, flags);
	plan.place = place;
	plan.left = nr;
	plan.period = period;
	WRITE_ONCE(plan.nr, 0);
	WRITE_ONCE(plan.armed, nr != 0);
	raw_spin_unlock_irqrestore(&plan.lock, flags);
}

/**
 * kspan_inject_set - choose what fails from now on
 * @text: a value of the parameter; a newline at its end is ignored
 *
 * Context: Any but NMI.
 * Return: 0, or -EINVAL, in which case nothing changes.
 */
int kspan_inject_set(const char *text)
{
	char copy[TEXT_MAX], *name, *number;
	unsigned long nr;
	int place;
	char mode;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return -EINVAL;
	name = strim(copy);
	if (!strcmp(name, "off")) {
		set_plan(KSPAN_INJECT_ANY, 0, 0);
		return 0;
	}
	number = strpbrk(name, ":+/");
	if (!number)
		return -EINVAL;
	mode = *number;
	*number++ = '\0';
	place = match_string(kspan_inject_names, KSPAN_INJECT_NR_PLACES, name);
	if (place < 0 || kstrtoul(number, 10, &nr) || !nr)
		return -EINVAL;
	set_plan(place, nr, mode == '/' ? nr : mode == '+');
	return 0;
}

static int param_set_inject(const char *val, const struct kernel_param *kp)
{
	int err = kspan_inject_set(val);

	if (err)
		pr_err("parameter %s=%s: must be off, PLACE:N, PLACE+N or PLACE/N, N from 1\n",
		       kp->name, val);
	return err;
}

/* Show which request fails next, and how many have failed. */
static int param_get_inject(char *buf, const struct kernel_param *kp)
{
	unsigned long flags, left, nr;
	const char *name;
	bool armed;

	raw_spin_lock_irqsave(&plan.lock, flags);
	armed = plan.armed;
	name = kspan_inject_names[plan.place];
	left = plan.left;
	nr = plan.nr;
	raw_spin_unlock_irqrestore(&plan.lock, flags);
	if (!armed)
		return sysfs_emit(buf, "off, %lu failed\n", nr);
	return sysfs_emit(buf, "%s:%lu, %lu failed\n", name,
			  left, nr);
}

static const struct kernel_param_ops param_ops_inject = {
	.set = param_set_inject,
	.get = param_get_inject,
};

module_param_cb(inject, &param_ops_inject, NULL, 0600);
MODULE_PARM_DESC(inject, "for tests: PLACE:N lets the N-th request to the kernel fail, PLACE+N all from there on, PLACE/N every N-th (off)");
