// SPDX-License-Identifier: GPL-2.0
/*
 * The model of the allocator: an array of live objects.
 */
#include <string.h>
#include <linux/kspan.h>

#include "api/client_heap.h"
#include "base/sizeclass.h"
#include "live.h"
#include "span/redzone.h"

/* Bytes at either end that are written and compared, plus a few in between. */
#define ENDS		512UL
#define STRIDE		997UL

struct live_state live;
struct kspan_heap *live_heaps[LIVE_NR_HEAPS + 1];

void live_reset(void)
{
	memset(&live, 0, sizeof(live));
}

/*
 * Read memory that is known to be mapped, one word at a time, even if it is
 * poisoned for the sanitizer.
 */
__attribute__((no_sanitize("address", "undefined", "coverage")))
const u8 *live_not_zero(const u8 *mem, size_t bytes)
{
	const u8 *end = mem + bytes;

	for (; end - mem >= 8 && !*(const u64 *)mem; mem += 8)
		;
	for (; mem < end; mem++)
		if (*mem)
			return mem;
	return NULL;
}

/* Offset of the next byte of the content that is compared. */
static size_t next_byte(size_t i, size_t bytes)
{
	if (bytes <= 2 * ENDS || i < ENDS || i >= bytes - ENDS)
		return i + 1;
	return min(i + STRIDE, bytes - ENDS);
}

static u8 byte_at(const struct live *obj, size_t i)
{
	return obj->seed + i * 7 + (i >> 8);
}

void live_fill(struct live *obj)
{
	size_t i;

	for (i = 0; i < obj->asked; i = next_byte(i, obj->asked))
		obj->ptr[i] = byte_at(obj, i);
}

void live_check(const struct live *obj, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i = next_byte(i, obj->asked))
		SIM_CHECK(obj->ptr[i] == byte_at(obj, i));
}

struct live *live_at(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < live.nr; i++)
		if (live.obj[i].ptr == ptr)
			return &live.obj[i];
	return NULL;
}

bool live_around(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < live.nr; i++)
		if ((unsigned long)ptr - (unsigned long)live.obj[i].ptr <
		    live.obj[i].usable)
			return true;
	return false;
}

bool live_fits(const struct live *obj, size_t size)
{
	if (!size || size > obj->usable)
		return false;
	if (live_redzoned() || obj->kind == LIVE_TINY)
		return size == obj->asked;
	if (obj->aligned)
		return true;
	if (obj->kind == LIVE_LARGE)
		return ALIGN(size, KSPAN_PAGE_SIZE) == obj->usable;
	return kspan_size_roundup(size) == obj->usable;
}

/* --- a new object ---------------------------------------------------------- */

static void check_align(const struct live *obj,
			const struct live_request *request)
{
	unsigned long addr = (unsigned long)obj->ptr;
	size_t size = obj->asked, align = 8;

	/* The low bits of their size give the alignment of tiny objects. */
	if (request->tiny && size < KSPAN_TINY_MAX)
		align = size % 8 ? size & -size : 8;
	else if (size > KSPAN_PAGE_SIZE)
		align = PAGE_SIZE;
	else if (is_power_of_2(size))
		align = max(size, align);
	SIM_CHECK(addr % min(align, KSPAN_PAGE_SIZE) == 0);
	SIM_CHECK(!request->align || addr % request->align == 0);
}

static void check_usable(struct live *obj, const struct live_request *request)
{
	size_t normal = kspan_size_roundup(obj->asked);

	SIM_CHECK(obj->usable >= obj->asked);
	SIM_CHECK(kspan_owns(obj->ptr));
	obj->aligned = request->align && obj->usable != normal;
	if (live_redzoned() || obj->kind == LIVE_TINY)
		SIM_CHECK(obj->usable == obj->asked);
	else if (!obj->aligned)
		SIM_CHECK(obj->usable == normal);
}

/*
 * The object overlaps no other, and only objects of its kind and class share
 * its heap page.
 */
static void check_alone(const struct live *obj)
{
	unsigned long addr = (unsigned long)obj->ptr;
	unsigned int i;

	for (i = 0; i < live.nr; i++) {
		const struct live *other = &live.obj[i];
		unsigned long at = (unsigned long)other->ptr;

		SIM_CHECK(addr - at >= other->usable &&
			  at - addr >= obj->usable);
		if ((addr ^ at) >= KSPAN_PAGE_SIZE)
			continue;
		SIM_CHECK(other->kind == obj->kind && other->heap == obj->heap);
		SIM_CHECK(obj->kind != LIVE_LARGE);
		SIM_CHECK(obj->kind == LIVE_TINY || live_redzoned() ||
			  other->usable == obj->usable);
	}
}

static enum live_kind kind_of(const struct live *obj,
			      const struct live_request *request)
{
	/* With redzones the last class holds smaller objects. */
	size_t max = KSPAN_SMALL_MAX - (live_redzoned() ? KSPAN_REDZONE_MIN : 0);

	if (obj->asked > max || request->align > KSPAN_PAGE_SIZE)
		return LIVE_LARGE;
	if (request->tiny && obj->asked < KSPAN_TINY_MAX && !live_redzoned())
		return LIVE_TINY;
	return request->data || request->tiny ? LIVE_DATA : LIVE_PTR;
}

struct live *live_add(void *ptr, const struct live_request *request)
{
	struct live obj = {
		.ptr = ptr,
		.asked = request->size,
		.usable = kspan_size(ptr),
		.data = request->data || request->tiny,
		.zero = request->zero,
		.heap = request->heap,
		.seed = live.seed += 29,
	};

	SIM_CHECK(live.nr < LIVE_MAX);
	obj.kind = kind_of(&obj, request);
	check_usable(&obj, request);
	check_align(&obj, request);
	check_alone(&obj);
	if (!request->filled && (request->zero || sim_init_on_alloc ||
				 (live_redzoned() && sim_init_on_free)))
		SIM_CHECK(!live_not_zero(ptr, obj.asked));
	live_fill(&obj);
	live.obj[live.nr] = obj;
	return &live.obj[live.nr++];
}

void live_forget(struct live *obj)
{
	live.freed[live.nr_freed++ % LIVE_NR_FREED] = obj->ptr;
	if (obj->spoilt) {
		live.overruns++;
		live.lost = true;
	}
	*obj = live.obj[--live.nr];
}

/* Live objects whose redzone was overwritten. */
unsigned int live_nr_spoilt(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < live.nr; i++)
		nr += live.obj[i].spoilt;
	return nr;
}

/* --- numbers --------------------------------------------------------------- */

static void check_memory(const struct kspan_stats *stats)
{
	SIM_CHECK(stats->sys == stats->heap_sys + stats->mspan_sys +
		  stats->mcache_sys + stats->buckhash_sys + stats->gc_sys +
		  stats->other_sys);
	SIM_CHECK(stats->heap_sys == stats->heap_idle + stats->heap_inuse);
	SIM_CHECK(stats->heap_inuse <= stats->heap_sys);
	SIM_CHECK(stats->mspan_inuse <= stats->mspan_sys);
	SIM_CHECK(stats->mcache_inuse <= stats->mcache_sys);
	SIM_CHECK(stats->heap_sys <= sim_bytes_held());
}

/* The tiny objects of one block count as one. */
static bool shares_block(unsigned int i)
{
	const struct live *obj = &live.obj[i];

	while (obj->kind == LIVE_TINY && i-- > 0)
		if (((unsigned long)obj->ptr ^ (unsigned long)live.obj[i].ptr) <
		    KSPAN_TINY_MAX)
			return true;
	return false;
}

/* A client's heap counts the objects that are its own. */
static void check_heap(unsigned int heap)
{
	struct kspan_heap_stats stats;
	u64 nr = 0, bytes = 0, peak;
	unsigned int i;

	if (!live_heaps[heap])
		return;
	for (i = 0; i < live.nr; i++) {
		if (live.obj[i].heap != heap)
			continue;
		nr++;
		bytes += live.obj[i].usable;
		SIM_CHECK(kspan_client_heap_of(live.obj[i].ptr) == live_heaps[heap]);
	}
	peak = atomic64_read(&live_heaps[heap]->quota.peak);
	kspan_client_heap_read(live_heaps[heap], &stats);
	SIM_CHECK(stats.objects == nr && stats.bytes == bytes);
	SIM_CHECK(stats.peak >= bytes && stats.peak >= peak);
	SIM_CHECK(stats.asked >= stats.peak);
}

void live_check_stats(void)
{
	unsigned long nr_large = 0, large_bytes = 0, bytes = 0, nr = 0;
	struct kspan_stats stats;
	unsigned int i;

	sim_run_irq_work();
	kspan_read_stats(&stats);
	check_memory(&stats);
	for (i = 0; i < live.nr; i++) {
		nr += !shares_block(i);
		bytes += live.obj[i].usable;
		if (live.obj[i].kind != LIVE_LARGE)
			continue;
		nr_large++;
		large_bytes += live.obj[i].usable;
	}
	for (i = 1; i <= LIVE_NR_HEAPS; i++)
		check_heap(i);
	SIM_CHECK(stats.heap_objects == nr);
	SIM_CHECK(stats.nmalloc - stats.nfree == nr);
	SIM_CHECK(stats.large_nmalloc - stats.large_nfree == nr_large);
	SIM_CHECK(stats.large_alloc == large_bytes);
	SIM_CHECK(!live_redzoned() || stats.alloc == bytes);
	/* Each overrun was found at the free, or before that by verify. */
	SIM_CHECK(stats.overrun >= live.overruns &&
		  stats.overrun <= live.overruns + live_nr_spoilt());
	SIM_CHECK(live.wrote_freed || !stats.use_after_free);
	SIM_CHECK(!stats.corrupt);
}
