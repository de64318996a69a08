// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of bad frees, damaged objects, corrupt structures and failed
 * allocations.  Each is counted too.  Documentation/debugfs.rst has the texts.
 *
 * No report shows a raw kernel address; %p is hashed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kspan.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/string.h>

#include "base/gfp.h"
#include "base/kasan.h"
#include "base/kspan_trace.h"
#include "base/noprobe.h"
#include "span/guard.h"
#include "span/report.h"

atomic_long_t kspan_nr_bad_free;
atomic_long_t kspan_nr_double_free;
atomic_long_t kspan_nr_bad_copy;
atomic_long_t kspan_nr_overrun;
atomic_long_t kspan_nr_use_after_free;
atomic_long_t kspan_nr_linked_free;
atomic_long_t kspan_nr_corrupt;
atomic_long_t kspan_nr_atomic_fail;
atomic_long_t kspan_nr_oom_fail;
atomic_long_t kspan_nr_limit_fail;

static const char * const fault_names[KSPAN_NR_FAULTS] = {
	[KSPAN_FAULT_DOUBLE] = "double free",
	[KSPAN_FAULT_WILD] = "free of memory that is not kspan's",
	[KSPAN_FAULT_INTERIOR] = "free of a pointer that is not an object's start",
	[KSPAN_FAULT_SIZE] = "free with a size of another class",
	[KSPAN_FAULT_CACHE] = "free of an object that is not the cache's",
};

/* A bug that frees in a loop must not flood the log: 64 reports in 5 s suffice. */
static DEFINE_RATELIMIT_STATE(free_limit, 5 * HZ, 64);
/*
 * Requests that failed and requests that were refused have a limit each, so
 * that neither keeps the other out of the log.
 */
static DEFINE_RATELIMIT_STATE(fail_limit, 5 * HZ, 1);
static DEFINE_RATELIMIT_STATE(refuse_limit, DEFAULT_RATELIMIT_INTERVAL,
			      DEFAULT_RATELIMIT_BURST);

/* Maximal number of stack frames that are searched for the client. */
#define CALLER_DEPTH	32U

#ifdef MODULE
/* The first of @nr stack frames that is not in kspan, or @nr. */
static unsigned int client_frame(const unsigned long *frames, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!within_module(frames[i], THIS_MODULE))
			break;
	return i;
}
#else
/*
 * Built in, kspan's code has no bounds.  Every path into it goes through a
 * function whose name begins with kspan_, and the client is its caller.
 */
static unsigned int client_frame(const unsigned long *frames, unsigned int nr)
{
	char name[sizeof("kspan_")];
	unsigned int i;

	for (i = nr; i; i--) {
		snprintf(name, sizeof(name), "%ps", (void *)frames[i - 1]);
		if (!strcmp(name, "kspan_"))
			return i;
	}
	return nr;
}
#endif

/* The client's call of kspan; a place in kspan if the kernel cannot unwind. */
static noinline void *caller(void)
{
	unsigned long frames[CALLER_DEPTH];
	unsigned int nr = 0, i;

	if (IS_ENABLED(CONFIG_STACKTRACE))
		nr = stack_trace_save(frames, CALLER_DEPTH, 1);
	i = client_frame(frames, nr);
	return i < nr ? (void *)frames[i] : (void *)_RET_IP_;
}

static void __kspan_noprobe describe_place(const void *ptr,
					   const struct kspan_span *span)
{
	unsigned long offset = (unsigned long)ptr - span->base;
	unsigned long size = kspan_span_size(span);
	unsigned int i;

	if (span->kind == KSPAN_GUARD) {
		pr_err("  guard object of %zu bytes, byte %ld from its start\n",
		       span->asked, (long)offset);
		kspan_guard_print(kspan_guard_of(span));
		return;
	}
	if (span->kind == KSPAN_LARGE) {
		pr_err("  large object of %u pages, byte %lu of it\n",
		       span->nr_pages, offset);
		return;
	}
	if (!kspan_sc_is_static(span->sc))
		pr_err("  of %s\n", kspan_sc_find(span->sc)->name);
	i = kspan_span_index(span, (unsigned long)ptr);
	if (i >= span->nr_objs)
		pr_err("  class %u (%lu bytes), %s span of %u pages, behind its last object\n",
		       kspan_sc_class(kspan_span_sc(span)), size,
		       kspan_kind_names[span->kind],
		       kspan_span_pages(span));
	else
		pr_err("  class %u (%lu bytes), %s span of %u pages, byte %lu of object %u of %u\n",
		       kspan_sc_class(kspan_span_sc(span)), size,
		       kspan_kind_names[span->kind],
		       kspan_span_pages(span), offset - i * size, i, span->nr_objs);
}

/**
 * kspan_report_free - count and report a bad free
 * @ptr: the pointer that was passed to the free
 * @span: its span or a marker
 * @fault: the kind of bad free
 * @size: the size that the caller passed, or 0
 *
 * Context: Any; with preemption off or in an RCU read section, which keeps
 * @span.
 */
void kspan_report_free(const void *ptr, const struct kspan_span *span,
		       enum kspan_fault fault, size_t size)
{
	if (fault == KSPAN_FAULT_DOUBLE)
		atomic_long_inc(&kspan_nr_double_free);
	else
		atomic_long_inc(&kspan_nr_bad_free);
	if (trace_kspan_bad_free_enabled())
		trace_kspan_bad_free((unsigned long)caller(), ptr, size,
				     fault_names[fault]);
	if (!__ratelimit(&free_limit))
		return;

	pr_err("%s: %p by %s/%d on CPU %d\n", fault_names[fault], ptr,
	       current->comm, task_pid_nr(current), raw_smp_processor_id());
	if (fault == KSPAN_FAULT_SIZE)
		pr_err("  size given: %zu\n", size);
	if (span == &kspan_idle_span)
		pr_err("  the page holds no object any more\n");
	else if (span->kind != KSPAN_NONE && fault != KSPAN_FAULT_WILD)
		describe_place(ptr, span);
	dump_stack();
}

/**
 * kspan_report_copy - count and report a refused copy
 * @ptr: kernel address of the copy
 * @size: usable bytes of the object around @ptr, or NULL if there is no object
 * @offset: offset of @ptr in the object
 * @n: number of bytes to copy
 * @to_user: whether the copy is to user space
 *
 * Context: Any.
 */
void kspan_report_copy(const void *ptr, const size_t *size, size_t offset,
		       size_t n, bool to_user)
{
	atomic_long_inc(&kspan_nr_bad_copy);
	if (!__ratelimit(&free_limit))
		return;
	pr_err("copy %s user space refused: %zu bytes at %p by %s/%d on CPU %d\n",
	       to_user ? "to" : "from", n, ptr, current->comm,
	       task_pid_nr(current), raw_smp_processor_id());
	if (size)
		pr_err("  byte %zu of an object of %zu bytes\n", offset, *size);
	else
		pr_err("  in no live object\n");
	dump_stack();
}

/*
 * Print the wrong byte @bad of the object at @ptr, and up to 8 bytes on either
 * side.
 */
static void __kspan_noprobe describe_bytes(const void *ptr,
					   const struct kspan_span *span,
					   const u8 *bad, u8 want)
{
	unsigned long at = bad - (const u8 *)ptr;
	unsigned long from = at - min(at, 8UL);
	unsigned long end = min(at + 8, kspan_span_size(span));

	kspan_kasan_pause();
	pr_err("  byte %lu is 0x%02x, not 0x%02x\n", at, *bad, want);
	pr_err("  bytes %lu to %lu: %*ph\n", from, end - 1, (int)(end - from),
	       ptr + from);
	kspan_kasan_resume();
}

static void __kspan_noprobe report_damage(const char *what, const void *ptr,
					  const struct kspan_span *span)
{
	pr_err("%s: %p, found by %s/%d on CPU %d\n", what, ptr, current->comm,
	       task_pid_nr(current), raw_smp_processor_id());
	describe_place(ptr, span);
}

/**
 * kspan_report_overrun - count and report a write beyond the end of an object
 * @ptr: the object
 * @span: its span
 * @asked: requested size in bytes
 * @bad: the first wrong byte
 * @want: the value that it should have
 *
 * Context: Any.
 */
void kspan_report_overrun(const void *ptr, const struct kspan_span *span,
			  size_t asked, const u8 *bad, u8 want)
{
	atomic_long_inc(&kspan_nr_overrun);
	if (!__ratelimit(&free_limit))
		return;
	report_damage("write behind an object", ptr, span);
	pr_err("  asked for with %zu bytes\n", asked);
	describe_bytes(ptr, span, bad, want);
	dump_stack();
}

/**
 * kspan_report_use_after_free - count and report a write to a free object
 * @ptr: the object
 * @span: its span
 * @bad: the first wrong byte
 * @want: the value that it should have
 *
 * Context: Any.
 */
void __kspan_noprobe kspan_report_use_after_free(const void *ptr,
						 const struct kspan_span *span,
						 const u8 *bad, u8 want)
{
	atomic_long_inc(&kspan_nr_use_after_free);
	if (!__ratelimit(&free_limit))
		return;
	report_damage("write to a free object", ptr, span);
	describe_bytes(ptr, span, bad, want);
	dump_stack();
}

/**
 * kspan_report_guard - count and report a write outside a guard object, or after its end
 * @span: its span
 * @bad: the first wrong byte
 * @want: what should be there
 * @freed: whether the object is freed
 *
 * Context: Any, NMI too.
 */
void kspan_report_guard(const struct kspan_span *span, const u8 *bad, u8 want,
			bool freed)
{
	atomic_long_inc(freed ? &kspan_nr_use_after_free : &kspan_nr_overrun);
	if (!__ratelimit(&free_limit))
		return;
	report_damage(freed ? "write to a free object" : "write outside an object",
		      (void *)span->base, span);
	pr_err("  byte %ld is 0x%02x, not 0x%02x\n",
	       (long)((unsigned long)bad - span->base), *bad, want);
	dump_stack();
}

/**
 * kspan_report_corrupt - count a structure that failed a self-check
 * @what: what is wrong, and what was done about it
 * @sc: the span class that the structure belongs to, or 0
 *
 * Only the first failure is printed, because later ones are usually
 * consequences of it.
 *
 * Context: Any; locks may be held.
 */
void __kspan_noprobe kspan_report_corrupt(const char *what, unsigned int sc)
{
	if (atomic_long_inc_return(&kspan_nr_corrupt) != 1)
		return;
	if (sc)
		pr_err("corrupt: %s (class %u)\n", what, kspan_sc_class(sc));
	else
		pr_err("corrupt: %s\n", what);
}

/**
 * kspan_report_linked - count and report an object freed while in a list
 * @ptr: the object
 * @span: its span
 * @at: offset of the list node in the object, in bytes
 *
 * Context: Any.
 */
void kspan_report_linked(const void *ptr, const struct kspan_span *span,
			 unsigned long at)
{
	atomic_long_inc(&kspan_nr_linked_free);
	if (!__ratelimit(&free_limit))
		return;
	pr_err("freed while still linked: %p by %s/%d on CPU %d\n", ptr,
	       current->comm, task_pid_nr(current), raw_smp_processor_id());
	describe_place(ptr, span);
	pr_err("  other nodes of a list point to byte %lu\n", at);
	dump_stack();
}

/**
 * kspan_report_fail - count and report an allocation that returns NULL
 * @size: requested size in bytes
 * @gfp: the caller's flags
 * @err: -EDQUOT at the memory limit; -ENOBUFS at that of a client's heap; -EINVAL
 *	for a request that can never succeed; anything else if memory is short
 *
 * Context: Any.
 */
void kspan_report_fail(size_t size, gfp_t gfp, int err)
{
	const char *why = "the kernel has no memory";

	if (gfp & KSPAN_GFP_TRY)
		return;
	if (err == -EDQUOT) {
		atomic_long_inc(&kspan_nr_limit_fail);
		why = "memory_limit is reached";
	} else if (err == -ENOBUFS) {
		atomic_long_inc(&kspan_nr_limit_fail);
		why = "the limit of its heap is reached";
	} else if (err == -EINVAL) {
		why = "the request cannot be met";
	} else if (!kspan_may_sleep(gfp)) {
		atomic_long_inc(&kspan_nr_atomic_fail);
		why = "no memory at hand and the caller cannot sleep";
	} else {
		atomic_long_inc(&kspan_nr_oom_fail);
	}
	if (gfp & __GFP_NOWARN || !__ratelimit(&fail_limit))
		return;
	pr_warn("%s/%d: allocation of %zu bytes by %pS failed, gfp %pGg: %s\n",
		current->comm, task_pid_nr(current), size, caller(), &gfp, why);
}

/**
 * kspan_report_align - report an invalid alignment
 * @size: requested size in bytes
 * @align: the alignment
 * @gfp: the caller's flags
 *
 * Context: Any.
 */
void kspan_report_align(size_t size, size_t align, gfp_t gfp)
{
	if (!(gfp & __GFP_NOWARN) && __ratelimit(&refuse_limit))
		pr_warn("%s/%d: allocation of %zu bytes by %pS refused: align %zu is no power of two up to %lu\n",
			current->comm, task_pid_nr(current), size, caller(),
			align, KSPAN_MAX_ALIGN);
}

/**
 * kspan_gfp_ok - whether kspan supports the flags of a request
 * @gfp: the caller's flags
 *
 * Zones are refused, because kspan's memory is contiguous in virtual addresses
 * only.  __GFP_ACCOUNT is refused, because no function that modules may call
 * charges an object to a memory cgroup.
 *
 * Context: Any.
 * Return: true, or false after a warning unless __GFP_NOWARN.
 */
bool kspan_gfp_ok(gfp_t gfp)
{
	if (likely(!(gfp & KSPAN_GFP_REFUSED)))
		return true;
	if (!(gfp & __GFP_NOWARN) && __ratelimit(&refuse_limit))
		pr_warn("%s/%d: gfp %pGg of %pS is refused: no zone, no mobility, no accounting\n",
			current->comm, task_pid_nr(current), &gfp, caller());
	return false;
}
