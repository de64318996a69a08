// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the explorer's model of the memory order of x86: the well-known
 * small programs about it.  The compiler treats this file like one of the
 * module.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/spinlock.h>

#include "litmus.h"

static int x, y;
static int seen_first, seen_second;
static DEFINE_RAW_SPINLOCK(lock);

void litmus_store_x_load_y(void)
{
	WRITE_ONCE(x, 1);
	seen_first = READ_ONCE(y);
}

void litmus_store_y_load_x(void)
{
	WRITE_ONCE(y, 1);
	seen_second = READ_ONCE(x);
}

void litmus_store_x_mb_load_y(void)
{
	WRITE_ONCE(x, 1);
	/* The store is visible before the load takes place. */
	smp_mb();
	seen_first = READ_ONCE(y);
}

void litmus_store_y_mb_load_x(void)
{
	WRITE_ONCE(y, 1);
	/* The store is visible before the load takes place. */
	smp_mb();
	seen_second = READ_ONCE(x);
}

void litmus_swap_x_load_y(void)
{
	cmpxchg(&x, 0, 1);
	seen_first = READ_ONCE(y);
}

void litmus_swap_y_load_x(void)
{
	cmpxchg(&y, 0, 1);
	seen_second = READ_ONCE(x);
}

void litmus_store_x_store_y(void)
{
	WRITE_ONCE(x, 1);
	WRITE_ONCE(y, 1);
}

void litmus_load_y_load_x(void)
{
	seen_first = READ_ONCE(y);
	seen_second = READ_ONCE(x);
}

void litmus_count(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	x++;
	raw_spin_unlock_irqrestore(&lock, flags);
}

void litmus_count_plainly(void)
{
	WRITE_ONCE(x, READ_ONCE(x) + 1);
}

unsigned int litmus_seen(void)
{
	return seen_first + 2 * seen_second;
}

unsigned int litmus_counted(void)
{
	return x;
}
