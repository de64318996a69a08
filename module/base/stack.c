// SPDX-License-Identifier: GPL-2.0
/* The call stack of a caller of kspan. */
#include <linux/module.h>
#include <linux/minmax.h>
#include <linux/stacktrace.h>

#include "base/compat.h"
#include "base/stack.h"

/* The most frames of kspan itself above those that are saved. */
#define OWN_FRAMES	12U

/**
 * kspan_stack_save - save the return addresses on the stack, the client's first
 * @frames: buffer for the addresses
 * @max: most addresses to store, up to KSPAN_STACK_MAX
 *
 * The frames of kspan's own functions at the top are left out.  The stack of an
 * interrupt ends where the interrupt began, because the interrupted code is not
 * its caller.
 *
 * Context: Any but NMI.
 * Return: the number of addresses; 0 in a kernel without stack traces.
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
