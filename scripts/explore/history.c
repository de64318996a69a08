// SPDX-License-Identifier: GPL-2.0
/*
 * The history of a run: the calls of the clients, their times and their
 * results.
 *
 * For each object there must be an order of its allocations and frees, each at
 * some moment between its call and its return.  In this order, a successful
 * free ends the ownership of a client, a free that was reported happens when
 * there is no owner, and so does an allocation.  If there is no such order, the
 * object had two owners, a double free was not reported, or a valid free was
 * refused.
 *
 * For another CPU, a call has returned when the stores that it made are visible
 * there.
 */
#include <stdio.h>
#include <string.h>
#include <linux/kspan.h>

#include "explore.h"
#include "span/arena.h"
#include "span/report.h"
#include "span/span.h"

#define MAX_CALLS	64U
#define MAX_LIVE	256U
#define MAX_OBJECTS	26U
/* What clients write to the first byte of their objects. */
#define CONTENT		0xc5
#define UNSEEN		ULONG_MAX

struct call {
	void *ptr;
	bool free;
	bool reported;		/* a free that was */
	bool ended;
	unsigned int thread;
	unsigned int cpu;
	unsigned long begin;
	unsigned long end;	/* for its own CPU */
	unsigned long seen;	/* for the others */
	unsigned long pushed;	/* stores of the CPU when it returned */
};

/* An object that some call is about. */
struct object {
	void *ptr;
	const struct kspan_span *span;
	const u8 *state;	/* its state byte */
};

static struct call calls[MAX_CALLS];
static unsigned int nr_calls;
static struct object objects[MAX_OBJECTS];
static unsigned int nr_objects, nr_saved_objects;
/* What clients held when the run began. */
static void *held[MAX_LIVE];
static unsigned int nr_held;
/* Objects that were not as the client who held them had left them. */
static struct {
	const void *ptr;
	unsigned int thread;
} spoilt[MAX_CALLS];
static unsigned int nr_spoilt;
static unsigned long now;
static unsigned int nr_reports;

/* --- objects --------------------------------------------------------------- */

static int object_index(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < nr_objects; i++)
		if (objects[i].ptr == ptr)
			return i;
	return -1;
}

static void know_object(void *ptr)
{
	bool was_running = exp_running;
	struct kspan_span *span;

	if (object_index(ptr) >= 0 || nr_objects == MAX_OBJECTS)
		return;
	exp_running = false;
	span = kspan_span_find(ptr);
	objects[nr_objects].ptr = ptr;
	objects[nr_objects].span = span;
	objects[nr_objects].state = NULL;
	if (span->kind == KSPAN_PTR || span->kind == KSPAN_DATA)
		objects[nr_objects].state = span->state +
			kspan_span_index(span, (unsigned long)ptr);
	nr_objects++;
	exp_running = was_running;
}

char exp_history_letter(const void *addr)
{
	unsigned int i;

	for (i = 0; i < nr_objects; i++)
		if (objects[i].ptr == addr || objects[i].state == addr)
			return 'A' + i;
	return 0;
}

char exp_history_span(const void *addr, size_t *offset)
{
	unsigned int i;

	for (i = 0; i < nr_objects; i++) {
		*offset = (const char *)addr - (const char *)objects[i].span;
		if (*offset < sizeof(*objects[i].span))
			return 'A' + i;
	}
	return 0;
}

/* --- calls ----------------------------------------------------------------- */

/* Calls whose stores are all visible by now have returned for everyone. */
static void settle(void)
{
	struct call *call;

	now++;
	for (call = calls; call < calls + nr_calls; call++)
		if (call->ended && call->seen == UNSEEN &&
		    exp_buffer_gone(call->cpu) >= call->pushed)
			call->seen = now;
	now++;
}

static struct call *begin(void *ptr, bool free)
{
	struct call *call = &calls[nr_calls++];

	SIM_CHECK(nr_calls <= MAX_CALLS);
	settle();
	*call = (struct call){
		.ptr = ptr,
		.free = free,
		.thread = exp_thread(),
		.cpu = exp_thread_cpu(exp_thread()),
		.begin = now,
		.end = UNSEEN,
		.seen = UNSEEN,
	};
	if (ptr)
		know_object(ptr);
	return call;
}

static void end(struct call *call)
{
	settle();
	call->ended = true;
	call->end = now;
	call->pushed = exp_buffer_pushed(call->cpu);
}

static void hold(void *ptr)
{
	SIM_CHECK(nr_held < MAX_LIVE);
	held[nr_held++] = ptr;
}

static void let_go(void *ptr)
{
	unsigned int i;

	for (i = 0; i < nr_held && held[i] != ptr; i++)
		;
	SIM_CHECK(i < nr_held);
	held[i] = held[--nr_held];
}

/* The client writes to its object. */
static void write_content(u8 *ptr)
{
	struct exp_site site = { EXP_WRITE, ptr, 1, NULL };

	if (exp_running)
		exp_access(site);
	*ptr = CONTENT;
}

bool exp_history_is_whole(const void *ptr)
{
	return *(const u8 *)ptr == CONTENT;
}

void exp_look(const void *ptr)
{
	struct exp_site site = { EXP_READ, (void *)ptr, 1, NULL };

	if (!ptr)
		return;
	exp_access(site);
	if (exp_history_is_whole(ptr))
		return;
	exp_trace_call(exp_thread(), "%c was written to", exp_history_letter(ptr));
	SIM_CHECK(nr_spoilt < MAX_CALLS);
	spoilt[nr_spoilt].ptr = ptr;
	spoilt[nr_spoilt++].thread = exp_thread();
}

static void *alloc_by(const char *name, void *(*alloc)(size_t size, gfp_t gfp),
		      size_t size)
{
	struct call *call;
	void *ptr;

	if (!exp_running) {
		ptr = alloc(size, GFP_KERNEL);
		SIM_CHECK(ptr);
		hold(ptr);
		return ptr;
	}
	exp_trace_call(exp_thread(), "%s(%zu) ...", name, size);
	call = begin(NULL, false);
	ptr = alloc(size, GFP_ATOMIC);
	call->ptr = ptr;
	end(call);
	if (ptr)
		know_object(ptr);
	exp_trace_call(exp_thread(), "%s(%zu) gives %c", name, size,
		       ptr ? exp_history_letter(ptr) : '0');
	if (ptr)
		write_content(ptr);
	return ptr;
}

static void free_by(const char *name, void (*free)(const void *ptr), void *ptr)
{
	struct call *call;

	if (!exp_running) {
		let_go(ptr);
		free(ptr);
		return;
	}
	know_object(ptr);
	exp_trace_call(exp_thread(), "%s(%c) ...", name, exp_history_letter(ptr));
	call = begin(ptr, true);
	free(ptr);
	end(call);
	exp_trace_call(exp_thread(), "%s(%c) is %s", name, exp_history_letter(ptr),
		       call->reported ? "reported" : "taken");
}

void *exp_alloc(size_t size)
{
	return alloc_by("kspan_alloc", kspan_alloc, size);
}

void *exp_alloc_tiny(size_t size)
{
	return alloc_by("kspan_alloc_tiny", kspan_alloc_tiny, size);
}

void exp_free(void *ptr)
{
	free_by("kspan_free", kspan_free, ptr);
}

void exp_free_sensitive(void *ptr)
{
	free_by("kspan_free_sensitive", kspan_free_sensitive, ptr);
}

/* Each of them as a call of its own, all at the same time. */
void exp_alloc_bulk(size_t size, unsigned int nr, void **objs)
{
	struct call *first;
	unsigned int i;

	exp_trace_call(exp_thread(), "kspan_alloc_bulk(%zu, %u) ...", size, nr);
	first = begin(NULL, false);
	for (i = 1; i < nr; i++)
		begin(NULL, false)->begin = first->begin;
	if (!kspan_alloc_bulk(size, GFP_ATOMIC, nr, objs))
		memset(objs, 0, nr * sizeof(*objs));
	for (i = 0; i < nr; i++) {
		first[i].ptr = objs[i];
		end(&first[i]);
		if (objs[i])
			know_object(objs[i]);
		exp_trace_call(exp_thread(), "kspan_alloc_bulk() gives %c",
			       objs[i] ? exp_history_letter(objs[i]) : '0');
	}
	for (i = 0; i < nr && objs[i]; i++)
		write_content(objs[i]);
}

void exp_free_bulk(unsigned int nr, void **objs)
{
	struct call *first;
	unsigned int i;

	exp_trace_call(exp_thread(), "kspan_free_bulk(%u) ...", nr);
	first = begin(objs[0], true);
	for (i = 1; i < nr; i++)
		begin(objs[i], true)->begin = first->begin;
	kspan_free_bulk(nr, objs);
	for (i = 0; i < nr; i++) {
		end(&first[i]);
		exp_trace_call(exp_thread(), "kspan_free_bulk(): %c is %s",
			       exp_history_letter(objs[i]),
			       first[i].reported ? "reported" : "taken");
	}
}

/* Every report of a bad free comes here first. */
void __wrap_kspan_report_free(const void *ptr, const struct kspan_span *span,
			      enum kspan_fault fault, size_t size)
{
	struct call *call;

	nr_reports++;
	for (call = calls; exp_running && call < calls + nr_calls; call++) {
		if (!call->free || call->ptr != ptr || call->ended ||
		    call->thread != exp_thread() || call->reported)
			continue;
		call->reported = true;
		exp_trace_call(exp_thread(), "double free of %c is reported",
			       exp_history_letter(ptr));
		break;
	}
	__real_kspan_report_free(ptr, span, fault, size);
}

/* --- whether it can be ------------------------------------------------------ */

static bool is_before(const struct call *a, const struct call *b)
{
	return (a->cpu == b->cpu ? a->end : a->seen) < b->begin;
}

/* Whether the calls that are left can take place, in some order. */
static bool explain(const struct call **left, unsigned int nr, bool live)
{
	const struct call *call;
	unsigned int i, j;
	bool fits;

	if (!nr)
		return true;
	for (i = 0; i < nr; i++) {
		call = left[i];
		fits = call->free && !call->reported ? live : !live;
		for (j = 0; j < nr && fits; j++)
			fits = j == i || !is_before(left[j], call);
		if (!fits)
			continue;
		left[i] = left[nr - 1];
		fits = explain(left, nr - 1,
			       call->reported ? live : !call->free);
		left[nr - 1] = left[i];
		left[i] = call;
		if (fits)
			return true;
	}
	return false;
}

static bool is_held(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < nr_held; i++)
		if (held[i] == ptr)
			return true;
	return false;
}

static unsigned int calls_about(const void *ptr, const struct call **found)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_calls; i++)
		if (calls[i].ptr == ptr)
			found[nr++] = &calls[i];
	return nr;
}

/* Whether another thread's free of it was taken: then that may have wiped it. */
static bool was_freed_by_another(const void *ptr, unsigned int thread)
{
	unsigned int i;

	for (i = 0; i < nr_calls; i++)
		if (calls[i].ptr == ptr && calls[i].thread != thread &&
		    calls[i].free && !calls[i].reported)
			return true;
	return false;
}

const char *exp_history_check(void)
{
	static char text[80];
	const struct call *about[MAX_CALLS];
	unsigned int i, nr;

	settle();
	for (i = 0; i < nr_objects; i++) {
		nr = calls_about(objects[i].ptr, about);
		if (explain(about, nr, is_held(objects[i].ptr)))
			continue;
		snprintf(text, sizeof(text),
			 "no order of the calls explains what became of object %c",
			 'A' + i);
		return text;
	}
	for (i = 0; i < nr_spoilt; i++)
		if (!was_freed_by_another(spoilt[i].ptr, spoilt[i].thread))
			return "an object that a client held was written to";
	return NULL;
}

unsigned int exp_history_live(void **objs, unsigned int max)
{
	const struct call *about[MAX_CALLS];
	unsigned int i, j, nr, live = 0;
	int hands;

	for (i = 0; i < nr_held; i++)
		if (object_index(held[i]) < 0)
			objs[live++] = held[i];
	for (i = 0; i < nr_objects; i++) {
		hands = is_held(objects[i].ptr);
		nr = calls_about(objects[i].ptr, about);
		for (j = 0; j < nr; j++)
			if (!about[j]->reported)
				hands += about[j]->free ? -1 : 1;
		if (hands > 0)
			objs[live++] = objects[i].ptr;
	}
	SIM_CHECK(live <= max);
	return live;
}

unsigned int exp_history_reports(void)
{
	return nr_reports;
}

void exp_history_save(void)
{
	nr_saved_objects = nr_objects;
	exp_history_restore();
}

void exp_history_restore(void)
{
	unsigned int i;

	nr_objects = nr_saved_objects;
	nr_calls = 0;
	nr_reports = 0;
	nr_spoilt = 0;
	now = 0;
	/* The memory of objects is not restored. */
	for (i = 0; i < nr_held; i++)
		write_content(held[i]);
}

void exp_history_know(void *ptr)
{
	know_object(ptr);
}
