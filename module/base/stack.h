/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stack.h - who called kspan.
 */
#ifndef KSPAN_STACK_H
#define KSPAN_STACK_H

/* Return addresses that are kept of a stack. */
#define KSPAN_STACK_MAX	32U

unsigned int kspan_stack_save(unsigned long *frames, unsigned int max);

#endif /* KSPAN_STACK_H */
