// SPDX-License-Identifier: GPL-2.0
/*
 * The static keys that take the fast paths past those who watch objects.
 */
#include "base/watch.h"

/*
 * The kernel's own key for init_on_alloc is laid out for the kernel's default;
 * this one leaves the fast path a straight line either way.
 */
DEFINE_STATIC_KEY_FALSE(kspan_alloc_key);
DEFINE_STATIC_KEY_FALSE(kspan_watch_key);

/* One watcher more.  Context: Process context that may sleep. */
void kspan_watch_begin(void)
{
	/* The inner key first: the outer one leads to it. */
	static_branch_inc(&kspan_watch_key);
	static_branch_inc(&kspan_alloc_key);
}

/* One watcher less.  Context: Process context that may sleep. */
void kspan_watch_end(void)
{
	static_branch_dec(&kspan_alloc_key);
	static_branch_dec(&kspan_watch_key);
}
