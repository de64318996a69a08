// SPDX-License-Identifier: GPL-2.0
/*
 * Target: the arena map and the look-up of pointers, compared with a log of the
 * entries.  The last entry for a page counts.
 *
 * No memory exists at the addresses, because the map and the look-up must never
 * access the memory that they describe.  So any address can be used, even 0 and
 * the last one.
 */
#include <stdlib.h>
#include <string.h>

#include "api/lookup.h"
#include "span/arena.h"
#include "target.h"

#define MAX_FRAMES	256U
#define MAX_ENTRIES	1024U
#define MAX_SPANS	64U
#define WINDOW_BYTES	(kspan_window->nr_frames << KSPAN_FRAME_SHIFT)

/* After this step these pages lead to @span. */
struct entry {
	unsigned long first;
	unsigned long last;
	struct kspan_span *span;
};

static struct {
	unsigned long frame[MAX_FRAMES];	/* in ascending order */
	unsigned int nr_frames;
	struct entry entry[MAX_ENTRIES];
	unsigned int nr_entries;
	struct kspan_span span[MAX_SPANS];
	bool published[MAX_SPANS];
	unsigned int nr_spans;
	bool placed;				/* whether the window exists */
} m;

/* --- the model ------------------------------------------------------------- */

static unsigned long page_of(unsigned long addr)
{
	return addr >> KSPAN_PAGE_SHIFT;
}

/* Index of the first covered frame at or above @frame. */
static unsigned int frame_index(unsigned long frame)
{
	unsigned int i;

	for (i = 0; i < m.nr_frames && m.frame[i] < frame; i++)
		;
	return i;
}

static bool is_covered(unsigned long first_page, unsigned long last_page)
{
	unsigned int shift = KSPAN_FRAME_SHIFT - KSPAN_PAGE_SHIFT;
	unsigned long frame = first_page >> shift, last = last_page >> shift;
	unsigned int i = frame_index(frame);

	for (; frame <= last; frame++, i++)
		if (i >= m.nr_frames || m.frame[i] != frame)
			return false;
	return true;
}

static unsigned long bytes_of(const struct kspan_span *span)
{
	return (unsigned long)kspan_span_pages(span) << KSPAN_PAGE_SHIFT;
}

/* The addresses that a span occupies: a region, or heap pages. */
static unsigned long start_of(const struct kspan_span *span)
{
	return span->kind == KSPAN_LARGE ? (unsigned long)span->mem : span->base;
}

static unsigned long room_of(const struct kspan_span *span)
{
	if (span->kind != KSPAN_LARGE)
		return bytes_of(span);
	return (unsigned long)span->region_pages << KSPAN_PAGE_SHIFT;
}

static unsigned long nr_touched(const struct kspan_span *span)
{
	return page_of(start_of(span) + room_of(span) - 1) -
	       page_of(start_of(span)) + 1;
}

static struct kspan_span *model_find(unsigned long page)
{
	unsigned int i;

	for (i = m.nr_entries; i-- > 0;)
		if (page >= m.entry[i].first && page <= m.entry[i].last)
			return m.entry[i].span;
	return &kspan_null_span;
}

static enum kspan_fault model_small(const struct kspan_span *span,
				    unsigned long addr, size_t *size)
{
	unsigned long offset = addr - span->base, i;

	*size = kspan_classes[kspan_sc_class(kspan_span_sc(span))].size;
	i = offset / *size;
	if (offset % *size || i >= span->nr_objs)
		return KSPAN_FAULT_INTERIOR;
	return span->state[i] == KSPAN_OBJ_LIVE ||
	       span->state[i] == KSPAN_OBJ_ALIGNED ? KSPAN_FAULT_NONE :
						     KSPAN_FAULT_DOUBLE;
}

static enum kspan_fault model_lookup(unsigned long addr, size_t *size)
{
	struct kspan_span *span = model_find(page_of(addr));

	if (span->kind == KSPAN_NONE)
		return span == &kspan_idle_span ? KSPAN_FAULT_DOUBLE :
						  KSPAN_FAULT_WILD;
	if (span->kind != KSPAN_LARGE)
		return model_small(span, addr, size);
	*size = bytes_of(span);
	if (addr - span->base >= bytes_of(span))
		return KSPAN_FAULT_WILD;
	if (addr != span->base)
		return KSPAN_FAULT_INTERIOR;
	return span->live == KSPAN_LIFE_LIVE ? KSPAN_FAULT_NONE :
					       KSPAN_FAULT_DOUBLE;
}

/* Whether it is memory for objects; exact to the byte in a region. */
static bool model_has(unsigned long addr)
{
	const struct kspan_span *span = model_find(page_of(addr));

	if (span->kind != KSPAN_LARGE)
		return span != &kspan_null_span;
	return addr >= (unsigned long)span->mem &&
	       addr - (unsigned long)span->mem < room_of(span);
}

static void log_entry(unsigned long addr, unsigned long nr_pages,
		      struct kspan_span *span)
{
	m.entry[m.nr_entries++] = (struct entry){
		page_of(addr), page_of(addr) + nr_pages - 1, span,
	};
}

/* --- steps ----------------------------------------------------------------- */

/* An address near the first or the last page of an entry of the log. */
static unsigned long near_entry(const struct fuzz_step *step)
{
	const struct entry *entry = &m.entry[step->x % max(m.nr_entries, 1U)];
	unsigned long page = step->y & 256 ? entry->first : entry->last + 1;

	return (page << KSPAN_PAGE_SHIFT) + (s8)step->y * (long)PAGE_SIZE / 2;
}

static unsigned long near_frame(const struct fuzz_step *step)
{
	unsigned long frame = m.frame[step->x % max(m.nr_frames, 1U)];

	return (frame << KSPAN_FRAME_SHIFT) + (s16)step->y;
}

/* An address that is likely to be interesting. */
static unsigned long pick_addr(const struct fuzz_step *step)
{
	const struct kspan_span *span = &m.span[step->a / 8 % max(m.nr_spans, 1U)];
	long x = step->x, y = step->y;

	switch (step->a % 8) {
	case 0:	/* anywhere */
		return x << 48 | y << 24 | x;
	case 1:	/* near the ends of the window */
		return kspan_window->base + (step->a & 8 ? WINDOW_BYTES : 0) +
		       (s16)x * (long)KSPAN_PAGE_SIZE + (s16)y;
	case 2:	/* near the ends of the address space */
		return (s16)x * (long)KSPAN_PAGE_SIZE + y;
	case 3:	/* at an object, or nearly */
		return span->base + x % (span->nr_objs + 1) *
		       kspan_span_size(span) + y % 3 - 1;
	case 4: /* behind a span, near and far */
		return span->base + bytes_of(span) + y % 3 - 1 +
		       (y & 256 ? x * 2 * KSPAN_PAGE_SIZE : 0);
	case 5:
		return near_frame(step);
	case 6:
		return near_entry(step);
	default: /* where vmalloc() is */
		return SIM_NEAR + (x << 16) + y;
	}
}

/* The map covers @frame from now on. */
static void learn_frame(unsigned long frame)
{
	unsigned int i = frame_index(frame);

	if (i < m.nr_frames && m.frame[i] == frame)
		return;
	memmove(&m.frame[i + 1], &m.frame[i],
		(m.nr_frames - i) * sizeof(m.frame[0]));
	m.frame[i] = frame;
	m.nr_frames++;
}

static void step_cover(const struct fuzz_step *step)
{
	unsigned long addr = pick_addr(step), refused = sim_nr_refused;
	unsigned long bytes = 1UL << (step->code >> 4 & 7) << 20;
	unsigned long frame, last, at;

	/* Memory ends with the address space. */
	bytes = min(bytes, -addr - 1) + 1;
	if (m.nr_frames + 4 > MAX_FRAMES || !addr)
		return;
	sim_refuse = step->code & 128 ? step->y & 3 : 0;
	last = (addr + bytes - 1) >> KSPAN_FRAME_SHIFT;
	if (!kspan_arena_cover(addr, bytes, GFP_KERNEL)) {
		for (frame = addr >> KSPAN_FRAME_SHIFT; frame <= last; frame++)
			learn_frame(frame);
	} else {
		SIM_CHECK(sim_nr_refused > refused);
		/*
		 * Frames covered before the failure stay covered; no others do.
		 */
		for (frame = addr >> KSPAN_FRAME_SHIFT; frame <= last; frame++) {
			at = frame << KSPAN_FRAME_SHIFT;
			if (kspan_arena_frame(&at) &&
			    at == frame << KSPAN_FRAME_SHIFT)
				learn_frame(frame);
		}
	}
	sim_refuse = 0;
	/* The window may be missing for lack of memory. */
	if (m.placed || !kspan_window->nr_frames)
		return;
	m.placed = true;
	SIM_CHECK(addr - kspan_window->base < WINDOW_BYTES);
	SIM_CHECK(kspan_window->base + (WINDOW_BYTES - 1) > kspan_window->base);
	SIM_CHECK(!(kspan_window->base % KSPAN_FRAME_SIZE));
}

/* Whether all of it is covered by the map and free of published spans. */
static bool is_vacant(unsigned long addr, unsigned long bytes)
{
	unsigned long first = page_of(addr), last = page_of(addr + bytes - 1), i;

	if (addr + bytes < addr || !is_covered(first, last) ||
	    m.nr_entries + 2 > MAX_ENTRIES)
		return false;
	for (i = 0; i < m.nr_spans; i++) {
		const struct kspan_span *span = &m.span[i];

		if (m.published[i] && page_of(start_of(span)) <= last &&
		    page_of(start_of(span) + room_of(span) - 1) >= first)
			return false;
	}
	return true;
}

static void make_small(struct kspan_span *span, const struct fuzz_step *step)
{
	unsigned int sc = step->y % (KSPAN_SC_TINY - 1) + 1, i;
	const struct kspan_class *info = &kspan_classes[sc];

	*span = (struct kspan_span){
		.base = ALIGN_DOWN(pick_addr(step), KSPAN_PAGE_SIZE),
		.sc = sc,
		.magic = info->magic,
		.kind = kspan_sc_kind(sc),
		.nr_objs = info->nr_objs,
		/* Any access beyond the states is found by the sanitizer. */
		.state = malloc(info->nr_objs + 1),
	};
	for (i = 0; i < span->nr_objs; i++)
		span->state[i] = (i + step->y) % KSPAN_OBJ_REDZONED;
	span->state[i] = KSPAN_OBJ_NONE;
}

static void make_large(struct kspan_span *span, const struct fuzz_step *step)
{
	unsigned int spare = step->y >> 1 & 3;

	*span = (struct kspan_span){
		/* This may be in the middle of a heap page. */
		.mem = (void *)ALIGN_DOWN(pick_addr(step), PAGE_SIZE),
		.kind = KSPAN_LARGE,
		.nr_pages = 1U << (step->code >> 4),
		.live = step->y & 1,
	};
	/* A region may have room in front of an aligned object. */
	span->base = (unsigned long)span->mem + spare / 2 * PAGE_SIZE;
	span->region_pages = span->nr_pages + spare;
}

static void step_publish(const struct fuzz_step *step, bool large)
{
	struct kspan_span *span = &m.span[m.nr_spans];

	if (m.nr_spans == MAX_SPANS)
		return;
	if (large)
		make_large(span, step);
	else
		make_small(span, step);
	if (!is_vacant(start_of(span), room_of(span))) {
		if (!large)
			free(span->state);
		return;
	}
	kspan_arena_publish(span);
	log_entry(start_of(span), nr_touched(span), span);
	m.published[m.nr_spans++] = true;
}

static void step_withdraw(const struct fuzz_step *step)
{
	unsigned int i = step->x % MAX_SPANS;
	struct kspan_span *span = &m.span[i];

	if (!m.published[i] || m.nr_entries == MAX_ENTRIES)
		return;
	if (span->kind == KSPAN_LARGE)
		kspan_arena_forget(start_of(span), room_of(span));
	else
		kspan_arena_withdraw(span);
	log_entry(start_of(span), nr_touched(span), span->kind == KSPAN_LARGE ?
		  &kspan_null_span : &kspan_idle_span);
	m.published[i] = false;
}

static void step_mark(const struct fuzz_step *step)
{
	bool forget = step->code & 128;
	unsigned long nr_pages = (step->code >> 4 & 7) + 1;
	unsigned long bytes = nr_pages * KSPAN_PAGE_SIZE;
	unsigned long addr = pick_addr(step);

	/* A forgotten range may end in the middle of a heap page. */
	if (forget)
		bytes -= step->x % 2 * PAGE_SIZE;
	else
		addr = ALIGN_DOWN(addr, KSPAN_PAGE_SIZE);
	if (!is_vacant(addr, bytes))
		return;
	nr_pages = page_of(addr + bytes - 1) - page_of(addr) + 1;
	if (forget)
		kspan_arena_forget(addr, bytes);
	else
		kspan_arena_set(addr, nr_pages, &kspan_idle_span);
	log_entry(addr, nr_pages, forget ? &kspan_null_span : &kspan_idle_span);
}

static void check_frame(unsigned long addr)
{
	unsigned int i = frame_index(addr >> KSPAN_FRAME_SHIFT);
	struct kspan_span **table = kspan_arena_frame(&addr);

	SIM_CHECK(!table == (i == m.nr_frames));
	if (!table)
		return;
	SIM_CHECK(addr == m.frame[i] << KSPAN_FRAME_SHIFT);
	for (i = 0; i < KSPAN_FRAME_PAGES; i += 509)
		SIM_CHECK(table[i] == model_find(page_of(addr) + i));
}

static void step_ask(const struct fuzz_step *step)
{
	unsigned long addr = pick_addr(step);
	const void *ptr = (const void *)addr;
	struct kspan_span *want = model_find(page_of(addr));
	struct kspan_object object;
	enum kspan_fault fault;
	size_t size = 0;

	preempt_disable();
	SIM_CHECK(kspan_span_find(ptr) == want);
	if (addr - kspan_window->base >= WINDOW_BYTES)
		want = &kspan_null_span;
	SIM_CHECK(kspan_span_of(ptr) == want);
	SIM_CHECK(kspan_arena_has(ptr) == model_has(addr));
	fault = model_lookup(addr, &size);
	SIM_CHECK(kspan_lookup(ptr, &object) == fault);
	SIM_CHECK(fault || object.size == size);
	preempt_enable();
	check_frame(addr);
}

static void run_step(const struct fuzz_step *step)
{
	switch (step->code % 16) {
	case 0 ... 1:
		step_cover(step);
		break;
	case 2 ... 3:
		step_publish(step, false);
		break;
	case 4 ... 5:
		step_publish(step, true);
		break;
	case 6:
		step_withdraw(step);
		break;
	case 7:
		step_mark(step);
		break;
	default:
		step_ask(step);
		break;
	}
	sim_leave(SIM_TASK);
}

int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input input = { data, size };
	/* Without a reserve the map starts empty and without a window. */
	struct kspan_params params = { .scavenge_ms = 5000, .check = 1 };
	struct fuzz_step step;
	unsigned int i;

	memset(&m, 0, sizeof(m));
	sim_reboot();
	SIM_CHECK(!fuzz_load(&params));
	while (fuzz_next(&input, &step))
		run_step(&step);
	for (i = 0; i < m.nr_spans; i++)
		if (m.span[i].kind != KSPAN_LARGE)
			free(m.span[i].state);
	fuzz_unload(true);
	return 0;
}
