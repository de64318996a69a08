// SPDX-License-Identifier: GPL-2.0
/*
 * NUMA nodes: an object comes from the requested node, and a number that is not
 * a node does no harm.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/topology.h>

#include "kunit_support.h"

static const size_t sizes[] = {
	1, 100, 4096, 32760, 40000, SZ_1M, SZ_2M + 1,
};

/* Whether the first and the last page of an object are on a node. */
static bool is_on_node(const void *ptr, size_t size, int node)
{
	return page_to_nid(vmalloc_to_page(ptr)) == node &&
	       page_to_nid(vmalloc_to_page(ptr + size - 1)) == node;
}

static void expect_from_node(struct kunit *test, size_t size, gfp_t gfp, int node)
{
	/* More objects than a node is likely to have available. */
	void *objs[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_alloc_node(size, gfp, node);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		KUNIT_EXPECT_TRUE_MSG(test, is_on_node(objs[i], size, node),
				      "%zu bytes, node %d", size, node);
	}
	kspan_free_bulk(ARRAY_SIZE(objs), objs);
}

/* Every node with memory, as a preference and with __GFP_THISNODE. */
static void from_the_node(struct kunit *test)
{
	static const gfp_t flags[] = {
		GFP_KERNEL, GFP_KERNEL | __GFP_THISNODE,
		GFP_KERNEL | __GFP_ZERO,
	};
	unsigned int i, k;
	int node;

	for_each_node_state(node, N_MEMORY) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			for (k = 0; k < ARRAY_SIZE(flags); k++)
				expect_from_node(test, sizes[i], flags[k], node);
		kspan_release();
	}
}

/* An object freed for one node does not serve a request for another. */
static void frees_do_not_mix_nodes(struct kunit *test)
{
	void *objs[100];
	unsigned int i;
	int node;

	for_each_node_state(node, N_MEMORY) {
		for (i = 0; i < ARRAY_SIZE(objs); i++) {
			objs[i] = kspan_alloc_node(200, GFP_KERNEL, node);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		}
		kspan_free_bulk(ARRAY_SIZE(objs), objs);
		expect_from_node(test, 200, GFP_KERNEL | __GFP_THISNODE,
				 numa_mem_id());
	}
}

/* NUMA_NO_NODE stands for the node of this CPU, also with __GFP_THISNODE. */
static void any_node(struct kunit *test)
{
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc_node(sizes[i], GFP_KERNEL, NUMA_NO_NODE);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		kspan_free(ptr);
		migrate_disable();
		ptr = kspan_alloc_node(sizes[i], GFP_KERNEL | __GFP_THISNODE,
				       NUMA_NO_NODE);
		KUNIT_EXPECT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_TRUE(test, is_on_node(ptr, sizes[i], numa_mem_id()));
		migrate_enable();
		kspan_free(ptr);
	}
}

/* Numbers that are not a node are ignored, but fail with __GFP_THISNODE. */
static void no_such_node(struct kunit *test)
{
	const int bad[] = {
		-2, -1000, INT_MIN, MAX_NUMNODES, MAX_NUMNODES + 1, INT_MAX,
		first_unset_node(node_online_map),
	};
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	unsigned int i, k;
	void *ptr;

	for (k = 0; k < ARRAY_SIZE(bad); k++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			ptr = kspan_alloc_node(sizes[i], gfp, bad[k]);
			KUNIT_EXPECT_NOT_NULL_MSG(test, ptr, "%zu bytes, node %d",
						  sizes[i], bad[k]);
			kspan_free(ptr);
			ptr = kspan_alloc_node(sizes[i], gfp | __GFP_THISNODE,
					       bad[k]);
			KUNIT_EXPECT_NULL_MSG(test, ptr, "%zu bytes, node %d",
					      sizes[i], bad[k]);
			kspan_free(ptr);
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(from_the_node),
	KUNIT_CASE(frees_do_not_mix_nodes),
	KUNIT_CASE(any_node),
	KUNIT_CASE(no_such_node),
	{}
};

KSPAN_TEST_SUITE(node, cases);
