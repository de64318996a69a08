/* SPDX-License-Identifier: GPL-2.0 */
/*
 * params.h - module parameters.
 *
 * The kernel sets them before init runs, and they do not change afterwards.  The
 * exceptions are memory_limit, which debugfs changes, and guard_ms, which anyone
 * may write in sysfs.  They are written with WRITE_ONCE() and read with READ_ONCE().
 */
#ifndef KSPAN_PARAMS_H
#define KSPAN_PARAMS_H

#include <linux/types.h>

struct kspan_params {
	unsigned long reserve_kb;	/* KiB kept ready for atomic callers */
	unsigned long scavenge_ms;	/* idle time before memory is returned */
	unsigned long memory_limit;	/* soft limit on sys in bytes, 0: none */
	unsigned long check;		/* how thoroughly bad frees are checked for */
	unsigned long quarantine_kb;	/* KiB of freed memory that wait before reuse */
	unsigned long randomize;	/* shuffle the order of objects */
	unsigned long sbrk;		/* never reuse: the seed's debug mode */
	unsigned long trap_kfree;	/* probes at kfree() and vfree() */
	unsigned long profile_rate;	/* mean bytes between samples at load */
	unsigned long guard_ms;		/* mean time between guard objects, 0: none */
};

extern struct kspan_params kspan_params;

/*
 * Gives guard_ms another value, when kspan is loaded; set once, at the end of that.
 * May sleep.  Returns 0 or an error.
 */
extern int (*kspan_change_guard_ms)(unsigned long ms);

#endif /* KSPAN_PARAMS_H */
