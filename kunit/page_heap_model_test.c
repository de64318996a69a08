// SPDX-License-Identifier: GPL-2.0
/*
 * The page heap compared with a simple model: one byte for each page, and every
 * search scans all of them.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "heap/page_heap.h"
#include "kunit_support.h"

#define NR_STEPS	100000U
#define NR_CHUNKS	9U
#define NR_RUNS		1024U
#define RESERVE		25U
/* Steps of growth, and as many of shrinking. */
#define TIDE		4000U
/* Steps between two complete checks. */
#define CHECK_STEPS	50U

/* Pages of the chunks: large and small, some equal, some odd. */
static const u16 chunk_pages[NR_CHUNKS] = { 256, 256, 256, 128, 100, 64, 32, 32, 7 };

/* A run that was allocated. */
struct model_run {
	u8 chunk;
	u16 at;
	u16 nr_pages;
};

struct model {
	struct kspan_page_heap heap;
	struct kspan_chunk chunk[NR_CHUNKS];
	u8 used[NR_CHUNKS][KSPAN_CHUNK_MAX];
	u8 dirty[NR_CHUNKS][KSPAN_CHUNK_MAX];
	unsigned int nr_used[NR_CHUNKS];
	struct model_run run[NR_RUNS];
	unsigned int nr_runs;
	unsigned int free_pages;
	unsigned int nr_failed;
	unsigned int nr_refused;
};

static unsigned int model_longest(const struct model *m, unsigned int c)
{
	unsigned int i, length = 0, longest = 0;

	for (i = 0; i < chunk_pages[c]; i++) {
		length = m->used[c][i] ? 0 : length + 1;
		longest = max(longest, length);
	}
	return longest;
}

/* 0 for a chunk that is at least two thirds full, 3 for an empty one. */
static unsigned int model_fill(const struct model *m, unsigned int c)
{
	if (!m->nr_used[c])
		return 3;
	if (3 * m->nr_used[c] >= 2 * chunk_pages[c])
		return 0;
	return 3 * m->nr_used[c] >= chunk_pages[c] ? 1 : 2;
}

/* Rank of a chunk; the lowest is best, and U32_MAX means it cannot serve. */
static u32 model_rank(const struct model *m, unsigned int c, unsigned int need)
{
	unsigned int longest = model_longest(m, c);

	return longest < need ? U32_MAX : longest * 4 + model_fill(m, c);
}

static u32 model_best_rank(const struct model *m, unsigned int need)
{
	u32 best = U32_MAX;
	unsigned int c;

	for (c = 0; c < NR_CHUNKS; c++)
		best = min(best, model_rank(m, c, need));
	return best;
}

/* The first aligned place with @nr free pages. */
static unsigned int model_place(const struct model *m, unsigned int c,
				unsigned int nr, unsigned int align)
{
	unsigned long first = m->chunk[c].base >> KSPAN_PAGE_SHIFT;
	unsigned int at, i;

	for (at = 0; at + nr <= chunk_pages[c]; at++) {
		if ((first + at) % align)
			continue;
		for (i = 0; i < nr && !m->used[c][at + i]; i++)
			;
		if (i == nr)
			return at;
	}
	return UINT_MAX;
}

/* Check an allocation of the heap against the model, and update the model. */
static void model_take(struct kunit *test, struct model *m, unsigned int nr,
		       unsigned int align, const struct kspan_run *run)
{
	unsigned int need = nr + align - 1, c, at;
	bool dirty;

	c = run->chunk - m->chunk;
	KUNIT_ASSERT_LT(test, c, NR_CHUNKS);
	at = (run->addr - run->chunk->base) >> KSPAN_PAGE_SHIFT;
	KUNIT_ASSERT_EQ_MSG(test, model_rank(m, c, need),
			    model_best_rank(m, need), "not the best chunk");
	KUNIT_ASSERT_EQ_MSG(test, at, model_place(m, c, nr, align),
			    "not the first place, or not free");
	dirty = memchr(&m->dirty[c][at], 1, nr);
	KUNIT_ASSERT_EQ_MSG(test, run->dirty, dirty, "dirty or not");
	memset(&m->used[c][at], 1, nr);
	memset(&m->dirty[c][at], 1, nr);
	m->nr_used[c] += nr;
	m->free_pages -= nr;
	m->run[m->nr_runs++] = (struct model_run){ c, at, nr };
	KUNIT_ASSERT_EQ_MSG(test, run->low, m->free_pages < RESERVE ||
			    model_best_rank(m, m->heap.reserve_run) == U32_MAX,
			    "below the reserve or not");
}

static void step_alloc(struct kunit *test, struct model *m,
		       struct kspan_random *random)
{
	unsigned int nr = 1, align = 1;
	struct kspan_run run;
	bool may_reserve, fits;

	/* Mostly spans of small objects, some large ones, some aligned. */
	switch (kspan_random_below(random, 16)) {
	case 0:
		nr = 1 + kspan_random_below(random, 128);
		break;
	case 1:
		align = 2 << kspan_random_below(random, 6);
		fallthrough;
	default:
		nr = 1 + kspan_random_below(random, 10);
		break;
	}
	may_reserve = kspan_random_below(random, 2);
	fits = model_best_rank(m, nr + align - 1) != U32_MAX;
	if (!may_reserve && m->free_pages < RESERVE + nr) {
		m->nr_refused += fits;
		fits = false;
	}
	m->nr_failed += !fits;
	KUNIT_ASSERT_EQ_MSG(test, kspan_page_heap_alloc(&m->heap, nr, align,
							may_reserve, &run), fits,
			    "%u pages, alignment %u", nr, align);
	if (fits)
		model_take(test, m, nr, align, &run);
}

static void step_free(struct model *m, struct kspan_random *random)
{
	unsigned int i = kspan_random_below(random, m->nr_runs);
	struct model_run run = m->run[i];
	struct kspan_chunk *chunk = &m->chunk[run.chunk];

	m->run[i] = m->run[--m->nr_runs];
	memset(&m->used[run.chunk][run.at], 0, run.nr_pages);
	m->nr_used[run.chunk] -= run.nr_pages;
	m->free_pages += run.nr_pages;
	kspan_page_heap_free(&m->heap, chunk, chunk->base +
			((unsigned long)run.at << KSPAN_PAGE_SHIFT),
			run.nr_pages);
}

/* Compare every figure with the model, and run the check of the heap. */
static void expect_same(struct kunit *test, struct model *m)
{
	const char *wrong = kspan_page_heap_check(&m->heap);
	unsigned int c, i;

	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
	KUNIT_ASSERT_NULL(test, wrong);
	KUNIT_ASSERT_EQ(test, m->heap.free_pages, (unsigned long)m->free_pages);
	for (c = 0; c < NR_CHUNKS; c++) {
		KUNIT_ASSERT_EQ(test, (unsigned int)m->chunk[c].longest,
				model_longest(m, c));
		KUNIT_ASSERT_EQ(test, (unsigned int)m->chunk[c].used,
				m->nr_used[c]);
		for (i = 0; i < chunk_pages[c]; i++)
			KUNIT_ASSERT_EQ(test, test_bit(i, m->chunk[c].map),
					(bool)m->used[c][i]);
	}
}

static void setup(struct model *m)
{
	unsigned int c;

	kspan_page_heap_setup(&m->heap, 0, RESERVE);
	for (c = 0; c < NR_CHUNKS; c++) {
		/*
		 * Not adjacent, and at different distances from an aligned
		 * address.
		 */
		m->chunk[c].base = 0x40000000UL + c * 0x1000000UL +
				   c * KSPAN_PAGE_SIZE;
		m->chunk[c].nr_pages = chunk_pages[c];
		m->chunk[c].longest = chunk_pages[c];
		m->free_pages += chunk_pages[c];
		kspan_page_heap_add(&m->heap, &m->chunk[c]);
	}
}

/*
 * Random requests, in tides that fill and empty the heap.  Each must get the
 * chunk and the place that the model considers best, runs must not overlap, and
 * all figures must agree.
 */
static void same_as_the_model(struct kunit *test)
{
	unsigned int step, nr_pages, nr_empty = 0;
	struct kspan_random random;
	struct model *m;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	setup(m);
	nr_pages = m->free_pages;
	kspan_random_init(&random, 20240521);
	for (step = 0; step < NR_STEPS; step++) {
		bool rising = step / TIDE % 2 == 0;
		bool want_alloc = kspan_random_below(&random, 16) <
				  (rising ? 10U : 5U);

		if (m->nr_runs < NR_RUNS && (want_alloc || !m->nr_runs))
			step_alloc(test, m, &random);
		else
			step_free(m, &random);
		if (step % CHECK_STEPS == 0)
			expect_same(test, m);
		nr_empty += m->free_pages == nr_pages;
	}
	/* Otherwise the parameters of the test exercise too little. */
	KUNIT_EXPECT_GT_MSG(test, m->nr_failed, 100U, "never full");
	KUNIT_EXPECT_GT_MSG(test, m->nr_refused, 10U, "reserve never needed");
	KUNIT_EXPECT_GT_MSG(test, nr_empty, 10U, "never empty");
	while (m->nr_runs)
		step_free(m, &random);
	expect_same(test, m);
	KUNIT_EXPECT_EQ(test, m->free_pages, nr_pages);
	KUNIT_EXPECT_EQ(test, m->heap.used_pages, 0UL);
}

static struct kunit_case heap_model_cases[] = {
	KUNIT_CASE(same_as_the_model),
	{}
};

KSPAN_TEST_SUITE(page_heap_model, heap_model_cases);
