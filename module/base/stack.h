/* SPDX-License-Identifier: GPL-2.0 */
/* stack.h - the call stack of a caller of kspan. */
#ifndef KSPAN_STACK_H
#define KSPAN_STACK_H

/* The most return addresses that are saved of a stack. */
#define KSPAN_STACK_MAX	32U

unsigned int kspan_stack_save(unsigned long *frames, unsigned int max);

#endif /* KSPAN_STACK_H */
