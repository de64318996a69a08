/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sample.h - the two parts of a module that uses <linux/slab.h>.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

int sample_table_init(void);
void sample_table_exit(void);
int sample_table_fill(unsigned int nr);

#endif /* SAMPLE_H */
