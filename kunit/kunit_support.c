// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers that all suites share: the checks around every case, a generator of
 * random numbers, and functions that run code in each context.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/kasan.h"
#include "base/params.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "central/central.h"
#include "heap/page_heap.h"
#include "kunit_support.h"
#include "reclaim/scavenge.h"
#include "show/verify.h"
#include "span/arena.h"
#include "span/redzone.h"

/* The case that runs; KUnit runs one at a time. */
static struct {
	struct kspan_stats before;
	struct kspan_params params;
	unsigned int bad_frees;
	unsigned int damage;
	unsigned int linked;
	unsigned int corrupt;
	u64 seed;
} running;

const char * const kspan_test_place_names[KSPAN_TEST_NR_PLACES] = {
	[KSPAN_TEST_TASK] = "task",
	[KSPAN_TEST_PREEMPT_OFF] = "preempt_off",
	[KSPAN_TEST_BH_OFF] = "bh_off",
	[KSPAN_TEST_IRQS_OFF] = "irqs_off",
	[KSPAN_TEST_SOFTIRQ] = "softirq",
	[KSPAN_TEST_HARDIRQ] = "hardirq",
};

/*
 * The init of every suite: record the state before the case.  It runs in the
 * thread of the case and binds it to its CPU, because cases inspect the cache
 * of that CPU.  Idle memory is released and the scavenger stopped, so that
 * neither a tick nor a trim by the worker takes away what the case has just
 * freed.
 */
int kspan_test_init(struct kunit *test)
{
	memset(&running, 0, sizeof(running));
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	kspan_scavenge_stop();
	kspan_release();
	kspan_read_stats(&running.before);
	running.params = kspan_params;
	if (!kspan_test_makes_sense)
		kunit_skip(test, "for other parameters");
	return 0;
}

/*
 * The exit of every suite: expect the state that was recorded before the case.
 */
void kspan_test_exit(struct kunit *test)
{
	const struct kspan_stats *before = &running.before;
	const char *wrong = kspan_verify();

	if (wrong)
		KUNIT_FAIL(test, "after the case: %s", wrong);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, heap_objects), 0ULL,
			    "objects left behind");
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, alloc), 0ULL,
			    "bytes of objects left behind");
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, bad_free) +
			    KSPAN_SINCE(before, double_free),
			    (u64)running.bad_frees, "bad frees");
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, overrun) +
			    KSPAN_SINCE(before, use_after_free),
			    (u64)running.damage, "damaged objects");
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, linked_free),
			    (u64)running.linked, "objects freed in a list");
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(before, corrupt),
			    (u64)running.corrupt, "corrupt structures");
	KUNIT_EXPECT_TRUE_MSG(test, !memcmp(&kspan_params, &running.params,
					    sizeof(kspan_params)),
			      "module parameters left changed");
	kspan_params = running.params;
	kspan_scavenge_start();
	if (test->status == KUNIT_FAILURE && running.seed)
		kunit_info(test, "random numbers from seed %llu\n",
			   running.seed);
}

void kspan_test_plain_only(struct kunit *test)
{
	if (kspan_redzone_on())
		kunit_skip(test, "objects have redzones");
}

void kspan_test_cached_only(struct kunit *test)
{
	kspan_test_plain_only(test);
	if (kspan_quarantine_on())
		kunit_skip(test, "freed objects wait");
	if (want_init_on_free())
		kunit_skip(test, "frees go past the magazines");
}

int kspan_test_cached_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (!err)
		kspan_test_cached_only(test);
	return err;
}

void kspan_test_expect_bad_frees(unsigned int nr)
{
	running.bad_frees = nr;
}

void kspan_test_expect_damage(unsigned int nr)
{
	running.damage = nr;
}

void kspan_test_expect_linked(unsigned int nr)
{
	running.linked = nr;
}

void kspan_test_set_pace(unsigned long ms)
{
	WRITE_ONCE(kspan_params.scavenge_ms, ms);
}

bool kspan_test_wait_for_ticks(unsigned int nr)
{
	long until = atomic_long_read(&kspan_nr_scavenge) + nr;
	unsigned long end = jiffies + KSPAN_TEST_PATIENCE;

	while (atomic_long_read(&kspan_nr_scavenge) < until) {
		if (time_after(jiffies, end))
			return false;
		msleep(20);
	}
	return true;
}

void kspan_test_tick(struct kunit *test, unsigned long ms)
{
	kspan_test_set_pace(ms);
	kspan_scavenge_start();
	KUNIT_ASSERT_TRUE_MSG(test, kspan_test_wait_for_ticks(1), "no tick");
}

/* The address is hidden from the compiler, and KASAN is off meanwhile. */
noinline void kspan_test_overwrite(void *ptr, long offset)
{
	u8 *byte = (u8 *)ptr + offset;

	OPTIMIZER_HIDE_VAR(byte);
	kspan_kasan_pause();
	WRITE_ONCE(*byte, READ_ONCE(*byte) ^ 0x41);
	kspan_kasan_resume();
}

void kspan_test_expect_corrupt(unsigned int nr)
{
	running.corrupt = nr;
}

void kspan_random_init(struct kspan_random *random, u64 seed)
{
	running.seed = seed;
	/*
	 * Small seeds differ in few bits; spread the difference over the state.
	 */
	random->state = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
}

/* Marsaglia's xorshift64. */
u64 kspan_random_next(struct kspan_random *random)
{
	u64 x = random->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random->state = x;
	return x;
}

unsigned int kspan_random_below(struct kspan_random *random, unsigned int limit)
{
	return ((kspan_random_next(random) >> 32) * limit) >> 32;
}

u64 kspan_stat_since(const struct kspan_stats *before, size_t offset)
{
	struct kspan_stats now;

	kspan_read_stats(&now);
	return *(u64 *)((char *)&now + offset) -
	       *(const u64 *)((const char *)before + offset);
}

void kspan_stats_since(struct kspan_stats *delta,
		       const struct kspan_stats *before)
{
	const u64 *was = (const u64 *)before;
	u64 *is = (u64 *)delta;
	unsigned int i;

	/* The struct consists of u64 fields only. */
	kspan_read_stats(delta);
	for (i = 0; i < sizeof(*delta) / sizeof(u64); i++)
		is[i] -= was[i];
}

/* --- contexts ------------------------------------------------------------ */

/* A function call on its way to another context, and where it ran. */
struct call {
	struct tasklet_struct tasklet;
	struct irq_work irq;
	kspan_test_fn fn;
	void *arg;
	unsigned int context;
	bool irqs_off;
	bool done;
};

static void make_call(struct call *call)
{
	preempt_disable();
	call->context = kspan_context();
	preempt_enable();
	call->irqs_off = irqs_disabled();
	call->fn(call->arg);
	call->done = true;
}

static void tasklet_fn(struct tasklet_struct *tasklet)
{
	make_call(container_of(tasklet, struct call, tasklet));
}

static void hardirq_fn(struct irq_work *irq)
{
	make_call(container_of(irq, struct call, irq));
}

static void call_in_softirq(struct call *call)
{
	tasklet_setup(&call->tasklet, tasklet_fn);
	/* Raised softirqs run when softirqs are enabled again. */
	local_bh_disable();
	tasklet_schedule(&call->tasklet);
	local_bh_enable();
	tasklet_kill(&call->tasklet);
}

static void call_in_hardirq(struct call *call)
{
	call->irq = IRQ_WORK_INIT_HARD(hardirq_fn);
	irq_work_queue(&call->irq);
	irq_work_sync(&call->irq);
}

void kspan_test_run_in(struct kunit *test, enum kspan_test_place place,
		       kspan_test_fn fn, void *arg)
{
	struct call call = { .fn = fn, .arg = arg };
	unsigned int context = KSPAN_CTX_TASK;
	unsigned long flags;

	switch (place) {
	case KSPAN_TEST_PREEMPT_OFF:
		preempt_disable();
		make_call(&call);
		preempt_enable();
		break;
	case KSPAN_TEST_BH_OFF:
		local_bh_disable();
		make_call(&call);
		local_bh_enable();
		break;
	case KSPAN_TEST_IRQS_OFF:
		local_irq_save(flags);
		make_call(&call);
		local_irq_restore(flags);
		break;
	case KSPAN_TEST_SOFTIRQ:
		call_in_softirq(&call);
		context = KSPAN_CTX_SOFTIRQ;
		break;
	case KSPAN_TEST_HARDIRQ:
		call_in_hardirq(&call);
		context = KSPAN_CTX_HARDIRQ;
		break;
	default:
		make_call(&call);
		break;
	}
	KUNIT_EXPECT_TRUE_MSG(test, call.done, "%s: never ran",
			      kspan_test_place_names[place]);
	KUNIT_EXPECT_EQ_MSG(test, call.context, context, "%s: ran elsewhere",
			    kspan_test_place_names[place]);
	if (place == KSPAN_TEST_IRQS_OFF || place == KSPAN_TEST_HARDIRQ)
		KUNIT_EXPECT_TRUE(test, call.irqs_off);
}

/* --- objects --------------------------------------------------------------- */

struct kspan_span *kspan_test_span(const void *ptr)
{
	struct kspan_span *span;

	preempt_disable();
	span = kspan_span_find(ptr);
	preempt_enable();
	return span;
}

u8 *kspan_test_state(const void *ptr)
{
	struct kspan_span *span = kspan_test_span(ptr);

	return span->state + kspan_span_index(span, (unsigned long)ptr);
}

void kspan_test_revive(struct kspan_span *span)
{
	unsigned int sc = kspan_span_sc(span);
	struct kspan_central *central = kspan_central_of(span->node, sc);
	unsigned long flags;

	raw_spin_lock_irqsave(&central->lock, flags);
	kspan_span_setup(span, sc);
	span->bucket = KSPAN_CENTRAL_EMPTY;
	list_add(&span->list, &central->partial[KSPAN_CENTRAL_EMPTY]);
	central->nr_partial++;
	kspan_central_count_empty_locked(central, span, 1);
	central->nr_free += span->nr_free;
	raw_spin_unlock_irqrestore(&central->lock, flags);
}

/* --- page heaps ------------------------------------------------------------ */

struct kspan_page_heap *kspan_test_heap(struct kunit *test, unsigned long reserve)
{
	struct kspan_page_heap *heap = kunit_kzalloc(test, sizeof(*heap), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, heap);
	kspan_page_heap_setup(heap, numa_mem_id(), reserve);
	return heap;
}

struct kspan_chunk *kspan_test_chunk(struct kunit *test, struct kspan_page_heap *heap,
				     unsigned long base, unsigned int nr_pages)
{
	struct kspan_chunk *chunk;

	chunk = kunit_kzalloc(test, sizeof(*chunk), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	chunk->base = base;
	chunk->nr_pages = nr_pages;
	chunk->longest = nr_pages;
	kspan_page_heap_add(heap, chunk);
	return chunk;
}
