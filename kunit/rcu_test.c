// SPDX-License-Identifier: GPL-2.0
/*
 * Frees after a grace period: no object is freed before it has passed, every
 * object is freed afterwards, and each context may call kspan_free_rcu(), also
 * when there is no memory.  A second free is a double free.
 */
#include <linux/delay.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/rcu.h"
#include "base/inject.h"
#include "base/pool.h"
#include "kunit_support.h"

struct node {
	u64 before[3];
	struct rcu_head rcu;
	u64 after[2];
};

/* Enough objects to fill several blocks. */
#define NR_NODES	500U
static struct node *nodes[NR_NODES];
static struct kspan_stats before;

static void alloc_nodes(struct kunit *test, unsigned int nr, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		nodes[i] = kspan_zalloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, nodes[i]);
	}
	kspan_read_stats(&before);
}

/* A reader may use an object until its read section ends. */
static void not_within_a_read_section(struct kunit *test)
{
	unsigned int i;

	alloc_nodes(test, NR_NODES, sizeof(struct node));
	rcu_read_lock();
	for (i = 0; i < NR_NODES; i++)
		kspan_free_rcu(nodes[i], rcu);
	/* Enough time for a worker that does not wait for readers. */
	mdelay(20);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	for (i = 0; i < NR_NODES; i++)
		KUNIT_EXPECT_TRUE(test, kspan_owns(nodes[i]));
	rcu_read_unlock();
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)NR_NODES);
	for (i = 0; i < NR_NODES; i++)
		KUNIT_EXPECT_FALSE(test, kspan_owns(nodes[i]));
}

/* The objects are freed even if no caller waits for that. */
static void by_itself(struct kunit *test)
{
	unsigned long end = jiffies + KSPAN_TEST_PATIENCE;
	unsigned int i;

	alloc_nodes(test, 100, sizeof(struct node));
	for (i = 0; i < 100; i++)
		kspan_free_rcu(nodes[i], rcu);
	while (KSPAN_SINCE(&before, nfree) < 100 && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 100ULL);
}

/* A release and a barrier leave no object waiting, time and again. */
static void release_waits_too(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		alloc_nodes(test, 10, sizeof(struct node) + i * 5000);
		kspan_free_rcu(nodes[0], rcu);
		kspan_free_rcu(nodes[1], rcu);
		if (i & 1)
			kspan_release();
		else
			kspan_rcu_barrier();
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
		kspan_free_bulk(8, (void **)&nodes[2]);
	}
	/* Nothing to wait for. */
	kspan_rcu_barrier();
}

static void no_object(struct kunit *test)
{
	struct node *none = NULL;

	kspan_read_stats(&before);
	kspan_free_rcu(none, rcu);
	kspan_free_rcu_mightsleep(NULL);
	kspan_free_rcu_mightsleep(ZERO_SIZE_PTR);
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
}

static void without_a_head(struct kunit *test)
{
	unsigned int i;

	alloc_nodes(test, 100, 8);
	for (i = 0; i < 100; i++)
		kspan_free_rcu_mightsleep(nodes[i]);
	nodes[0] = kspan_alloc(SZ_1M, GFP_KERNEL);
	kspan_free_rcu_mightsleep(nodes[0]);
	nodes[0] = kspan_alloc_tiny(3, GFP_KERNEL);
	kspan_free_rcu_mightsleep(nodes[0]);
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 102ULL);
}

static void free_one(void *node)
{
	kspan_free_rcu((struct node *)node, rcu);
}

static void from_any_place(struct kunit *test)
{
	unsigned int place;

	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		alloc_nodes(test, 1, sizeof(struct node));
		kspan_test_run_in(test, place, free_one, nodes[0]);
		kspan_rcu_barrier();
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, nfree), 1ULL, "%s",
				    kspan_test_place_names[place]);
	}
}

/* The second of two frees of one object is reported as a double free. */
static void twice(struct kunit *test)
{
	alloc_nodes(test, 2, sizeof(struct node));
	kspan_test_expect_bad_frees(2);
	kspan_free_rcu(nodes[0], rcu);
	kspan_free_rcu(nodes[0], rcu);
	kspan_free_rcu(nodes[1], rcu);
	kspan_free(nodes[1]);
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 2ULL);
}

/* --- without memory for blocks ------------------------------------------------ */

/* Blocks taken by dry_out(), linked by their first words. */
static void **blocks;

/*
 * Take all blocks, then free the nodes; some still fit into the blocks of the
 * CPUs.  Return: the number that did not, and so are linked by their rcu_head.
 */
static unsigned int dry_out(void)
{
	unsigned int i, nr = 0;
	void **block;

	kspan_inject_set("slab/1");
	while ((block = kspan_pool_alloc(&kspan_rcu_blocks, GFP_NOWAIT))) {
		*block = blocks;
		blocks = block;
	}
	for (i = 0; i < NR_NODES; i++)
		kspan_free_rcu(nodes[i], rcu);
	for (i = 0; i < NR_NODES; i++)
		nr += !!nodes[i]->rcu.func;
	return nr;
}

static void fill_again(void)
{
	void **block;

	kspan_inject_set("off");
	while ((block = blocks)) {
		blocks = *block;
		kspan_pool_free(&kspan_rcu_blocks, block);
	}
}

/* Without blocks, objects are linked by their rcu_head. */
static void without_memory(struct kunit *test)
{
	unsigned int i, nr;

	alloc_nodes(test, NR_NODES, sizeof(struct node));
	rcu_read_lock();
	nr = dry_out();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	rcu_read_unlock();
	KUNIT_EXPECT_GT(test, nr, 0U);
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)NR_NODES);
	/* A caller that may sleep waits for a grace period instead. */
	alloc_nodes(test, 70, 8);
	for (i = 0; i < 70; i++)
		kspan_free_rcu_mightsleep(nodes[i]);
	kspan_rcu_barrier();
	fill_again();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 70ULL);
}

static void twice_without_memory(struct kunit *test)
{
	struct node *node;

	alloc_nodes(test, NR_NODES, sizeof(struct node));
	node = nodes[NR_NODES - 1];
	rcu_read_lock();
	dry_out();
	kspan_test_expect_bad_frees(2);
	/*
	 * The node freed last; and a pointer that is not the start of an
	 * object.
	 */
	kspan_free_rcu(node, rcu);
	__kspan_free_rcu(&node->rcu, &node->before[1]);
	rcu_read_unlock();
	kspan_rcu_barrier();
	fill_again();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)NR_NODES);
}

/* A write to a linked object breaks the list and does no other harm. */
static void written_without_memory(struct kunit *test)
{
	unsigned int i, nr = 0;

	alloc_nodes(test, NR_NODES, sizeof(struct node));
	rcu_read_lock();
	dry_out();
	kspan_test_expect_corrupt(1);
	memset(&nodes[NR_NODES - 2]->rcu, 0x11, sizeof(struct rcu_head));
	rcu_read_unlock();
	kspan_rcu_barrier();
	fill_again();
	KUNIT_EXPECT_FALSE(test, kspan_owns(nodes[NR_NODES - 1]));
	KUNIT_EXPECT_TRUE(test, kspan_owns(nodes[NR_NODES - 2]));
	/* Free the objects that the list has lost. */
	for (i = 0; i < NR_NODES; i++) {
		if (!kspan_owns(nodes[i]))
			continue;
		kspan_free(nodes[i]);
		nr++;
	}
	KUNIT_EXPECT_GT(test, nr, 0U);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), (u64)NR_NODES);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(not_within_a_read_section),
	KUNIT_CASE(by_itself),
	KUNIT_CASE(release_waits_too),
	KUNIT_CASE(no_object),
	KUNIT_CASE(without_a_head),
	KUNIT_CASE(from_any_place),
	KUNIT_CASE(twice),
	KUNIT_CASE(without_memory),
	KUNIT_CASE(twice_without_memory),
	KUNIT_CASE(written_without_memory),
	{}
};

KSPAN_TEST_SUITE(rcu, cases);
