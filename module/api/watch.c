// SPDX-License-Identifier: GPL-2.0
/*
 * Telling those who watch objects of each that a client gets or gives back.
 *
 * Nothing here runs while nobody watches.  An object is told of after it has
 * become its client's, and before its client's right to it ends; so it is live
 * here, and its size and owner can be looked up.  What is not live is no client's
 * to free: the free itself reports that.
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

/* The name of the named cache or heap that an object is of, or "". */
static const char *owner_of(const struct kspan_object *object)
{
	const struct kspan_span *span = object->span;

	if (!span || kspan_sc_is_static(span->sc))
		return "";
	return kspan_sc_find(span->sc)->name;
}

/* Frames of a stack in which the client's is looked for. */
#define CLIENT_DEPTH	16U

bool kspan_watch_own;

/*
 * The client's address, for a public function that called another one by its
 * public name, as those for kspan_slab.h do.
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
	/* Built into the kernel it is no module. */
	if (!ip || READ_ONCE(kspan_watch_own) || !__is_defined(MODULE))
		return ip;
	if (likely(!within_module(ip, THIS_MODULE)))
		return ip;
	return find_client(ip);
}

/**
 * kspan_watch_alloc - tell the watchers of an allocation
 * @ptr: the object; NULL if there was none
 * @size: bytes asked for
 * @gfp: the client's flags
 * @node: the node that was asked for, or NUMA_NO_NODE
 * @ip: where the client called
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
		/* It is the client's, so what is found stays true. */
		preempt_disable();
		kspan_lookup_silent(ptr, &object);
		preempt_enable();
	}
	if (ptr && READ_ONCE(kspan_callsites_on)) {
		kspan_callsite_prepare(&object, gfp);
		preempt_disable();
		kspan_callsite_alloc(&object, ip);
		preempt_enable();
	}
	trace_kspan_alloc(ip, ptr, size, object.size, gfp, node,
			  owner_of(&object));
}

/**
 * kspan_watch_free - tell the watchers of a free
 * @ptr: any value
 * @ip: where the client called; 0 if kspan_watch_pending() said it
 *
 * Context: Any, NMI too.
 */
void kspan_watch_free(const void *ptr, unsigned long ip)
{
	struct kspan_object object;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	/* The accounting does not ask where an object is freed. */
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
 * kspan_watch_pending - tell the watchers of a free that takes effect later
 * @ptr: any value
 * @ip: where the client called
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
