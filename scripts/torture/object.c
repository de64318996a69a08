// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of an object, from its allocation to its free.
 *
 * Each object is filled with data that depends on its own random key.  If
 * another owner writes to it, for example through an overlapping object, the
 * check before the free finds the difference.  Small objects are filled
 * completely.  Larger ones are filled at their beginning, with one word in each
 * page, and at their end.
 */
#include <linux/kspan.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "torture.h"

#define WHOLE_MAX	512U		/* objects filled throughout */
#define HEAD_LEN	64U		/* the beginning of larger ones */
#define ZERO_MAX	SZ_64K		/* zeroed objects checked throughout */
#define OWN_ALIGN_MAX	SZ_8K		/* powers of two aligned to themselves */
#define PAGE_ALIGN_MIN	(SZ_32K + 1)	/* aligned to a page whatever the size */
#define LIGHT_SHARE	16		/* light: 1 of this many is looked up */

#define NO_MISMATCH	SIZE_MAX

/* The word at offset 8 * @i of an object with @key. */
static u64 pattern_word(u32 key, size_t i)
{
	u64 word = ((u64)key << 32 | (u32)i) * 0x9e3779b97f4a7c15ULL;

	return word ^ word >> 32;
}

/* One function both fills and checks, so that they cannot disagree. */
static __always_inline bool word_ok(void *at, u64 word, size_t len, bool check)
{
	if (check)
		return !memcmp(at, &word, len);
	memcpy(at, &word, len);
	return true;
}

static size_t head_len(size_t used)
{
	if (torture_light)
		return min_t(size_t, used, sizeof(u64));
	return used <= WHOLE_MAX ? used : HEAD_LEN;
}

/*
 * Fill or check the first @len bytes of @obj at @ptr. obj->used, not @len,
 * determines which bytes are filled.
 * Return: offset of the first wrong word.
 */
static __always_inline size_t pattern(const struct torture_obj *obj, void *ptr,
				      size_t len, bool check)
{
	size_t head = min(head_len(obj->used), len);
	size_t tail = torture_light ? 1 : sizeof(u64);
	size_t end = obj->used - min(tail, obj->used);
	size_t i, page;

	for (i = 0; i + sizeof(u64) <= head; i += sizeof(u64))
		if (!word_ok(ptr + i, pattern_word(obj->key, i / 8), 8, check))
			return i;
	if (i < head &&
	    !word_ok(ptr + i, pattern_word(obj->key, i / 8), head - i, check))
		return i;
	if (obj->used <= head_len(obj->used))
		return NO_MISMATCH;

	for (page = 0; !torture_light; page += SZ_4K) {
		i = page + HEAD_LEN + (obj->key >> (page / SZ_4K % 20) & 0xf80);
		if (i + sizeof(u64) > min(end, len))
			break;
		if (!word_ok(ptr + i, pattern_word(obj->key, i / 8), 8, check))
			return i;
	}
	if (len == obj->used &&
	    !word_ok(ptr + end, pattern_word(obj->key, end / 8), tail, check))
		return end;
	return NO_MISMATCH;
}

static unsigned int wanted_align(const struct torture_obj *obj)
{
	size_t size = obj->size;

	if (obj->kind == TORTURE_TINY && size < 16)
		return size & 7 ? 1U << __ffs(size) : 8;
	if (obj->kind == TORTURE_PLAIN || obj->kind == TORTURE_TINY) {
		if (size >= PAGE_ALIGN_MIN)
			return SZ_4K;
		if (size >= 8 && is_power_of_2(size))
			return size <= OWN_ALIGN_MAX ? size : SZ_4K;
	}
	return obj->kind == TORTURE_RESIZED ? 1 : 8;
}

static bool is_zeroed(const struct torture_obj *obj)
{
	const void *end = obj->ptr + obj->size;

	if (obj->size <= ZERO_MAX)
		return !memchr_inv(obj->ptr, 0, obj->size);
	return !memchr_inv(obj->ptr, 0, ZERO_MAX / 2) &&
	       !memchr_inv(end - ZERO_MAX / 2, 0, ZERO_MAX / 2);
}

static void check_looked_up(struct torture_ctx *ctx,
			    const struct torture_obj *obj)
{
	size_t room = kspan_size(obj->ptr);

	if (room < obj->size)
		torture_fail("%s: %zu bytes, kind %d: kspan_size() is %zu",
			     ctx->name, obj->size, obj->kind, room);
	if (obj->kind == TORTURE_PLAIN && room != kspan_size_roundup(obj->size))
		torture_fail("%s: %zu bytes: kspan_size() is %zu, roundup %zu",
			     ctx->name, obj->size, room,
			     kspan_size_roundup(obj->size));
	if (!kspan_owns(obj->ptr))
		torture_fail("%s: %zu bytes, kind %d: kspan_owns() is false",
			     ctx->name, obj->size, obj->kind);
}

/* Choose a key and fill the object, at times all of its usable bytes. */
void torture_obj_fill(struct torture_ctx *ctx, struct torture_obj *obj)
{
	obj->key = prandom_u32_state(&ctx->rnd);
	obj->used = obj->size;
	if (!torture_light && !(obj->key & 3))
		obj->used = max(obj->size, kspan_size(obj->ptr));
	pattern(obj, obj->ptr, obj->used, false);
}

/* Check a new object, whose ptr, size and kind are set, and fill it. */
void torture_obj_born(struct torture_ctx *ctx, struct torture_obj *obj,
		      bool zeroed)
{
	unsigned int align = wanted_align(obj);

	if ((unsigned long)obj->ptr & (align - 1))
		torture_fail("%s: %zu bytes, kind %d: not aligned to %u",
			     ctx->name, obj->size, obj->kind, align);
	if (!torture_light || torture_once_in(ctx, LIGHT_SHARE))
		check_looked_up(ctx, obj);
	if (zeroed && !is_zeroed(obj))
		torture_fail("%s: %zu bytes, kind %d: not zeroed",
			     ctx->name, obj->size, obj->kind);
	torture_obj_fill(ctx, obj);
}

/* Check that the first @len bytes of @obj, now at @ptr, are unchanged. */
void torture_obj_check_head(struct torture_ctx *ctx,
			    const struct torture_obj *obj, const void *ptr,
			    size_t len)
{
	size_t at = pattern(obj, (void *)ptr, len, true);
	u64 was = pattern_word(obj->key, at / 8), is = 0;

	if (likely(at == NO_MISMATCH))
		return;
	memcpy(&is, ptr + at, min(len - at, sizeof(is)));
	torture_fail("%s: %zu bytes, kind %d, page+0x%lx: byte %zu of %zu: %016llx, was %016llx",
		     ctx->name, obj->size, obj->kind, offset_in_page(ptr),
		     at, obj->used, is, was);
}

/* Check that nothing else wrote to @obj, which is about to be freed. */
void torture_obj_check(struct torture_ctx *ctx, const struct torture_obj *obj)
{
	torture_obj_check_head(ctx, obj, obj->ptr, obj->used);
}
