// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the suites.  Write the name of a suite, or "all", to
 * /sys/module/kspan/parameters/kunit.  The results appear in the kernel log.
 * The write fails with EIO if a case failed.
 *
 * A build in a kernel tree (CONFIG_KSPAN_KUNIT_TEST) also registers the suites
 * with KUnit, which runs them at boot or when the module is loaded.  It does
 * not where KUnit would run them before the init function of the module, when
 * there is no allocator to test.  External modules do not register them, so
 * that a load does not run them and their parameters can be set before.
 */
#define pr_fmt(fmt) fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/compat.h"
#include "cache/quarantine.h"
#include "kunit_support.h"
#include "span/redzone.h"

/*
 * The parameters with which a suite is run.  If KUnit itself runs it with others,
 * each of its cases is skipped.
 */
enum levels {
	ANY,
	PROMPT,		/* any, without quarantine_kb: about immediate reuse */
	PLAIN,		/* below 2, without quarantine_kb: about magazines or tiny blocks */
	REDZONED,	/* 2: about redzones and poison */
	WAITING,	/* any, with quarantine_kb: about freed memory that waits */
};

/* Every suite in the order they run, from the lowest layer to the highest. */
#define SUITES(X)			\
	X(sizeclass, ANY)		\
	X(params, ANY)			\
	X(span, ANY)			\
	X(arena, ANY)			\
	X(page_heap, ANY)		\
	X(page_heap_check, ANY)	\
	X(page_heap_model, ANY)	\
	X(central, ANY)			\
	X(cache, PLAIN)			\
	X(cache_model, PLAIN)		\
	X(cache_take, PLAIN)		\
	X(probe, PLAIN)			\
	X(large_cache, PROMPT)		\
	X(large, ANY)			\
	X(tiny, PLAIN)			\
	X(data, ANY)			\
	X(zero, ANY)			\
	X(wipe, ANY)			\
	X(realloc, ANY)			\
	X(realloc_short, ANY)	\
	X(array, ANY)			\
	X(leaf, ANY)			\
	X(any, ANY)			\
	X(user, ANY)			\
	X(rcu, ANY)			\
	X(bulk, ANY)			\
	X(named_cache, ANY)		\
	X(client_heap, ANY)		\
	X(moved, ANY)			\
	X(heap_limit, ANY)		\
	X(aligned, ANY)			\
	X(trace, ANY)			\
	X(callsites, ANY)		\
	X(badfree, ANY)			\
	X(context, ANY)			\
	X(nmi, ANY)			\
	X(cpus, ANY)			\
	X(node, ANY)			\
	X(limit, ANY)			\
	X(scavenge, ANY)		\
	X(shrink, ANY)			\
	X(meta, ANY)			\
	X(ahead, ANY)			\
	X(stats, ANY)			\
	X(verify, ANY)			\
	X(profile, ANY)			\
	X(guard, ANY)			\
	X(inject, ANY)			\
	X(sanitize, ANY)		\
	X(report, ANY)			\
	/* Last: they leave spans with quarantined objects. */ \
	X(cache_damage, REDZONED)	\
	X(heap_damage, REDZONED)	\
	X(linked, REDZONED)		\
	X(quarantine, WAITING)		\
	X(poison, REDZONED)		\
	X(overrun, REDZONED)	\
	X(redzone, REDZONED)

#define DECLARE_SUITE(concept, ...) \
	extern struct kunit_suite kspan_suite_##concept;
#define SUITE_ENTRY(concept, level)	{ &kspan_suite_##concept, level },
#define SUITE_POINTER(concept, ...)	&kspan_suite_##concept,

SUITES(DECLARE_SUITE)

static const struct {
	struct kunit_suite *suite;
	enum levels levels;
} suites[] = {
	SUITES(SUITE_ENTRY)
};

#if defined(CONFIG_KSPAN_KUNIT_TEST) && KSPAN_KUNIT_AFTER_INIT
/* What kunit_test_suites() does; kunit_support.h keeps that from the suites. */
__kunit_test_suites(kspan_kunit_suites, SUITES(SUITE_POINTER));
#endif

#ifdef MODULE
static bool is_initialised(void)
{
	return THIS_MODULE->state == MODULE_STATE_LIVE;
}
#else
/* On the kernel's command line the parameter is written too early. */
static bool is_initialised(void)
{
	return system_state == SYSTEM_RUNNING;
}
#endif

static bool makes_sense(unsigned int i)
{
	bool plain = !kspan_redzone_on() && !kspan_quarantine_on();
	bool now[] = {
		[ANY] = true,
		[PROMPT] = !kspan_quarantine_on(),
		[PLAIN] = plain,
		[REDZONED] = kspan_redzone_on(),
		[WAITING] = kspan_quarantine_on(),
	};

	return now[suites[i].levels];
}

bool kspan_test_makes_sense;

int kspan_test_suite_init(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i].suite == suite)
			break;
	kspan_test_makes_sense = i == ARRAY_SIZE(suites) || makes_sense(i);
	return 0;
}

static bool is_wanted(unsigned int i, const char *val)
{
	if (!makes_sense(i))
		return false;
	return sysfs_streq(val, "all") ||
	       sysfs_streq(val, suites[i].suite->name);
}

/* Address space of the task that wrote the parameter; set while suites run. */
struct mm_struct *kspan_test_mm;

static int run_suites(const char *val, const struct kernel_param *kp)
{
	unsigned int i, nr = 0;
	int err = 0;

	if (!is_initialised())
		return -EBUSY;
	for (i = 0; i < ARRAY_SIZE(suites); i++)
		nr += is_wanted(i, val);
	if (!nr)
		return -ENOENT;
	/* The plan, by which a reader recognises a truncated log. */
	kspan_test_mm = current->mm;
	pr_info("KTAP version 1\n");
	pr_info("1..%u\n", nr);
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (!is_wanted(i, val))
			continue;
		kunit_run_tests(suites[i].suite);
		if (kunit_suite_has_succeeded(suites[i].suite) == KUNIT_FAILURE)
			err = -EIO;
	}
	kspan_test_mm = NULL;
	return err;
}

static const struct kernel_param_ops run_ops = {
	.set = run_suites,
};

module_param_cb(kunit, &run_ops, NULL, 0200);
MODULE_PARM_DESC(kunit, "write a suite's name or \"all\" to run KUnit suites");
