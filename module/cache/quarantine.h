/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quarantine.h - freed memory that waits before it is reused.
 *
 * All of it depends on a static key, which a load with quarantine_kb=N enables.
 * The fast paths are the same with and without it: they fill and drain
 * magazines.  But with a quarantine a magazine that frees have filled does not
 * become one that serves allocations.
 */
#ifndef KSPAN_QUARANTINE_H
#define KSPAN_QUARANTINE_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/types.h>

#include "central/depot.h"

DECLARE_STATIC_KEY_FALSE(kspan_quarantine_key);

/* Whether freed memory waits in the quarantine. */
static __always_inline bool kspan_quarantine_on(void)
{
	return static_branch_unlikely(&kspan_quarantine_key);
}

int kspan_quarantine_init(void);
void kspan_quarantine_exit(void);
bool kspan_quarantine_mag(int node, unsigned int sc, struct kspan_mag *mag,
			  unsigned int nr, unsigned int *moved);
bool kspan_quarantine_object(const void *ptr, u8 *state);
bool kspan_quarantine_large(struct kspan_span *span);
void kspan_quarantine_release(void);
bool kspan_quarantine_release_some(void);
void kspan_quarantine_age(void);
unsigned long kspan_quarantine_bytes(void);
const char *kspan_quarantine_check(bool *written);

#endif /* KSPAN_QUARANTINE_H */
