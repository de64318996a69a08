// SPDX-License-Identifier: GPL-2.0
/*
 * The arena map.  It can look up any value whatsoever, and it finds a published
 * span from each of its pages and from no other.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "central/depot.h"
#include "heap/chunk.h"
#include "heap/large_cache.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/arena.h"

/* The current window.  Only cases of this suite make it grow meanwhile. */
static unsigned long window_base(void)
{
	return kspan_window->base;
}

static unsigned long window_bytes(void)
{
	return kspan_window->nr_frames << KSPAN_FRAME_SHIFT;
}

/* Data of the module: in vmalloc space, but not kspan's. */
static int module_data;

/* The result of both look-up functions; inside the window they must agree. */
static struct kspan_span *look_up(struct kunit *test, unsigned long addr)
{
	struct kspan_span *near, *found;

	preempt_disable();
	near = kspan_span_of((void *)addr);
	found = kspan_span_find((void *)addr);
	preempt_enable();
	if (addr - window_base() < window_bytes())
		KUNIT_EXPECT_PTR_EQ(test, near, found);
	else
		KUNIT_EXPECT_PTR_EQ(test, near, &kspan_null_span);
	return found;
}

static void expect_foreign(struct kunit *test, unsigned long addr)
{
	struct kspan_span *span = look_up(test, addr);

	KUNIT_EXPECT_EQ_MSG(test, span->kind, (u8)KSPAN_NONE,
			    "an address kspan has no memory at");
	KUNIT_EXPECT_EQ_MSG(test, span->magic, 0U, "a marker would be freed");
	KUNIT_EXPECT_FALSE(test, kspan_owns((void *)addr));
	KUNIT_EXPECT_EQ(test, kspan_size((void *)addr), (size_t)0);
}

/* A chunk that is entered in the map, but belongs to no page heap. */
static struct kspan_chunk *get_chunk(struct kunit *test, unsigned int nr_pages)
{
	struct kspan_chunk *chunk;
	int err;

	chunk = kspan_chunk_get(numa_mem_id(), nr_pages, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	KUNIT_ASSERT_GE(test, (unsigned int)chunk->nr_pages, nr_pages);
	return chunk;
}

static unsigned long page_addr(const struct kspan_chunk *chunk, unsigned int i)
{
	return chunk->base + i * KSPAN_PAGE_SIZE;
}

/* Memory from other allocators is not kspan's. */
static void foreign_memory(struct kunit *test)
{
	static const char text[] = "read-only";
	int on_stack;
	void *slab, *mem;

	expect_foreign(test, (unsigned long)&on_stack);
	expect_foreign(test, (unsigned long)&module_data);
	expect_foreign(test, (unsigned long)text);
	expect_foreign(test, (unsigned long)foreign_memory);
	expect_foreign(test, (unsigned long)&kspan_null_span);
	slab = kmalloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slab);
	expect_foreign(test, (unsigned long)slab);
	kfree(slab);
	/* This probably lies in a frame that also holds memory of kspan. */
	mem = vmalloc(3 * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, mem);
	expect_foreign(test, (unsigned long)mem);
	expect_foreign(test, (unsigned long)mem + 3 * PAGE_SIZE - 1);
	vfree(mem);
}

/* Values that are no valid addresses. */
static void wild_values(struct kunit *test)
{
	unsigned int bit;

	expect_foreign(test, 0);
	expect_foreign(test, 1);
	expect_foreign(test, (unsigned long)ZERO_SIZE_PTR);
	expect_foreign(test, PAGE_SIZE);
	expect_foreign(test, ULONG_MAX);
	expect_foreign(test, ULONG_MAX - KSPAN_PAGE_SIZE);
	expect_foreign(test, LONG_MAX);
	expect_foreign(test, (unsigned long)LONG_MIN);
	expect_foreign(test, (unsigned long)ERR_PTR(-ENOMEM));
	/* Poison values, and non-canonical addresses on 64-bit machines. */
	expect_foreign(test, ULONG_MAX / 0xff * 0x6b);
	expect_foreign(test, ULONG_MAX / 0xffff * 0xdead);
	/* Some of these may be kspan's; the two look-ups must agree. */
	for (bit = 0; bit < BITS_PER_LONG; bit++)
		KUNIT_EXPECT_NOT_NULL(test, look_up(test, 1UL << bit));
}

/* Look-ups around the ends of the window neither wrap nor fault. */
static void window_edges(struct kunit *test)
{
	unsigned long end = window_base() + window_bytes();

	KUNIT_EXPECT_EQ(test, window_base() % KSPAN_FRAME_SIZE, 0UL);
	KUNIT_EXPECT_TRUE_MSG(test, !end || end > window_base(),
			      "the window wraps around");
	expect_foreign(test, window_base() - 1);
	expect_foreign(test, window_base());
	expect_foreign(test, window_base() + KSPAN_FRAME_SIZE - 1);
	expect_foreign(test, end - KSPAN_FRAME_SIZE);
	expect_foreign(test, end - 1);
	expect_foreign(test, end);
}

/* No entry of the window or of a table is NULL. */
static void no_entry_is_null(struct kunit *test)
{
	unsigned long addr, i, nr_frames = 0, last = 0;
	struct kspan_span **table;

	for (i = 0; i < kspan_window->nr_frames; i++)
		KUNIT_ASSERT_NOT_NULL(test, look_up(test, window_base() +
						    (i << KSPAN_FRAME_SHIFT)));
	for (addr = 0; (table = kspan_arena_frame(&addr));
	     addr += KSPAN_FRAME_SIZE) {
		KUNIT_EXPECT_EQ(test, addr % KSPAN_FRAME_SIZE, 0UL);
		KUNIT_ASSERT_TRUE_MSG(test, !nr_frames || addr > last,
				      "frames out of order");
		last = addr;
		nr_frames++;
		for (i = 0; i < KSPAN_FRAME_PAGES; i++)
			KUNIT_ASSERT_NOT_NULL(test, READ_ONCE(table[i]));
		if (addr > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
	}
	KUNIT_EXPECT_GE_MSG(test, nr_frames, 1UL, "where is the reserve?");
}

/* kspan_arena_frame() returns the table in which a live object is found. */
static void frames_are_found(struct kunit *test)
{
	void *ptr = kspan_alloc(100, GFP_KERNEL);
	unsigned long frame, page, addr = (unsigned long)ptr;
	struct kspan_span **table;

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	frame = ALIGN_DOWN(addr, KSPAN_FRAME_SIZE);
	page = (addr - frame) >> KSPAN_PAGE_SHIFT;
	table = kspan_arena_frame(&addr);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, addr, frame);
	KUNIT_EXPECT_PTR_EQ(test, table[page], kspan_test_span(ptr));
	kspan_free(ptr);
}

/* A span is found from each byte of its pages and from no byte beside them. */
static void publish_and_withdraw(struct kunit *test)
{
	struct kspan_chunk *chunk = get_chunk(test, 8);
	unsigned int first = 2, nr = 5, i;
	struct kspan_span *span;

	span = kspan_span_alloc(kspan_size_to_class(1664), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, span);
	span->base = page_addr(chunk, first);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, i)),
				    &kspan_fresh_span);

	kspan_arena_publish(span);
	for (i = 0; i < 8; i++) {
		struct kspan_span *want = &kspan_fresh_span;

		if (i >= first && i < first + nr)
			want = span;
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, i)),
				    want);
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, i + 1) - 1),
				    want);
	}

	kspan_arena_withdraw(span);
	for (i = first; i < first + nr; i++)
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, i)),
				    &kspan_idle_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, first) - 1),
			    &kspan_fresh_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, page_addr(chunk, first + nr)),
			    &kspan_fresh_span);
	kspan_span_free(span);
	kspan_chunk_put(chunk);
}

/* A freed chunk leaves no entries behind, as its addresses may be reused. */
static void chunks_leave_no_trace(struct kunit *test)
{
	struct kspan_chunk *chunk = get_chunk(test, 4);
	unsigned long base = chunk->base;
	unsigned int i;

	kspan_arena_set(base, 4, &kspan_idle_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, base), &kspan_idle_span);
	kspan_chunk_put(chunk);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, base + i * KSPAN_PAGE_SIZE),
				    &kspan_null_span);
}

/* A small object's span is found from its first to its last byte. */
static void every_byte_of_an_object(struct kunit *test)
{
	static const size_t sizes[] = { 8, 24, 100, 1024, 5000, 32768 };
	unsigned int i, offset;

	kspan_test_plain_only(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		struct kspan_span *span = kspan_test_span(ptr);

		KUNIT_ASSERT_NOT_NULL(test, ptr);
		KUNIT_EXPECT_EQ(test, kspan_sc_class(kspan_span_sc(span)),
				kspan_size_to_class(sizes[i]));
		for (offset = 0; offset < sizes[i]; offset++)
			KUNIT_ASSERT_PTR_EQ(test, look_up(test, (unsigned long)ptr +
							  offset), span);
		kspan_free(ptr);
	}
}

static bool has(unsigned long addr)
{
	bool has;

	preempt_disable();
	has = kspan_arena_has((void *)addr);
	preempt_enable();
	return has;
}

/* Every page of a large object leads to its span; after the free none does. */
static void all_of_a_large_object(struct kunit *test)
{
	static const size_t sizes[] = { 40 << 10, 600 << 10, 5 << 20 };
	unsigned long base, at, end;
	struct kspan_span *span;
	unsigned int i;
	void *ptr;

	kspan_test_plain_only(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		base = (unsigned long)ptr;
		span = look_up(test, base);
		KUNIT_EXPECT_EQ(test, span->kind, (u8)KSPAN_LARGE);
		KUNIT_ASSERT_TRUE(test, kspan_is_region(span));
		end = (unsigned long)span->mem + kspan_room_bytes(span);
		for (at = (unsigned long)span->mem; at < end; at += PAGE_SIZE) {
			KUNIT_ASSERT_PTR_EQ(test, look_up(test, at), span);
			KUNIT_ASSERT_TRUE(test, has(at));
		}
		KUNIT_EXPECT_TRUE(test, has(end - 1));
		/*
		 * Behind the end is a guard page, which may be in the same heap
		 * page.
		 */
		KUNIT_EXPECT_FALSE_MSG(test, has(end), "one byte too far");
		KUNIT_EXPECT_FALSE(test, has((unsigned long)span->mem - 1));
		kspan_free(ptr);
		/* Otherwise its span might be cached for reuse. */
		kspan_release();
		for (at = base; at < base + sizes[i]; at += PAGE_SIZE)
			KUNIT_ASSERT_PTR_NE_MSG(test, look_up(test, at), span,
						"it is gone");
	}
}

/* The pages of a chunk are kspan's before any of them is in a span. */
static void pages_of_a_chunk(struct kunit *test)
{
	struct kspan_chunk *chunk;
	unsigned long at, end;
	int err;

	chunk = kspan_chunk_get(numa_mem_id(),
				KSPAN_CHUNK_PAGES, GFP_KERNEL, &err);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	at = chunk->base;
	end = at + chunk->nr_pages * KSPAN_PAGE_SIZE;
	KUNIT_EXPECT_FALSE(test, has(end));
	for (; at < end; at += PAGE_SIZE) {
		KUNIT_EXPECT_TRUE(test, has(at));
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, at), &kspan_fresh_span);
	}
	at = chunk->base;
	kspan_chunk_put(chunk);
	KUNIT_EXPECT_FALSE(test, has(at));
	KUNIT_EXPECT_FALSE(test, has(end - 1));
}

/* Pages outside the window make it larger; its entries are kept. */
static void window_grows(struct kunit *test)
{
	unsigned long first = window_base(), bytes = window_bytes(), addr;
	void *ptr = kspan_alloc(100, GFP_KERNEL);
	const struct kspan_span *span;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, ptr);
	span = kspan_test_span(ptr);
	for (i = 0; i < 2; i++) {
		addr = i ? first - KSPAN_PAGE_SIZE : first + bytes;
		if ((!i && !addr) || (i && !first))
			continue;
		expect_foreign(test, addr);
		KUNIT_ASSERT_EQ(test, kspan_arena_cover(addr, KSPAN_PAGE_SIZE,
							GFP_KERNEL), 0);
		KUNIT_EXPECT_GT(test, window_bytes(), bytes);
		KUNIT_EXPECT_LE(test, kspan_window->nr_frames,
				kspan_arena_window_max());
		KUNIT_EXPECT_LT(test, addr - window_base(), window_bytes());
		expect_foreign(test, addr);
		kspan_arena_set(addr, 1, &kspan_idle_span);
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, addr), &kspan_idle_span);
		KUNIT_EXPECT_PTR_EQ(test, look_up(test, (unsigned long)ptr), span);
		kspan_arena_set(addr, 1, &kspan_null_span);
		KUNIT_EXPECT_NULL(test, kspan_verify());
		bytes = window_bytes();
	}
	kspan_free(ptr);
}

/*
 * Look-ups in a frame too far from the window work as well, only slower.
 * Memory that spans two frames has a table for each of them.
 */
static void frames_outside_the_window(struct kunit *test)
{
	unsigned long far = window_base() + 2 * KSPAN_FRAME_SIZE +
			    (kspan_arena_window_max() << KSPAN_FRAME_SHIFT);
	unsigned long addr = far - KSPAN_PAGE_SIZE;
	struct kspan_span **table;

	if (!IS_ENABLED(CONFIG_64BIT))
		kunit_skip(test, "the window is the whole address space");
	KUNIT_ASSERT_EQ(test, kspan_arena_cover(addr, 2 * KSPAN_PAGE_SIZE,
						GFP_KERNEL), 0);
	/* Repeating the call changes nothing. */
	KUNIT_ASSERT_EQ(test, kspan_arena_cover(addr, 2 * KSPAN_PAGE_SIZE,
						GFP_KERNEL), 0);
	expect_foreign(test, addr);
	expect_foreign(test, far);

	kspan_arena_set(addr, 2, &kspan_idle_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, addr - 1), &kspan_null_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, addr), &kspan_idle_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, far), &kspan_idle_span);
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, far + KSPAN_PAGE_SIZE),
			    &kspan_null_span);
	table = kspan_arena_frame(&far);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, far, addr + KSPAN_PAGE_SIZE);
	KUNIT_EXPECT_PTR_EQ(test, table[0], &kspan_idle_span);
	far += KSPAN_FRAME_SIZE;
	KUNIT_EXPECT_NULL_MSG(test, kspan_arena_frame(&far),
			      "there is no frame above");
	kspan_arena_set(addr, 2, &kspan_null_span);
}

static void expect_elsewhere(struct kunit *test, const void *ptr)
{
	KUNIT_EXPECT_PTR_EQ(test, look_up(test, (unsigned long)ptr),
			    &kspan_null_span);
}

/* No metadata lies where an object's overrun could reach it. */
static void metadata_lies_elsewhere(struct kunit *test)
{
	static const size_t sizes[] = { 8, 100, 4096, 32768, 40000, 4 << 20 };
	const struct kspan_span *span;
	struct kspan_mag *mag;
	unsigned int i;
	void *ptr;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ptr = kspan_alloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, ptr);
		span = kspan_test_span(ptr);
		expect_elsewhere(test, span);
		if (span->kind != KSPAN_LARGE) {
			expect_elsewhere(test, span->state);
			expect_elsewhere(test, kspan_span_bitmap(span));
		}
		if (span->kind != KSPAN_LARGE || !kspan_is_region(span))
			expect_elsewhere(test, span->chunk);
		kspan_free(ptr);
	}
	mag = kspan_mag_alloc(1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	expect_elsewhere(test, mag);
	kspan_mag_free(mag);
}

static struct kunit_case arena_cases[] = {
	KUNIT_CASE(foreign_memory),
	KUNIT_CASE(wild_values),
	KUNIT_CASE(window_edges),
	KUNIT_CASE(no_entry_is_null),
	KUNIT_CASE(frames_are_found),
	KUNIT_CASE(publish_and_withdraw),
	KUNIT_CASE(chunks_leave_no_trace),
	KUNIT_CASE(every_byte_of_an_object),
	KUNIT_CASE(all_of_a_large_object),
	KUNIT_CASE(pages_of_a_chunk),
	KUNIT_CASE(window_grows),
	KUNIT_CASE(frames_outside_the_window),
	KUNIT_CASE(metadata_lies_elsewhere),
	{}
};

KSPAN_TEST_SUITE(arena, arena_cases);
