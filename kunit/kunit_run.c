// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the suites: write a suite's name, or "all", to
 * /sys/module/kspan/parameters/kunit.  The results are in the kernel's log;
 * the write fails with EIO if a case did.
 *
 * kunit_test_suites() will not do: up to 6.1 KUnit runs such suites before the
 * module's init, when there is no allocator to test yet.
 */
#define pr_fmt(fmt) fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "kunit_support.h"

/* Every suite, in the order they run: from the bottom to the top. */
#define SUITES(X)		\
	X(sizeclass)		\
	X(params)		\
	X(span)			\
	X(arena)		\
	X(heap)			\
	X(heap_model)		\
	X(central)		\
	X(cache)		\
	X(cache_model)		\
	X(kept)			\
	X(large)		\
	X(tiny)			\
	X(data)			\
	X(zero)			\
	X(realloc)		\
	X(array)		\
	X(bulk)			\
	X(aligned)		\
	X(badfree)		\
	X(context)		\
	X(limit)		\
	X(scavenge)		\
	X(shrink)		\
	X(stats)		\
	X(verify)

#define DECLARE_SUITE(concept)	extern struct kunit_suite kspan_suite_##concept;
#define SUITE_ENTRY(concept)	&kspan_suite_##concept,

SUITES(DECLARE_SUITE)

static struct kunit_suite * const suites[] = {
	SUITES(SUITE_ENTRY)
};

static bool is_wanted(const struct kunit_suite *suite, const char *val)
{
	return sysfs_streq(val, "all") || sysfs_streq(val, suite->name);
}

static int run_suites(const char *val, const struct kernel_param *kp)
{
	unsigned int i, nr = 0;
	int err = 0;

	if (THIS_MODULE->state != MODULE_STATE_LIVE)
		return -EBUSY;
	for (i = 0; i < ARRAY_SIZE(suites); i++)
		nr += is_wanted(suites[i], val);
	if (!nr)
		return -ENOENT;
	/* The plan, so that a log that is cut short is known for one. */
	pr_info("KTAP version 1\n");
	pr_info("1..%u\n", nr);
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (!is_wanted(suites[i], val))
			continue;
		kunit_run_tests(suites[i]);
		if (kunit_suite_has_succeeded(suites[i]) == KUNIT_FAILURE)
			err = -EIO;
	}
	return err;
}

static const struct kernel_param_ops run_ops = {
	.set = run_suites,
};

module_param_cb(kunit, &run_ops, NULL, 0200);
MODULE_PARM_DESC(kunit, "write a suite's name or \"all\" to run KUnit suites");
