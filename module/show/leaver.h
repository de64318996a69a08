/* SPDX-License-Identifier: GPL-2.0 */
/* leaver.h - reports of what unloaded modules leave behind. */
#ifndef KSPAN_LEAVER_H
#define KSPAN_LEAVER_H

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_MODULES)
int kspan_leaver_init(void);
void kspan_leaver_exit(void);
#else
static inline int kspan_leaver_init(void)
{
	return 0;
}

static inline void kspan_leaver_exit(void)
{
}
#endif

#endif /* KSPAN_LEAVER_H */
