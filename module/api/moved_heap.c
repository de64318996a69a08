// SPDX-License-Identifier: GPL-2.0
/*
 * The heaps of modules that use <linux/kspan_slab.h>.
 *
 * A heap has the name of its module.  It is created before the init function of
 * the module runs.  If that fails, the first allocation that may sleep creates
 * it.  Objects that were allocated earlier are in no heap.
 */
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "api/moved.h"
#include "base/meta.h"

/**
 * struct attached - a module with a heap
 * @list: node in the list of all
 * @owner: the module
 * @m: the module's variable
 *
 * moved_mutex protects all of them.
 */
struct attached {
	struct list_head list;
	struct module *owner;
	struct kspan_moved *m;
};

/* The mutex protects creation and destruction of the heaps of modules. */
static DEFINE_MUTEX(moved_mutex);
static LIST_HEAD(all_attached);

static bool attach_locked(struct kspan_moved *m)
{
	struct attached *new;
	struct kspan_heap *h;

	lockdep_assert_held(&moved_mutex);
	if (m->heap)
		return true;
	new = kspan_meta_alloc(sizeof(*new), KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!new)
		return false;
	h = kspan_heap_create(m->owner->name, 0);
	if (!h) {
		kspan_meta_free(new, sizeof(*new), KSPAN_SYS_OTHER);
		return false;
	}
	new->owner = m->owner;
	new->m = m;
	list_add_tail(&new->list, &all_attached);
	/* The heap is complete.  Pairs with READ_ONCE() where it is used. */
	smp_store_release(&m->heap, h);
	return true;
}

/**
 * kspan_moved_attach_now - create the heap of a moved module
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: whether the module has a heap.
 */
bool kspan_moved_attach_now(struct kspan_moved *m)
{
	bool done;

	mutex_lock(&moved_mutex);
	done = attach_locked(m);
	mutex_unlock(&moved_mutex);
	return done;
}

/**
 * kspan_moved_attach - the heap of a moved module that has none yet
 * @m: the module's variable
 * @gfp: flags of the request; decide whether the heap can be created now
 *
 * Context: Any.
 * Return: the heap, or NULL.
 */
struct kspan_heap *kspan_moved_attach(struct kspan_moved *m, gfp_t gfp)
{
	if (!(gfp & __GFP_FS) || !kspan_may_sleep(gfp))
		return NULL;
	kspan_moved_attach_now(m);
	return READ_ONCE(m->heap);
}

/**
 * kspan_moved_end_heap - destroy the heap of a module
 * @owner: the module, whose code no longer runs
 *
 * Context: Process context that may sleep.
 */
void kspan_moved_end_heap(struct module *owner)
{
	struct attached *a, *next;

	mutex_lock(&moved_mutex);
	list_for_each_entry_safe(a, next, &all_attached, list) {
		if (a->owner != owner)
			continue;
		kspan_heap_destroy(a->m->heap);
		WRITE_ONCE(a->m->heap, NULL);
		list_del(&a->list);
		kspan_meta_free(a, sizeof(*a), KSPAN_SYS_OTHER);
	}
	mutex_unlock(&moved_mutex);
}
