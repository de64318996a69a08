// SPDX-License-Identifier: GPL-2.0
/* Allocation of tiny objects from the blocks of tiny.c, or as data objects. */
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>

#include "api/alloc.h"
#include "api/callsites.h"
#include "api/grow.h"
#include "api/guard.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "base/gfp.h"
#include "cache/tiny.h"
#include "span/redzone.h"
#include "span/report.h"

static void *alloc_part(size_t size, gfp_t gfp)
{
	bool zero = kspan_want_zero(gfp);
	int node = NUMA_NO_NODE, err = 0;
	void *ptr;

	/* It needs no block. */
	if (kspan_guard_is_due()) {
		ptr = kspan_guard_alloc(KSPAN_SC_DATA + kspan_size_to_class(size),
					size, true, zero);
		if (ptr)
			return ptr;
	}
	for (;;) {
		preempt_disable();
		ptr = kspan_tiny_alloc(size, node, zero);
		preempt_enable();
		if (likely(ptr || err))
			break;
		gfp = current_gfp_context(gfp);
		might_alloc(gfp);
		err = kspan_grow_class(KSPAN_SC_TINY, &node, gfp);
	}
	if (unlikely(!ptr))
		kspan_report_fail(size, gfp, err);
	return ptr;
}

/* kspan_alloc_tiny() with watchers. */
static noinline void *alloc_tiny_watched(size_t size, gfp_t gfp, unsigned long ip)
{
	void *ptr = alloc_part(size, gfp);

	kspan_watch_alloc(ptr, size, gfp, NUMA_NO_NODE, ip);
	return kspan_sanitize_alloc(ptr, size, gfp);
}

/**
 * kspan_alloc_tiny - allocate a few bytes
 * @size: bytes; from 16 on this is kspan_alloc_data()
 * @gfp: as for kmalloc()
 *
 * Several objects share a block of 16 bytes, which is reused when all of them
 * have been freed.  So objects with about the same lifetime fit best.  The low
 * bits of @size determine the alignment: 8, 4, 2 or 1.  This is the tiny
 * allocator of the Go runtime, with frees.
 *
 * Context: Any but NMI, where it returns NULL; may sleep if @gfp allows it.
 * Return: the object; ZERO_SIZE_PTR for 0 bytes; NULL without memory.
 */
void *kspan_alloc_tiny(size_t size, gfp_t gfp)
{
	/*
	 * With check=2 the object needs a slot of its own for its redzone, and
	 * with the accounting by call site for its tag.  A block may be on any
	 * node, so it cannot serve __GFP_THISNODE.
	 */
	if (size >= KSPAN_TINY_MAX || kspan_redzone_on() ||
	    kspan_callsites_are_on() || (gfp & __GFP_THISNODE))
		return kspan_alloc_data_for(size, gfp, _RET_IP_);
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	if (unlikely(!kspan_gfp_ok(gfp) || in_nmi()))
		return NULL;
	kspan_check_context(gfp);
	if (kspan_is_watched())
		return alloc_tiny_watched(size, gfp, _RET_IP_);
	return kspan_sanitize_alloc(alloc_part(size, gfp), size, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc_tiny);
