/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guard.h - how guard objects come and go; span/guard.h says what they are.
 */
#ifndef KSPAN_API_GUARD_H
#define KSPAN_API_GUARD_H

#include <linux/types.h>

#include "span/guard.h"

void *kspan_guard_alloc(unsigned int sc, size_t size, bool data, bool zero);
void *kspan_guard_alloc_large(unsigned int sc, size_t size, bool data, bool zero);
void *kspan_guard_alloc_size(size_t size, bool data, bool zero);
bool kspan_guard_free(struct kspan_span *span);
void kspan_guard_set_worker(void (*fn)(void));
void kspan_guard_count_freed(void);
void kspan_guard_live(unsigned long *small, unsigned long *large);
unsigned long kspan_guard_count(void);

/* guard_pool.c */
int kspan_guard_init(void);
void kspan_guard_exit(void);
void kspan_guard_settle(void);
void kspan_guard_pause(void);
void kspan_guard_resume(void);

#endif /* KSPAN_API_GUARD_H */
