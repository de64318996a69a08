// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the memory that more than one thread uses.
 *
 * An access to memory that no other thread uses, or that all threads use with
 * the same lock held, has the same effect wherever the other threads are.  So a
 * run need only be interrupted before other accesses: to a byte that two
 * threads access, one of them writing, without a common lock.  The explorer
 * discovers such bytes during runs, and restarts the search when it finds more.
 */
#include "base/meta.h"
#include "central/central.h"
#include "explore.h"
#include "span/report.h"

#define NR_GRANULES	(1U << 17)
#define MAX_LOCKS	32U

/* Eight bytes: a bit for each in the masks. */
struct granule {
	unsigned long key;
	u8 reads[EXP_MAX_THREADS];
	u8 writes[EXP_MAX_THREADS];
	u8 conflict;
	u32 locks;	/* that every access had */
};

static struct granule granules[NR_GRANULES];
static unsigned int nr_granules;

static struct {
	const void *addr;
	unsigned int threads;
} locks[MAX_LOCKS];

bool exp_shared_grew;

static struct granule *granule_of(unsigned long key)
{
	unsigned int i = (key * 0x9e3779b97f4a7c15UL) >> 47;

	for (;; i = (i + 1) % NR_GRANULES) {
		if (granules[i].key == key)
			return &granules[i];
		if (!granules[i].key)
			break;
	}
	SIM_CHECK(++nr_granules < NR_GRANULES / 2);
	granules[i].key = key;
	granules[i].locks = ~0U;
	return &granules[i];
}

static bool access_granule(unsigned long key, u8 bytes, bool write,
			   unsigned int thread, u32 held)
{
	struct granule *granule = granule_of(key);
	bool was = granule->conflict && !granule->locks;
	u8 others = 0, before = granule->conflict;
	unsigned int i;

	if (write)
		granule->writes[thread] |= bytes;
	else
		granule->reads[thread] |= bytes;
	granule->locks &= held;
	for (i = 0; i < EXP_MAX_THREADS; i++)
		if (i != thread)
			others |= granule->writes[i] |
				  (write ? granule->reads[i] : 0);
	granule->conflict |= others & bytes;
	if (!granule->conflict || granule->locks)
		return false;
	if (!was || granule->conflict != before)
		exp_shared_grew = true;
	return granule->conflict & bytes;
}

/*
 * Sums that threads only add to, by atomic operations, so that the order has no
 * effect.  They are statistics, which are read only after the run has ended.
 */
bool exp_shared_is_sum(const void *addr)
{
	static const struct {
		const void *addr;
		size_t bytes;
	} sums[] = {
		{ kspan_sys_bytes, sizeof(kspan_sys_bytes) },
		{ kspan_inuse_bytes, sizeof(kspan_inuse_bytes) },
		{ &kspan_nr_refill, sizeof(kspan_nr_refill) },
		{ &kspan_nr_flush, sizeof(kspan_nr_flush) },
		{ &kspan_nr_double_free, sizeof(kspan_nr_double_free) },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sums); i++)
		if ((size_t)((const char *)addr - (const char *)sums[i].addr) <
		    sums[i].bytes)
			return true;
	return false;
}

/* An access by a thread that holds these locks.  Return: whether it counts. */
bool exp_shared_access(const void *addr, size_t bytes, bool write,
		       unsigned int thread, u32 held)
{
	unsigned long at = (unsigned long)addr, end = at + bytes, next;
	bool shared = false;
	u8 mask;

	for (; at < end; at = next) {
		next = min((at | 7) + 1, end);
		mask = (0xffU >> (8 - (next - at))) << (at & 7);
		shared |= access_granule(at >> 3, mask, write, thread, held);
	}
	return shared;
}

u32 exp_shared_lock(const void *lock, unsigned int thread, bool *shared)
{
	unsigned int i;

	for (i = 0; locks[i].addr && locks[i].addr != lock; i++)
		SIM_CHECK(i + 1 < MAX_LOCKS);
	locks[i].addr = lock;
	if (!(locks[i].threads & (1U << thread))) {
		if (locks[i].threads)
			exp_shared_grew = true;
		locks[i].threads |= 1U << thread;
	}
	*shared = locks[i].threads & (locks[i].threads - 1);
	return 1U << i;
}
