/* SPDX-License-Identifier: GPL-2.0 */
/*
 * timer.h - set a timer up in the same way on all kernels.
 */
#ifndef KSPAN_TORTURE_TIMER_H
#define KSPAN_TORTURE_TIMER_H

#include <linux/hrtimer.h>

#ifdef HAVE_HRTIMER_SETUP
#define torture_timer_init(timer, fn, mode) \
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, mode)
#else
static inline void torture_timer_init(struct hrtimer *timer,
				      enum hrtimer_restart (*fn)(struct hrtimer *),
				      enum hrtimer_mode mode)
{
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = fn;
}
#endif

#endif /* KSPAN_TORTURE_TIMER_H */
