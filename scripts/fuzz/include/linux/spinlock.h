/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spinlock.h - locks, contexts and RCU for one thread.  There is nothing to
 * wait for, but all rules about them are checked.
 */
#ifndef SIM_SPINLOCK_H
#define SIM_SPINLOCK_H

#include <linux/types.h>

/* Parts of preempt_count(). */
#define PREEMPT_MASK		0x000000ffU
#define SOFTIRQ_OFFSET		0x00000100U
#define SOFTIRQ_DISABLE_OFFSET	0x00000200U
#define SOFTIRQ_MASK		0x0000ff00U
#define HARDIRQ_OFFSET		0x00010000U
#define HARDIRQ_MASK		0x000f0000U
#define NMI_OFFSET		0x00100000U
#define NMI_MASK		0x00f00000U

/* The state of the current CPU. */
extern unsigned int sim_preempt_count;
/* Its value when kspan was called. */
extern unsigned int sim_preempt_outside;
/* Bytes filled since preemption was last as outside, and the most allowed. */
extern size_t sim_filled;
#define SIM_FILL_MAX	(64UL << 10)
/* Objects moved to or from spans in the same time, and the most allowed. */
extern unsigned int sim_moved;
#define SIM_MOVE_MAX	64U
/* The same since kspan has turned interrupts off. */
extern unsigned int sim_irq_moved;
/* Whether interrupts were off when kspan was called. */
extern bool sim_irqs_outside;
extern unsigned int sim_pinned;		/* nesting of migrate_disable() */
extern unsigned int sim_nr_locks;	/* spinlocks held */
extern bool sim_irqs_off;

#define preempt_count()		sim_preempt_count
#define in_nmi()		(sim_preempt_count & NMI_MASK)
#define in_serving_softirq()	(sim_preempt_count & SOFTIRQ_OFFSET)
#define in_hardirq()		(sim_preempt_count & HARDIRQ_MASK)
#define in_interrupt()		(sim_preempt_count & \
				 (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK))
#define irqs_disabled()		sim_irqs_off

/* Whether the current code may sleep. */
static inline bool sim_may_sleep(void)
{
	return !sim_preempt_count && !sim_irqs_off;
}

#define preemptible()		sim_may_sleep()
#define rcu_preempt_depth()	0
#define task_is_running(task)	true
#define might_sleep()		SIM_CHECK(sim_may_sleep())
#define cond_resched()		might_sleep()

/*
 * Places where other code can run in between.  With one CPU at a time nothing
 * does. scripts/explore, which runs several CPUs at once, has its own versions.
 */
#ifdef SIM_EXPLORE
void sim_section(void);			/* preemption or interrupts go off */
void sim_irqs_go_off(void);
void sim_wait_for_lock(bool *held);
void sim_lets_go_of(bool *held);
void sim_wait_for_readers(void);	/* until a grace period has passed */
#define sim_count_section()		((void)0)
#define sim_count_irqs_off()		((void)0)
#define sim_before_lock()		((void)0)
#define sim_enter_reader()		((void)0)
#define sim_leave_reader()		((void)0)
#define sim_readers			0U
#else
#define sim_section()			((void)0)
#define sim_irqs_go_off()		((void)0)
#define sim_wait_for_lock(held)		((void)(held))
#define sim_lets_go_of(held)		((void)(held))
#define sim_wait_for_readers()		((void)0)
#define sim_count_section()		(sim_moved = 0)
#define sim_count_irqs_off()		(sim_irq_moved = 0)
void sim_before_lock(void);		/* a probe at the lock may run */
/* RCU read sections around the current code; they can be preempted. */
extern unsigned int sim_readers;

static inline void sim_enter_reader(void)
{
	if (sim_preempt_count - 1 == sim_preempt_outside + sim_readers)
		sim_readers++;
}

static inline void sim_leave_reader(void)
{
	if (sim_readers && sim_preempt_count == sim_preempt_outside + sim_readers)
		sim_readers--;
}
#endif

/* Hidden from the explorer. */
#define SIM_UNWATCHED	__attribute__((__no_sanitize__("thread")))

static inline void preempt_disable(void)
{
	sim_section();
	if (sim_preempt_count++ == sim_preempt_outside + sim_readers) {
		sim_filled = 0;
		sim_count_section();
	}
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
	sim_irqs_go_off(); \
	(flags) = sim_irqs_off; \
	if (!sim_irqs_off) \
		sim_count_irqs_off(); \
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

/* At most a central lock and a leaf lock inside it may be held. */
static inline SIM_UNWATCHED void sim_lock(raw_spinlock_t *lock)
{
	sim_before_lock();
	sim_wait_for_lock(&lock->held);
	SIM_CHECK(!lock->held);
	SIM_CHECK(!in_nmi());
	SIM_CHECK(sim_nr_locks < 2);
	lock->held = true;
	sim_nr_locks++;
	preempt_disable();
}

static inline SIM_UNWATCHED void sim_unlock(raw_spinlock_t *lock)
{
	SIM_CHECK(lock->held);
	sim_lets_go_of(&lock->held);
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
	sim_irqs_go_off(); \
	sim_irqs_off = true; \
	sim_lock(lock); \
} while (0)
#define spin_unlock_irq(lock) do { \
	sim_unlock(lock); \
	sim_irqs_off = false; \
} while (0)
static inline SIM_UNWATCHED bool sim_is_held(const raw_spinlock_t *lock)
{
	return lock->held;
}

#define debug_check_no_locks_freed(mem, bytes) ((void)(mem), (void)(bytes))
#define lockdep_assert_held(lock) SIM_CHECK(sim_is_held(lock))
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

#define synchronize_rcu() do { \
	might_sleep(); \
	sim_wait_for_readers(); \
} while (0)
/* As in kernels in which readers are not preempted. */
#define rcu_read_lock()		(preempt_disable(), sim_enter_reader())
#define rcu_read_unlock()	(sim_leave_reader(), preempt_enable())

#endif /* SIM_SPINLOCK_H */
