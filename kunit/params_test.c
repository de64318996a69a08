// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters: a value that is not a number or out of range is refused,
 * and nothing changes.  The cases set parameters as the module loader does,
 * through their operations.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "base/inject.h"
#include "base/params.h"
#include "kunit_support.h"

/* A parameter, the place of its value, and values just outside its range. */
struct param_row {
	const char *name;
	unsigned long *value;
	const char *good[2];
	unsigned long means[2];
	const char *bad[2];
};

static const struct param_row rows[] = {
	{ "reserve_kb", &kspan_params.reserve_kb,
	  { "0", "4096" }, { 0, 4096 },
	  { IS_ENABLED(CONFIG_64BIT) ? "4503599627370496" : "1048576", "-1" } },
	{ "scavenge_ms", &kspan_params.scavenge_ms,
	  { "1", "3600000" }, { 1, 3600000 },
	  { "0", "3600001" } },
	{ "memory_limit", &kspan_params.memory_limit,
	  { "0", "0x1000000" }, { 0, 0x1000000 },
	  { "-1", "18446744073709551616" } },
	{ "check", &kspan_params.check,
	  { "0", "2" }, { 0, 2 },
	  { "3", "-1" } },
	{ "quarantine_kb", &kspan_params.quarantine_kb,
	  { "0", "4096" }, { 0, 4096 },
	  { IS_ENABLED(CONFIG_64BIT) ? "4503599627370496" : "1048576", "-1" } },
	{ "profile_rate", &kspan_params.profile_rate,
	  { "0", "1073741824" }, { 0, 1073741824 },
	  { "1073741825", "-1" } },
	{ "guard_ms", &kspan_params.guard_ms,
	  { "3600000", "0" }, { 3600000, 0 },
	  { "3600001", "-1" } },
	{ "randomize", &kspan_params.randomize,
	  { "0", "1" }, { 0, 1 },
	  { "2", "-1" } },
	{ "sbrk", &kspan_params.sbrk,
	  { "1", "0" }, { 1, 0 },
	  { "2", "-1" } },
	{ "trap_kfree", &kspan_params.trap_kfree,
	  { "1", "0" }, { 1, 0 },
	  { "2", "-1" } },
};

/* Strings that every parameter refuses. */
static const char * const garbage[] = {
	"", " ", "x", "1x", "0x", "1 2", "1.5", "yes", "on", "--1", "1e3",
	"99999999999999999999999999",
};

#ifdef MODULE
static const struct kernel_param *find_param(const char *name)
{
	unsigned int i;

	for (i = 0; i < THIS_MODULE->num_kp; i++)
		if (!strcmp(THIS_MODULE->kp[i].name, name))
			return &THIS_MODULE->kp[i];
	return NULL;
}
#else
/* Built in, the name of a parameter begins with that of the module. */
static const struct kernel_param *find_param(const char *name)
{
	size_t len = strlen(KBUILD_MODNAME ".");
	const struct kernel_param *kp;

	for (kp = __start___param; kp < __stop___param; kp++)
		if (!strncmp(kp->name, KBUILD_MODNAME ".", len) &&
		    !strcmp(kp->name + len, name))
			return kp;
	return NULL;
}
#endif

static int set_param(const struct kernel_param *kp, const char *text)
{
	return kp->ops->set(text, kp);
}

static void expect_refused(struct kunit *test, const struct param_row *row,
			   const struct kernel_param *kp, const char *text)
{
	struct kspan_params before = kspan_params;

	KUNIT_EXPECT_LT_MSG(test, set_param(kp, text), 0, "%s=\"%s\" is taken",
			    row->name, text);
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(&before, &kspan_params,
					    sizeof(before)),
			      "%s=\"%s\" is refused but changed something",
			      row->name, text);
}

/* Every documented parameter exists. */
static void parameters_exist(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, find_param(rows[i].name),
					  "no parameter %s", rows[i].name);
	KUNIT_EXPECT_NULL(test, find_param("no_such_parameter"));
}

/* Values at the ends of the range and inside it are accepted unchanged. */
static void good_values_are_taken(struct kunit *test)
{
	struct kspan_params before = kspan_params;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel_param *kp = find_param(rows[i].name);

		KUNIT_ASSERT_NOT_NULL(test, kp);
		for (k = 0; k < 2; k++) {
			KUNIT_EXPECT_EQ_MSG(test, set_param(kp, rows[i].good[k]),
					    0, "%s=%s", rows[i].name,
					    rows[i].good[k]);
			KUNIT_EXPECT_EQ_MSG(test, *rows[i].value,
					    rows[i].means[k], "%s=%s",
					    rows[i].name, rows[i].good[k]);
		}
		/* The other parameters are unchanged. */
		*rows[i].value = *(unsigned long *)((char *)&before +
			((char *)rows[i].value - (char *)&kspan_params));
		KUNIT_EXPECT_TRUE(test, !memcmp(&before, &kspan_params,
						sizeof(before)));
	}
}

/* Values just outside the range are refused. */
static void range_is_enforced(struct kunit *test)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel_param *kp = find_param(rows[i].name);

		KUNIT_ASSERT_NOT_NULL(test, kp);
		for (k = 0; k < 2; k++)
			expect_refused(test, &rows[i], kp, rows[i].bad[k]);
	}
}

/* Strings that are not numbers are refused. */
static void garbage_is_refused(struct kunit *test)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel_param *kp = find_param(rows[i].name);

		KUNIT_ASSERT_NOT_NULL(test, kp);
		for (k = 0; k < ARRAY_SIZE(garbage); k++)
			expect_refused(test, &rows[i], kp, garbage[k]);
	}
}

/* Reading returns the number and a newline, as sysfs shows it. */
static void values_read_back(struct kunit *test)
{
	char *page = (char *)__get_free_page(GFP_KERNEL), want[32];
	unsigned int i;
	int len;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kernel_param *kp = find_param(rows[i].name);

		KUNIT_EXPECT_NOT_NULL(test, kp);
		if (!kp)
			break;
		len = snprintf(want, sizeof(want), "%lu\n", *rows[i].value);
		KUNIT_EXPECT_EQ(test, kp->ops->get(page, kp), len);
		KUNIT_EXPECT_STREQ(test, page, want);
		/* Only guard_ms may change while kspan runs. */
		KUNIT_EXPECT_EQ_MSG(test, (unsigned int)kp->perm,
				    rows[i].value == &kspan_params.guard_ms ?
				    0644U : 0444U, "%s", rows[i].name);
	}
	free_page((unsigned long)page);
}

/* Plans that the parameter inject accepts, with their meaning, or refuses. */
static void plans(struct kunit *test)
{
	static const char * const good[] = {
		"off", "off\n", "any:1", "any+3", "chunk/7\n", "slab:4000000000",
	};
	static const char * const bad[] = {
		"", "\n", "on", "any", "any:", "any:0", "any/0", "any:-1", "any+",
		"any:x", "any:1 2", "heap:1", ":1", "/", "any:1/2",
		"any:111111111111111111111111111111111111111111",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		KUNIT_EXPECT_EQ_MSG(test, kspan_inject_set(good[i]), 0, "%s",
				    good[i]);
	KUNIT_EXPECT_EQ(test, kspan_inject_set("worker:3"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test, kspan_inject_set(bad[i]), -EINVAL,
				    "%s", bad[i]);
	for (i = 1; i <= 4; i++) {
		KUNIT_EXPECT_FALSE(test, kspan_inject(KSPAN_INJECT_CHUNK));
		KUNIT_EXPECT_EQ(test, kspan_inject(KSPAN_INJECT_WORKER), i == 3);
	}
	KUNIT_EXPECT_EQ(test, kspan_inject_count(), 1UL);
	KUNIT_EXPECT_EQ(test, kspan_inject_set("any/2"), 0);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, kspan_inject(KSPAN_INJECT_SHRINKER),
				i % 2);
	KUNIT_EXPECT_EQ(test, kspan_inject_set("cpuhp+3"), 0);
	for (i = 1; i < 10; i++)
		KUNIT_EXPECT_EQ(test, kspan_inject(KSPAN_INJECT_CPUHP), i >= 3);
	kspan_inject_set("off");
	KUNIT_EXPECT_FALSE(test, kspan_inject(KSPAN_INJECT_CPUHP));
}

static struct kunit_case params_cases[] = {
	KUNIT_CASE(parameters_exist),
	KUNIT_CASE(good_values_are_taken),
	KUNIT_CASE(range_is_enforced),
	KUNIT_CASE(garbage_is_refused),
	KUNIT_CASE(values_read_back),
	KUNIT_CASE(plans),
	{}
};

KSPAN_TEST_SUITE(params, params_cases);
