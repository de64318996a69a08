// SPDX-License-Identifier: GPL-2.0
/*
 * The tiny allocator: objects of 1 to 15 bytes share blocks of 16 bytes.  A
 * block is freed when its last object is.
 *
 * Each CPU and context has its own current block.  Cases that depend on it
 * start without one and keep preemption off, so that they stay on their CPU and
 * the scavenger cannot drain the block.
 */
#include <linux/align.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "cache/cache.h"
#include "cache/tiny.h"
#include "central/central.h"
#include "kunit_support.h"
#include "show/stats.h"
#include "show/verify.h"

#define MAX_PARTS	256U

/* Shared by the cases, which run one at a time. */
static char *parts[MAX_PARTS];
static size_t sizes[MAX_PARTS];

static unsigned long block_of(const void *ptr)
{
	return ALIGN_DOWN((unsigned long)ptr, KSPAN_TINY_MAX);
}

/* Blocks allocated and freed so far. */
static struct kspan_class_stats blocks(void)
{
	struct kspan_class_stats row;

	kspan_read_sc(KSPAN_SC_TINY, &row);
	return row;
}

static void begin(void)
{
	preempt_disable();
	kspan_tiny_drain_local();
}

static void end(void)
{
	preempt_enable();
}

static void free_parts(unsigned int nr)
{
	while (nr--)
		kspan_free(parts[nr]);
}

/* Alignment by the low bits of the size, as in the Go runtime. */
static unsigned int alignment_of(size_t size)
{
	static const unsigned char align[] = { 8, 1, 2, 1, 4, 1, 2, 1 };

	return align[size % 8];
}

/*
 * Every size: aligned, inside one block of a tiny span, of exactly the
 * requested size, and not overlapping any live object.
 */
static void every_size(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < MAX_PARTS; i++) {
		sizes[i] = i % 15 + 1;
		parts[i] = kspan_alloc_tiny(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, parts[i]);
		memset(parts[i], i, sizes[i]);
	}
	for (i = 0; i < MAX_PARTS; i++) {
		unsigned long addr = (unsigned long)parts[i];

		KUNIT_EXPECT_EQ_MSG(test, addr % alignment_of(sizes[i]), 0UL,
				    "size %zu", sizes[i]);
		KUNIT_EXPECT_EQ(test, block_of(parts[i]),
				block_of(parts[i] + sizes[i] - 1));
		KUNIT_EXPECT_EQ(test, kspan_size(parts[i]), sizes[i]);
		KUNIT_EXPECT_TRUE(test, kspan_owns(parts[i]));
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(parts[i])->kind,
				(int)KSPAN_TINY);
		KUNIT_EXPECT_NULL_MSG(test,
				      memchr_inv(parts[i], i, sizes[i]),
				      "object %u of %zu bytes was written to",
				      i, sizes[i]);
	}
	free_parts(MAX_PARTS);
}

/* From 16 bytes on an object is an ordinary data object. */
static void larger_ones_are_data(struct kunit *test)
{
	static const size_t above[] = { 16, 17, 100, 32768, 40000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(above); i++) {
		void *ptr = kspan_alloc_tiny(above[i], GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, kspan_size(ptr),
				kspan_size_roundup(above[i]));
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(ptr)->kind,
				above[i] > KSPAN_SMALL_MAX ? (int)KSPAN_LARGE :
							     (int)KSPAN_DATA);
		kspan_free(ptr);
	}
	KUNIT_EXPECT_PTR_EQ(test, kspan_alloc_tiny(0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
}

/* 8 + 4 + 2 + 1 + 1 bytes fill one block, in this order and without gaps. */
static void objects_share_a_block(struct kunit *test)
{
	static const size_t fit[] = { 8, 4, 2, 1, 1 };
	static const unsigned int offset[] = { 0, 8, 12, 14, 15 };
	struct kspan_class_stats before, after;
	struct kspan_stats stats;
	unsigned int i;

	begin();
	before = blocks();
	kspan_read_stats(&stats);
	for (i = 0; i < ARRAY_SIZE(fit); i++) {
		parts[i] = kspan_alloc_tiny(fit[i], GFP_ATOMIC);
		KUNIT_EXPECT_EQ(test, block_of(parts[i]), block_of(parts[0]));
		KUNIT_EXPECT_EQ(test, (unsigned long)parts[i] % KSPAN_TINY_MAX,
				(unsigned long)offset[i]);
	}
	after = blocks();
	KUNIT_EXPECT_EQ(test, after.nmalloc - before.nmalloc, 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&stats, tinyallocs), 4ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&stats, heap_objects), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&stats, nmalloc), 5ULL);

	/* The block is full, so the next object begins a new one. */
	parts[i] = kspan_alloc_tiny(1, GFP_ATOMIC);
	KUNIT_EXPECT_NE(test, block_of(parts[i]), block_of(parts[0]));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&stats, heap_objects), 2ULL);
	free_parts(ARRAY_SIZE(fit) + 1);
	end();
}

/* A gap due to alignment remains unused. */
static void alignment_leaves_gaps(struct kunit *test)
{
	begin();
	parts[0] = kspan_alloc_tiny(1, GFP_ATOMIC);
	parts[1] = kspan_alloc_tiny(2, GFP_ATOMIC);
	parts[2] = kspan_alloc_tiny(4, GFP_ATOMIC);
	parts[3] = kspan_alloc_tiny(8, GFP_ATOMIC);
	KUNIT_EXPECT_EQ(test, parts[1] - parts[0], 2L);
	KUNIT_EXPECT_EQ(test, parts[2] - parts[0], 4L);
	KUNIT_EXPECT_EQ(test, parts[3] - parts[0], 8L);
	free_parts(4);
	end();
}

/*
 * A new block with no more room left than the current one does not replace it.
 */
static void roomier_block_stays_current(struct kunit *test)
{
	begin();
	parts[0] = kspan_alloc_tiny(2, GFP_ATOMIC);
	parts[1] = kspan_alloc_tiny(15, GFP_ATOMIC);
	parts[2] = kspan_alloc_tiny(1, GFP_ATOMIC);
	KUNIT_EXPECT_NE(test, block_of(parts[1]), block_of(parts[0]));
	KUNIT_EXPECT_PTR_EQ(test, parts[2], parts[0] + 2);
	free_parts(3);
	end();
}

/* Whatever the order of the frees, the last one frees the block. */
static void last_part_returns_the_block(struct kunit *test)
{
	static const unsigned char order[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 },
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		struct kspan_class_stats before;
		u8 *state;

		begin();
		for (k = 0; k < 4; k++)
			parts[k] = kspan_alloc_tiny(4, GFP_ATOMIC);
		/* A full block remains current until another replaces it. */
		parts[4] = kspan_alloc_tiny(1, GFP_ATOMIC);
		state = kspan_test_state(parts[0]);
		before = blocks();
		for (k = 0; k < 4; k++) {
			KUNIT_EXPECT_EQ(test, (int)*state, (int)KSPAN_OBJ_LIVE);
			KUNIT_EXPECT_EQ(test, blocks().nfree, before.nfree);
			kspan_free(parts[order[i][k]]);
			KUNIT_EXPECT_FALSE(test, kspan_owns(parts[order[i][k]]));
		}
		KUNIT_EXPECT_LE(test, (int)*state, (int)KSPAN_OBJ_ZEROED);
		KUNIT_EXPECT_EQ(test, blocks().nfree, before.nfree + 1);
		kspan_free(parts[4]);
		end();
	}
}

/* A current block whose objects are all freed is used again from its start. */
static void current_block_begins_anew(struct kunit *test)
{
	struct kspan_class_stats before;
	unsigned long held;
	unsigned int i;
	char *first;

	begin();
	first = kspan_alloc_tiny(12, GFP_ATOMIC);
	kspan_free(first);
	before = blocks();
	held = kspan_cache_held(KSPAN_SC_TINY);
	for (i = 0; i < 100; i++) {
		parts[0] = kspan_alloc_tiny(12, GFP_ATOMIC);
		KUNIT_EXPECT_PTR_EQ(test, parts[0], first);
		kspan_free(parts[0]);
	}
	KUNIT_EXPECT_EQ(test, kspan_cache_held(KSPAN_SC_TINY), held);
	KUNIT_EXPECT_EQ(test, blocks().nmalloc, before.nmalloc + 100);
	KUNIT_EXPECT_EQ(test, blocks().nfree, before.nfree + 100);
	end();
}

/* Blocks that hold a live part among the first @nr; NULL is a freed part. */
static unsigned int count_blocks(unsigned int nr)
{
	unsigned int i, k, found = 0;

	for (i = 0; i < nr; i++) {
		if (!parts[i])
			continue;
		for (k = 0; k < i; k++)
			if (parts[k] && block_of(parts[k]) == block_of(parts[i]))
				break;
		found += k == i;
	}
	return found;
}

/* Numbers and contents throughout 4000 random calls. */
static void accounting(struct kunit *test)
{
	struct kspan_random random;
	struct kspan_stats before;
	u64 nr_alloc = 0;
	unsigned int i, step;

	kspan_random_init(&random, 1);
	memset(parts, 0, sizeof(parts));
	kspan_read_stats(&before);
	for (step = 0; step < 4000; step++) {
		i = kspan_random_below(&random, MAX_PARTS);
		if (parts[i]) {
			KUNIT_EXPECT_NULL(test, memchr_inv(parts[i], i, sizes[i]));
			kspan_free_sized(parts[i], sizes[i]);
			parts[i] = NULL;
		} else {
			sizes[i] = kspan_random_below(&random, 15) + 1;
			parts[i] = kspan_alloc_tiny(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, parts[i]);
			memset(parts[i], i, sizes[i]);
			nr_alloc++;
		}
		if (step % 200 == 0) {
			u64 live = count_blocks(MAX_PARTS);

			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects),
					live);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc),
					live * KSPAN_TINY_MAX);
			KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc),
					nr_alloc);
		}
	}
	free_parts(MAX_PARTS);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), nr_alloc);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), nr_alloc);
}

/* A zeroed object is zero, and its neighbours are unchanged. */
static void zeroed(struct kunit *test)
{
	size_t size;

	for (size = 1; size < KSPAN_TINY_MAX; size++) {
		unsigned int beside = KSPAN_TINY_MAX - size;

		begin();
		/* Leave a dirty block to be used again from its start. */
		parts[0] = kspan_alloc_tiny(15, GFP_ATOMIC);
		memset(parts[0], 0xff, 15);
		kspan_free(parts[0]);

		parts[0] = kspan_alloc_tiny(beside, GFP_ATOMIC);
		memset(parts[0], 0xaa, beside);
		parts[1] = kspan_alloc_tiny(size, GFP_ATOMIC | __GFP_ZERO);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(parts[1], 0, size),
				      "%zu bytes are not zero", size);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(parts[0], 0xaa, beside),
				      "zeroing %zu bytes reached others", size);
		free_parts(2);
		end();
	}
}

/* Task, softirq and hardirq context use blocks of their own. */
static void alloc_one_byte(void *arg)
{
	*(void **)arg = kspan_alloc_tiny(1, GFP_ATOMIC);
}

static void contexts_share_no_block(struct kunit *test)
{
	migrate_disable();
	kspan_tiny_drain_local();
	parts[0] = kspan_alloc_tiny(1, GFP_KERNEL);
	kspan_test_run_in(test, KSPAN_TEST_SOFTIRQ, alloc_one_byte, &parts[1]);
	kspan_test_run_in(test, KSPAN_TEST_HARDIRQ, alloc_one_byte, &parts[2]);
	parts[3] = kspan_alloc_tiny(1, GFP_KERNEL);
	KUNIT_EXPECT_NE(test, block_of(parts[1]), block_of(parts[0]));
	KUNIT_EXPECT_NE(test, block_of(parts[2]), block_of(parts[0]));
	KUNIT_EXPECT_NE(test, block_of(parts[2]), block_of(parts[1]));
	KUNIT_EXPECT_PTR_EQ(test, parts[3], parts[0] + 1);
	free_parts(4);
	migrate_enable();
}

/* Each bad free is found and counted once, and harms no neighbour. */
static void bad_frees(struct kunit *test)
{
	struct kspan_stats before;

	begin();
	kspan_test_expect_bad_frees(5);
	kspan_read_stats(&before);
	parts[0] = kspan_alloc_tiny(8, GFP_ATOMIC);
	parts[1] = kspan_alloc_tiny(4, GFP_ATOMIC);
	memset(parts[0], 0x55, 8);

	kspan_free(parts[0] + 3);		/* inside */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 1ULL);
	kspan_free_sized(parts[0], 7);		/* not its size */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 2ULL);
	KUNIT_EXPECT_EQ(test, kspan_size(parts[0]), (size_t)8);
	KUNIT_EXPECT_NULL(test, memchr_inv(parts[0], 0x55, 8));

	kspan_free(parts[1]);
	kspan_free(parts[1]);			/* twice, beside a live one */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
	kspan_free(parts[0]);
	kspan_free(parts[0]);			/* twice, in the current block */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
	kspan_tiny_drain_local();
	kspan_free(parts[0]);			/* and in a returned one */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 3ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	end();
}

/*
 * An inconsistent span is quarantined once, although tiny spans always have a
 * divisor of 0.  Blocks that return to it are not reused.
 */
static void corrupt_span_is_quarantined(struct kunit *test)
{
	struct kspan_central *central;
	struct kspan_slot slot;
	struct kspan_span *span;
	void *ptr;

	kspan_test_expect_corrupt(1);
	ptr = kspan_alloc_tiny(8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	/* The other blocks return to the span. */
	kspan_release();
	span = kspan_test_span(ptr);
	central = kspan_central_of(span->node, KSPAN_SC_TINY);
	KUNIT_ASSERT_EQ(test, span->nr_free, (u16)(span->nr_objs - 1));
	span->nr_free -= 2;
	KUNIT_EXPECT_EQ(test, kspan_central_fill(span->node, KSPAN_SC_TINY,
						 &slot, 1), 0U);
	KUNIT_EXPECT_EQ(test, central->nr_free, 0UL);
	kspan_free(ptr);
	kspan_release();
	KUNIT_EXPECT_EQ(test, span->nr_free, (u16)0);
	KUNIT_EXPECT_EQ(test, kspan_central_fill(span->node, KSPAN_SC_TINY,
						 &slot, 1), 0U);
	KUNIT_EXPECT_NULL(test, kspan_verify());
	kspan_test_revive(span);
}

static struct kunit_case tiny_cases[] = {
	KUNIT_CASE(every_size),
	KUNIT_CASE(larger_ones_are_data),
	KUNIT_CASE(objects_share_a_block),
	KUNIT_CASE(alignment_leaves_gaps),
	KUNIT_CASE(roomier_block_stays_current),
	KUNIT_CASE(last_part_returns_the_block),
	KUNIT_CASE(current_block_begins_anew),
	KUNIT_CASE(accounting),
	KUNIT_CASE(zeroed),
	KUNIT_CASE(contexts_share_no_block),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(corrupt_span_is_quarantined),
	{}
};

KSPAN_TEST_SUITE(tiny, tiny_cases);
