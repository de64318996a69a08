/* SPDX-License-Identifier: GPL-2.0 */
/* moved_fail.h - fault injection for moved modules. */
#ifndef KSPAN_MOVED_FAIL_H
#define KSPAN_MOVED_FAIL_H

#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/types.h>

struct module;

/* Whether the parameter is set. */
DECLARE_STATIC_KEY_FALSE(kspan_moved_fail_key);

bool kspan_moved_fail(const struct module *owner, size_t size, gfp_t gfp);
void kspan_moved_fail_forget(void);
int kspan_moved_fail_set(const char *text);
unsigned int kspan_moved_fail_count(void);
void kspan_moved_fail_exit(void);

/* Whether a request has to fail on purpose.  Context: Any. */
static __always_inline bool kspan_moved_fails(const struct module *owner,
					      size_t size, gfp_t gfp)
{
	return static_branch_unlikely(&kspan_moved_fail_key) &&
	       kspan_moved_fail(owner, size, gfp);
}

#endif /* KSPAN_MOVED_FAIL_H */
