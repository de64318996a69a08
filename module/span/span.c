// SPDX-License-Identifier: GPL-2.0
/*
 * Span descriptors: allocation, end and checks.
 *
 * The states, bitmap, tiny words and requested sizes of a span are one block.  It
 * comes from a pool for its size, in steps of 64 bytes, so that two spans never
 * share a cache line of states.  The dead_spans list holds the descriptors of
 * spans that have ended until a grace period has passed.  A worker empties it.
 */
#include <linux/bitmap.h>
#include <linux/limits.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "base/kasan.h"
#include "base/meta.h"
#include "base/noprobe.h"
#include "base/params.h"
#include "base/pool.h"
#include "base/tags.h"
#include "span/span.h"

#define STATE_STEP	64
#define STATE_POOLS	80	/* up to 5 KiB: 512 tiny blocks need 4.7 */

struct kspan_span kspan_null_span = { .kind = KSPAN_NONE };
struct kspan_span kspan_idle_span = { .kind = KSPAN_NONE };
struct kspan_span kspan_fresh_span = { .kind = KSPAN_NONE };

/* Descriptors of large objects have a pool of their own: they have no states. */
static struct kspan_pool span_pool;
static struct kspan_pool large_pool;
static struct kspan_pool state_pools[STATE_POOLS];

/* Dead descriptors, newest first.  nr_dead is also read without the lock. */
static DEFINE_RAW_SPINLOCK(dead_spans_lock);
static LIST_HEAD(dead_spans);
static unsigned int nr_dead;

/* Whether spans store the requested sizes of their objects. */
static bool with_asked __ro_after_init;

/* Bytes of the block behind span->state. */
static unsigned int state_bytes(unsigned int sc)
{
	unsigned int objs = kspan_sc_info(sc)->nr_objs;
	unsigned int bytes;

	bytes = ALIGN(objs + 1, sizeof(long)) +
		BITS_TO_LONGS(objs) * sizeof(long);
	if (kspan_sc_kind(sc) == KSPAN_TINY)
		bytes = ALIGN(bytes, 8) + objs * sizeof(u64);
	else if (with_asked)
		bytes += objs * sizeof(u16);
	return bytes;
}

/* Index of the pool for these blocks. */
static unsigned int state_pool(unsigned int sc)
{
	return DIV_ROUND_UP(state_bytes(sc), STATE_STEP) - 1;
}

/* Keep the metadata ready that the pages of the reserve need. */
static void keep_pools_ready(void)
{
	unsigned int sc;

	kspan_pool_keep_ready(&span_pool);
	kspan_pool_keep_ready(&large_pool);
	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		if (kspan_sc_info(sc)->size)
			kspan_pool_keep_ready(&state_pools[state_pool(sc)]);
}

/* Set up the pools.  Context: module load. */
int kspan_span_init(void)
{
	unsigned int i;

	BUILD_BUG_ON(KSPAN_OBJ_FREE > KSPAN_OBJ_ZEROED);
	BUILD_BUG_ON(KSPAN_OBJ_LIVE < KSPAN_OBJ_ZEROED);
	BUILD_BUG_ON(KSPAN_SC_MAX > U16_MAX);
	BUILD_BUG_ON(IS_ENABLED(CONFIG_64BIT) && sizeof(struct kspan_span) > 64);
	BUILD_BUG_ON(KSPAN_SMALL_MAX > U16_MAX);
	with_asked = kspan_params.check > 1;
	kspan_pool_init(&span_pool, sizeof(struct kspan_span), KSPAN_SYS_MSPAN);
	kspan_pool_init(&large_pool, sizeof(struct kspan_large), KSPAN_SYS_MSPAN);
	for (i = 0; i < STATE_POOLS; i++) {
		kspan_pool_init(&state_pools[i], (i + 1) * STATE_STEP,
				KSPAN_SYS_GC);
		state_pools[i].new_slab = kspan_tags_new_slab;
		state_pools[i].free_slab = kspan_tags_free_slab;
	}
	if (kspan_params.reserve_kb)
		keep_pools_ready();
	return 0;
}

/* Free the pools.  Context: module unload, no span is left. */
void kspan_span_exit(void)
{
	unsigned int i;

	kspan_span_free_dead();
	for (i = 0; i < STATE_POOLS; i++)
		kspan_pool_exit(&state_pools[i]);
	kspan_pool_exit(&large_pool);
	kspan_pool_exit(&span_pool);
}

/**
 * kspan_span_alloc - allocate a descriptor and its object states
 * @sc: span class, or 0 for a large object, which has no states
 * @gfp: flags
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: a descriptor that is not published yet, or NULL.
 */
struct kspan_span *kspan_span_alloc(unsigned int sc, gfp_t gfp)
{
	struct kspan_span *span;

	span = kspan_pool_alloc(sc ? &span_pool : &large_pool, gfp);

	if (!span)
		return NULL;
	memset(span, 0, sizeof(*span));
	INIT_LIST_HEAD(&span->list);
	span->bucket = KSPAN_NO_BUCKET;
	span->sc = sc;
	span->kind = sc ? kspan_sc_kind(sc) : KSPAN_LARGE;
	if (!sc) {
		INIT_HLIST_NODE(&span->kept);
		INIT_LIST_HEAD(&kspan_large_of(span)->lru);
		return span;
	}
	span->state_pool = state_pool(sc);
	span->state = kspan_pool_alloc(&state_pools[span->state_pool], gfp);
	if (!span->state) {
		kspan_pool_free(&span_pool, span);
		return NULL;
	}
	return span;
}

/**
 * kspan_span_free - free a descriptor at once
 * @span: a span that was never published, or has no more readers
 *
 * Context: Any but NMI.
 */
void kspan_span_free(struct kspan_span *span)
{
	bool large = span->kind == KSPAN_LARGE;

	if (!large)
		kspan_pool_free(&state_pools[span->state_pool], span->state);
	kspan_pool_free(large ? &large_pool : &span_pool, span);
}

/**
 * kspan_span_construct - call the constructor of a free object
 * @span: a small span
 * @obj: one of its objects, which only the caller holds
 *
 * Context: Any but NMI.
 */
void kspan_span_construct(const struct kspan_span *span, void *obj)
{
	void (*ctor)(void *obj) = NULL;

	if (!kspan_sc_is_static(span->sc))
		ctor = READ_ONCE(kspan_sc_find(span->sc)->ctor);
	if (!ctor)
		return;
	kspan_kasan_pause();
	ctor(obj);
	kspan_kasan_resume();
}

/*
 * Set up objects that keep their contents.  RCU readers may access them at any
 * time, so KASAN is not told that one was freed before its span ends.
 */
static void construct(struct kspan_span *span)
{
	const struct kspan_span_class *class = kspan_sc_find(span->sc);
	unsigned int i;
	void *obj;

	for (i = 0; i < span->nr_objs; i++) {
		obj = (void *)kspan_span_addr(span, i);
		if (class->rcu)
			kspan_kasan_unpoison_object(obj, class->info.size,
						    class->info.size);
		kspan_span_construct(span, obj);
	}
}

/**
 * kspan_span_setup - mark all objects of a small span as free
 * @span: a descriptor with @base, @needzero set
 * @sc: its span class
 *
 * Context: Any but NMI; the span is not published yet.
 */
void kspan_span_setup(struct kspan_span *span, unsigned int sc)
{
	const struct kspan_class *info = kspan_sc_info(sc);

	WRITE_ONCE(span->index, kspan_sc_index(sc));
	span->nr_objs = info->nr_objs;
	span->nr_free = info->nr_objs;
	memset(span->state,
	       span->needzero || kspan_sc_keeps(sc) ? KSPAN_OBJ_FREE : KSPAN_OBJ_ZEROED,
	       info->nr_objs);
	span->state[info->nr_objs] = KSPAN_OBJ_NONE;
	bitmap_fill(kspan_span_bitmap(span), info->nr_objs);
	if (span->kind == KSPAN_TINY)
		memset(kspan_span_words(span), 0, info->nr_objs * sizeof(u64));
	if (unlikely(kspan_sc_keeps(sc)))
		construct(span);
	/* A tiny block is never freed as one object: magic stays 0. */
	if (span->kind != KSPAN_TINY)
		span->magic = info->magic;
}

/**
 * kspan_span_end - end a span
 * @span: a span that is in no list and not in the arena map
 *
 * Context: Any but NMI.
 */
void kspan_span_end(struct kspan_span *span)
{
	unsigned long flags;

	WRITE_ONCE(span->magic, 0);
	/* Code that still holds a pointer to a state byte finds no object there. */
	if (span->kind != KSPAN_LARGE)
		memset(span->state, KSPAN_OBJ_NONE, span->nr_objs);
	raw_spin_lock_irqsave(&dead_spans_lock, flags);
	list_add(&span->list, &dead_spans);
	WRITE_ONCE(nr_dead, nr_dead + 1);
	raw_spin_unlock_irqrestore(&dead_spans_lock, flags);
}

/* Number of descriptors that wait for a grace period.  Context: Any. */
unsigned int kspan_span_nr_dead(void)
{
	return READ_ONCE(nr_dead);
}

/**
 * kspan_span_free_dead - free the descriptors of spans that ended before this call
 *
 * Context: Process context that may sleep.
 */
void kspan_span_free_dead(void)
{
	struct kspan_span *span, *next;
	unsigned long flags;
	LIST_HEAD(ended);

	raw_spin_lock_irqsave(&dead_spans_lock, flags);
	list_splice_init(&dead_spans, &ended);
	WRITE_ONCE(nr_dead, 0);
	raw_spin_unlock_irqrestore(&dead_spans_lock, flags);
	if (list_empty(&ended))
		return;
	synchronize_rcu();
	list_for_each_entry_safe(span, next, &ended, list)
		kspan_span_free(span);
}

/**
 * kspan_span_check - check the consistency of a small span
 * @span: the span
 *
 * Context: The span's central lock is held.
 * Return: NULL, or what is wrong.
 */
__kspan_noprobe const char *kspan_span_check(const struct kspan_span *span)
{
	const struct kspan_class *info = kspan_sc_info(kspan_span_sc(span));
	const unsigned long *bitmap = kspan_span_bitmap(span);
	unsigned int i;

	if (span->nr_objs != info->nr_objs)
		return "span: wrong number of objects for its class";
	if (span->kind != KSPAN_TINY && span->magic != info->magic)
		return "span: wrong divisor for its class";
	if (bitmap_weight(bitmap, span->nr_objs) != span->nr_free)
		return "span: free count differs from the bitmap";
	for (i = 0; i < span->nr_objs; i++) {
		u8 state = kspan_obj_untracked(READ_ONCE(span->state[i]));

		if (state > KSPAN_OBJ_QUARANTINED)
			return "span: unknown object state";
		if (test_bit(i, bitmap) && !kspan_obj_is_free(state))
			return "span: object both in the span and in use";
	}
	if (span->state[span->nr_objs] != KSPAN_OBJ_NONE)
		return "span: no end mark behind the object states";
	return NULL;
}
