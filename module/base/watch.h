/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h - the keys that tell whether allocations and frees are watched.
 *
 * The tracepoints kspan_alloc and kspan_free and the accounting by call site
 * are watchers.  While there is one, every public function leaves its fast path
 * and reports to the watchers; see api/watch.h.  While there is none, the fast
 * paths contain a no-op instruction instead of a test.
 */
#ifndef KSPAN_BASE_WATCH_H
#define KSPAN_BASE_WATCH_H

#include <linux/compiler.h>
#include <linux/jump_label.h>

/*
 * Whether an allocation needs more than an object from a magazine.  On while
 * there is a watcher, and in a kernel that zeroes all memory.
 */
DECLARE_STATIC_KEY_FALSE(kspan_alloc_key);
/* On while there is a watcher. */
DECLARE_STATIC_KEY_FALSE(kspan_watch_key);

static __always_inline bool kspan_is_watched(void)
{
	return static_branch_unlikely(&kspan_watch_key);
}

void kspan_watch_begin(void);
void kspan_watch_end(void);

#endif /* KSPAN_BASE_WATCH_H */
