// SPDX-License-Identifier: GPL-2.0
/*
 * Thin wrappers: formatted strings, allocation by type, scope-based cleanup,
 * device-managed objects, mempools, and nodes.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kunit_support.h"

static struct kspan_stats before;

/* --- strings ------------------------------------------------------------------ */

static void formatted_strings(struct kunit *test)
{
	static char text[3000];
	char *copy;

	memset(text, 'y', sizeof(text) - 1);
	copy = kspan_asprintf(GFP_KERNEL, "%s-%d", "disk", 42);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, "disk-42");
	KUNIT_EXPECT_TRUE(test, kspan_test_span(copy)->kind == KSPAN_DATA);
	kspan_free_sized(copy, 8);
	copy = kspan_asprintf(GFP_KERNEL, "%s", "");
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, "");
	kspan_free_sized(copy, 1);
	copy = kspan_asprintf(GFP_ATOMIC, "%s!", text);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, strlen(copy), sizeof(text));
	KUNIT_EXPECT_EQ(test, copy[sizeof(text) - 1], '!');
	kspan_free_sized(copy, sizeof(text) + 1);
}

static void memdup_nul_ends(struct kunit *test)
{
	static const char bytes[4] = { 'a', '\0', 'b', 'c' };
	char *copy = kspan_memdup_nul(bytes, sizeof(bytes), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, memcmp(copy, bytes, sizeof(bytes)), 0);
	KUNIT_EXPECT_EQ(test, copy[4], '\0');
	kspan_free_sized(copy, 5);
	copy = kspan_memdup_nul(bytes, 0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, copy[0], '\0');
	kspan_free_sized(copy, 1);
	KUNIT_EXPECT_NULL(test, kspan_memdup_nul(NULL, 4, GFP_KERNEL));
	KUNIT_EXPECT_NULL(test, kspan_memdup_nul(bytes, SIZE_MAX, GFP_KERNEL));
}

/* --- by type ------------------------------------------------------------------ */

struct packet {
	u64 len;
	u16 nr;
	u32 words[];
};

static void by_type(struct kunit *test)
{
	struct packet *packet;
	unsigned int i;
	u64 *array;

	packet = kspan_alloc_obj(struct packet);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	kspan_free_sized(packet, sizeof(*packet));
	packet = kspan_zalloc_obj(*packet, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, packet);
	KUNIT_EXPECT_NULL(test, memchr_inv(packet, 0, sizeof(*packet)));
	kspan_free_sized(packet, sizeof(*packet));

	array = kspan_alloc_objs(u64, 33);
	KUNIT_ASSERT_NOT_NULL(test, array);
	memset(array, 0xee, 33 * sizeof(u64));
	kspan_free_sized(array, 33 * sizeof(u64));
	array = kspan_zalloc_objs(*array, 33, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, array);
	KUNIT_EXPECT_NULL(test, memchr_inv(array, 0, 33 * sizeof(u64)));
	kspan_free_sized(array, 33 * sizeof(u64));
	KUNIT_EXPECT_NULL(test, kspan_alloc_objs(u64, SIZE_MAX / 2));

	for (i = 0; i < 40; i += 13) {
		size_t size = struct_size(packet, words, i);

		packet = kspan_alloc_flex(struct packet, words, i);
		KUNIT_ASSERT_NOT_NULL(test, packet);
		kspan_free_sized(packet, size);
		packet = kspan_zalloc_flex(*packet, words, i, GFP_ATOMIC);
		KUNIT_ASSERT_NOT_NULL(test, packet);
		KUNIT_EXPECT_NULL(test, memchr_inv(packet, 0, size));
		kspan_free_sized(packet, size);
	}
	KUNIT_EXPECT_NULL(test, kspan_alloc_flex(struct packet, words, SIZE_MAX / 2,
						 GFP_KERNEL | __GFP_NOWARN));
}

/* --- with a scope ------------------------------------------------------------- */

static int leave_early(int way)
{
	char *a __free(kspan) = kspan_alloc(100, GFP_KERNEL);
	char *none __free(kspan) = NULL;
	char *bad __free(kspan) = ERR_PTR(-EIO);

	if (way == 1)
		return 1;
	if (way == 2) {
		char *b __free(kspan) = kspan_zalloc(SZ_64K, GFP_KERNEL);

		return b && a ? 2 : 0;
	}
	return !none && IS_ERR(bad) ? 3 : 0;
}

static void with_a_scope(struct kunit *test)
{
	int way;

	for (way = 1; way <= 3; way++) {
		kspan_read_stats(&before);
		KUNIT_EXPECT_EQ(test, leave_early(way), way);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc),
				way == 2 ? 2ULL : 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
	}
}

/* --- with a device ------------------------------------------------------------ */

static void with_a_device(struct kunit *test)
{
	struct device *dev = root_device_register("kspan_test");
	char *a, *b, *c;

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	kspan_read_stats(&before);
	a = devm_kspan_alloc(dev, 100, GFP_KERNEL);
	b = devm_kspan_zalloc(dev, SZ_64K, GFP_KERNEL);
	c = devm_kspan_zalloc(dev, 8, GFP_ATOMIC);
	KUNIT_EXPECT_TRUE(test, kspan_owns(a));
	KUNIT_ASSERT_TRUE(test, kspan_owns(b));
	KUNIT_ASSERT_TRUE(test, kspan_owns(c));
	KUNIT_EXPECT_NULL(test, memchr_inv(b, 0, SZ_64K));
	KUNIT_EXPECT_NULL(test, memchr_inv(c, 0, 8));
	KUNIT_EXPECT_PTR_EQ(test, devm_kspan_alloc(dev, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_NULL(test, devm_kspan_alloc(dev, SIZE_MAX,
						 GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 3ULL);
	devm_kspan_free(dev, b);
	devm_kspan_free(dev, NULL);
	devm_kspan_free(dev, ZERO_SIZE_PTR);
	KUNIT_EXPECT_FALSE(test, kspan_owns(b));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 2ULL);
	root_device_unregister(dev);
	KUNIT_EXPECT_FALSE(test, kspan_owns(a));
	KUNIT_EXPECT_FALSE(test, kspan_owns(c));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
}

/* --- in a mempool ------------------------------------------------------------- */

static void in_a_mempool(struct kunit *test)
{
	mempool_t *pool;
	void *objs[10];
	unsigned int i;

	kspan_read_stats(&before);
	pool = mempool_create(4, kspan_mempool_alloc, kspan_mempool_free,
			      (void *)200);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 4ULL);
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = mempool_alloc(pool, GFP_KERNEL);
		KUNIT_EXPECT_TRUE(test, kspan_owns(objs[i]));
		KUNIT_EXPECT_GE(test, kspan_size(objs[i]), (size_t)200);
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		mempool_free(objs[i], pool);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 4ULL);
	mempool_destroy(pool);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, heap_objects), 0ULL);
}

/* --- on a node ---------------------------------------------------------------- */

static void on_a_node(struct kunit *test)
{
	static const int wishes[] = { NUMA_NO_NODE, 0, -1000, MAX_NUMNODES };
	unsigned int i;
	char *ptr;

	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		ptr = kspan_zalloc_node(300, GFP_KERNEL, wishes[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, kspan_size(ptr)));
		memset(ptr, 0xff, 300);
		kspan_free_sized(ptr, 300);
		ptr = kspan_alloc_array_node(30, 10, GFP_KERNEL, wishes[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0xff, 300);
		kspan_free_sized(ptr, 300);
		ptr = kspan_calloc_node(30, 10, GFP_KERNEL, wishes[i]);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0, 300));
		kspan_free_sized(ptr, 300);
		KUNIT_EXPECT_NULL(test, kspan_calloc_node(SIZE_MAX, 2, GFP_KERNEL,
							  wishes[i]));
		KUNIT_EXPECT_NULL(test, kspan_alloc_array_node(2, SIZE_MAX,
							       GFP_KERNEL,
							       wishes[i]));
	}
	ptr = kspan_zalloc_node(300, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN,
				MAX_NUMNODES);
	KUNIT_EXPECT_NULL(test, ptr);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(formatted_strings),
	KUNIT_CASE(memdup_nul_ends),
	KUNIT_CASE(by_type),
	KUNIT_CASE(with_a_scope),
	KUNIT_CASE(with_a_device),
	KUNIT_CASE(in_a_mempool),
	KUNIT_CASE(on_a_node),
	{}
};

KSPAN_TEST_SUITE(leaf, cases);
