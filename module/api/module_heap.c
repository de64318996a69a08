// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps of modules.  DEFINE_KSPAN_HEAP() defines a parameter of the module.  By
 * it kspan finds the heaps to create when the module is loaded and to destroy
 * when it is unloaded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/sysfs.h>

#include "api/client_heap.h"
#include "api/module_heap.h"

/*
 * A read of the parameter returns the line of the heap in the debugfs file
 * heaps.
 */
static int show_heap(char *buffer, const struct kernel_param *kp)
{
	struct kspan_heap *h = *(struct kspan_heap **)kp->arg;
	struct kspan_heap_stats row;

	if (!h)
		return -ENODEV;
	kspan_client_heap_read(h, &row);
	return sysfs_emit(buffer, "%s %llu %llu %llu %llu %llu %llu\n", h->name,
			  row.bytes, row.objects, row.peak, row.asked, row.spans,
			  row.limit);
}

static int refuse(const char *value, const struct kernel_param *kp)
{
	return -EPERM;
}

const struct kernel_param_ops kspan_module_heap_ops = {
	.set = refuse,
	.get = show_heap,
};
EXPORT_SYMBOL_GPL(kspan_module_heap_ops);

static void end_heaps(const struct module *mod)
{
	struct kspan_heap **heap;
	unsigned int i;

	for (i = 0; i < mod->num_kp; i++) {
		if (mod->kp[i].ops != &kspan_module_heap_ops)
			continue;
		heap = mod->kp[i].arg;
		kspan_heap_destroy(*heap);
		*heap = NULL;
	}
}

/* Create the heaps of a module.  Return: 0; -ENOMEM, and then it has none. */
static int begin_heaps(const struct module *mod)
{
	struct kspan_heap **heap;
	unsigned int i;

	for (i = 0; i < mod->num_kp; i++) {
		if (mod->kp[i].ops != &kspan_module_heap_ops)
			continue;
		heap = mod->kp[i].arg;
		*heap = kspan_heap_create(mod->name, 0);
		if (!*heap) {
			end_heaps(mod);
			return -ENOMEM;
		}
	}
	return 0;
}

static int module_changes(struct notifier_block *nb, unsigned long state,
			  void *data)
{
	const struct module *mod = data;

	if (state == MODULE_STATE_COMING)
		return notifier_from_errno(begin_heaps(mod));
	if (state == MODULE_STATE_GOING)
		end_heaps(mod);
	return NOTIFY_DONE;
}

static struct notifier_block module_notifier = {
	.notifier_call = module_changes,
};

/* Context: module load.  Return: 0 or an error. */
int kspan_module_heap_init(void)
{
	return register_module_notifier(&module_notifier);
}

/* Context: module unload, after the last client. */
void kspan_module_heap_exit(void)
{
	unregister_module_notifier(&module_notifier);
}
