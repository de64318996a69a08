// SPDX-License-Identifier: GPL-2.0
/*
 * The stack of a caller of kspan's.
 */
#include <linux/module.h>
#include <linux/minmax.h>
#include <linux/stacktrace.h>

#include "base/compat.h"
#include "base/stack.h"

/* kspan's own frames on top of those that are kept, at most. */
#define OWN_FRAMES	12U

/**
 * kspan_stack_save - the return addresses on the stack, the client's first
 * @frames: where they go
 * @max: how many at most, up to KSPAN_STACK_MAX
 *
 * The frames of kspan's own functions on top are left out.  The stack of an
 * interrupt ends where the interrupt began: what it interrupted did not call.
 *
 * Context: Any but NMI.
 * Return: how many; 0 in a kernel without stack traces.
 */
unsigned int kspan_stack_save(unsigned long *frames, unsigned int max)
{
	unsigned long all[KSPAN_STACK_MAX + OWN_FRAMES];
	unsigned int nr, own = 0, i;

	nr = kspan_stack_trace(all, min_t(unsigned int, max + OWN_FRAMES,
					  ARRAY_SIZE(all)));
	while (own < nr && within_module(all[own], THIS_MODULE))
		own++;
	nr = min(nr - own, max);
	for (i = 0; i < nr; i++)
		frames[i] = all[own + i];
	return nr;
}
