// SPDX-License-Identifier: GPL-2.0
/*
 * The definitions of the tracepoints, and the keys of those on the fast paths.
 */
#include "base/watch.h"

#define CREATE_TRACE_POINTS
#include "base/kspan_trace.h"

/* The first probe was attached to a tracepoint of objects.  Return: 0. */
int kspan_trace_reg(void)
{
	kspan_watch_begin();
	return 0;
}

/* The last probe was removed from a tracepoint of objects. */
void kspan_trace_unreg(void)
{
	kspan_watch_end();
}
