// SPDX-License-Identifier: GPL-2.0
/*
 * Resizing: the content is kept, the object stays in place where its new size
 * allows that and moves otherwise, and a failure leaves it unchanged.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "kunit_support.h"
#include "span/redzone.h"

#define NR_SLOTS	32U
#define STEPS		4000U

/* An object of the model, filled with bytes that depend on @seed and offset. */
struct slot {
	u8 *ptr;
	size_t size;
	u8 seed;
	bool data;
};

/* Hide a size from the compiler, so that it does not warn about it. */
static size_t hidden(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

static u8 byte_at(u8 seed, size_t i)
{
	return seed + i * 7 + (i >> 8);
}

static void fill(u8 *ptr, size_t size, u8 seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		ptr[i] = byte_at(seed, i);
}

/* Offset of the first wrong byte, or @size. */
static size_t check(const u8 *ptr, size_t size, u8 seed)
{
	size_t i;

	for (i = 0; i < size && ptr[i] == byte_at(seed, i); i++)
		;
	return i;
}

/* Mostly small, sometimes up to 200 KB, never 0. */
static size_t random_size(struct kspan_random *random)
{
	switch (kspan_random_below(random, 16)) {
	case 0:
		return 1 + kspan_random_below(random, 200000);
	case 1 ... 4:
		return 1 + kspan_random_below(random, KSPAN_SMALL_MAX);
	default:
		return 1 + kspan_random_below(random, 600);
	}
}

static void resize(struct kunit *test, struct slot *slot, size_t size)
{
	size_t kept = min(slot->size, size);
	u8 *ptr;

	ptr = kspan_realloc(slot->ptr, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_EQ_MSG(test, check(ptr, kept, slot->seed), kept,
			    "from %zu to %zu bytes", slot->size, size);
	KUNIT_EXPECT_GE(test, kspan_size(ptr), size);
	if (is_power_of_2(size) && size <= KSPAN_PAGE_SIZE)
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)ptr, size));
	if (ptr != slot->ptr)
		KUNIT_EXPECT_FALSE(test, kspan_owns(slot->ptr));
	if (slot->data && size <= KSPAN_SMALL_MAX)
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(ptr)->kind,
				(int)KSPAN_DATA);
	slot->ptr = ptr;
	slot->size = size;
}

/* Resize random objects to random sizes, and check every byte. */
static void same_as_the_model(struct kunit *test)
{
	static struct slot slots[NR_SLOTS];
	struct kspan_random random;
	struct slot *slot;
	unsigned int step;

	kspan_random_init(&random, 3);
	memset(slots, 0, sizeof(slots));
	for (step = 0; step < STEPS; step++) {
		size_t size = random_size(&random);

		slot = &slots[kspan_random_below(&random, NR_SLOTS)];
		if (!slot->ptr) {
			slot->data = step % 2 && size <= KSPAN_SMALL_MAX;
			slot->ptr = slot->data ?
				kspan_alloc_data(size, GFP_KERNEL) :
				kspan_realloc(NULL, size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, slot->ptr);
			slot->size = size;
		} else if (kspan_random_below(&random, 8)) {
			/* Keep data objects small, as the model expects. */
			if (slot->data && size > KSPAN_SMALL_MAX)
				continue;
			resize(test, slot, size);
		} else {
			KUNIT_EXPECT_EQ(test, check(slot->ptr, slot->size,
						    slot->seed), slot->size);
			kspan_free_sized(slot->ptr, slot->size);
			slot->ptr = NULL;
			continue;
		}
		slot->seed = step;
		fill(slot->ptr, slot->size, slot->seed);
	}
	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		kspan_free(slot->ptr);
}

/* From NULL or ZERO_SIZE_PTR to an object, and from an object to size 0. */
static void from_and_to_nothing(struct kunit *test)
{
	struct kspan_stats before;
	void *ptr;

	kspan_read_stats(&before);
	ptr = kspan_realloc(NULL, 100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), kspan_size_roundup(100));
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);

	ptr = kspan_realloc(ZERO_SIZE_PTR, 50000, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), kspan_size_roundup(50000));
	kspan_free(ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(NULL, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ZERO_SIZE_PTR, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 2ULL);
}

/*
 * In every class: any other size of the class keeps the object in place, and
 * kspan_free_sized() accepts it.  The first size of the next class moves it.
 */
static void stays_within_its_class(struct kunit *test)
{
	unsigned int class;

	kspan_test_plain_only(test);
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		size_t size = kspan_classes[class].size;
		size_t below = kspan_classes[class - 1].size;
		void *ptr, *new;

		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		new = kspan_realloc(ptr, below + 1, GFP_KERNEL);
		KUNIT_EXPECT_PTR_EQ_MSG(test, new, ptr, "class %u shrinks", class);
		new = kspan_realloc(new, size, GFP_KERNEL);
		KUNIT_EXPECT_PTR_EQ_MSG(test, new, ptr, "class %u grows", class);
		if (below) {
			/*
			 * The object stays in place, because at least half of
			 * it is still used.  A power of two may move, because
			 * it promises a larger alignment.
			 */
			new = kspan_realloc(ptr, below, GFP_KERNEL);
			if (!is_power_of_2(below))
				KUNIT_EXPECT_PTR_EQ_MSG(test, new, ptr,
							"from class %u", class);
			kspan_free_sized(new, below);
			new = kspan_alloc(size, GFP_KERNEL);
		}
		new = kspan_realloc(new, size + 1, GFP_KERNEL);
		KUNIT_EXPECT_GE(test, kspan_size(new),
				kspan_size_roundup(size + 1));
		kspan_free_sized(new, size + 1);
	}
}

/* Large objects stay in place with the same page count. */
static void large_objects(struct kunit *test)
{
	static const size_t sizes[] = {
		SZ_64K, SZ_64K - 1, SZ_64K - KSPAN_PAGE_SIZE + 1, SZ_64K,
		SZ_64K + 1, SZ_1M + SZ_512K, 100, SZ_2M, SZ_32K, SZ_32K + 1,
	};
	struct slot slot = { .seed = 9, .size = sizes[0] };
	unsigned int i;
	void *old;

	kspan_test_plain_only(test);
	slot.ptr = kspan_alloc(sizes[0], GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot.ptr);
	fill(slot.ptr, slot.size, slot.seed);
	for (i = 1; i < ARRAY_SIZE(sizes); i++) {
		bool same = kspan_size_roundup(sizes[i]) == kspan_size(slot.ptr);

		old = slot.ptr;
		resize(test, &slot, sizes[i]);
		KUNIT_EXPECT_TRUE_MSG(test, slot.ptr == old || !same,
				      "to %zu bytes", sizes[i]);
		fill(slot.ptr, slot.size, slot.seed);
	}
	kspan_free_sized(slot.ptr, slot.size);
}

/* Append @step bytes at a time until @end.  Return: how often the object moved. */
static unsigned int append(struct kunit *test, struct slot *slot, size_t step,
			   size_t end)
{
	unsigned int moves = 0;
	size_t old;
	u8 *ptr;

	while (slot->size < end) {
		ptr = slot->ptr;
		old = slot->size;
		resize(test, slot, old + step);
		moves += slot->ptr != ptr;
		for (; old < slot->size; old++)
			slot->ptr[old] = byte_at(slot->seed, old);
	}
	return moves;
}

/*
 * An object that grows by a little gets extra room when it moves, so it moves
 * rarely. kspan_free_sized() accepts its size all the same.
 */
static void appends_move_seldom(struct kunit *test)
{
	struct slot slot = { .seed = 3, .size = 64 };
	struct kspan_stats before;

	kspan_test_plain_only(test);
	kspan_read_stats(&before);
	slot.ptr = kspan_alloc(slot.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot.ptr);
	fill(slot.ptr, slot.size, slot.seed);
	KUNIT_EXPECT_LE(test, append(test, &slot, 64, SZ_4K), 10U);
	KUNIT_EXPECT_LE(test, append(test, &slot, SZ_4K, SZ_1M), 16U);
	/* The size of a large object does not include the extra room. */
	KUNIT_EXPECT_EQ(test, kspan_size(slot.ptr), (size_t)SZ_1M);
	resize(test, &slot, SZ_1M - SZ_64K);
	KUNIT_EXPECT_EQ(test, kspan_size(slot.ptr), (size_t)SZ_1M - SZ_64K);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), (u64)SZ_1M - SZ_64K);
	kspan_free_sized(slot.ptr, slot.size);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, alloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
}

/* An object that grows by more than a half gets no extra room. */
static void others_get_no_room(struct kunit *test)
{
	void *ptr;

	kspan_test_plain_only(test);
	ptr = kspan_alloc(1024, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 1792, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)1792);
	/* An object that uses much less than half of its memory moves. */
	ptr = kspan_realloc(ptr, 100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), kspan_size_roundup(100));
	ptr = kspan_realloc(ptr, SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)SZ_64K);
	ptr = kspan_realloc(ptr, 100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), kspan_size_roundup(100));
	kspan_free_sized(ptr, 100);
}

/* A large object grows within its region, with zeros if these are wanted. */
static void large_room_is_zeroed(struct kunit *test)
{
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	size_t size, old = SZ_128K;
	u8 *ptr;

	kspan_test_plain_only(test);
	/* Use memory that was used before. */
	ptr = kspan_alloc(SZ_512K, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0xdd, SZ_512K);
	kspan_free(ptr);
	ptr = kspan_alloc(old, gfp);
	for (size = old + SZ_4K; size <= SZ_512K; old = size, size += SZ_4K) {
		OPTIMIZER_HIDE_VAR(ptr);
		memset(ptr, 0xdd, old);
		ptr = kspan_realloc(ptr, size, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_ASSERT_NULL_MSG(test, memchr_inv(ptr + old, 0, size - old),
				      "at %zu bytes", size);
	}
	kspan_free_sized(ptr, old);
}

/* Resize @ptr, which is not an object, in several ways, and expect NULL. */
static void expect_refused(struct kunit *test, void *ptr, const char *what)
{
	static const size_t sizes[] = { 1, 200, 300, 50000 };
	struct kspan_stats before;
	unsigned int i;

	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_NULL_MSG(test, kspan_realloc(ptr, sizes[i],
							  GFP_KERNEL),
				      "%s to %zu bytes", what, sizes[i]);
	KUNIT_EXPECT_NULL_MSG(test, kspan_realloc(ptr, 200, GFP_KERNEL | __GFP_ZERO),
			      "%s with zeros", what);
	KUNIT_EXPECT_NULL_MSG(test, kspan_realloc_array(ptr, 20, 10, GFP_ATOMIC),
			      "%s as an array", what);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, bad_free) +
			    KSPAN_SINCE(&before, double_free), 6ULL, "%s", what);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
}

/* A bad pointer gives NULL and is counted, and no object is harmed. */
static void bad_pointers(struct kunit *test)
{
	struct kspan_stats before;
	u8 *ptr, *tiny, *large;

	kspan_test_expect_bad_frees(9 * 6);
	ptr = kspan_alloc(200, GFP_KERNEL);
	tiny = kspan_alloc_tiny(9, GFP_KERNEL);
	large = kspan_alloc(SZ_64K, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, ptr && tiny && large);
	fill(ptr, 200, 1);
	fill(tiny, 9, 2);
	fill(large, SZ_64K, 3);
	kspan_read_stats(&before);
	expect_refused(test, test, "foreign");
	expect_refused(test, (void *)0x400000UL, "user space");
	expect_refused(test, ERR_PTR(-ENOMEM), "error");
	expect_refused(test, ptr + 8, "interior");
	expect_refused(test, tiny + 4, "in a tiny one");
	expect_refused(test, large + SZ_32K, "in a large one");
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 6 * 6ULL);
	KUNIT_EXPECT_EQ(test, check(ptr, 200, 1), (size_t)200);
	KUNIT_EXPECT_EQ(test, check(tiny, 9, 2), (size_t)9);
	KUNIT_EXPECT_EQ(test, check(large, SZ_64K, 3), (size_t)SZ_64K);
	kspan_free(ptr);
	kspan_free(tiny);
	kspan_free(large);
	expect_refused(test, ptr, "freed");
	expect_refused(test, tiny, "freed tiny one");
	expect_refused(test, large, "freed large one");
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 3 * 6ULL);
}

/* A resize to 0 bytes is a free, also of a bad pointer. */
static void bad_pointers_to_nothing(struct kunit *test)
{
	struct kspan_stats before;
	u8 *ptr;

	kspan_test_expect_bad_frees(3);
	ptr = kspan_alloc(200, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_read_stats(&before);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr + 8, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc_array(&before, 0, 9, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 2ULL);
	KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
	kspan_free(ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, 0, GFP_KERNEL),
			    ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
}

/* If a resize fails the object keeps its place and its content. */
static void failure_keeps_the_object(struct kunit *test)
{
	static const size_t sizes[] = { 40, 5000, SZ_64K, SZ_2M };
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	unsigned int i;
	u8 *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		fill(ptr, sizes[i], i);
		KUNIT_EXPECT_NULL(test, kspan_realloc(ptr, hidden(SIZE_MAX), gfp));
		KUNIT_EXPECT_NULL(test, kspan_realloc(ptr, hidden(SIZE_MAX / 2),
						      gfp));
		if (sizes[i] < SZ_32K)
			KUNIT_EXPECT_NULL(test, kspan_realloc(ptr, SZ_32K - 1,
							      gfp | __GFP_DMA));
		KUNIT_EXPECT_EQ(test, check(ptr, sizes[i], i), sizes[i]);
		kspan_free_sized(ptr, sizes[i]);
	}
}

/*
 * Data objects remain data, also on their way through a large object.  Tiny
 * objects become data, never pointer objects.
 */
static void kind_is_kept(struct kunit *test)
{
	static const size_t sizes[] = {
		1, 8, 16, 100, 3000, SZ_32K, SZ_64K, SZ_64K + 1, 20,
	};
	void *data, *tiny, *ptr;
	unsigned int i;

	kspan_test_plain_only(test);
	data = kspan_alloc_data(50, GFP_KERNEL);
	tiny = kspan_alloc_tiny(5, GFP_KERNEL);
	ptr = kspan_alloc(50, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(tiny, 5, GFP_KERNEL), tiny);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		data = kspan_realloc(data, sizes[i], GFP_KERNEL);
		tiny = kspan_realloc(tiny, sizes[i], GFP_KERNEL);
		ptr = kspan_realloc(ptr, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, data);
		KUNIT_ASSERT_NOT_NULL(test, tiny);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		if (sizes[i] > KSPAN_SMALL_MAX)
			continue;
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(data)->kind,
				(int)KSPAN_DATA);
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(tiny)->kind,
				(int)KSPAN_DATA);
		KUNIT_EXPECT_EQ(test, (int)kspan_test_span(ptr)->kind,
				(int)KSPAN_PTR);
	}
	kspan_free(data);
	kspan_free(tiny);
	kspan_free(ptr);
}

/*
 * With __GFP_ZERO in every call, the bytes by which an object grows are zero:
 * in place, after it has shrunk, and when it moves.
 */
static void grows_with_zeros(struct kunit *test)
{
	static const size_t sizes[] = {
		33, 40, 35, 48, 200, 150, 176, 3000, SZ_64K - 5, SZ_64K,
		SZ_64K - 100, SZ_64K, 100000, 90,
	};
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	size_t old, new;
	unsigned int i;
	u8 *ptr;

	ptr = kspan_alloc(sizes[0], gfp);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	for (i = 1; i < ARRAY_SIZE(sizes); i++) {
		old = sizes[i - 1];
		new = sizes[i];
		memset(ptr, 0xdd, old);
		ptr = kspan_realloc(ptr, new, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0xdd, min(old, new)));
		if (new > old)
			KUNIT_EXPECT_NULL_MSG(test,
					      memchr_inv(ptr + old, 0, new - old),
					      "from %zu to %zu", old, new);
	}
	kspan_free(ptr);
}

/*
 * Growth in place, in every class and in a large object.  With check=2 the new
 * bytes overlap the old redzone, and the redzone moves.
 */
static void grows_in_place_with_zeros(struct kunit *test)
{
	size_t room = kspan_redzone_on() ? KSPAN_REDZONE_MIN : 0;
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	unsigned int class;
	size_t size;
	u8 *ptr;

	/* One more than the classes stands for a large object. */
	for (class = 2; class <= KSPAN_NR_CLASSES + 1; class++) {
		size = class > KSPAN_NR_CLASSES ?
		       KSPAN_SMALL_MAX + 2 * KSPAN_PAGE_SIZE :
		       kspan_classes[class].size;
		size -= room + 1;
		ptr = kspan_alloc(size - 5, gfp);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		/* The object will grow; hide that from the compiler. */
		OPTIMIZER_HIDE_VAR(ptr);
		memset(ptr, 0xdd, size - 5);
		KUNIT_ASSERT_PTR_EQ(test, kspan_realloc(ptr, size - 2, gfp),
				    (void *)ptr);
		KUNIT_EXPECT_EQ(test, ptr[size - 5] | ptr[size - 3], 0);
		memset(ptr, 0xdd, size - 2);
		KUNIT_ASSERT_PTR_EQ(test, kspan_realloc(ptr, size - 5, gfp),
				    (void *)ptr);
		KUNIT_ASSERT_PTR_EQ(test, kspan_realloc(ptr, size, gfp),
				    (void *)ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0xdd, size - 5));
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr + size - 5, 0, 5),
				      "class %u", class);
		kspan_free_sized(ptr, size);
	}
}

static struct kunit_case realloc_cases[] = {
	KUNIT_CASE(same_as_the_model),
	KUNIT_CASE(from_and_to_nothing),
	KUNIT_CASE(stays_within_its_class),
	KUNIT_CASE(large_objects),
	KUNIT_CASE(appends_move_seldom),
	KUNIT_CASE(others_get_no_room),
	KUNIT_CASE(large_room_is_zeroed),
	KUNIT_CASE(bad_pointers),
	KUNIT_CASE(bad_pointers_to_nothing),
	KUNIT_CASE(failure_keeps_the_object),
	KUNIT_CASE(kind_is_kept),
	KUNIT_CASE(grows_with_zeros),
	KUNIT_CASE(grows_in_place_with_zeros),
	{}
};

KSPAN_TEST_SUITE(realloc, realloc_cases);
