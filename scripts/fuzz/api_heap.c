// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the target `api` for clients' heaps: limits, reserves, magazines,
 * and the destruction of a heap with all its objects.
 */
#include <linux/kspan.h>

#include "api.h"
#include "api/client_heap.h"

/* More pairs than a class needs to become hot. */
#define NR_PAIRS	600U

static void begin(unsigned int heap)
{
	live_heaps[heap] = kspan_heap_create("fuzz", 0);
	sim_leave(SIM_TASK);
}

/* Create the heaps of an input. */
void api_heaps_begin(void)
{
	unsigned int i;

	for (i = 1; i <= LIVE_NR_HEAPS; i++)
		begin(i);
}

/* Destroy the heaps.  Their objects have been freed or are in quarantine. */
void api_heaps_end(void)
{
	unsigned int i;

	for (i = 1; i <= LIVE_NR_HEAPS; i++) {
		kspan_heap_destroy(live_heaps[i]);
		sim_leave(SIM_TASK);
		live_heaps[i] = NULL;
	}
}

/* Destroy a heap with all its objects, and check their number. */
static void destroy_all(unsigned int heap)
{
	size_t nr = 0;
	unsigned int i;

	for (i = live.nr; i--;) {
		if (live.obj[i].heap != heap)
			continue;
		live_check(&live.obj[i], live.obj[i].asked);
		live_forget(&live.obj[i]);
		nr++;
	}
	SIM_CHECK(kspan_heap_destroy_all(live_heaps[heap]) == nr);
	sim_leave(SIM_TASK);
	begin(heap);
}

/* Make a class hot. */
static void heat(unsigned int heap, size_t size)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < NR_PAIRS; i++) {
		ptr = kspan_heap_alloc(live_heaps[heap], size,
				       GFP_KERNEL | __GFP_NOWARN);
		SIM_CHECK(kspan_size(ptr) >= size || !ptr);
		kspan_free(ptr);
	}
	sim_leave(SIM_TASK);
	sim_run_irq_work();
	sim_run_workers();
}

/* Bits 2 and 3 of @y choose the step, bit 4 the heap. */
void api_heap(const struct fuzz_step *step)
{
	unsigned int heap = 1 + (step->y >> 4) % LIVE_NR_HEAPS;
	int err;

	if (!live_heaps[heap])
		return;
	switch (step->y >> 2 & 3) {
	case 0:
		destroy_all(heap);
		break;
	case 1:
		kspan_heap_set_limit(live_heaps[heap],
				     step->y & 32 ? step->x * 64UL : 0);
		break;
	case 2:
		err = kspan_heap_reserve(live_heaps[heap], step->x, step->y >> 6 & 63);
		SIM_CHECK(err != -EINVAL || !step->x ||
			  step->x > KSPAN_SMALL_MAX - 64);
		sim_leave(SIM_TASK);
		break;
	default:
		heat(heap, 1 + step->x % 2000);
		break;
	}
}
