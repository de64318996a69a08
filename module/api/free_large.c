// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a large object that was freed: it waits in the quarantine if there
 * is one, or its span is cached for the next object.
 */
#include "api/free_large.h"
#include "base/tick.h"
#include "cache/quarantine.h"
#include "heap/large.h"
#include "reclaim/worker.h"

/**
 * kspan_free_large - free a large object
 * @span: its span, claimed by the caller
 *
 * Context: Any but NMI.
 */
void kspan_free_large(struct kspan_span *span)
{
	if (!kspan_large_fill(span))
		return;
	if (kspan_quarantine_on() && kspan_quarantine_large(span))
		return;
	if (kspan_large_keep(span))
		kspan_kick();
	else
		kspan_tick_watch();
}
