// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters.  Each has a range.  A value outside of it refuses the load;
 * kspan never replaces a value by another one.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "base/kasan.h"
#include "base/params.h"
#include "base/sample.h"

struct kspan_params kspan_params = {
	.reserve_kb = 2048,
	.scavenge_ms = 5000,
	/* A kernel that checks every access is slow anyway: add redzones. */
	.check = KSPAN_KASAN ? 2 : 1,
};

int (*kspan_change_guard_ms)(unsigned long ms);

/* One parameter: its variable and its range. */
struct param_range {
	unsigned long *value;
	unsigned long min;
	unsigned long max;
};

static int parse(const char *val, const struct kernel_param *kp, unsigned long *new)
{
	const struct param_range *range = kp->arg;
	int err;

	err = kstrtoul(val, 0, new);
	if (!err && *new >= range->min && *new <= range->max)
		return 0;
	pr_err("parameter %s=%s: must be a number from %lu to %lu\n",
	       kp->name, val, range->min, range->max);
	return err ? err : -EINVAL;
}

static int param_set_range(const char *val, const struct kernel_param *kp)
{
	const struct param_range *range = kp->arg;

	unsigned long new;
	int err;

	err = parse(val, kp, &new);
	if (!err)
		*range->value = new;
	return err;
}

static int param_get_range(char *buf, const struct kernel_param *kp)
{
	const struct param_range *range = kp->arg;

	return sysfs_emit(buf, "%lu\n", READ_ONCE(*range->value));
}

static const struct kernel_param_ops param_ops_range = {
	.set = param_set_range,
	.get = param_get_range,
};

#define KSPAN_PARAM(name, low, high, text)				\
	static const struct param_range name##_range = {		\
		.value = &kspan_params.name,				\
		.min = (low),						\
		.max = (high),						\
	};								\
	module_param_cb(name, &param_ops_range, (void *)&name##_range, 0444); \
	MODULE_PARM_DESC(name, text)

KSPAN_PARAM(reserve_kb, 0, ULONG_MAX >> 12,
	    "KiB kept ready for callers that cannot sleep (2048)");
KSPAN_PARAM(scavenge_ms, 1, 3600 * 1000,
	    "milliseconds memory lies idle before it is given back (5000)");
KSPAN_PARAM(memory_limit, 0, ULONG_MAX,
	    "soft limit in bytes on all memory taken from the kernel (0: none)");
KSPAN_PARAM(check, 0, 2,
	    "0: bad pointers and immediate double frees, 1: every double free, 2: redzones and poison too (1)");
KSPAN_PARAM(quarantine_kb, 0, ULONG_MAX >> 12,
	    "KiB of freed memory that wait before they are used again (0)");
KSPAN_PARAM(randomize, 0, 1,
	    "hand objects out in random order (0)");
KSPAN_PARAM(sbrk, 0, 1,
	    "never reuse a freed object, for debugging (0)");
KSPAN_PARAM(trap_kfree, 0, 1,
	    "report kfree() and vfree() of kspan's objects, for debugging (0)");
KSPAN_PARAM(profile_rate, 0, KSPAN_SAMPLE_RATE_MAX,
	    "mean bytes between samples of the heap profile, 0: none (0)");

/* Before the load is complete it is only noted. */
static int param_set_guard_ms(const char *val, const struct kernel_param *kp)
{
	int (*change)(unsigned long ms) = READ_ONCE(kspan_change_guard_ms);
	unsigned long new;
	int err;

	err = parse(val, kp, &new);
	if (err)
		return err;
	if (change)
		return change(new);
	kspan_params.guard_ms = new;
	return 0;
}

static const struct kernel_param_ops param_ops_guard_ms = {
	.set = param_set_guard_ms,
	.get = param_get_range,
};

static const struct param_range guard_ms_range = {
	.value = &kspan_params.guard_ms,
	.min = 0,
	.max = 3600 * 1000,
};

module_param_cb(guard_ms, &param_ops_guard_ms, (void *)&guard_ms_range, 0644);
MODULE_PARM_DESC(guard_ms,
		 "mean milliseconds between objects with guard pages, 0: none (0)");
