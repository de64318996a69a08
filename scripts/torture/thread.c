// SPDX-License-Identifier: GPL-2.0
/*
 * Threads.  Each one has slots, and each step picks one at random.  If the slot
 * is full its object is checked and freed; if it was empty a new object goes
 * there.  Thus about half of the slots are full, with objects of all ages.
 *
 * Most steps only use kspan_alloc() and kspan_free() with small objects.  The
 * functions in ops[] do the rest.
 */
#include <linux/bottom_half.h>
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/kspan.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "torture.h"

#define STEPS		64	/* between two checks of the time */
#define ODD_SHARE	12	/* one of this many steps is from ops[] */
#define ODD_SHARE_LIGHT	64
#define PLAIN_BITS	11	/* plain objects are below 2 KiB */
#define SMALL_BITS	16	/* up to here NULL is unexpected */
#define LARGE_BITS	18	/* at times where NULL is likely */
#define BULK_MAX	64
#define ATOMIC_MAX	8	/* steps in a row that may not sleep */
#define SABOTAGE_AFTER	100

static DEFINE_SPINLOCK(bh_lock);

static struct torture_obj *any_slot(struct torture_thread *t)
{
	return &t->slots[torture_pick(&t->ctx, t->nr_slots)];
}

static gfp_t any_gfp(struct torture_ctx *ctx)
{
	switch (torture_pick(ctx, 16)) {
	case 0:
		return GFP_NOFS;
	case 1:
		return GFP_NOIO;
	case 2:
		return GFP_ATOMIC | __GFP_NOWARN;
	case 3:
		return GFP_NOWAIT | __GFP_NOWARN;
	default:
		return GFP_KERNEL;
	}
}

static void count_null(struct torture_ctx *ctx, size_t size, gfp_t gfp)
{
	bool surprise = gfpflags_allow_blocking(gfp) && size < 1UL << SMALL_BITS;

	torture_count(ctx, surprise ? TORTURE_NULL : TORTURE_NULL_ATOMIC, 1);
}

static void slot_free(struct torture_thread *t, struct torture_obj *slot)
{
	torture_obj_check(&t->ctx, slot);
	kspan_free(slot->ptr);
	slot->ptr = NULL;
	torture_count(&t->ctx, TORTURE_OPS, 1);
}

static void slot_alloc(struct torture_thread *t, struct torture_obj *slot,
		       unsigned int bits, gfp_t gfp)
{
	struct torture_ctx *ctx = &t->ctx;

	slot->kind = TORTURE_PLAIN;
	slot->size = torture_pick_size(ctx, bits);
	slot->ptr = kspan_alloc(slot->size, gfp);
	torture_count(ctx, TORTURE_OPS, 1);
	if (likely(slot->ptr))
		torture_obj_born(ctx, slot, torture_zeroed);
	else
		count_null(ctx, slot->size, gfp);
}

/* ---- the other ways to allocate: set obj->ptr, ->size and ->kind ---- */

static void alloc_zeroed(struct torture_ctx *ctx, struct torture_obj *obj,
			 gfp_t gfp)
{
	obj->size = torture_pick_size(ctx, SMALL_BITS);
	obj->ptr = kspan_zalloc(obj->size, gfp);
}

static void alloc_data(struct torture_ctx *ctx, struct torture_obj *obj,
		       gfp_t gfp)
{
	obj->size = torture_pick_size(ctx, SMALL_BITS);
	obj->ptr = kspan_alloc_data(obj->size, gfp);
}

static void alloc_tiny(struct torture_ctx *ctx, struct torture_obj *obj,
		       gfp_t gfp)
{
	obj->kind = TORTURE_TINY;
	obj->size = 1 + torture_pick(ctx, 16);
	obj->ptr = kspan_alloc_tiny(obj->size, gfp);
}

static void alloc_node(struct torture_ctx *ctx, struct torture_obj *obj,
		       gfp_t gfp)
{
	int node = torture_pick(ctx, nr_node_ids);

	if (!node_online(node))
		node = NUMA_NO_NODE;
	else if (torture_once_in(ctx, 2))
		gfp |= __GFP_THISNODE;
	obj->size = torture_pick_size(ctx, SMALL_BITS);
	obj->ptr = kspan_alloc_node(obj->size, gfp, node);
	if (obj->ptr && gfp & __GFP_THISNODE &&
	    page_to_nid(vmalloc_to_page(obj->ptr)) != node)
		torture_fail("%s: %zu bytes are not on node %d", ctx->name,
			     obj->size, node);
}

static void alloc_aligned(struct torture_ctx *ctx, struct torture_obj *obj,
			  gfp_t gfp)
{
	unsigned int bits = torture_once_in(ctx, 32) ? 22 : 14;
	size_t align = 1UL << torture_pick(ctx, bits);

	obj->kind = TORTURE_ALIGNED;
	obj->size = torture_pick_size(ctx, SMALL_BITS);
	obj->ptr = kspan_alloc_aligned(obj->size, align, gfp);
	if ((unsigned long)obj->ptr & (align - 1))
		torture_fail("%s: %zu bytes aligned to %zu are not",
			     ctx->name, obj->size, align);
}

static void alloc_large(struct torture_ctx *ctx, struct torture_obj *obj,
			gfp_t gfp)
{
	obj->size = torture_pick_size(ctx, 23);
	if (obj->size > SZ_4M)
		obj->size = SZ_4M;
	obj->ptr = kspan_alloc(obj->size, gfp | __GFP_NOWARN);
}

static void alloc_string(struct torture_ctx *ctx, struct torture_obj *obj,
			 gfp_t gfp)
{
	char text[100];
	size_t len = torture_pick(ctx, sizeof(text));

	memset(text, 'a' + len % 26, len);
	text[len] = '\0';
	obj->size = len + 1;
	obj->ptr = kspan_strdup(text, gfp);
	if (obj->ptr && strcmp(obj->ptr, text))
		torture_fail("%s: a string of %zu differs from its copy",
			     ctx->name, len);
}

static void (*const ways[])(struct torture_ctx *ctx, struct torture_obj *obj,
			    gfp_t gfp) = {
	torture_cache_alloc, torture_heap_alloc,
	alloc_zeroed, alloc_data, alloc_tiny, alloc_node, alloc_aligned,
	alloc_large, alloc_string,
};

static void odd_alloc(struct torture_thread *t, struct torture_obj *slot)
{
	struct torture_ctx *ctx = &t->ctx;
	unsigned int way = torture_pick(ctx, ARRAY_SIZE(ways));
	gfp_t gfp = any_gfp(ctx);
	bool zeroed = ways[way] == alloc_zeroed || torture_zeroed;

	if (torture_once_in(ctx, 8)) {
		gfp |= __GFP_ZERO;
		zeroed = true;
	}
	/* It has written its text already. */
	if (ways[way] == alloc_string)
		zeroed = false;
	slot->kind = TORTURE_PLAIN;
	ways[way](ctx, slot, gfp);
	torture_count(ctx, TORTURE_OPS, 1);
	if (slot->ptr)
		torture_obj_born(ctx, slot, zeroed);
	else
		count_null(ctx, slot->size, gfp);
}

static void odd_free(struct torture_thread *t, struct torture_obj *slot)
{
	torture_obj_check(&t->ctx, slot);
	if (torture_once_in(&t->ctx, 8))
		kspan_free_sensitive(slot->ptr);
	else
		kspan_free_sized(slot->ptr, slot->size);
	slot->ptr = NULL;
	torture_count(&t->ctx, TORTURE_OPS, 1);
}

/* ---- ops[] ---- */

static void op_odd(struct torture_thread *t)
{
	struct torture_obj *slot = any_slot(t);

	if (slot->ptr)
		odd_free(t, slot);
	else
		odd_alloc(t, slot);
	/* Rarely, as it waits for every CPU. */
	if (torture_once_in(&t->ctx, 20000))
		torture_cache_life(&t->ctx);
	if (torture_once_in(&t->ctx, 20000))
		torture_heap_life(&t->ctx);
}

static void op_realloc(struct torture_thread *t)
{
	struct torture_obj *slot = any_slot(t);
	struct torture_ctx *ctx = &t->ctx;
	size_t size = torture_pick_size(ctx, SMALL_BITS);
	gfp_t gfp = any_gfp(ctx);
	void *ptr;

	if (!slot->ptr)
		return;
	torture_obj_check(ctx, slot);
	ptr = kspan_realloc(slot->ptr, size, gfp);
	torture_count(ctx, TORTURE_OPS, 1);
	if (!ptr) {
		count_null(ctx, size, gfp);
		return;
	}
	torture_obj_check_head(ctx, slot, ptr, min(size, slot->size));
	slot->ptr = ptr;
	slot->size = size;
	slot->kind = TORTURE_RESIZED;
	torture_obj_born(ctx, slot, false);
}

/* Allocate objects in bulk; free in bulk those whose slots they take. */
static void op_bulk(struct torture_thread *t)
{
	struct torture_ctx *ctx = &t->ctx;
	struct torture_obj obj = { .kind = TORTURE_PLAIN };
	unsigned int i, nr = 1 + torture_pick(ctx, BULK_MAX), nr_old = 0;
	gfp_t gfp = any_gfp(ctx);
	void *ptrs[BULK_MAX];
	size_t got;

	obj.size = torture_pick_size(ctx, PLAIN_BITS);
	got = kspan_alloc_bulk(obj.size, gfp, nr, ptrs);
	if (!got) {
		count_null(ctx, obj.size, gfp);
		return;
	}
	if (got != nr) {
		torture_fail("bulk: %zu of %u objects", got, nr);
		return;
	}
	for (i = 0; i < nr; i++) {
		struct torture_obj *slot = any_slot(t);

		obj.ptr = ptrs[i];
		torture_obj_born(ctx, &obj, torture_zeroed);
		if (slot->ptr) {
			torture_obj_check(ctx, slot);
			ptrs[nr_old++] = slot->ptr;
		}
		*slot = obj;
	}
	kspan_free_bulk(nr_old, ptrs);
	torture_count(ctx, TORTURE_OPS, nr + nr_old);
}

static void op_send(struct torture_thread *t)
{
	struct torture_obj *slot = any_slot(t);
	unsigned int to = torture_pick(&t->ctx, torture_nr_cpus);

	if (slot->ptr && torture_mail_post(&torture_cpus[to].mail, slot))
		slot->ptr = NULL;
}

static void op_receive(struct torture_thread *t)
{
	struct torture_obj obj;

	if (torture_mail_take(&torture_cpus[t->home].mail, &obj))
		odd_free(t, &obj);
}

static void op_edges(struct torture_thread *t)
{
	const struct torture_obj *slot = any_slot(t);
	void *ptr = kspan_alloc(0, GFP_KERNEL);

	if (ptr != ZERO_SIZE_PTR)
		torture_fail("0 bytes are at %p", ptr);
	kspan_free(ptr);
	kspan_free(NULL);
	if (kspan_owns(NULL) || kspan_owns(ZERO_SIZE_PTR) || kspan_owns(t))
		torture_fail("a foreign pointer is owned");
	if (slot->ptr && slot->kind == TORTURE_PLAIN &&
	    kspan_owns(slot->ptr + 1))
		torture_fail("the middle of an object is owned");
}

/* A few steps in atomic context. */
static void atomic_steps(struct torture_thread *t)
{
	gfp_t gfp = torture_once_in(&t->ctx, 2) ? GFP_ATOMIC : GFP_NOWAIT;
	unsigned int i, bits;

	for (i = 1 + torture_pick(&t->ctx, ATOMIC_MAX); i; i--) {
		struct torture_obj *slot = any_slot(t);

		bits = torture_once_in(&t->ctx, 32) ? SMALL_BITS : PLAIN_BITS;
		if (slot->ptr)
			slot_free(t, slot);
		else
			slot_alloc(t, slot, bits, gfp | __GFP_NOWARN);
	}
}

static void op_irqs_off(struct torture_thread *t)
{
	unsigned long flags;

	local_irq_save(flags);
	atomic_steps(t);
	local_irq_restore(flags);
}

static void op_bh_locked(struct torture_thread *t)
{
	spin_lock_bh(&bh_lock);
	atomic_steps(t);
	spin_unlock_bh(&bh_lock);
}

static void op_rcu(struct torture_thread *t)
{
	rcu_read_lock();
	atomic_steps(t);
	rcu_read_unlock();
}

static void op_preempt_off(struct torture_thread *t)
{
	preempt_disable();
	atomic_steps(t);
	preempt_enable();
}

/*
 * A client bug that kspan survives: flags that allow to sleep where that is not
 * allowed.  Kernels that check for it would complain.
 */
static void op_wrong_flags(struct torture_thread *t)
{
	const gfp_t sleeping = GFP_KERNEL | __GFP_NOWARN;
	struct torture_obj *slot = any_slot(t);

	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || slot->ptr)
		return;
	preempt_disable();
	slot_alloc(t, slot, LARGE_BITS, sleeping);
	preempt_enable();
}

static void (*const ops[])(struct torture_thread *t) = {
	op_odd, op_odd, op_odd, op_odd, op_odd, op_odd,
	op_realloc, op_bulk, op_edges, op_send, op_send, op_send, op_receive,
	op_irqs_off, op_bh_locked, op_rcu, op_preempt_off, op_wrong_flags,
};

static void step(struct torture_thread *t)
{
	u32 share = torture_light ? ODD_SHARE_LIGHT : ODD_SHARE;
	struct torture_obj *slot;

	if (unlikely(torture_once_in(&t->ctx, share))) {
		ops[torture_pick(&t->ctx, ARRAY_SIZE(ops))](t);
		return;
	}
	slot = any_slot(t);
	if (slot->ptr)
		slot_free(t, slot);
	else
		slot_alloc(t, slot, PLAIN_BITS, GFP_KERNEL);
}

/* Overwrite an object once, which the run must find. */
static void overwrite_object(struct torture_thread *t)
{
	const struct torture_obj *slot = t->slots;

	if (t->ctx.counters[TORTURE_OPS] < SABOTAGE_AFTER)
		return;
	while (!slot->ptr)
		if (++slot == t->slots + t->nr_slots)
			return;
	*(u8 *)slot->ptr ^= 0x10;
	t->sabotage = false;
}

/* The main function of a thread; @arg is its struct torture_thread. */
int torture_thread_run(void *arg)
{
	struct torture_thread *t = arg;
	unsigned int i;

	if (t->leader)
		torture_irq_begin(&torture_cpus[t->home]);
	while (!torture_stopping()) {
		for (i = 0; i < STEPS; i++)
			step(t);
		if (unlikely(t->sabotage))
			overwrite_object(t);
		cond_resched();
	}
	if (t->leader)
		torture_irq_end(&torture_cpus[t->home]);

	for (i = 0; i < t->nr_slots; i++) {
		if (t->slots[i].ptr)
			slot_free(t, &t->slots[i]);
		if (i % STEPS == 0)
			cond_resched();
	}
	torture_thread_done();
	return 0;
}
