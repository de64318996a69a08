// SPDX-License-Identifier: GPL-2.0
/*
 * Frees.  DOC: Overview in main.c describes the steps.
 *
 * The calls, from the common case to the rare ones:
 *
 *	kspan_free(), each object of kspan_free_bulk()
 *	  kspan_free_to()		claims the object, pushes it on F
 *	  free_swap()			F is full, or the object is not plain
 *	    free_plain()		swaps, or spare, depot, central list
 *	    claim_large(), free_claimed_large()
 *	  free_in_irq()			softirq or hardirq: their own caches
 *	  free_watched()		reports to the watchers, then as above
 *
 * What these cannot free, in the order of the tests:
 *
 *	free_slow()			looks the pointer up
 *	  kspan_report_free()		a bad or a double free
 *	  claim_large(), free_claimed_large()
 *	  free_tiny_slow()
 *	  kspan_guard_free()
 *	  free_small_slow()		claims the object in any live state
 *	    kspan_defer()		NMI: an irq_work continues (deferred.c)
 *	    kspan_cache_put()
 *
 * An NMI may have interrupted any code on its CPU, so a free in NMI context
 * claims the object and leaves the rest to an interrupt that follows.
 */
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "api/free.h"
#include "api/free_large.h"
#include "api/guard.h"
#include "api/lookup.h"
#include "api/sanitize.h"
#include "api/watch.h"
#include "cache/tiny.h"
#include "heap/large.h"
#include "reclaim/worker.h"
#include "span/linked.h"
#include "span/redzone.h"
#include "span/report.h"

/* Objects of a bulk free that are reported to the sanitizers in one go. */
#define FREE_BATCH	64U
/*
 * Maximum of bytes of a large object that are filled while preemption is off.
 */
#define FILL_MAX	(64U << 10)

/* Whether freeing a large object fills more than FILL_MAX bytes. */
static bool is_long_fill(const struct kspan_span *span)
{
	return (kspan_redzone_on() || want_init_on_free()) &&
	       kspan_span_size(span) > FILL_MAX;
}

/*
 * Claim a large object. *@overrun is set to whether its redzone was already
 * found overwritten, and reported.
 *
 * Context: Any, with preemption off.
 * Return: whether @ptr may be freed; if not, the reason has been reported,
 * unless
 * @quiet.
 */
static bool claim_large(struct kspan_span *span, const void *ptr, bool *overrun,
			bool quiet)
{
	enum kspan_life next = in_nmi() || is_long_fill(span) ?
			       KSPAN_LIFE_DEFERRED : KSPAN_LIFE_NONE;
	enum kspan_fault fault = kspan_large_claim(span, ptr, next, overrun);

	if (unlikely(fault) && !quiet)
		kspan_report_free(ptr, span, fault, 0);
	return !fault;
}

/*
 * Whether the caller cannot be preempted.  A kernel without
 * CONFIG_PREEMPT_COUNT never preempts kernel code, so there only interrupt
 * context and disabled interrupts count as atomic.
 */
static bool is_atomic(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_COUNT))
		return !preemptible();
	return in_interrupt() || irqs_disabled();
}

/*
 * Free a large object that was claimed.  The caller owns its span, so
 * preemption may be on while the object is filled with zeros or poison, which
 * takes long.  If the caller cannot be preempted, a worker fills a long object.
 */
static noinline void free_claimed_large(struct kspan_span *span,
					const void *ptr, bool wipe, bool overrun)
{
	if (kspan_redzone_on() && !in_nmi())
		kspan_linked_check(span, ptr);
	if (unlikely(wipe))
		kspan_fill_object((void *)ptr, 0, kspan_usable_size(span, ptr));
	if (kspan_redzone_on() && (overrun || !kspan_redzone_check(span, ptr))) {
		kspan_redzone_wipe(span, (void *)ptr);
		kspan_large_quarantine(span);
	} else if (unlikely(in_nmi() || (is_long_fill(span) && is_atomic()))) {
		kspan_defer_large(span);
	} else {
		WRITE_ONCE(span->live, KSPAN_LIFE_NONE);
		kspan_free_large(span);
	}
}

static void free_tiny_slow(struct kspan_span *span, const void *ptr, bool wipe)
{
	enum kspan_fault fault;
	void *block;

	fault = kspan_tiny_free(span, ptr, wipe, &block);
	if (unlikely(fault))
		kspan_report_free(ptr, span, fault, 0);
	else if (block && in_nmi())
		kspan_defer(block);
	else if (block)
		kspan_tiny_release(span, block);
}

/* Return: false, without any change, if the object is not live any more. */
static bool free_small_slow(struct kspan_object *object, const void *ptr,
			    bool wipe)
{
	u8 state = READ_ONCE(*object->state), tracked;

	/*
	 * If several callers free it at the same time, only one leaves this
	 * loop.
	 */
	do {
		if (!kspan_obj_is_live(state))
			return false;
		tracked = state & KSPAN_OBJ_TRACKED;
		/*
		 * This orders the writes: verify must not see what follows in a
		 * live object.
		 */
	} while (!try_cmpxchg(object->state, &state,
			      KSPAN_OBJ_DEFERRED | tracked));
	if (kspan_redzone_on() && !in_nmi())
		kspan_linked_check(object->span, ptr);
	if (unlikely(wipe))
		kspan_fill_object((void *)ptr, 0,
				  kspan_usable_size(object->span, ptr));
	/*
	 * An overrun that verify found has already been reported and counted.
	 */
	if (kspan_redzone_on() &&
	    (kspan_obj_untracked(state) == KSPAN_OBJ_OVERRUN ||
	     !kspan_redzone_check(object->span, ptr))) {
		kspan_redzone_wipe(object->span, (void *)ptr);
		WRITE_ONCE(*object->state, KSPAN_OBJ_QUARANTINED | tracked);
	}
	if (in_nmi())
		kspan_defer((void *)ptr);
	else
		kspan_cache_put(kspan_span_sc(object->span), ptr, object->state);
	return true;
}

/*
 * Free any pointer, or report why not.  With @wipe the object is zeroed first.
 * An object is claimed before it is wiped: of two racing frees, the loser must
 * not write to memory that may belong to another client by then.
 *
 * Context: Any, including NMI.
 */
static noinline void free_slow(const void *ptr, bool wipe)
{
	bool claimed, overrun = false;
	struct kspan_object object;
	enum kspan_fault fault;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	preempt_disable();
	fault = kspan_lookup(ptr, &object);
	if (likely(!fault) && object.span->kind == KSPAN_LARGE) {
		claimed = claim_large(object.span, ptr, &overrun, false);
		preempt_enable();
		if (likely(claimed))
			free_claimed_large(object.span, ptr, wipe, overrun);
		return;
	}
	if (unlikely(fault))
		kspan_report_free(ptr, object.span, fault, 0);
	else if (object.span->kind == KSPAN_TINY)
		free_tiny_slow(object.span, ptr, wipe);
	else if (unlikely(object.span->kind == KSPAN_GUARD) ?
		 !kspan_guard_free(object.span) :
		 !free_small_slow(&object, ptr, wipe))
		kspan_report_free(ptr, object.span, KSPAN_FAULT_DOUBLE, 0);
	preempt_enable();
}

/**
 * kspan_free_slow - free any pointer, or report why not
 * @ptr: any value
 *
 * Context: Any, including NMI.
 */
void kspan_free_slow(const void *ptr)
{
	free_slow(ptr, false);
}

/**
 * kspan_free_if_live - free an object unless another caller has freed it
 * @ptr: any address at which there is no tiny object
 *
 * Context: Any but NMI.
 * Return: whether it was live.  If not, that is not an error and is not
 * reported.
 */
bool kspan_free_if_live(const void *ptr)
{
	bool freed = false, large = false, overrun = false;
	struct kspan_object object;

	if (!kspan_owns(ptr))
		return false;
	kspan_sanitize_free(ptr);
	preempt_disable();
	if (likely(kspan_lookup_silent(ptr, &object))) {
		large = object.span->kind == KSPAN_LARGE;
		if (unlikely(object.span->kind == KSPAN_GUARD))
			freed = kspan_guard_free(object.span);
		else
			freed = large ? claim_large(object.span, ptr, &overrun, true) :
					free_small_slow(&object, ptr, false);
	}
	preempt_enable();
	if (freed && large)
		free_claimed_large(object.span, ptr, false, overrun);
	return freed;
}

/*
 * Kick the worker that waits for a grace period if many descriptors need one.
 */
static void kick_if_many_ended(void)
{
	if (unlikely(kspan_span_nr_dead() > KSPAN_DEAD_KICK))
		kspan_kick();
}

/*
 * Free a plain small object that the fast path did not free: F is full, or the
 * object is ALIGNED.  Returns false if it is neither LIVE nor ALIGNED.
 */
static bool free_plain(struct kspan_span *span, const void *ptr, u8 *state)
{
	u8 was = READ_ONCE(*state);

	if (unlikely(was != KSPAN_OBJ_LIVE && was != KSPAN_OBJ_ALIGNED))
		return false;
	if (was == KSPAN_OBJ_ALIGNED &&
	    likely(kspan_cache_push_from(span->index, ptr, state, was)))
		return true;
	if (kspan_cache_swap_free(span) &&
	    kspan_cache_push_from(span->index, ptr, state, was))
		return true;
	if (!kspan_obj_claim(state, was, KSPAN_OBJ_DEFERRED))
		return false;
	kspan_cache_put(kspan_span_sc(span), ptr, state);
	return true;
}

/*
 * The fast path after its more common failures: a full F, an aligned object, a
 * large object, or no object.  It is a separate function, called last, so that
 * the fast path needs no stack frame.
 */
static noinline void free_swap(const void *ptr)
{
	bool claimed, overrun = false;
	struct kspan_span *span;
	u8 *state;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	preempt_disable();
	span = kspan_span_of(ptr);
	if (likely(kspan_is_plain(span, ptr, &state)) &&
	    likely(free_plain(span, ptr, state))) {
		kick_if_many_ended();
		preempt_enable();
	} else if (likely(span->kind == KSPAN_LARGE)) {
		claimed = claim_large(span, ptr, &overrun, false);
		preempt_enable();
		if (likely(claimed))
			free_claimed_large(span, ptr, false, overrun);
	} else if (span->kind == KSPAN_TINY) {
		kspan_lookup_counted();
		free_tiny_slow(span, ptr, false);
		preempt_enable();
	} else {
		preempt_enable();
		kspan_free_slow(ptr);
	}
}

/* The fast path of interrupts, which cannot be preempted. */
static noinline void free_in_irq(const void *ptr)
{
	struct kspan_span *span = kspan_span_of(ptr);
	u8 *state;

	if (unlikely(!kspan_is_plain(span, ptr, &state) || in_nmi())) {
		kspan_free_slow(ptr);
	} else if (unlikely(!kspan_cache_push_irq(span->index, ptr, state))) {
		/* F is full, or the object is not a plain live one. */
		kspan_free_slow(ptr);
		kick_if_many_ended();
	}
}

/**
 * kspan_free_on - free an object when the fast path failed
 * @ptr: any value
 *
 * Context: Any.
 */
void kspan_free_on(const void *ptr)
{
	if (kspan_in_task())
		free_swap(ptr);
	else
		free_in_irq(ptr);
}

/**
 * kspan_free_unwatched - free an object without a report to the watchers
 * @ptr: any value
 *
 * Context: Any.
 */
void kspan_free_unwatched(const void *ptr)
{
	bool done = false;

	if (kspan_in_task()) {
		preempt_disable();
		done = kspan_free_to(kspan_span_of(ptr), ptr);
		preempt_enable();
	}
	if (!done)
		kspan_free_on(ptr);
}

/* kspan_free() with watchers, after the report to the sanitizers. */
static noinline void free_watched(const void *ptr, unsigned long ip)
{
	kspan_watch_free(ptr, ip);
	kspan_free_unwatched(ptr);
}

/**
 * kspan_free_watched - free an object and report that to the watchers
 * @ptr: any value
 * @ip: return address of the client's call
 *
 * Context: Any, including NMI.
 */
void kspan_free_watched(const void *ptr, unsigned long ip)
{
	kspan_sanitize_free(ptr);
	free_watched(ptr, ip);
}

/**
 * kspan_free_bulk_watched - free several objects and report that to the
 * watchers
 * @n: number of objects
 * @objs: any values
 * @ip: return address of the client's call
 *
 * Context: Any, including NMI.
 */
void kspan_free_bulk_watched(size_t n, void **objs, unsigned long ip)
{
	while (n--)
		kspan_free_watched(*objs++, ip);
}

/**
 * kspan_free - free an object
 * @ptr: an object of any allocating function, NULL or ZERO_SIZE_PTR
 *
 * A pointer that is not the first byte of a live object is reported and
 * counted, and has no other effect.  So kspan reports every double free at the
 * call that makes it, also when two CPUs, or a task and an interrupt, free one
 * object at the same moment.  No allocator can detect a stale free: once an
 * object was freed and allocated again, a second free by its old owner is a
 * valid free of the new owner's object.
 *
 * Context: Any, on any CPU; in NMI the object is freed a moment later.
 */
void kspan_free(const void *ptr)
{
	bool done;

	kspan_sanitize_free(ptr);
	if (kspan_is_watched()) {
		free_watched(ptr, _RET_IP_);
		return;
	}
	if (unlikely(!kspan_in_task())) {
		free_in_irq(ptr);
		return;
	}
	preempt_disable();
	done = kspan_free_to(kspan_span_of(ptr), ptr);
	preempt_enable();
	if (unlikely(!done))
		free_swap(ptr);
}
EXPORT_SYMBOL_GPL(kspan_free);

/* kspan_free_sized() of anything but a plain object of the class of @size. */
static noinline void free_sized_slow(const void *ptr, size_t size,
				     unsigned long ip)
{
	struct kspan_object object;
	bool fits = true;

	if (ZERO_OR_NULL_PTR(ptr))
		return;
	preempt_disable();
	/* kspan_free() reports a bad pointer. */
	if (!kspan_lookup(ptr, &object))
		fits = kspan_size_fits(&object, size);
	if (unlikely(!fits))
		kspan_report_free(ptr, object.span, KSPAN_FAULT_SIZE, size);
	preempt_enable();
	if (likely(fits))
		kspan_free_for(ptr, ip);
}

/**
 * kspan_free_sized - free an object and check its size
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 * @size: bytes that were requested for it
 *
 * A size of another class is a bad free: it is reported, and the object stays
 * live.
 *
 * Context: Any, on any CPU.
 */
void kspan_free_sized(const void *ptr, size_t size)
{
	const unsigned long data = KSPAN_F_INDEX(KSPAN_SC_DATA) - KSPAN_F_INDEX(0);
	struct kspan_span *span;
	unsigned long f;
	bool done;

	if (KSPAN_SANITIZE || kspan_is_watched() ||
	    unlikely(!kspan_in_task() || size > KSPAN_SMALL_MAX)) {
		free_sized_slow(ptr, size, _RET_IP_);
		return;
	}
	f = KSPAN_F_INDEX(kspan_size_to_class(size));
	preempt_disable();
	span = kspan_span_of(ptr);
	done = likely(span->index == f || span->index == f + data) &&
	       kspan_free_to(span, ptr);
	preempt_enable();
	if (unlikely(!done))
		free_sized_slow(ptr, size, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_free_sized);

/**
 * kspan_free_sensitive - wipe an object, then free it
 * @ptr: the object, NULL or ZERO_SIZE_PTR
 *
 * Context: Any, on any CPU.
 */
void kspan_free_sensitive(const void *ptr)
{
	if (kspan_is_watched())
		kspan_watch_free(ptr, _RET_IP_);
	kspan_sanitize_free(ptr);
	free_slow(ptr, true);
}
EXPORT_SYMBOL_GPL(kspan_free_sensitive);

/* Context: Task, with preemption off.  Returns the number of objects freed. */
static __always_inline unsigned int free_row(void **objs, unsigned int nr)
{
	struct kspan_span *span = kspan_span_of(objs[0]);

	/* The span of a large object has no index. */
	if (unlikely(!READ_ONCE(span->magic)))
		return 0;
	return kspan_free_row(span, span->index, objs, nr);
}

/*
 * Free objects by rows, with preemption on before anything that may take long.
 */
static void free_batch(void **objs, unsigned int nr)
{
	void **end = objs + nr;
	unsigned int done;

	while (objs != end) {
		preempt_disable();
		do {
			done = free_row(objs, end - objs);
			objs += done;
		} while (done && objs != end);
		preempt_enable();
		/* F is full, or this is not a plain small object. */
		if (objs != end)
			free_swap(*objs++);
	}
}

static void free_batch_in_irq(void **objs, unsigned int nr)
{
	for (; nr; nr--, objs++)
		free_in_irq(*objs);
}

/**
 * kspan_free_bulk - free several objects
 * @n: number of objects
 * @objs: the objects; NULL entries are skipped
 *
 * Context: Any, on any CPU.
 */
void kspan_free_bulk(size_t n, void **objs)
{
	if (kspan_is_watched()) {
		kspan_free_bulk_watched(n, objs, _RET_IP_);
		return;
	}
	while (n) {
		size_t batch = min_t(size_t, n, FREE_BATCH);

		kspan_sanitize_free_many(objs, batch);
		if (likely(kspan_in_task()))
			free_batch(objs, batch);
		else
			free_batch_in_irq(objs, batch);
		objs += batch;
		n -= batch;
	}
}
EXPORT_SYMBOL_GPL(kspan_free_bulk);
