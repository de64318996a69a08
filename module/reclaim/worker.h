/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker.h - kspan's workers: work on any CPU, work on each CPU, and the kick
 * that wakes a worker from any context.
 */
#ifndef KSPAN_WORKER_H
#define KSPAN_WORKER_H

struct delayed_work;
struct work_struct;

/**
 * struct kspan_worker_ops - the functions that the workers call
 * @kick: called by a worker after kspan_kick()
 * @drain: called on a CPU, in a task that cannot migrate, after
 *	kspan_drain_soon() named that CPU
 * @comes: called for each CPU before it comes online
 * @dead: called for each CPU that has gone offline
 */
struct kspan_worker_ops {
	void (*kick)(void);
	void (*drain)(void);
	void (*comes)(unsigned int cpu);
	void (*dead)(unsigned int cpu);
};

int kspan_worker_init(const struct kspan_worker_ops *ops);
void kspan_worker_exit(void);
void kspan_worker_settle(void);
void kspan_kick(void);
void kspan_queue_work(struct work_struct *work);
void kspan_queue_delayed_work(struct delayed_work *work, unsigned long delay);
void kspan_queue_filling(struct work_struct *work);
void kspan_drain_soon(unsigned int cpu);
void kspan_drain_wait(unsigned long timeout);
void kspan_on_each_cpu(void (*fn)(void));

#endif /* KSPAN_WORKER_H */
