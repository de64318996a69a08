/* SPDX-License-Identifier: GPL-2.0 */
/*
 * workqueue.h - time and deferred work; sim_cpu.c runs the work when the target
 * requests it.
 */
#ifndef SIM_WORKQUEUE_H
#define SIM_WORKQUEUE_H

#include <linux/spinlock.h>
#include <linux/types.h>

extern unsigned long jiffies;

#define time_before(a, b)	((long)((a) - (b)) < 0)
#define time_after(a, b)	time_before(b, a)
#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)

void msleep(unsigned int ms);
#define schedule_timeout_killable(ticks) msleep((ticks) * 1000 / HZ)
#define fatal_signal_pending(task) false

struct work_struct {
	void (*fn)(struct work_struct *work);
	struct work_struct *next;	/* in sim_cpu.c's queue */
	unsigned long when;		/* earliest time, in jiffies */
	unsigned int cpu;
	bool queued;
};

struct delayed_work {
	struct work_struct work;
};

struct workqueue_struct;
#define WQ_UNBOUND	2
#define WQ_MEM_RECLAIM	8

#define DECLARE_WORK(name, function) \
	struct work_struct name = { .fn = (function) }
#define DECLARE_DELAYED_WORK(name, function) \
	struct delayed_work name = { .work = { .fn = (function) } }
#define INIT_WORK(work, function) \
	(*(work) = (struct work_struct){ .fn = (function) })

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_work_on(int cpu, struct workqueue_struct *wq,
		   struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			unsigned long delay);
bool flush_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work_sync(struct delayed_work *work);
/* A waiter lets pending workers run, once. */
void sim_wait_event(void);
#define wait_event_timeout(head, condition, timeout) do { \
	(void)(timeout); \
	sim_wait_event(); \
	(void)(condition); \
} while (0)

#define work_pending(work)	((work)->queued)
#define schedule_work(work)	queue_work(NULL, work)

/* <linux/wait.h>: only workers fulfil the conditions that are waited for. */
#define DECLARE_WAIT_QUEUE_HEAD(name) struct list_head name
#define wake_up_all(queue)	((void)(queue))
#define wait_event(queue, cond) \
	do { \
		while (!(cond)) \
			sim_run_workers(); \
	} while (0)
void sim_run_workers(void);

struct irq_work {
	void (*fn)(struct irq_work *work);
	struct irq_work *next;
	bool queued;
};

#define IRQ_WORK_INIT_HARD(function) (struct irq_work){ .fn = (function) }

bool irq_work_queue(struct irq_work *work);
void irq_work_sync(struct irq_work *work);

#endif /* SIM_WORKQUEUE_H */
