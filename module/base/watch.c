// SPDX-License-Identifier: GPL-2.0
/*
 * The static keys that lead from the fast paths to the watchers of objects.
 */
#include "base/watch.h"

/*
 * kspan does not use the kernel's key for init_on_alloc, whose code layout
 * depends on the kernel's default.  With this key the fast path is always a
 * straight line.
 */
DEFINE_STATIC_KEY_FALSE(kspan_alloc_key);
DEFINE_STATIC_KEY_FALSE(kspan_watch_key);

/* Add a watcher.  Context: Process context that may sleep. */
void kspan_watch_begin(void)
{
	/* The inner key comes first, because the outer one leads to it. */
	static_branch_inc(&kspan_watch_key);
	static_branch_inc(&kspan_alloc_key);
}

/* Remove a watcher.  Context: Process context that may sleep. */
void kspan_watch_end(void)
{
	static_branch_dec(&kspan_alloc_key);
	static_branch_dec(&kspan_watch_key);
}
