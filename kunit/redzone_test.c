// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: a write behind an object is found once, where it is.  Nothing else
 * is reported, and the object is never reused.
 */
#include <linux/kernel.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "api/deferred.h"
#include "base/kasan.h"
#include "base/params.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

#define MAX_OBJS	1100U

/* Shared by the cases, which run one at a time. */
static void *objs[MAX_OBJS];

/* Functions that allocate an object. */
enum way {
	PLAIN,
	ZEROED,
	DATA,
	TINY,
	ALIGNED,
	ARRAY,
	BULK,
	NODE,
	RESIZED,
	NR_WAYS,
};

/* Sizes of classes and between them, around the largest, and whole pages. */
static const size_t sizes[] = {
	1, 7, 8, 9, 15, 16, 24, 60, 64, 100, 255, 256, 1000, 1024, 4096, 5000,
	8192, 8193, 16384, 32000, 32760, 32761, 32768, 32769, 40960, 65535,
	65536, SZ_1M - 3, SZ_2M, SZ_2M + 1,
};

/* Fewer, for cases with many objects: several in a span, or one. */
static const size_t few_sizes[] = { 1, 16, 60, 64, 1000, 2000, 32761, 65536 };

static void *get(enum way way, size_t size)
{
	void *ptr = NULL;

	switch (way) {
	case ZEROED:
		return kspan_zalloc(size, GFP_KERNEL);
	case DATA:
		return kspan_alloc_data(size, GFP_KERNEL);
	case TINY:
		return kspan_alloc_tiny(size, GFP_KERNEL);
	case ALIGNED:
		return kspan_alloc_aligned(size, 128, GFP_KERNEL);
	case ARRAY:
		return kspan_alloc_array(1, size, GFP_KERNEL);
	case BULK:
		return kspan_alloc_bulk(size, GFP_KERNEL, 1, &ptr) ? ptr : NULL;
	case NODE:
		return kspan_alloc_node(size, GFP_KERNEL, numa_mem_id());
	case RESIZED:
		return kspan_realloc(kspan_alloc(size / 2 + 1, GFP_KERNEL), size,
				     GFP_KERNEL);
	default:
		return kspan_alloc(size, GFP_KERNEL);
	}
}

static size_t slot_size(const void *ptr)
{
	return kspan_span_size(kspan_test_span(ptr));
}

/* With every function and size, kspan_size() is exact and a redzone follows. */
static void size_is_what_was_asked_for(struct kunit *test)
{
	unsigned int way, i;

	for (way = 0; way < NR_WAYS; way++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			size_t size = sizes[i];
			void *ptr = get(way, size);

			KUNIT_ASSERT_NOT_NULL(test, ptr);
			KUNIT_EXPECT_EQ_MSG(test, kspan_size(ptr), size,
					    "way %u", way);
			KUNIT_EXPECT_EQ(test, kspan_size_roundup(size), size);
			KUNIT_EXPECT_GE(test, slot_size(ptr),
					size + KSPAN_REDZONE_MIN);
			KUNIT_EXPECT_TRUE(test, kspan_owns(ptr));
			kspan_free_sized(ptr, size);
			KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
		}
	}
}

/*
 * Powers of two up to 8 KiB are aligned to themselves, larger sizes to a page,
 * despite the room for the redzone.
 */
static void powers_of_two_are_aligned(struct kunit *test)
{
	unsigned int i;
	size_t size;

	for (size = 8; size <= SZ_64K; size *= 2) {
		size_t align = size <= SZ_8K ? size : PAGE_SIZE;

		for (i = 0; i < 3; i++) {
			objs[i] = kspan_alloc(size, GFP_KERNEL);
			KUNIT_EXPECT_EQ_MSG(test, (unsigned long)objs[i] % align,
					    0UL, "%zu bytes", size);
		}
		kspan_free_bulk(3, objs);
	}
}

/* All bytes up to kspan_size() may be written. */
static void usable_bytes_are_usable(struct kunit *test)
{
	unsigned int way, i, k;

	for (way = 0; way < NR_WAYS; way++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			for (k = 0; k < 3; k++) {
				objs[k] = get(way, sizes[i]);
				KUNIT_ASSERT_NOT_NULL(test, objs[k]);
				memset(objs[k], 0xe0 + k, kspan_size(objs[k]));
			}
			for (k = 0; k < 3; k++)
				KUNIT_EXPECT_NULL(test,
						  memchr_inv(objs[k], 0xe0 + k,
							     sizes[i]));
			kspan_free_bulk(3, objs);
		}
	}
}

/* A zeroed object contains neither poison nor old bytes. */
static void zeroed_is_zero(struct kunit *test)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (k = 0; k < 4; k++) {
			u8 *ptr = kspan_zalloc(sizes[i], GFP_KERNEL);

			KUNIT_ASSERT_NOT_NULL(test, ptr);
			KUNIT_EXPECT_NULL_MSG(test, memchr_inv(ptr, 0, sizes[i]),
					      "%zu bytes", sizes[i]);
			memset(ptr, 0xff, sizes[i]);
			kspan_free(ptr);
		}
	}
}

/*
 * Free @ptr, which was written behind; expect one finding and the quarantine.
 */
static void expect_overrun(struct kunit *test, void *ptr, const char *what)
{
	struct kspan_stats before;

	kspan_read_stats(&before);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, overrun), 1ULL, "%s",
			    what);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, use_after_free), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0ULL);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 0ULL);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
}

static void one_byte_past_the_end(struct kunit *test)
{
	unsigned int way, i;
	char what[40];

	kspan_test_expect_damage(NR_WAYS * ARRAY_SIZE(sizes));
	for (way = 0; way < NR_WAYS; way++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			void *ptr = get(way, sizes[i]);

			KUNIT_ASSERT_NOT_NULL(test, ptr);
			snprintf(what, sizeof(what), "%zu bytes, way %u",
				 sizes[i], way);
			kspan_test_overwrite(ptr, kspan_size(ptr));
			expect_overrun(test, ptr, what);
		}
	}
}

/* Writes up to the end of the slot; many bytes are one finding. */
static void far_past_the_end(struct kunit *test)
{
	unsigned int i;
	u8 *ptr;

	kspan_test_expect_damage(2 * ARRAY_SIZE(sizes));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		kspan_test_overwrite(ptr, slot_size(ptr) - 1);
		expect_overrun(test, ptr, "the slot's last byte");

		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		OPTIMIZER_HIDE_VAR(ptr);
		kspan_fill_object(ptr, 0x41, slot_size(ptr));
		expect_overrun(test, ptr, "all of the slot");
	}
}

/* The byte in front of an object belongs to the redzone of its neighbour. */
static void before_the_start(struct kunit *test)
{
	u8 *low, *high;
	unsigned int i;

	kspan_test_expect_damage(1);
	for (i = 0; i < 64; i++) {
		objs[i] = kspan_alloc(100, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	}
	/* Neighbours in one span come in address order. */
	for (i = 0; i < 63; i++)
		if (objs[i] + slot_size(objs[i]) == objs[i + 1])
			break;
	KUNIT_ASSERT_LT(test, i, 63U);
	low = objs[i];
	high = objs[i + 1];
	kspan_test_overwrite(high, -1);
	kspan_free(high);
	expect_overrun(test, low, "the neighbour's");
	objs[i] = NULL;
	objs[i + 1] = NULL;
	kspan_free_bulk(64, objs);
}

/* A damaged object is not reused, and a second free of it is reported. */
static void damaged_is_quarantined(struct kunit *test)
{
	unsigned int i, k;
	void *victim;

	kspan_test_expect_damage(ARRAY_SIZE(few_sizes));
	kspan_test_expect_bad_frees(ARRAY_SIZE(few_sizes));
	for (i = 0; i < ARRAY_SIZE(few_sizes); i++) {
		victim = kspan_alloc(few_sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, victim);
		kspan_test_overwrite(victim, few_sizes[i]);
		kspan_free(victim);
		kspan_free(victim);
		for (k = 0; k < 100; k++) {
			objs[k] = kspan_alloc(few_sizes[i], GFP_KERNEL);
			KUNIT_EXPECT_PTR_NE(test, objs[k], victim);
		}
		kspan_free_bulk(100, objs);
		kspan_release();
		KUNIT_EXPECT_FALSE(test, kspan_owns(victim));
	}
}

/* A damaged object is wiped although it is not reused. */
static void damaged_is_wiped(struct kunit *test)
{
	static const size_t sizes[] = { 100, 100000 };
	unsigned int i;
	bool wiped;
	u8 *ptr;

	if (!want_init_on_free())
		kunit_skip(test, "a kernel without init_on_free=1");
	kspan_test_expect_damage(ARRAY_SIZE(sizes));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x3c, sizes[i]);
		kspan_test_overwrite(ptr, sizes[i]);
		kspan_free(ptr);
		kspan_kasan_pause();
		wiped = !memchr(ptr, 0x3c, sizes[i]);
		kspan_kasan_resume();
		KUNIT_EXPECT_TRUE_MSG(test, wiped, "%zu bytes", sizes[i]);
	}
}

/* After a resize the redzone begins at the new end. */
static void resize_moves_the_redzone(struct kunit *test)
{
	static const size_t from[] = { 100, 3000, 40000 };
	unsigned int i;
	u8 *ptr, *new;

	kspan_test_expect_damage(2 * ARRAY_SIZE(from));
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		size_t size = from[i];

		ptr = kspan_alloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x5a, size);
		new = kspan_realloc(ptr, size - 2, GFP_KERNEL);
		KUNIT_ASSERT_PTR_EQ(test, new, ptr);
		KUNIT_EXPECT_EQ(test, kspan_size(new), size - 2);
		kspan_test_overwrite(new, size - 2);
		expect_overrun(test, new, "after it shrank");

		ptr = kspan_alloc(size - 2, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		memset(ptr, 0x5a, size - 2);
		new = kspan_realloc(ptr, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_PTR_EQ(test, new, ptr);
		KUNIT_EXPECT_NULL(test, memchr_inv(new, 0x5a, size - 2));
		KUNIT_EXPECT_EQ(test, new[size - 2] | new[size - 1], 0);
		memset(new, 0x5a, size);
		new = kspan_realloc(new, size - 1, GFP_KERNEL);
		new = kspan_realloc(new, size, GFP_KERNEL);
		kspan_test_overwrite(new, size);
		expect_overrun(test, new, "after it grew");
	}
}

/* Growing over a damaged redzone would hide the damage, so the object moves. */
static void resize_finds_damage(struct kunit *test)
{
	struct kspan_stats before;
	u8 *ptr, *new;

	kspan_test_expect_damage(1);
	ptr = kspan_alloc(98, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x5a, 98);
	kspan_test_overwrite(ptr, 98);
	kspan_read_stats(&before);
	new = kspan_realloc(ptr, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, new);
	KUNIT_EXPECT_PTR_NE(test, new, ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
	KUNIT_EXPECT_NULL(test, memchr_inv(new, 0x5a, 98));
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
	kspan_free(new);
}

/*
 * Bad frees with check=2: into the object, into the redzone, with a wrong size,
 * and twice.  Each is reported as what it is, and the object is unchanged.
 */
static void expect_told_apart(struct kunit *test, enum way way, size_t size)
{
	struct kspan_stats before;
	u8 *ptr = get(way, size);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	memset(ptr, 0x5a, size);
	kspan_read_stats(&before);
	kspan_free(ptr + (size + 1) / 2);
	kspan_free(ptr + size);
	kspan_free(ptr + slot_size(ptr) - 1);
	kspan_free_sized(ptr, size + 1);
	kspan_free_sized(ptr, size - 1);
	kspan_free_sized(ptr, slot_size(ptr));
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, bad_free), 6ULL,
			    "%zu bytes, way %u", size, way);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), size);
	KUNIT_EXPECT_NULL(test, memchr_inv(ptr, 0x5a, size));
	kspan_free_sized(ptr, size);
	kspan_free(ptr);
	kspan_free_sized(ptr, size);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 6ULL);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, double_free), 2ULL,
			    "%zu bytes, way %u", size, way);
}

static void bad_frees_are_told_apart(struct kunit *test)
{
	unsigned int way, i;

	kspan_test_expect_bad_frees(8 * NR_WAYS * ARRAY_SIZE(few_sizes));
	for (way = 0; way < NR_WAYS; way++)
		for (i = 0; i < ARRAY_SIZE(few_sizes); i++)
			expect_told_apart(test, way, few_sizes[i]);
}

static void overrun_in_place(void *arg)
{
	void **kept = arg;

	kept[0] = kspan_alloc(50, GFP_ATOMIC);
	kept[1] = kspan_alloc(50, GFP_ATOMIC);
	if (!kept[0] || !kept[1])
		return;
	memset(kept[0], 0x5a, 50);
	kspan_free(kept[0]);
	kspan_test_overwrite(kept[1], 50);
	kspan_free(kept[1]);
}

/* In every context, one finding each. */
static void every_context(struct kunit *test)
{
	struct kspan_stats before;
	unsigned int place;

	kspan_test_expect_damage(KSPAN_TEST_NR_PLACES);
	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		kspan_read_stats(&before);
		kspan_test_run_in(test, place, overrun_in_place, objs);
		KUNIT_EXPECT_NOT_NULL(test, objs[1]);
		KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, overrun), 1ULL,
				    "%s", kspan_test_place_names[place]);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
	}
}

/*
 * In an NMI, a free checks the redzone before it writes a link into the object.
 */
static void nmi_checks_first(struct kunit *test)
{
	static const size_t nmi_sizes[] = { 1, 50, 65536 };
	struct kspan_stats before;
	unsigned long flags;
	unsigned int i;

	kspan_test_expect_damage(ARRAY_SIZE(nmi_sizes));
	for (i = 0; i < ARRAY_SIZE(nmi_sizes); i++) {
		objs[0] = kspan_alloc(nmi_sizes[i], GFP_KERNEL);
		objs[1] = kspan_alloc(nmi_sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objs[0]);
		KUNIT_ASSERT_NOT_NULL(test, objs[1]);
		kspan_test_overwrite(objs[1], nmi_sizes[i]);
		kspan_read_stats(&before);
		local_irq_save(flags);
		__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
		kspan_free(objs[0]);
		kspan_free(objs[1]);
		__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
		local_irq_restore(flags);
		kspan_deferred_exit();
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, overrun), 1ULL);
		KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2ULL);
		KUNIT_EXPECT_NULL(test, kspan_verify());
	}
}

/*
 * An object that shrank in place for lack of memory has its redzone moved too.
 */
static void shrunk_in_place(struct kunit *test)
{
	unsigned long normal = kspan_params.memory_limit;
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	u8 *ptr = kspan_alloc(SZ_4M, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_test_expect_damage(1);
	kspan_release();
	WRITE_ONCE(kspan_params.memory_limit, 1);
	KUNIT_EXPECT_PTR_EQ(test, kspan_realloc(ptr, SZ_2M, gfp), (void *)ptr);
	WRITE_ONCE(kspan_params.memory_limit, normal);
	KUNIT_EXPECT_EQ(test, kspan_size(ptr), (size_t)SZ_2M);
	kspan_test_overwrite(ptr, SZ_2M);
	kspan_free_sized(ptr, SZ_2M);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(size_is_what_was_asked_for),
	KUNIT_CASE(powers_of_two_are_aligned),
	KUNIT_CASE(usable_bytes_are_usable),
	KUNIT_CASE(zeroed_is_zero),
	KUNIT_CASE(one_byte_past_the_end),
	KUNIT_CASE(far_past_the_end),
	KUNIT_CASE(before_the_start),
	KUNIT_CASE(damaged_is_quarantined),
	KUNIT_CASE(damaged_is_wiped),
	KUNIT_CASE(resize_moves_the_redzone),
	KUNIT_CASE(resize_finds_damage),
	KUNIT_CASE(every_context),
	KUNIT_CASE(nmi_checks_first),
	/* Last, since its reports use up the rate limit for a while. */
	KUNIT_CASE(bad_frees_are_told_apart),
	KUNIT_CASE(shrunk_in_place),
	{}
};

KSPAN_TEST_SUITE(redzone, cases);
