/* SPDX-License-Identifier: GPL-2.0 */
/* trap.h - reports of kspan's objects that are passed to kfree() or vfree(). */
#ifndef KSPAN_TRAP_H
#define KSPAN_TRAP_H

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_KPROBES)
int kspan_trap_init(void);
void kspan_trap_exit(void);
#else
static inline int kspan_trap_init(void)
{
	return 0;
}

static inline void kspan_trap_exit(void)
{
}
#endif

#endif /* KSPAN_TRAP_H */
