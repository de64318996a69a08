// SPDX-License-Identifier: GPL-2.0
/*
 * The store buffers.
 *
 * A store goes to memory at once, and the old content is saved.  So the CPU
 * that runs sees its own stores, as it should.  Before another CPU runs, the
 * stores that are not yet visible are undone, newest first, and redone when the
 * first CPU continues.  The order of stores is kept, as on x86: the oldest
 * becomes visible first.
 */
#include <string.h>

#include "explore.h"

#define STORE_BYTES	64UL
/* A replay has all stores here, the search those that count. */
#define ROOM		4096U

struct store {
	u8 *addr;
	size_t bytes;
	unsigned long ordinal;
	u8 other[STORE_BYTES];	/* what memory has not: old value, or new one */
};

static struct buffer {
	struct store store[ROOM];
	unsigned int nr;
	unsigned long pushed;
	unsigned long gone;
} buffers[EXP_NR_CPUS];

/* The CPU whose stores are in memory. */
static unsigned int laid;

void exp_buffer_reset(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < EXP_NR_CPUS; cpu++) {
		buffers[cpu].nr = 0;
		buffers[cpu].pushed = 0;
		buffers[cpu].gone = 0;
	}
	laid = EXP_NR_CPUS;
}

static void drop_oldest(struct buffer *buffer, unsigned int nr)
{
	buffer->nr -= nr;
	buffer->gone += nr;
	memmove(buffer->store, buffer->store + nr,
		buffer->nr * sizeof(buffer->store[0]));
}

void exp_buffer_push(unsigned int cpu, void *addr, size_t bytes,
		     unsigned long ordinal)
{
	struct buffer *buffer = &buffers[cpu];
	unsigned int most = exp_mode == EXP_REPLAY ? ROOM : EXP_BUFFER_MAX;
	struct store *store;
	size_t some;

	SIM_CHECK(cpu == laid);
	for (; bytes; addr += some, bytes -= some) {
		some = min(bytes, STORE_BYTES);
		if (buffer->nr == most)
			drop_oldest(buffer, 1);
		store = &buffer->store[buffer->nr++];
		buffer->pushed++;
		store->addr = addr;
		store->bytes = some;
		store->ordinal = ordinal;
		memcpy(store->other, addr, some);
	}
}

unsigned int exp_buffer_count(unsigned int cpu)
{
	return buffers[cpu].nr;
}

unsigned long exp_buffer_ordinal(unsigned int cpu, unsigned int index)
{
	return index < buffers[cpu].nr ? buffers[cpu].store[index].ordinal : ULONG_MAX;
}

unsigned int exp_buffer_below(unsigned int cpu, unsigned long ordinal)
{
	unsigned int i;

	for (i = 0; i < buffers[cpu].nr; i++)
		if (buffers[cpu].store[i].ordinal >= ordinal)
			break;
	return i;
}

void exp_buffer_commit(unsigned int cpu, unsigned int nr)
{
	SIM_CHECK(cpu == laid);
	if (nr)
		drop_oldest(&buffers[cpu], nr);
}

/* Memory gets what the store has, and the store what memory had. */
static void exchange(struct store *store)
{
	u8 bytes[STORE_BYTES];

	memcpy(bytes, store->addr, store->bytes);
	memcpy(store->addr, store->other, store->bytes);
	memcpy(store->other, bytes, store->bytes);
}

void exp_buffer_lift(unsigned int cpu)
{
	unsigned int i;

	SIM_CHECK(cpu == laid);
	for (i = buffers[cpu].nr; i-- > 0;)
		exchange(&buffers[cpu].store[i]);
	laid = EXP_NR_CPUS;
}

void exp_buffer_lay(unsigned int cpu)
{
	unsigned int i;

	SIM_CHECK(laid == EXP_NR_CPUS);
	for (i = 0; i < buffers[cpu].nr; i++)
		exchange(&buffers[cpu].store[i]);
	laid = cpu;
}

void exp_buffer_drain(unsigned int cpu, unsigned int nr)
{
	unsigned int runs = laid, i;

	SIM_CHECK(cpu != laid);
	if (runs != EXP_NR_CPUS)
		exp_buffer_lift(runs);
	for (i = 0; i < nr; i++)
		exchange(&buffers[cpu].store[i]);
	drop_oldest(&buffers[cpu], nr);
	if (runs != EXP_NR_CPUS)
		exp_buffer_lay(runs);
}

unsigned int exp_buffer_overlap(unsigned int cpu, unsigned int from,
				const void *addr, size_t bytes)
{
	unsigned int i;

	for (i = from; i < buffers[cpu].nr; i++) {
		const struct store *store = &buffers[cpu].store[i];

		if (store->addr < (const u8 *)addr + bytes &&
		    (const u8 *)addr < store->addr + store->bytes)
			return i + 1;
	}
	return 0;
}

u8 exp_buffer_seen(unsigned int cpu, unsigned int nr, const u8 *addr)
{
	unsigned int at;

	SIM_CHECK(cpu == laid);
	/* The oldest store behind the visible ones knows what was before it. */
	at = exp_buffer_overlap(cpu, nr, addr, 1);
	if (!at)
		return *addr;
	return buffers[cpu].store[at - 1].other[addr - buffers[cpu].store[at - 1].addr];
}

unsigned long exp_buffer_pushed(unsigned int cpu)
{
	return buffers[cpu].pushed;
}

unsigned long exp_buffer_gone(unsigned int cpu)
{
	return buffers[cpu].gone;
}
