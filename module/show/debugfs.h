/* SPDX-License-Identifier: GPL-2.0 */
/*
 * debugfs.h - /sys/kernel/debug/kspan/.
 */
#ifndef KSPAN_DEBUGFS_H
#define KSPAN_DEBUGFS_H

#include <linux/types.h>

struct dentry;

void kspan_debugfs_init(void);
void kspan_debugfs_exit(void);
void kspan_debugfs_add_callsites(struct dentry *dir);
void kspan_debugfs_add_maps(struct dentry *dir);
void kspan_debugfs_add_profile(struct dentry *dir);
int kspan_set_profile_rate(u64 rate);

#endif /* KSPAN_DEBUGFS_H */
