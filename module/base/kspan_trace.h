/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kspan_trace.h - the tracepoints.  Documentation/tracing.rst explains them.
 *
 * The fields of kspan_alloc and kspan_free are those of the kernel's kmem
 * events of the same purpose.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kspan

#if !defined(KSPAN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KSPAN_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>
#include <trace/events/mmflags.h>

#include "base/compat.h"

int kspan_trace_reg(void);
void kspan_trace_unreg(void);

/*
 * An allocation was requested; @ptr is NULL if it failed.  @name is the name of
 * the cache or heap, or empty.
 */
TRACE_EVENT_FN(kspan_alloc,
	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_req,
		 size_t bytes_alloc, gfp_t gfp_flags, int node,
		 const char *name),
	TP_ARGS(call_site, ptr, bytes_req, bytes_alloc, gfp_flags, node, name),
	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_req)
		__field(size_t, bytes_alloc)
		__field(unsigned long, gfp_flags)
		__field(int, node)
		__string(name, name)
	),
	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_req = bytes_req;
		__entry->bytes_alloc = bytes_alloc;
		__entry->gfp_flags = (__force unsigned long)gfp_flags;
		__entry->node = node;
		kspan_assign_str(name, name);
	),
	TP_printk("call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s node=%d name=%s",
		  (void *)__entry->call_site, __entry->ptr, __entry->bytes_req,
		  __entry->bytes_alloc, show_gfp_flags(__entry->gfp_flags),
		  __entry->node, __get_str(name)),
	kspan_trace_reg, kspan_trace_unreg
);

/*
 * A client frees a live object.  An object given to kspan_free_rcu() becomes
 * free only later.
 */
TRACE_EVENT_FN(kspan_free,
	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_alloc),
	TP_ARGS(call_site, ptr, bytes_alloc),
	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_alloc)
	),
	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_alloc = bytes_alloc;
	),
	TP_printk("call_site=%pS ptr=%p bytes_alloc=%zu",
		  (void *)__entry->call_site, __entry->ptr,
		  __entry->bytes_alloc),
	kspan_trace_reg, kspan_trace_unreg
);

/* A CPU took objects of @bytes each out of spans of node @node. */
TRACE_EVENT(kspan_refill,
	TP_PROTO(size_t bytes, unsigned int nr_objs, int node),
	TP_ARGS(bytes, nr_objs, node),
	TP_STRUCT__entry(
		__field(size_t, bytes)
		__field(unsigned int, nr_objs)
		__field(int, node)
	),
	TP_fast_assign(
		__entry->bytes = bytes;
		__entry->nr_objs = nr_objs;
		__entry->node = node;
	),
	TP_printk("bytes=%zu nr_objs=%u node=%d", __entry->bytes,
		  __entry->nr_objs, __entry->node)
);

/* The kernel provided heap memory, on one node, or on several (-1). */
TRACE_EVENT(kspan_grow,
	TP_PROTO(const void *ptr, size_t bytes, int node, gfp_t gfp_flags),
	TP_ARGS(ptr, bytes, node, gfp_flags),
	TP_STRUCT__entry(
		__field(const void *, ptr)
		__field(size_t, bytes)
		__field(int, node)
		__field(unsigned long, gfp_flags)
	),
	TP_fast_assign(
		__entry->ptr = ptr;
		__entry->bytes = bytes;
		__entry->node = node;
		__entry->gfp_flags = (__force unsigned long)gfp_flags;
	),
	TP_printk("ptr=%p bytes=%zu node=%d gfp_flags=%s", __entry->ptr,
		  __entry->bytes, __entry->node,
		  show_gfp_flags(__entry->gfp_flags))
);

/* Heap memory goes back to the kernel. */
TRACE_EVENT(kspan_release,
	TP_PROTO(const void *ptr, size_t bytes),
	TP_ARGS(ptr, bytes),
	TP_STRUCT__entry(
		__field(const void *, ptr)
		__field(size_t, bytes)
	),
	TP_fast_assign(
		__entry->ptr = ptr;
		__entry->bytes = bytes;
	),
	TP_printk("ptr=%p bytes=%zu", __entry->ptr, __entry->bytes)
);

/* A free was refused.  @fault is the text of the report in the log. */
TRACE_EVENT(kspan_bad_free,
	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_given,
		 const char *fault),
	TP_ARGS(call_site, ptr, bytes_given, fault),
	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_given)
		__string(fault, fault)
	),
	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_given = bytes_given;
		kspan_assign_str(fault, fault);
	),
	TP_printk("call_site=%pS ptr=%p bytes_given=%zu fault=\"%s\"",
		  (void *)__entry->call_site, __entry->ptr,
		  __entry->bytes_given, __get_str(fault))
);

#endif /* KSPAN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH base
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kspan_trace
#include <trace/define_trace.h>
