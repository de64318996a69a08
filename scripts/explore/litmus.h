/* SPDX-License-Identifier: GPL-2.0 */
/*
 * litmus.h - small programs about the order of memory.
 */
#ifndef EXPLORE_LITMUS_H
#define EXPLORE_LITMUS_H

void litmus_store_x_load_y(void);
void litmus_store_y_load_x(void);
void litmus_store_x_mb_load_y(void);
void litmus_store_y_mb_load_x(void);
void litmus_swap_x_load_y(void);
void litmus_swap_y_load_x(void);
void litmus_store_x_store_y(void);
void litmus_load_y_load_x(void);
void litmus_count(void);
void litmus_count_plainly(void);

/* What the first load saw, plus twice what the second did. */
unsigned int litmus_seen(void);
unsigned int litmus_counted(void);

#endif /* EXPLORE_LITMUS_H */
