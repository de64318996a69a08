/* SPDX-License-Identifier: GPL-2.0 */
/* rcu.h - frees after a grace period. */
#ifndef KSPAN_RCU_H
#define KSPAN_RCU_H

struct kspan_pool;

extern struct kspan_pool kspan_rcu_blocks;

int kspan_rcu_init(void);
void kspan_rcu_exit(void);

#endif /* KSPAN_RCU_H */
