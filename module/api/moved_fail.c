// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection for moved modules, by the module parameter `fail`, so that
 * their error paths run.  Debian's kernels are built without failslab.
 *
 *	stack			each distinct call stack of any moved module
 *				fails exactly once
 *	stack:MODULE		each distinct call stack of this module does
 *	stack:MODULE:HASH	only the stack with this hash does, to repeat a
 *				failure
 *	off			none does
 *
 * Each failure is logged with the hash and the stack.  The hash is computed from
 * symbols and offsets, so it stays the same when the module is loaded again or
 * the machine is booted again.  Setting the parameter forgets which stacks have
 * failed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/jhash.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "api/moved_fail.h"
#include "base/meta.h"
#include "base/noprobe.h"

#define DEPTH		24U
#define NR_SEEN		4096U
#define NR_RECENT	256U
/*
 * Longer than any symbol with offset and module; the rest would not be hashed.
 */
#define SYMBOL_MAX	160
#define TEXT_MAX	(MODULE_NAME_LEN + 24)

DEFINE_STATIC_KEY_FALSE(kspan_moved_fail_key);

/* Serialises changes of the parameter; outermost. */
static DEFINE_MUTEX(fail_mutex);

/*
 * What is to fail.  The lock protects all of it.  It is a leaf, taken in any
 * context but NMI.  The name changes only while the key is off and no CPU reads
 * it.
 */
static struct {
	raw_spinlock_t lock;
	char name[MODULE_NAME_LEN];	/* "": any moved module */
	u32 only;			/* the only hash that fails, or 0 */
	u32 *seen;			/* hash table of hashes that have failed; 0: none */
	u32 recent[NR_RECENT];		/* address hashes of stacks already looked up */
	unsigned int nr;		/* failures since the last setting */
} plan = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(plan.lock),
};

/* The hash of a stack, the same in each load; not 0. */
static u32 symbols_hash(const unsigned long *entries, unsigned int nr)
{
	char text[SYMBOL_MAX];
	unsigned int i;
	u32 hash = 0;

	for (i = 0; i < nr; i++) {
		scnprintf(text, sizeof(text), "%pS", (void *)entries[i]);
		hash = jhash(text, strlen(text), hash);
	}
	return hash ?: 1;
}

/* Add a hash.  Returns whether it is new and there was room. */
static bool __kspan_noprobe enter_locked(u32 hash)
{
	unsigned int i, at;

	lockdep_assert_held(&plan.lock);
	for (i = 0; i < NR_SEEN / 2; i++) {
		at = (hash + i) % NR_SEEN;
		if (plan.seen[at] == hash)
			return false;
		if (!plan.seen[at]) {
			plan.seen[at] = hash;
			plan.nr++;
			return true;
		}
	}
	return false;
}

static bool is_recent(u32 raw)
{
	return READ_ONCE(plan.recent[raw % NR_RECENT]) == raw;
}

static bool is_due(u32 hash, u32 raw)
{
	unsigned long flags;
	bool due;

	raw_spin_lock_irqsave(&plan.lock, flags);
	due = plan.seen && (!plan.only || plan.only == hash) &&
	      enter_locked(hash);
	WRITE_ONCE(plan.recent[raw % NR_RECENT], raw);
	raw_spin_unlock_irqrestore(&plan.lock, flags);
	return due;
}

/* Whether an address is code of kspan; always false if kspan is built in. */
static bool is_own(unsigned long addr)
{
	const struct module *own = THIS_MODULE;

	return own && within_module(addr, own);
}

/* The stack of the caller of kspan.  Returns the number of its entries. */
static unsigned int save_stack(unsigned long *entries)
{
	unsigned int nr = stack_trace_save(entries, DEPTH, 1), skip = 0;

	while (skip < nr && is_own(entries[skip]))
		skip++;
	memmove(entries, entries + skip, (nr - skip) * sizeof(*entries));
	return nr - skip;
}

/**
 * kspan_moved_fail - whether a request of a moved module has to fail
 * @owner: the module
 * @size: bytes
 * @gfp: flags of the request
 *
 * Context: Any; false in NMI.
 * Return: whether the caller has to return NULL.
 */
bool kspan_moved_fail(const struct module *owner, size_t size, gfp_t gfp)
{
	unsigned long entries[DEPTH];
	unsigned int nr;
	u32 raw, hash;

	if ((gfp & __GFP_NOFAIL) || in_nmi() || !size)
		return false;
	if (plan.name[0] && strcmp(plan.name, owner->name))
		return false;
	nr = save_stack(entries);
	raw = jhash(entries, nr * sizeof(*entries), 0);
	if (is_recent(raw))
		return false;
	hash = symbols_hash(entries, nr);
	if (!is_due(hash, raw))
		return false;
	pr_info("fail=stack:%s:%08x: a request of %zu bytes fails\n",
		owner->name, hash, size);
	stack_trace_print(entries, nr, 1);
	return true;
}

/* Forget addresses when a module is loaded: other code may have them now. */
void kspan_moved_fail_forget(void)
{
	unsigned int i;

	for (i = 0; i < NR_RECENT; i++)
		WRITE_ONCE(plan.recent[i], 0);
}

/* Split "stack[:MODULE[:HASH]]".  Return: 0 or -EINVAL. */
static int parse(char *text, const char **name, u32 *only)
{
	char *word = strsep(&text, ":");

	*name = "";
	*only = 0;
	if (strcmp(word, "stack"))
		return -EINVAL;
	word = strsep(&text, ":");
	if (word)
		*name = word;
	word = strsep(&text, ":");
	if (word && (kstrtou32(word, 16, only) || !*only))
		return -EINVAL;
	return text || strlen(*name) >= sizeof(plan.name) ? -EINVAL : 0;
}

static int set_plan(const char *name, u32 only)
{
	unsigned long flags;
	u32 *seen = plan.seen;

	lockdep_assert_held(&fail_mutex);
	if (!seen)
		seen = kspan_meta_alloc(NR_SEEN * sizeof(*seen),
					KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!seen)
		return -ENOMEM;
	raw_spin_lock_irqsave(&plan.lock, flags);
	plan.seen = seen;
	memset(seen, 0, NR_SEEN * sizeof(*seen));
	memset(plan.recent, 0, sizeof(plan.recent));
	strscpy(plan.name, name, sizeof(plan.name));
	plan.only = only;
	plan.nr = 0;
	raw_spin_unlock_irqrestore(&plan.lock, flags);
	static_branch_enable(&kspan_moved_fail_key);
	return 0;
}

/**
 * kspan_moved_fail_set - choose what fails from now on
 * @text: the value of the parameter; a newline at its end is ignored
 *
 * Context: Process context that may sleep.
 * Return: 0, or -EINVAL or -ENOMEM if nothing was changed.
 */
int kspan_moved_fail_set(const char *text)
{
	char copy[TEXT_MAX], *word;
	const char *name;
	int err = 0;
	u32 only;

	if (strscpy(copy, text, sizeof(copy)) < 0)
		return -EINVAL;
	word = strim(copy);
	mutex_lock(&fail_mutex);
	if (!strcmp(word, "off"))
		static_branch_disable(&kspan_moved_fail_key);
	else
		err = parse(word, &name, &only) ?: set_plan(name, only);
	mutex_unlock(&fail_mutex);
	return err;
}

/* Number of failures since the parameter was set.  Context: Any. */
unsigned int kspan_moved_fail_count(void)
{
	return READ_ONCE(plan.nr);
}

static int param_set_fail(const char *val, const struct kernel_param *kp)
{
	int err = kspan_moved_fail_set(val);

	if (err == -EINVAL)
		pr_err("parameter %s=%s: must be off, stack, stack:MODULE or stack:MODULE:HASH\n",
		       kp->name, val);
	return err;
}

static int param_get_fail(char *buf, const struct kernel_param *kp)
{
	bool on = static_key_enabled(&kspan_moved_fail_key);

	return sysfs_emit(buf, "%s%s%s, %u failed\n", on ? "stack" : "off",
			  on && plan.name[0] ? ":" : "", on ? plan.name : "",
			  kspan_moved_fail_count());
}

static const struct kernel_param_ops param_ops_fail = {
	.set = param_set_fail,
	.get = param_get_fail,
};

module_param_cb(fail, &param_ops_fail, NULL, 0600);
MODULE_PARM_DESC(fail, "for tests: stack[:MODULE[:HASH]] lets each distinct call stack of a moved module's allocations fail once (off)");

/* Context: module unload; no module uses kspan. */
void kspan_moved_fail_exit(void)
{
	static_branch_disable(&kspan_moved_fail_key);
	kspan_meta_free(plan.seen, NR_SEEN * sizeof(*plan.seen),
			KSPAN_SYS_OTHER);
	plan.seen = NULL;
}
