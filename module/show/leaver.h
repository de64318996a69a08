/* SPDX-License-Identifier: GPL-2.0 */
/*
 * leaver.h - modules that are unloaded, and what they leave behind.
 */
#ifndef KSPAN_LEAVER_H
#define KSPAN_LEAVER_H

int kspan_leaver_init(void);
void kspan_leaver_exit(void);

#endif /* KSPAN_LEAVER_H */
