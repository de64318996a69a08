/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spinlock.h - locks, contexts and RCU on one thread: nothing to wait for, but
 * every rule about them is checked.
 */
#ifndef SIM_SPINLOCK_H
#define SIM_SPINLOCK_H

#include <linux/types.h>

/* Of preempt_count(). */
#define PREEMPT_MASK		0x000000ffU
#define SOFTIRQ_OFFSET		0x00000100U
#define SOFTIRQ_DISABLE_OFFSET	0x00000200U
#define SOFTIRQ_MASK		0x0000ff00U
#define HARDIRQ_OFFSET		0x00010000U
#define HARDIRQ_MASK		0x000f0000U
#define NMI_OFFSET		0x00100000U
#define NMI_MASK		0x00f00000U

/* The state of the CPU that runs. */
extern unsigned int sim_preempt_count;
/* What it was when the code that runs was called. */
extern unsigned int sim_preempt_outside;
/* Bytes that were filled since preemption was as outside, and how many may be. */
extern size_t sim_filled;
#define SIM_FILL_MAX	(64UL << 10)
extern unsigned int sim_pinned;		/* nesting of migrate_disable() */
extern unsigned int sim_nr_locks;	/* spinlocks held */
extern bool sim_irqs_off;

#define preempt_count()		sim_preempt_count
#define in_nmi()		(sim_preempt_count & NMI_MASK)
#define in_hardirq()		(sim_preempt_count & HARDIRQ_MASK)
#define in_interrupt()		(sim_preempt_count & \
				 (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK))
#define irqs_disabled()		sim_irqs_off

/* Whether the code that runs may wait. */
static inline bool sim_may_sleep(void)
{
	return !sim_preempt_count && !sim_irqs_off;
}

#define preemptible()		sim_may_sleep()
#define rcu_preempt_depth()	0
#define task_is_running(task)	true
#define might_sleep()		SIM_CHECK(sim_may_sleep())
#define cond_resched()		might_sleep()

static inline void preempt_disable(void)
{
	if (sim_preempt_count++ == sim_preempt_outside)
		sim_filled = 0;
	SIM_CHECK(sim_preempt_count & PREEMPT_MASK);
}

static inline void preempt_enable(void)
{
	SIM_CHECK(sim_preempt_count & PREEMPT_MASK);
	sim_preempt_count--;
}

static inline void migrate_disable(void)
{
	sim_pinned++;
}

static inline void migrate_enable(void)
{
	SIM_CHECK(sim_pinned);
	sim_pinned--;
}

#define local_irq_save(flags) do { \
	(flags) = sim_irqs_off; \
	sim_irqs_off = true; \
} while (0)
#define local_irq_restore(flags) do { \
	SIM_CHECK(sim_irqs_off); \
	sim_irqs_off = (flags); \
} while (0)

typedef struct {
	bool held;
} raw_spinlock_t;

typedef raw_spinlock_t spinlock_t;

#define DEFINE_RAW_SPINLOCK(name) raw_spinlock_t name
#define DEFINE_SPINLOCK(name)	spinlock_t name
#define raw_spin_lock_init(lock) ((lock)->held = false)

/* A central lock and a leaf under it are the most that may be held. */
static inline void sim_lock(raw_spinlock_t *lock)
{
	SIM_CHECK(!lock->held);
	SIM_CHECK(!in_nmi());
	SIM_CHECK(sim_nr_locks < 2);
	lock->held = true;
	sim_nr_locks++;
	preempt_disable();
}

static inline void sim_unlock(raw_spinlock_t *lock)
{
	SIM_CHECK(lock->held);
	lock->held = false;
	sim_nr_locks--;
	preempt_enable();
}

#define raw_spin_lock_irqsave(lock, flags) do { \
	local_irq_save(flags); \
	sim_lock(lock); \
} while (0)
#define raw_spin_unlock_irqrestore(lock, flags) do { \
	sim_unlock(lock); \
	local_irq_restore(flags); \
} while (0)
#define spin_lock_irq(lock) do { \
	SIM_CHECK(!sim_irqs_off); \
	sim_irqs_off = true; \
	sim_lock(lock); \
} while (0)
#define spin_unlock_irq(lock) do { \
	sim_unlock(lock); \
	sim_irqs_off = false; \
} while (0)
#define debug_check_no_locks_freed(mem, bytes) ((void)(mem), (void)(bytes))
#define lockdep_assert_held(lock) SIM_CHECK((lock)->held)
#define lockdep_assert_preemption_disabled() \
	SIM_CHECK(sim_preempt_count || sim_irqs_off)

struct mutex {
	bool held;
};

#define DEFINE_MUTEX(name)	struct mutex name

static inline void mutex_lock(struct mutex *mutex)
{
	might_sleep();
	SIM_CHECK(!mutex->held);
	mutex->held = true;
}

static inline void mutex_unlock(struct mutex *mutex)
{
	SIM_CHECK(mutex->held);
	mutex->held = false;
}

#define synchronize_rcu()	might_sleep()
/* One thread plays all CPUs: nothing is freed while another one reads. */
#define rcu_read_lock()		barrier()
#define rcu_read_unlock()	barrier()

#endif /* SIM_SPINLOCK_H */
