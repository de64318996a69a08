// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of allocations and frees to the watchers, which are the tracepoints
 * and the accounting by call site.
 *
 * Nothing here runs while no watcher is switched on.  An allocation is reported
 * after the client has got the object, and a free before the object ends.  So
 * the object is live here, and its size and owner can be looked up.  A free of
 * anything else is not reported here, because the free itself reports the
 * error.
 */
#include <linux/compiler.h>
#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>

#include "api/callsites.h"
#include "api/lookup.h"
#include "api/watch.h"
#include "base/kspan_trace.h"

/* The name of the object's named cache or heap, or "". */
static const char *owner_of(const struct kspan_object *object)
{
	const struct kspan_span *span = object->span;

	if (!span || kspan_sc_is_static(span->sc))
		return "";
	return kspan_sc_find(span->sc)->name;
}

/* Maximum number of stack frames searched for the client. */
#define CLIENT_DEPTH	16U

bool kspan_watch_own;

/*
 * Find the client's address when one public function called another one by its
 * public name, as the functions for kspan_slab.h do.
 */
static noinline unsigned long find_client(unsigned long ip)
{
	unsigned long frames[CLIENT_DEPTH];
	unsigned int nr = 0, i;

	if (IS_ENABLED(CONFIG_STACKTRACE))
		nr = stack_trace_save(frames, CLIENT_DEPTH, 1);
	for (i = 0; i < nr; i++)
		if (!within_module(frames[i], THIS_MODULE))
			return frames[i];
	return ip;
}

static unsigned long client_of(unsigned long ip)
{
	/* When built in, kspan is not a module. */
	if (!ip || READ_ONCE(kspan_watch_own) || !__is_defined(MODULE))
		return ip;
	if (likely(!within_module(ip, THIS_MODULE)))
		return ip;
	return find_client(ip);
}

/**
 * kspan_watch_alloc - report an allocation to the watchers
 * @ptr: the object; NULL if the allocation failed
 * @size: requested bytes
 * @gfp: the client's flags
 * @node: requested node, or NUMA_NO_NODE
 * @ip: return address of the client's call
 *
 * Context: Any.
 */
void kspan_watch_alloc(const void *ptr, size_t size, gfp_t gfp, int node,
		       unsigned long ip)
{
	struct kspan_object object = {};

	if (ptr == ZERO_SIZE_PTR)
		return;
	ip = client_of(ip);
	if (ptr) {
		/* The client owns the object, so the result stays valid. */
		preempt_disable();
		kspan_lookup_silent(ptr, &object);
		preempt_enable();
	}
	/* Its table can be interrupted anywhere; those of NMIs are left out. */
	if (ptr && READ_ONCE(kspan_callsites_on) && !in_nmi()) {
		kspan_callsite_prepare(&object, gfp);
		preempt_disable();
		kspan_callsite_alloc(&object, ip);
		preempt_enable();
	}
	trace_kspan_alloc(ip, ptr, size, object.size, gfp, node,
			  owner_of(&object));
}

/**
 * kspan_watch_free - report a free to the watchers
 * @ptr: any value
 * @ip: return address of the client's call; 0 if kspan_watch_pending() reported
 *	it
 *
 * Context: Any, including NMI.
 */
void kspan_watch_free(const void *ptr, unsigned long ip)
{
	struct kspan_object object;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	/* Only the tracepoint uses the address. */
	if (trace_kspan_free_enabled())
		ip = client_of(ip);
	preempt_disable();
	if (kspan_lookup_silent(ptr, &object)) {
		if (ip)
			trace_kspan_free(ip, ptr, object.size);
		kspan_callsite_free(&object);
	}
	preempt_enable();
}

/**
 * kspan_watch_pending - report a free that takes effect later to the watchers
 * @ptr: any value
 * @ip: return address of the client's call
 *
 * Context: Any.
 */
void kspan_watch_pending(const void *ptr, unsigned long ip)
{
	struct kspan_object object;

	if (!trace_kspan_free_enabled())
		return;
	ip = client_of(ip);
	preempt_disable();
	if (kspan_lookup_silent(ptr, &object))
		trace_kspan_free(ip, ptr, object.size);
	preempt_enable();
}
