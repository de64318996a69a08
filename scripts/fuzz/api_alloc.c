// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the target `api` that allocate and resize.
 */
#include <string.h>
#include <linux/atomic.h>
#include <linux/kspan.h>

#include "api.h"
#include "api/client_heap.h"
#include "base/sizeclass.h"
#include "cache/stash.h"
#include "heap/backing.h"
#include "heap/page_heap.h"
#include "span/redzone.h"
#include "span/report.h"

#define BULK_MAX	200U
#define LIMIT_SLACK	(1UL << 20)
#define NO_PROMISE	((void *)-1L)	/* nothing is promised about NULL */

static u8 source[64 << 10];

static const gfp_t sleeping[] = {
	GFP_KERNEL, GFP_KERNEL, GFP_NOIO, GFP_NOFS, GFP_KERNEL | __GFP_NORETRY,
	GFP_KERNEL | __GFP_THISNODE, GFP_ATOMIC, GFP_NOWAIT,
};

static const gfp_t atomic[] = {
	GFP_ATOMIC, GFP_NOWAIT, GFP_ATOMIC | __GFP_NOWARN,
	GFP_ATOMIC | __GFP_THISNODE,
};

gfp_t api_gfp(const struct fuzz_step *step)
{
	unsigned int i = step->a / 8 % 8;

	return (api_may_sleep(step) ? sleeping[i] : atomic[i % 4]) |
	       (step->a & 64 ? __GFP_ZERO : 0);
}

/*
 * A size from @x, by one of eight rules.  One of them picks from a short list,
 * since objects of equal size affect each other most.
 */
size_t api_size(const struct fuzz_step *step)
{
	static const size_t few[] = {
		0, 1, 8, 9, 48, 64, 1000, 1024, 1025, 8192, 20000,
		KSPAN_SMALL_MAX - 8, KSPAN_SMALL_MAX, KSPAN_SMALL_MAX + 1,
		100000, 100001,
	};
	size_t x = step->x;

	switch (step->y % 8) {
	case 0:
		return x % 128;
	case 1:
		return x % (x & 32768 ? 1025 : KSPAN_SMALL_MAX + 1);
	case 2:
		return few[x % ARRAY_SIZE(few)];
	case 3:	/* near the end of a class */
		return kspan_classes[x % KSPAN_NR_CLASSES + 1].size + x / 256 % 3 - 1;
	case 4:	/* around a power of two */
		return (1UL << x % 18) + x / 256 % 9 - 4;
	case 5:
		return KSPAN_SMALL_MAX + x * 4;
	case 6:	/* around a number of heap pages */
		return (x % 64) * KSPAN_PAGE_SIZE + x / 256 % 17 - 8;
	default: /* impossible sizes */
		return SIZE_MAX - x * (x & 1 ? 1 : SIZE_MAX >> 17);
	}
}

/* --- success and failure --------------------------------------------------- */

static long nr_failures(void)
{
	return atomic_long_read(&kspan_nr_atomic_fail) +
	       atomic_long_read(&kspan_nr_oom_fail) +
	       atomic_long_read(&kspan_nr_limit_fail);
}

/* A caller that may sleep uses no node's reserve while memory is available. */
static void check_reserves(const struct api_attempt *attempt)
{
	struct kspan_page_heap *heap;
	int node;

	if (attempt->context != SIM_TASK || attempt->gfp & __GFP_NOFAIL ||
	    !gfpflags_allow_blocking(attempt->gfp))
		return;
	if (sim_nr_refused != attempt->refused || kspan_params.memory_limit)
		return;
	/* kspan does not ask the kernel when hardly any memory is left. */
	if (si_mem_available() < (long)(KSPAN_CHUNK_PAGES * KSPAN_PAGE_SIZE >> PAGE_SHIFT))
		return;
	for (node = 0; node < nr_online_nodes; node++) {
		heap = kspan_page_heap_of(node);
		SIM_CHECK(heap->free_pages >= min(attempt->free_pages[node],
						  kspan_page_heap_reserve(heap)));
	}
}

struct api_attempt api_try(const struct fuzz_step *step, size_t size)
{
	struct kspan_page_heap *second = kspan_page_heap_of(nr_online_nodes - 1);

	return (struct api_attempt){
		.gfp = api_gfp(step),
		.size = size,
		.all = size,
		.context = api_context(step),
		.refused = sim_nr_refused,
		.failures = nr_failures(),
		.heap_sys = atomic_long_read(&kspan_heap_sys),
		.free_pages = { kspan_page_heap_of(0)->free_pages,
				second->free_pages },
	};
}

/* The heap does not grow beyond the limit; tables may exceed it a little. */
static void check_limit(const struct api_attempt *attempt)
{
	unsigned long limit = kspan_params.memory_limit;

	if (!limit || attempt->gfp & __GFP_NOFAIL ||
	    atomic_long_read(&kspan_heap_sys) <= attempt->heap_sys)
		return;
	SIM_CHECK(kspan_sys_total() <= max(limit, limit + LIMIT_SLACK));
}

/* Each NULL has a reason and is counted once; a success is not counted. */
void api_tried(const struct api_attempt *attempt, bool success)
{
	long failed = nr_failures() - attempt->failures;
	bool never = attempt->size >> PAGE_SHIFT > totalram_pages();

	check_limit(attempt);
	check_reserves(attempt);
	if (success) {
		SIM_CHECK(!failed && !never);
		SIM_CHECK(attempt->context != SIM_NMI ||
			  (!attempt->heap && !kspan_redzone_on() &&
			   attempt->size <= KSPAN_STASH_MAX));
		return;
	}
	if (attempt->context == SIM_NMI) {
		SIM_CHECK(!failed);
		return;
	}
	SIM_CHECK(failed == !never);
	if (attempt->context != SIM_TASK || never ||
	    !gfpflags_allow_blocking(attempt->gfp))
		return;
	SIM_CHECK(sim_nr_refused > attempt->refused ||
		  kspan_params.memory_limit ||
		  (attempt->heap && live_heaps[attempt->heap]->quota.limit) ||
		  (attempt->gfp & __GFP_THISNODE &&
		   (sim_far || attempt->size <= KSPAN_SMALL_MAX)) ||
		  sim_bytes_held() + attempt->all >
		  totalram_pages() * PAGE_SIZE / 4 * 3);
}

/* --- one object ------------------------------------------------------------ */

static void *call_string(const struct fuzz_step *step, size_t *size, gfp_t gfp,
			 bool part)
{
	size_t len = *size % (sizeof(source) - 1);
	const char *copy;

	memset(source, 'k', len);
	source[len] = '\0';
	*size = len + 1;
	copy = part ? kspan_strndup((char *)source, len + step->x % 3, gfp) :
		      kspan_strdup((char *)source, gfp);
	SIM_CHECK(!copy || !strcmp(copy, (char *)source));
	return (void *)copy;
}

static void *call_memdup(size_t size, gfp_t gfp)
{
	void *copy;

	memset(source, 'k', sizeof(source));
	copy = kspan_memdup(source, size, gfp);
	SIM_CHECK(ZERO_OR_NULL_PTR(copy) || !memcmp(copy, source, size));
	return copy;
}

/* Products that overflow must be refused. */
static void *call_array(const struct fuzz_step *step, size_t *size, gfp_t gfp,
			bool zero)
{
	size_t n = step->y >> 7 & 7, bytes;
	void *ptr;

	if (*size >> 60)
		n *= *size;
	ptr = zero ? kspan_calloc(n, *size, gfp) :
		     kspan_alloc_array(n, *size, gfp);
	if (check_mul_overflow(n, *size, &bytes)) {
		SIM_CHECK(!ptr);
		return NO_PROMISE;
	}
	*size = bytes;
	return ptr;
}

static void *call_node(const struct fuzz_step *step, size_t size, gfp_t gfp)
{
	int node = (step->y >> 7 & 7) - 1;
	void *ptr = kspan_alloc_node(size, gfp, node);

	/* With __GFP_THISNODE a node that does not exist gives NULL. */
	if (size && (gfp & __GFP_THISNODE) && node >= nr_online_nodes) {
		SIM_CHECK(!ptr);
		return NO_PROMISE;
	}
	if (ZERO_OR_NULL_PTR(ptr) || !(gfp & __GFP_THISNODE))
		return ptr;
	if (nr_online_nodes == 2 && node >= 0 && node < 2)
		SIM_CHECK(kspan_is_on_node(ptr, 1, node));
	return ptr;
}

static void *call_aligned(const struct fuzz_step *step,
			  struct live_request *request, gfp_t gfp)
{
	size_t align = 1UL << (step->y >> 7 & 31);
	void *ptr;

	if (step->y >> 12 == 15)
		align += 3;
	ptr = kspan_alloc_aligned(request->size, align, gfp);
	request->align = align;
	if (is_power_of_2(align) && align <= KSPAN_MAX_ALIGN)
		return ptr;
	SIM_CHECK(!ptr);
	return NO_PROMISE;
}

/* Bits 3 to 6 of @y choose the function. */
static void *call_alloc(const struct fuzz_step *step,
			struct live_request *request, gfp_t gfp)
{
	switch (step->y >> 3 & 15) {
	case 0:
		request->zero = true;
		return kspan_zalloc(request->size, gfp);
	case 1 ... 2:
		request->data = true;
		return kspan_alloc_data(request->size, gfp);
	case 3 ... 4:
		/* With __GFP_THISNODE tiny objects do not share a block. */
		request->tiny = !(gfp & __GFP_THISNODE);
		request->data = true;
		return kspan_alloc_tiny(request->size, gfp);
	case 5:
		return call_node(step, request->size, gfp);
	case 6 ... 7:
		return call_aligned(step, request, gfp);
	case 8:
		return call_array(step, &request->size, gfp, false);
	case 9:
		request->zero = true;
		return call_array(step, &request->size, gfp, true);
	case 10:
		request->zero = false;
		request->filled = true;
		request->size %= sizeof(source);
		return call_memdup(request->size, gfp);
	case 11:
	case 12:
		request->data = true;
		request->zero = false;
		request->filled = true;
		return call_string(step, &request->size, gfp,
				   (step->y >> 3 & 15) == 11);
	case 13 ... 14:
		request->heap = 1 + (step->y >> 7) % LIVE_NR_HEAPS;
		if (live_heaps[request->heap])
			return kspan_heap_alloc(live_heaps[request->heap],
						request->size, gfp);
		request->heap = 0;
		fallthrough;
	default:
		return kspan_alloc(request->size, gfp);
	}
}

/* Flags that are refused, and size 0; neither counts as a failure. */
static bool alloc_special(const struct fuzz_step *step, size_t size)
{
	static const gfp_t bad[] = {
		__GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM, __GFP_MOVABLE,
		__GFP_ACCOUNT,
	};
	gfp_t gfp = api_gfp(step) | bad[step->x % ARRAY_SIZE(bad)];
	struct live_request request = { .size = size };
	struct live *obj = NULL;
	void *ptr;

	if (size && step->y >> 11 != 31)
		return false;
	sim_enter(api_context(step));
	ptr = call_alloc(step, &request, size ? gfp : api_gfp(step));
	sim_leave(api_context(step));
	if (ptr == NO_PROMISE)
		return true;
	/* A string has at least one byte. */
	if (ptr && ptr != ZERO_SIZE_PTR)
		obj = live_add(ptr, &request);
	SIM_CHECK(!obj || (!size && request.size == 1));
	SIM_CHECK(ptr != ZERO_SIZE_PTR || !request.size);
	return true;
}

void api_alloc(const struct fuzz_step *step)
{
	struct live_request request = {
		.size = api_size(step),
		.zero = api_gfp(step) & __GFP_ZERO,
	};
	struct api_attempt attempt;
	void *ptr;

	if (live.nr == LIVE_MAX || alloc_special(step, request.size))
		return;
	attempt = api_try(step, request.size);
	/* The call would never return if there really were no memory. */
	if (step->a & 128 && api_may_sleep(step) && request.size < SZ_2M &&
	    sim_bytes_held() < totalram_pages() * PAGE_SIZE / 2)
		attempt.gfp = GFP_KERNEL | __GFP_NOFAIL;
	if (attempt.gfp & __GFP_NOFAIL)
		request.zero = false;
	sim_enter(attempt.context);
	ptr = call_alloc(step, &request, attempt.gfp);
	sim_leave(attempt.context);
	if (ptr == NO_PROMISE || ptr == ZERO_SIZE_PTR)
		return;
	attempt.size = request.size;
	attempt.all = request.size;
	attempt.heap = request.heap;
	api_tried(&attempt, ptr);
	SIM_CHECK(ptr || !(attempt.gfp & __GFP_NOFAIL));
	if (ptr)
		live_add(ptr, &request);
}

/* --- several --------------------------------------------------------------- */

void api_alloc_bulk(const struct fuzz_step *step)
{
	struct live_request request = {
		.size = api_size(step),
		.zero = api_gfp(step) & __GFP_ZERO,
	};
	struct api_attempt attempt = api_try(step, request.size);
	unsigned int n = (step->y >> 3) % BULK_MAX, i;
	void *objs[BULK_MAX];
	size_t got;

	if (live.nr + n > LIVE_MAX || attempt.context == SIM_NMI)
		return;
	attempt.all = n * kspan_size_roundup(request.size);
	sim_enter(attempt.context);
	got = kspan_alloc_bulk(request.size, attempt.gfp, n, objs);
	sim_leave(attempt.context);
	SIM_CHECK(got == n || !got);
	if (n)
		api_tried(&attempt, got);
	for (i = 0; i < got; i++) {
		if (request.size)
			live_add(objs[i], &request);
		else
			SIM_CHECK(objs[i] == ZERO_SIZE_PTR);
	}
}

/* --- another size ---------------------------------------------------------- */

/* Check what is promised for a resized object. */
static void resized(struct live *obj, void *ptr, struct live_request *request)
{
	size_t old = obj->asked, same = min(old, request->size);
	struct live was = *obj;

	request->data = obj->data;
	request->zero &= obj->zero;
	SIM_CHECK(ptr == was.ptr || !live_fits(&was, request->size) ||
		  live_redzoned() || (was.aligned && was.kind == LIVE_LARGE));
	if (ptr == was.ptr) {
		SIM_CHECK(!was.spoilt || request->size <= was.usable);
		obj->usable = kspan_size(ptr);
		SIM_CHECK(obj->usable >= request->size);
		/* A large object may have got pages of its region, or given some. */
		SIM_CHECK(live_redzoned() || was.kind == LIVE_TINY ||
			  was.kind == LIVE_LARGE || obj->usable == was.usable);
		/* It stayed in place for lack of memory. */
		if (was.kind != LIVE_TINY && !live_fits(&was, request->size))
			obj->aligned = true;
		obj->asked = request->size;
		obj->zero = request->zero;
	} else {
		live_forget(obj);
		obj = live_at(ptr);
		SIM_CHECK(!obj);
	}
	/* The content depends on the old length, with which it was written. */
	was.ptr = ptr;
	live_check(&was, same);
	if (request->zero && request->size > old)
		SIM_CHECK(!live_not_zero((u8 *)ptr + old, request->size - old));
	if (obj)
		live_fill(obj);
}

static void *call_realloc(const struct fuzz_step *step, void *old,
			  struct live_request *request, gfp_t gfp)
{
	size_t n = step->y >> 7 & 3, bytes;

	if (!(step->a & 128))
		return kspan_realloc(old, request->size, gfp);
	if (!n)
		n = SIZE_MAX / request->size + 1 + step->x % 2;
	if (check_mul_overflow(n, request->size, &bytes)) {
		/* The old object must be unchanged. */
		SIM_CHECK(!kspan_realloc_array(old, n, request->size, gfp));
		bytes = request->size;
		n = 1;
	}
	swap(request->size, bytes);
	return kspan_realloc_array(old, n, bytes, gfp);
}

void api_resize(const struct fuzz_step *step)
{
	struct live_request request = {
		.size = api_size(step),
		.zero = api_gfp(step) & __GFP_ZERO,
	};
	struct api_attempt attempt = api_try(step, request.size);
	struct live *obj = &live.obj[(step->y >> 3) % LIVE_MAX % max(live.nr, 1U)];
	void *old = obj->ptr, *ptr;

	if (!live.nr || attempt.context == SIM_NMI || !request.size)
		return;
	request.heap = obj->heap;
	live_check(obj, obj->asked);
	sim_enter(attempt.context);
	ptr = call_realloc(step, old, &request, attempt.gfp);
	sim_leave(attempt.context);
	attempt.size = request.size;
	attempt.all = request.size;
	attempt.heap = request.heap;
	api_tried(&attempt, ptr);
	if (!ptr) {
		/* A smaller size never fails. */
		SIM_CHECK(request.size > obj->usable);
		SIM_CHECK(kspan_size(old) == obj->usable);
		live_check(obj, obj->asked);
		return;
	}
	resized(obj, ptr, &request);
	if (ptr == old)
		return;
	SIM_CHECK(!kspan_owns(old));
	request.filled = true;
	live_add(ptr, &request);
}
