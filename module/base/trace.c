// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints' definitions, and the keys of those on the fast paths.
 */
#include "base/watch.h"

#define CREATE_TRACE_POINTS
#include "base/kspan_trace.h"

/* Somebody has begun to trace objects.  Return: 0. */
int kspan_trace_reg(void)
{
	kspan_watch_begin();
	return 0;
}

/* The last one who traced objects has stopped. */
void kspan_trace_unreg(void)
{
	kspan_watch_end();
}
