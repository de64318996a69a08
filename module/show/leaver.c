// SPDX-License-Identifier: GPL-2.0
/*
 * Unloading of modules: kspan reports what a module leaves behind while the
 * kernel still has its symbols.
 *
 * The kernel calls the notifier after the exit function of the module.  At that
 * time, objects that the module gave to kspan_free_rcu() or freed in NMI
 * context may not be freed yet, so kspan waits for them first.
 */
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/notifier.h>

#include "api/callsites.h"
#include "api/client_heap.h"
#include "api/deferred.h"
#include "api/named_cache.h"
#include "show/leaver.h"

static int module_changes(struct notifier_block *nb, unsigned long state,
			  void *data)
{
	const struct module *mod = data;

	switch (state) {
	case MODULE_STATE_LIVE:
		/* The kernel is about to free the module's init functions. */
		kspan_callsites_name(mod, mod->name, false);
		break;
	case MODULE_STATE_GOING:
		if (mod == THIS_MODULE)
			break;
		kspan_callsites_name(mod, mod->name, true);
		kspan_rcu_barrier();
		kspan_deferred_flush();
		kspan_callsites_left(mod->name);
		kspan_named_cache_left(mod->name);
		kspan_client_heap_left(mod->name);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block module_block = {
	.notifier_call = module_changes,
};

/* Context: module load.  Return: 0 or an error. */
int kspan_leaver_init(void)
{
	return register_module_notifier(&module_block);
}

/* Context: module unload. */
void kspan_leaver_exit(void)
{
	unregister_module_notifier(&module_block);
}
