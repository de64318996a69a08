// SPDX-License-Identifier: GPL-2.0
/* Span classes: the table of the dynamic ones. */
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mutex.h>

#include "base/meta.h"
#include "base/spanclass.h"

#define BLOCK_BYTES	(KSPAN_SC_BLOCK * sizeof(struct kspan_span_class *))

struct kspan_span_class **kspan_sc_blocks[KSPAN_SC_BLOCKS];
unsigned int kspan_sc_limit = KSPAN_NR_SC;
atomic64_t kspan_sc_gone[KSPAN_NR_CLASSES + 1];
atomic64_t kspan_sc_gone_bytes;

/* Serialises changes of the table. */
static DEFINE_MUTEX(sc_mutex);

/* The limits of the generator of the size classes in scripts/checks. */
#define MAX_PAGES	10U	/* most heap pages of a span, unless one object needs more */
#define TAIL_SHARE	32U	/* at most 1 / this of a span is left over at its end */
#define MAX_OBJS	1024U
#define MAG_BYTES	16384U
#define MAG_OBJS	63U

/*
 * Whether the lower half of the product in free.h is below the divisor exactly
 * for the first bytes of objects, in a span of @nr objects.  The divisor is too
 * large by @excess / @size; the sum of this error over the span must be below
 * the divisor.
 */
static bool is_exact(u32 size, u32 magic, u32 nr)
{
	u64 excess = (u64)magic * size - (1ULL << 32);

	return (nr - 1) * excess < magic;
}

static unsigned int objs_in(unsigned int pages, size_t size)
{
	return min_t(size_t, pages * KSPAN_PAGE_SIZE / size, MAX_OBJS);
}

static unsigned int mag_objs(size_t size)
{
	unsigned int least = size <= KSPAN_PAGE_SIZE ? 8 :
			     size <= KSPAN_SMALL_MAX ? 2 : 1;

	return clamp_t(size_t, MAG_BYTES / size, least, MAG_OBJS);
}

/**
 * kspan_sc_figures - compute the figures of a span class for an object size
 * @info: the result
 * @size: bytes of a slot, a multiple of 8
 *
 * Context: Any.
 * Return: false if a span cannot hold an object of that size.
 */
bool kspan_sc_figures(struct kspan_class *info, size_t size)
{
	unsigned int pages, nr, tail, least = 0, best = 0;
	u32 magic;

	if (!size || size > KSPAN_SC_SIZE_MAX)
		return false;
	magic = 0xffffffffU / size + 1;
	least = DIV_ROUND_UP(size, KSPAN_PAGE_SIZE);
	for (pages = least; pages <= max(least, MAX_PAGES); pages++) {
		nr = objs_in(pages, size);
		if (!is_exact(size, magic, nr))
			break;
		tail = pages * KSPAN_PAGE_SIZE - nr * size;
		if (!best || (u64)tail * best <
			     (best * KSPAN_PAGE_SIZE -
			      (u64)objs_in(best, size) * size) * pages)
			best = pages;
		if (tail * TAIL_SHARE <= pages * KSPAN_PAGE_SIZE)
			break;
	}
	*info = (struct kspan_class){
		.size = size,
		.magic = magic,
		.nr_objs = objs_in(best, size),
		.nr_pages = best,
		.mag_cap = mag_objs(size),
	};
	return true;
}

/* The table entry of a span class, or NULL without memory for its block. */
static struct kspan_span_class **place_of(unsigned int sc)
{
	struct kspan_span_class **block = kspan_sc_blocks[sc / KSPAN_SC_BLOCK];

	if (!block) {
		block = kspan_meta_alloc(BLOCK_BYTES, KSPAN_SYS_OTHER,
					 GFP_KERNEL);
		if (!block)
			return NULL;
		/* Readers depend on the address for the content of the block. */
		smp_store_release(&kspan_sc_blocks[sc / KSPAN_SC_BLOCK], block);
	}
	return &block[sc % KSPAN_SC_BLOCK];
}

/**
 * kspan_sc_publish - assign a number to a span class
 * @class: the class, complete except for its number
 *
 * Context: Process context that may sleep.
 * Return: 0; -ENOMEM; -ENOSPC if all numbers are in use.
 */
int kspan_sc_publish(struct kspan_span_class *class)
{
	struct kspan_span_class **place;
	unsigned int sc;
	int err = -ENOSPC;

	mutex_lock(&sc_mutex);
	for (sc = KSPAN_NR_SC; sc <= KSPAN_SC_MAX; sc++) {
		place = place_of(sc);
		if (!place) {
			err = -ENOMEM;
			break;
		}
		if (*place)
			continue;
		class->sc = sc;
		if (!class->cpu)
			class->index = KSPAN_F_INDEX(0);
		/* Readers depend on the address for the content of the class. */
		smp_store_release(place, class);
		if (sc >= kspan_sc_limit)
			WRITE_ONCE(kspan_sc_limit, sc + 1);
		err = 0;
		break;
	}
	mutex_unlock(&sc_mutex);
	return err;
}

/**
 * kspan_sc_withdraw - remove span classes from the table
 * @class: an array of classes, which have no spans any more
 * @nr: number of entries in the array
 *
 * Code that has just detached the last span of a class uses the class once
 * more, so the class leaves the table only after a grace period.  After another
 * grace period no code that found it in the table uses it.
 *
 * Context: Process context that may sleep.
 */
void kspan_sc_withdraw(struct kspan_span_class *class, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		WRITE_ONCE(class[i].gone, true);
	synchronize_rcu();
	mutex_lock(&sc_mutex);
	for (i = 0; i < nr; i++)
		WRITE_ONCE(*place_of(class[i].sc), NULL);
	mutex_unlock(&sc_mutex);
	synchronize_rcu();
}

/* The table begins empty.  Context: module load.  Return: 0. */
int kspan_sc_init(void)
{
	return 0;
}

/* Free the table.  Context: module unload; no dynamic class is left. */
void kspan_sc_exit(void)
{
	unsigned int i;

	for (i = 0; i < KSPAN_SC_BLOCKS; i++) {
		if (kspan_sc_blocks[i])
			kspan_meta_free(kspan_sc_blocks[i], BLOCK_BYTES,
					KSPAN_SYS_OTHER);
		kspan_sc_blocks[i] = NULL;
	}
	kspan_sc_limit = KSPAN_NR_SC;
}
