// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the target `api` that free objects, and steps that misuse the API:
 * free what is not live, write behind an object, or write to a freed object.
 */
#include <string.h>
#include <linux/atomic.h>
#include <linux/kspan.h>
#include <sanitizer/asan_interface.h>

#include "api.h"
#include "span/report.h"

#define BULK_MAX	200U

static long nr_bad(void)
{
	return atomic_long_read(&kspan_nr_bad_free);
}

static long nr_double(void)
{
	return atomic_long_read(&kspan_nr_double_free);
}

static struct live *pick(const struct fuzz_step *step)
{
	return live.nr ? &live.obj[step->x % live.nr] : NULL;
}

/* --- good frees ------------------------------------------------------------ */

static void call_free(const struct live *obj, unsigned int how)
{
	switch (how) {
	case 0:
		kspan_free_sized(obj->ptr, obj->asked);
		break;
	case 1:
		kspan_free_sensitive(obj->ptr);
		break;
	case 2:
		SIM_CHECK(kspan_realloc(obj->ptr, 0, GFP_ATOMIC) == ZERO_SIZE_PTR);
		break;
	default:
		kspan_free(obj->ptr);
		break;
	}
}

/* Check memory that was just freed and is still mapped. */
static void check_freed(const struct live *was, enum sim_context context)
{
	bool there = !__asan_region_is_poisoned(was->ptr, was->usable);

	if (!was->spoilt || context != SIM_NMI)
		SIM_CHECK(!kspan_owns(was->ptr));
	if (!there || live_redzoned() || context == SIM_NMI)
		return;
	/* A worker wipes a large object. */
	if (context != SIM_TASK && was->usable > SIM_FILL_MAX)
		return;
	if (sim_init_on_free)
		SIM_CHECK(!live_not_zero(was->ptr, was->usable));
}

void api_free(const struct fuzz_step *step)
{
	long bad = nr_bad() + nr_double();
	struct live *obj = pick(step), was;

	if (!obj)
		return;
	live_check(obj, obj->asked);
	was = *obj;
	live_forget(obj);
	sim_enter(api_context(step));
	sim_no_kswapd = true;
	call_free(&was, step->y % 8);
	sim_no_kswapd = false;
	sim_leave(api_context(step));
	SIM_CHECK(nr_bad() + nr_double() == bad);
	check_freed(&was, api_context(step));
}

/*
 * Free objects in the order of their allocation, with a NULL and one object
 * twice.
 */
void api_free_bulk(const struct fuzz_step *step)
{
	unsigned int n = min(step->y % (BULK_MAX - 2) + 1, live.nr), i;
	unsigned int first = live.nr ? step->x % live.nr : 0;
	long bad = nr_bad() + nr_double();
	void *objs[BULK_MAX];

	first = min(first, live.nr - n);
	for (i = 0; i < n; i++) {
		struct live *obj = &live.obj[first + n - 1 - i];

		live_check(obj, obj->asked);
		objs[n - 1 - i] = obj->ptr;
		live_forget(obj);
	}
	if (n && step->a & 64)
		objs[n++] = NULL;
	if (n && step->a & 128) {
		objs[n] = objs[step->y % n];
		bad += !!objs[n++];
	}
	sim_enter(api_context(step));
	kspan_free_bulk(n, objs);
	sim_leave(api_context(step));
	SIM_CHECK(nr_bad() + nr_double() == bad);
}

void api_free_all(void)
{
	long bad = nr_bad() + nr_double();

	while (live.nr) {
		struct live was = live.obj[live.nr - 1];

		live_check(&was, was.asked);
		live_forget(&live.obj[live.nr - 1]);
		call_free(&was, live.nr % 4);
	}
	SIM_CHECK(nr_bad() + nr_double() == bad);
}

/* --- bad frees ------------------------------------------------------------- */

/* An address that most likely is not an object. */
static void *pick_wild(const struct fuzz_step *step)
{
	unsigned long x = step->x, y = step->y;

	switch (step->code >> 5) {
	case 0:
		return (void *)(x << 48 | y << 20 | x);
	case 1:
		return (void *)(sim_last_area() + x * 64 + y % 64);
	case 2:
		return (void *)(SIM_NEAR + x * 4096 + y % 4096);
	case 3:
		return (void *)(SIM_FAR + x * 4096 + y % 4096);
	case 4:
		return (void *)-x;
	default:
		return live.freed[x % LIVE_NR_FREED];
	}
}

/* Each bad free is reported once and has no other effect. */
static void free_wild(const struct fuzz_step *step)
{
	void *ptr = pick_wild(step);
	long bad = nr_bad() + nr_double();
	bool none = ZERO_OR_NULL_PTR(ptr);

	if (live_at(ptr))
		return;
	sim_enter(api_context(step));
	SIM_CHECK(!kspan_owns(ptr));
	SIM_CHECK(!kspan_size(ptr));
	switch (step->a >> 3 & 3) {
	case 0:
		kspan_free_sized(ptr, step->y);
		break;
	case 1:
		if (none || api_context(step) == SIM_NMI)
			none = true;
		else
			SIM_CHECK(!kspan_realloc(ptr, step->y + 1, GFP_ATOMIC));
		break;
	case 2:
		kspan_free_bulk(1, &ptr);
		break;
	default:
		kspan_free(ptr);
		break;
	}
	sim_leave(api_context(step));
	SIM_CHECK(nr_bad() + nr_double() == bad + !none);
}

/* A pointer into an object, or a wrong size: the object stays live. */
static void free_wrongly(const struct fuzz_step *step)
{
	struct live *obj = &live.obj[step->x % live.nr];
	size_t inside = step->y % max(obj->usable, 1UL);
	long bad = nr_bad(), twice = nr_double();

	if (step->code & 128) {
		if (live_fits(obj, step->y))
			return;
		sim_enter(api_context(step));
		kspan_free_sized(obj->ptr, step->y);
		sim_leave(api_context(step));
	} else {
		if (!inside)
			return;
		sim_enter(api_context(step));
		kspan_free(obj->ptr + inside);
		sim_leave(api_context(step));
	}
	SIM_CHECK(nr_bad() == bad + 1 && nr_double() == twice);
	SIM_CHECK(kspan_size(obj->ptr) == obj->usable);
	live_check(obj, obj->asked);
}

void api_free_bad(const struct fuzz_step *step)
{
	if (step->a & 32 && live.nr)
		free_wrongly(step);
	else
		free_wild(step);
}

/* --- bad writes ------------------------------------------------------------ */

/* Write to a free object whose memory is still mapped and not reused. */
static void overwrite_freed(const struct fuzz_step *step)
{
	u8 *byte = live.freed[step->x % LIVE_NR_FREED];

	/* An object freed in NMI holds the link of a list for a moment. */
	sim_run_irq_work();
	if (!byte)
		return;
	byte += step->y % 8;
	if (__asan_address_is_poisoned(byte) || live_around(byte))
		return;
	/* In the redzone of an object this would count as an overrun. */
	if (live_around(byte - 8) || live_around(byte - KSPAN_PAGE_SIZE))
		return;
	*byte ^= 0x41;
	live.wrote_freed = true;
	live.lost = true;
}

/* With check=2 both kinds of bad writes must be found and do no harm. */
void api_overwrite(const struct fuzz_step *step)
{
	struct live *obj = pick(step);

	if (!live_redzoned())
		return;
	if (step->a & 1) {
		overwrite_freed(step);
	} else if (obj && !obj->spoilt) {
		obj->ptr[obj->usable] ^= 0x41;
		obj->spoilt = true;
	}
}
