// SPDX-License-Identifier: GPL-2.0
/*
 * Target: the page heap, compared with a simple model that has one byte for
 * each page.
 *
 * Chunks of any length are added and removed.  Each run must come from the
 * chunk that the model considers best, and must be the first suitable place
 * there.  All figures must agree with the model.
 */
#include <string.h>
#include <linux/jiffies.h>

#include "heap/page_heap.h"
#include "target.h"

#define MAX_CHUNKS	24U
#define MAX_RUNS	512U

/* State of a page. */
#define USED	1
#define DIRTY	2

#define FAR_RANK	100000U

struct model_chunk {
	struct kspan_chunk *chunk;
	unsigned long idle_since;
	u8 page[KSPAN_CHUNK_MAX];
};

struct model_run {
	struct kspan_chunk *chunk;
	unsigned int at;
	unsigned int nr_pages;
};

static struct {
	struct kspan_page_heap heap;
	struct model_chunk chunk[MAX_CHUNKS];
	unsigned int nr_chunks;
	struct model_run run[MAX_RUNS];
	unsigned int nr_runs;
	unsigned long reserve;
	unsigned long peak;
} m;

static unsigned int used_pages(const struct model_chunk *c)
{
	unsigned int i, used = 0;

	for (i = 0; i < c->chunk->nr_pages; i++)
		used += c->page[i] & USED;
	return used;
}

static unsigned int longest_run(const struct model_chunk *c)
{
	unsigned int i, length = 0, longest = 0;

	for (i = 0; i < c->chunk->nr_pages; i++) {
		length = c->page[i] & USED ? 0 : length + 1;
		longest = max(longest, length);
	}
	return longest;
}

/* Free pages outside of far chunks. */
static unsigned long near_pages(void)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < m.nr_chunks; i++)
		if (!m.chunk[i].chunk->far)
			nr += m.chunk[i].chunk->nr_pages - used_pages(&m.chunk[i]);
	return nr;
}

static unsigned long all_pages(bool used)
{
	unsigned long nr = 0;
	unsigned int i;

	for (i = 0; i < m.nr_chunks; i++)
		nr += used ? used_pages(&m.chunk[i]) :
			     m.chunk[i].chunk->nr_pages - used_pages(&m.chunk[i]);
	return nr;
}

/* Rank of a chunk; the lowest is best, UINT_MAX means it has no such run. */
static unsigned int rank(const struct model_chunk *c, unsigned int need)
{
	unsigned int longest = longest_run(c), used = used_pages(c), fill = 3;

	if (longest < need)
		return UINT_MAX;
	/* The third up to which the chunk is in use, or none of it. */
	if (3 * used >= 2 * c->chunk->nr_pages)
		fill = 0;
	else if (3 * used >= c->chunk->nr_pages)
		fill = 1;
	else if (used)
		fill = 2;
	/* Every near chunk is better than a far one. */
	return 4 * longest + fill + (c->chunk->far ? FAR_RANK : 0);
}

static unsigned int best_rank(unsigned int need, bool use_far)
{
	unsigned int i, best = UINT_MAX;

	for (i = 0; i < m.nr_chunks; i++)
		if (use_far || !m.chunk[i].chunk->far)
			best = min(best, rank(&m.chunk[i], need));
	return best;
}

/* The first aligned place with that many free pages. */
static unsigned int first_place(const struct model_chunk *c, unsigned int nr,
				unsigned int align)
{
	unsigned long first = c->chunk->base >> KSPAN_PAGE_SHIFT;
	unsigned int at, i;

	for (at = 0; at + nr <= c->chunk->nr_pages; at++) {
		if ((first + at) % align)
			continue;
		for (i = 0; i < nr && !(c->page[at + i] & USED); i++)
			;
		if (i == nr)
			return at;
	}
	return UINT_MAX;
}

static struct model_chunk *find_chunk(const struct kspan_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < m.nr_chunks; i++)
		if (m.chunk[i].chunk == chunk)
			return &m.chunk[i];
	return NULL;
}

/* Add chunks to the model that the heap has got. */
static void learn_chunks(void)
{
	struct kspan_chunk *chunk;

	list_for_each_entry(chunk, &m.heap.chunks, all) {
		struct model_chunk *c = find_chunk(chunk);

		if (c)
			continue;
		SIM_CHECK(m.nr_chunks < MAX_CHUNKS);
		c = &m.chunk[m.nr_chunks++];
		c->chunk = chunk;
		c->idle_since = jiffies;
		memset(c->page, sim_init_on_alloc ? 0 : DIRTY, sizeof(c->page));
	}
}

static void step_grow(const struct fuzz_step *step)
{
	unsigned int nr_pages = step->x % KSPAN_CHUNK_MAX + 1;
	struct kspan_chunk *chunk;
	int err;

	if (m.nr_chunks == MAX_CHUNKS)
		return;
	sim_refuse = step->a % 4 ? 0 : step->y & 7;
	if (step->a % 2) {
		err = kspan_page_heap_grow(&m.heap, nr_pages, GFP_KERNEL);
		SIM_CHECK(!err || sim_nr_refused);
		SIM_CHECK(err || m.heap.nr_chunks == m.nr_chunks + 1);
	} else {
		/* Also lengths that the heap never requests. */
		chunk = kspan_chunk_get(0, nr_pages, GFP_KERNEL, &err);
		SIM_CHECK(chunk || sim_nr_refused);
		if (chunk)
			kspan_page_heap_add(&m.heap, chunk);
	}
	learn_chunks();
}

static void check_run(const struct kspan_run *run, unsigned int nr,
		      unsigned int align, bool use_far)
{
	struct model_chunk *c = find_chunk(run->chunk);
	unsigned int need = nr + align - 1, at, i;
	bool dirty = false;

	SIM_CHECK(c);
	at = (run->addr - run->chunk->base) >> KSPAN_PAGE_SHIFT;
	SIM_CHECK(rank(c, need) == best_rank(need, use_far));
	SIM_CHECK(at == first_place(c, nr, align));
	for (i = at; i < at + nr; i++) {
		dirty |= c->page[i] & DIRTY;
		c->page[i] |= USED | DIRTY;
	}
	SIM_CHECK(run->dirty == dirty);
	m.peak = max(m.peak, all_pages(true));
	SIM_CHECK(run->low ==
		  (m.reserve && (near_pages() < m.reserve ||
				 best_rank(m.heap.reserve_run, false) == UINT_MAX)));
	m.run[m.nr_runs++] = (struct model_run){ run->chunk, at, nr };
	/* The memory is mapped and writable. */
	*(char *)run->addr = 1;
	*(char *)(run->addr + nr * KSPAN_PAGE_SIZE - 1) = 1;
}

static void step_alloc(const struct fuzz_step *step)
{
	unsigned int align = step->a & 8 ? 1U << (step->a & 7) : 1;
	unsigned int nr = step->x % KSPAN_CHUNK_MAX + 1;
	bool use_reserve = step->a & 16, fits;
	struct kspan_run run;

	if (step->a & 32)
		nr = step->x % 8 + 1;
	if (m.nr_runs == MAX_RUNS)
		return;
	fits = nr + align - 1 <= KSPAN_CHUNK_MAX &&
	       best_rank(nr + align - 1, use_reserve) != UINT_MAX;
	if (!use_reserve && near_pages() < m.reserve + nr)
		fits = false;
	SIM_CHECK(kspan_page_heap_alloc(&m.heap, nr, align, use_reserve, &run) ==
		  fits);
	if (fits)
		check_run(&run, nr, align, use_reserve);
}

static void free_run(unsigned int i)
{
	struct model_run run = m.run[i];
	struct model_chunk *c = find_chunk(run.chunk);
	unsigned int page;

	m.run[i] = m.run[--m.nr_runs];
	for (page = run.at; page < run.at + run.nr_pages; page++)
		c->page[page] &= ~USED;
	if (!used_pages(c))
		c->idle_since = jiffies;
	kspan_page_heap_free(&m.heap, run.chunk, run.chunk->base +
			((unsigned long)run.at << KSPAN_PAGE_SHIFT),
			run.nr_pages);
}

/* Whether the chunk is still in the heap, without access to the chunk. */
static bool is_in_heap(const struct kspan_chunk *chunk)
{
	const struct kspan_chunk *other;

	list_for_each_entry(other, &m.heap.chunks, all)
		if (other == chunk)
			return true;
	return false;
}

/*
 * Trimming removes only chunks without users that have idled long enough,
 * leaves @keep pages, and leaves a run for the reserve.
 */
static void trim(unsigned long keep, unsigned long idle)
{
	bool had_run = best_rank(m.heap.reserve_run, false) != UINT_MAX;
	unsigned long free = all_pages(false), near = near_pages(), bytes = 0;
	unsigned long returned;
	unsigned int i;

	returned = kspan_page_heap_trim(&m.heap, keep, idle);
	for (i = m.nr_chunks; i-- > 0;) {
		struct model_chunk *c = &m.chunk[i];
		unsigned int page;

		if (is_in_heap(c->chunk))
			continue;
		for (page = 0; page < KSPAN_CHUNK_MAX; page++)
			SIM_CHECK(!(c->page[page] & USED));
		SIM_CHECK(jiffies - c->idle_since >= idle);
		*c = m.chunk[--m.nr_chunks];
	}
	bytes = (free - all_pages(false)) * KSPAN_PAGE_SIZE;
	SIM_CHECK(returned == bytes);
	SIM_CHECK(near_pages() >= min(keep, near));
	SIM_CHECK(!keep || !had_run ||
		  best_rank(m.heap.reserve_run, false) != UINT_MAX);
}

static void check_same(void)
{
	const char *wrong = kspan_page_heap_check(&m.heap);
	unsigned int i, page;

	if (wrong)
		sim_fail("kspan_page_heap_check()", 0, wrong);
	SIM_CHECK(m.heap.nr_chunks == m.nr_chunks);
	SIM_CHECK(m.heap.free_pages == all_pages(false));
	SIM_CHECK(kspan_page_heap_near(&m.heap) == near_pages());
	SIM_CHECK(m.heap.used_pages == all_pages(true));
	for (i = 0; i < m.nr_chunks; i++) {
		const struct kspan_chunk *chunk = m.chunk[i].chunk;

		SIM_CHECK(chunk->longest == longest_run(&m.chunk[i]));
		for (page = 0; page < chunk->nr_pages; page++)
			SIM_CHECK(test_bit(page, chunk->map) ==
				  (m.chunk[i].page[page] & USED));
	}
}

static void run_step(const struct fuzz_step *step)
{
	unsigned long keep;

	switch (step->code % 16) {
	case 0:
		step_grow(step);
		break;
	case 1:
		trim(step->x % 512, step->y % 64);
		break;
	case 2:
		sim_advance(step->x % 64);
		break;
	case 3:
		keep = kspan_page_heap_keep(&m.heap);
		SIM_CHECK(keep == m.reserve + m.peak / 10);
		m.peak = all_pages(true) + (m.peak - all_pages(true)) / 2;
		break;
	case 4 ... 8:
		if (m.nr_runs)
			free_run(step->x % m.nr_runs);
		break;
	default:
		step_alloc(step);
		break;
	}
	sim_leave(SIM_TASK);
}

int fuzz_one(const u8 *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct kspan_params params = { .scavenge_ms = 5000, .check = 1 };
	struct fuzz_step step = {};

	fuzz_next(&input, &step);
	memset(&m, 0, sizeof(m));
	sim_reboot();
	sim_init_on_alloc = step.code & 1;
	m.reserve = step.a;
	SIM_CHECK(!fuzz_load(&params));
	kspan_page_heap_setup(&m.heap, 0, m.reserve);
	while (fuzz_next(&input, &step)) {
		run_step(&step);
		check_same();
	}
	while (m.nr_runs)
		free_run(m.nr_runs - 1);
	check_same();
	trim(0, 0);
	SIM_CHECK(!m.nr_chunks);
	fuzz_unload(true);
	return 0;
}
