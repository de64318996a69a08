// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts.  Each CPU has one timer that fires in hardirq and one that fires
 * in softirq, at random intervals, so that each can interrupt the allocator
 * anywhere.  The timers post the objects they allocate to mailboxes, and free
 * the objects they find in the mailbox of their own CPU.
 */
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/kspan.h>
#include <linux/ktime.h>
#include <linux/time64.h>

#include "timer.h"
#include "torture.h"

#define STEPS_MAX	12
#define SIZE_BITS	12	/* mostly below 4 KiB */
#define BIG_BITS	16
#define BIG_SHARE	64

/* One third to five thirds of the mean. */
static ktime_t any_period(struct torture_ctx *ctx)
{
	u32 third = torture_irq_us * (NSEC_PER_USEC / 3);

	return ns_to_ktime(third + torture_pick(ctx, 4 * third));
}

static struct torture_mailbox *any_mailbox(struct torture_ctx *ctx)
{
	return &torture_cpus[torture_pick(ctx, torture_nr_cpus)].mail;
}

static void irq_free(struct torture_ctx *ctx, const struct torture_obj *obj)
{
	torture_obj_check(ctx, obj);
	kspan_free(obj->ptr);
	torture_count(ctx, TORTURE_OPS, 1);
}

static void irq_alloc(struct torture_ctx *ctx)
{
	bool big = torture_once_in(ctx, BIG_SHARE);
	bool zero = torture_once_in(ctx, 8);
	gfp_t gfp = torture_once_in(ctx, 2) ? GFP_NOWAIT : GFP_ATOMIC;
	struct torture_obj obj = {
		.kind = TORTURE_PLAIN,
		.size = torture_pick_size(ctx, big ? BIG_BITS : SIZE_BITS),
	};

	gfp |= __GFP_NOWARN;
	if (zero)
		obj.ptr = kspan_zalloc(obj.size, gfp);
	else
		obj.ptr = kspan_alloc(obj.size, gfp);
	torture_count(ctx, TORTURE_OPS, 1);
	if (!obj.ptr) {
		torture_count(ctx, TORTURE_NULL_ATOMIC, 1);
		return;
	}
	torture_obj_born(ctx, &obj, zero || torture_zeroed);
	if (!torture_mail_post(any_mailbox(ctx), &obj))
		irq_free(ctx, &obj);
}

/* Only for the hard timer, which runs with interrupts off on RT kernels too. */
static void maybe_nmi(struct torture_irq *irq)
{
	struct torture_ctx *ctx = &irq->ctx;
	unsigned int target;

	if (irq != &torture_cpus[irq->home].hard || !torture_once_in(ctx, 2))
		return;
	target = torture_pick(ctx, torture_nr_cpus);
	torture_nmi_send(ctx, torture_cpus[target].cpu);
}

static enum hrtimer_restart irq_fire(struct hrtimer *timer)
{
	struct torture_irq *irq = container_of(timer, struct torture_irq, timer);
	struct torture_mailbox *mail = &torture_cpus[irq->home].mail;
	struct torture_ctx *ctx = &irq->ctx;
	struct torture_obj obj;
	unsigned int i;

	for (i = 1 + torture_pick(ctx, STEPS_MAX); i; i--) {
		if (torture_once_in(ctx, 2))
			irq_alloc(ctx);
		else if (torture_mail_take(mail, &obj))
			irq_free(ctx, &obj);
	}
	maybe_nmi(irq);
	/*
	 * Relative to now, so that interrupts do not use up all time on slow
	 * machines.
	 */
	hrtimer_forward_now(timer, any_period(ctx));
	return HRTIMER_RESTART;
}

/* Context: Module load. */
void torture_irq_init(struct torture_cpu *cpu, unsigned int home)
{
	mutex_init(&cpu->lock);
	cpu->hard.home = home;
	cpu->soft.home = home;
	torture_timer_init(&cpu->hard.timer, irq_fire,
			   HRTIMER_MODE_REL_PINNED_HARD);
	torture_timer_init(&cpu->soft.timer, irq_fire,
			   HRTIMER_MODE_REL_PINNED_SOFT);
}

static void start_timers(struct torture_cpu *cpu)
{
	hrtimer_start(&cpu->hard.timer, any_period(&cpu->hard.ctx),
		      HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&cpu->soft.timer, any_period(&cpu->soft.ctx),
		      HRTIMER_MODE_REL_PINNED_SOFT);
}

static void stop_timers(struct torture_cpu *cpu)
{
	hrtimer_cancel(&cpu->hard.timer);
	hrtimer_cancel(&cpu->soft.timer);
}

/* Start the timers of a CPU.  Context: Task on @cpu. */
void torture_irq_begin(struct torture_cpu *cpu)
{
	mutex_lock(&cpu->lock);
	cpu->firing = true;
	start_timers(cpu);
	mutex_unlock(&cpu->lock);
}

/*
 * Restart them after the CPU is back, unless the run is over.  Context: Task on
 * @cpu.
 */
void torture_irq_resume(struct torture_cpu *cpu)
{
	mutex_lock(&cpu->lock);
	if (cpu->firing)
		start_timers(cpu);
	mutex_unlock(&cpu->lock);
}

/* Stop them before the CPU goes offline.  Context: Task. */
void torture_irq_pause(struct torture_cpu *cpu)
{
	mutex_lock(&cpu->lock);
	stop_timers(cpu);
	mutex_unlock(&cpu->lock);
}

/* Stop them at the end of the run, and wait for them.  Context: Task. */
void torture_irq_end(struct torture_cpu *cpu)
{
	mutex_lock(&cpu->lock);
	cpu->firing = false;
	stop_timers(cpu);
	mutex_unlock(&cpu->lock);
}
