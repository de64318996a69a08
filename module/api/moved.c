// SPDX-License-Identifier: GPL-2.0
/*
 * Modules that allocate from kspan through <linux/kspan_slab.h>: load and
 * unload.
 *
 * Such a module has a variable of type struct kspan_moved, which its calls pass
 * on.  Before the init function of the module runs, a module notifier finds
 * this variable in the module's symbol table and creates a heap with the name
 * of the module.  When the module is unloaded, its caches and its heap are
 * destroyed, and objects left in them are reported.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kallsyms.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "api/moved.h"
#include "api/moved_fail.h"

/**
 * kspan_moved_detach - destroy the caches and heaps of a module
 * @owner: the module, whose code no longer runs
 *
 * Context: Process context that may sleep.
 */
void kspan_moved_detach(struct module *owner)
{
	kspan_moved_end_caches(owner);
	kspan_moved_end_buckets(owner);
	kspan_moved_end_heap(owner);
}

#ifdef CONFIG_KALLSYMS
/* The variable of a module that is being loaded, or NULL. */
static struct kspan_moved *find_moved(const struct module *owner)
{
	const struct mod_kallsyms *syms;
	const typeof(*syms->symtab) *sym;
	struct kspan_moved *m = NULL;
	unsigned int i;

	rcu_read_lock();
	syms = rcu_dereference(owner->kallsyms);
	for (i = 0; syms && !m && i < syms->num_symtab; i++) {
		sym = &syms->symtab[i];
		if (sym->st_shndx != SHN_UNDEF &&
		    !strcmp(syms->strtab + sym->st_name, "kspan_moved_module"))
			m = (struct kspan_moved *)sym->st_value;
	}
	rcu_read_unlock();
	return m;
}
#else
static struct kspan_moved *find_moved(const struct module *owner)
{
	return NULL;
}
#endif

static int on_module(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	struct module *owner = data;
	struct kspan_moved *m;

	if (action == MODULE_STATE_COMING) {
		kspan_moved_fail_forget();
		m = find_moved(owner);
		if (m && m->owner == owner && !kspan_moved_attach_now(m))
			pr_warn("module %s has no heap\n", owner->name);
	} else if (action == MODULE_STATE_GOING) {
		kspan_moved_detach(owner);
	}
	return NOTIFY_DONE;
}

static struct notifier_block on_module_block = {
	.notifier_call = on_module,
};

/* Context: module load.  Return: 0 or an error. */
int kspan_moved_init(void)
{
	return register_module_notifier(&on_module_block);
}

/* Context: module unload; no module uses kspan. */
void kspan_moved_exit(void)
{
	unregister_module_notifier(&on_module_block);
	kspan_moved_fail_exit();
}
