// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: refill, overflow and whatever else an allocation or a free
 * needs off the fast path.
 *
 * Everything here runs with preemption off and on the cache of its own CPU
 * and context, except the drain of a dead CPU.  Whoever is without memory for
 * a magazine works on single objects, so that a free can never fail.
 *
 * model/magazine.pml is a model of this and of what lies behind it, searched
 * exhaustively; change it along with the code.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "arena.h"
#include "cache_tops.h"
#include "meta.h"
#include "params.h"

DEFINE_PER_CPU(struct kspan_slot *, kspan_tops[KSPAN_NR_TOPS]);
struct kspan_cache_cpu __percpu *kspan_cache_cpus;

/* Frees go to the spans one by one: nothing may be reused, or all is wiped. */
static bool direct_free __read_mostly;

/* The slot that A's top is below when A holds half a magazine or less. */
static u8 half_slot[KSPAN_NR_SC] __ro_after_init;

/* A free object that an alloc found to be somebody's: two frees raced. */
static void drop_duplicate(struct kspan_ctx_cache *c, unsigned int sc)
{
	kspan_set_a(c, sc, kspan_a_mag(c, sc), kspan_a_count(c, sc) - 1);
	c->count[sc].loaded--;
	c->count[sc].unloaded--;
	if (atomic_long_inc_return(&kspan_nr_corrupt) == 1)
		pr_err("corrupt: two frees of one object of class %u at the same time\n",
		       kspan_sc_class(sc));
}

static void shuffle(struct kspan_ctx_cache *c, struct kspan_slot *slots,
		    unsigned int nr)
{
	while (nr > 1) {
		u32 r = c->cpu->random * 1664525U + 1013904223U;
		unsigned int i = ((u64)r * nr) >> 32;

		c->cpu->random = r;
		swap(slots[i], slots[nr - 1]);
		nr--;
	}
}

/* Fill A from the spans.  Return: whether there was an object. */
static bool fill_from_spans(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	unsigned int first = kspan_sc_first(sc), nr;
	struct kspan_mag *mag = kspan_a_mag(c, sc);

	if (!mag) {
		mag = kspan_mag_alloc(sc, GFP_NOWAIT);
		if (!mag)
			return false;
		kspan_set_a(c, sc, mag, 0);
	}
	nr = kspan_central_fill(c->node, sc, &mag->slot[first], cap);
	if (!nr)
		return false;
	if (nr < cap)
		memmove(&mag->slot[first], &mag->slot[KSPAN_MAG_SLOTS - nr],
			nr * sizeof(mag->slot[0]));
	if (kspan_params.randomize)
		shuffle(c, &mag->slot[first], nr);
	kspan_set_a(c, sc, mag, nr);
	c->count[sc].loaded += nr;
	return true;
}

/* A full magazine from the depot becomes A.  Return: whether there was one. */
static bool fill_from_depot(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *full, *drained;
	unsigned int cap = kspan_sc_info(sc)->mag_cap;

	full = kspan_depot_get(c->node, sc);
	if (!full)
		return false;
	drained = kspan_a_mag(c, sc);
	kspan_set_a(c, sc, full, cap);
	c->count[sc].loaded += cap;
	if (drained && !kspan_f_mag(c, sc) && !direct_free)
		kspan_set_f(c, sc, drained, 0);
	else if (drained)
		kspan_mag_free(drained);
	return true;
}

/* Make A hold something.  Return: whether it does. */
static bool refill(struct kspan_ctx_cache *c, unsigned int sc)
{
	if (kspan_f_count(c, sc)) {
		kspan_trade_mags(c, sc);
		return true;
	}
	kspan_cache_age(c, sc);
	return fill_from_depot(c, sc) || fill_from_spans(c, sc);
}

/* A single object straight from the spans. */
static void *take_one(struct kspan_ctx_cache *c, unsigned int sc, int node,
		      u8 *was)
{
	struct kspan_slot slot;

	if (!kspan_central_fill(node, sc, &slot, 1))
		return NULL;
	*was = *slot.state;
	*slot.state = KSPAN_OBJ_LIVE;
	c->count[sc].loaded++;
	return slot.ptr;
}

static void *pop(struct kspan_ctx_cache *c, unsigned int sc, u8 *was)
{
	struct kspan_slot *slot = c->tops[KSPAN_TOP_A(2 * sc)];

	*was = *slot->state;
	if (unlikely(*was > KSPAN_OBJ_ZEROED))
		return NULL;
	*slot->state = KSPAN_OBJ_LIVE;
	WRITE_ONCE(c->tops[KSPAN_TOP_A(2 * sc)], slot - 1);
	return slot->ptr;
}

/* The task cache of this CPU takes over @a and @f, the tops' slots. */
static __always_inline void trade_tops(unsigned long top, struct kspan_slot *a,
				       struct kspan_slot *f)
{
	struct kspan_cache_cpu *cc = this_cpu_ptr(kspan_cache_cpus);
	struct kspan_cache_count *count = &cc->count[KSPAN_CTX_TASK][top / 2];
	long diff = (long)kspan_slot_index(f) - (long)kspan_slot_index(a);

	__this_cpu_write(kspan_tops[KSPAN_TOP_A(top)], f);
	__this_cpu_write(kspan_tops[KSPAN_TOP_F(top)], a + 1);
	count->loaded += diff;
	count->unloaded += diff;
}

/**
 * kspan_cache_trade_alloc - let what F holds be A, if A is drained
 * @top: 2 * span class
 *
 * The short way for the commonest end of a fast path; kspan_cache_alloc()
 * knows all ways.  A CPU that frees what it allocates lives on this one: with
 * few objects in its cache it comes here every few calls.
 *
 * Context: Task, with preemption off.
 * Return: whether A holds something now.
 */
noinline bool kspan_cache_trade_alloc(unsigned long top)
{
	struct kspan_slot *a = __this_cpu_read(kspan_tops[KSPAN_TOP_A(top)]);
	struct kspan_slot *f = __this_cpu_read(kspan_tops[KSPAN_TOP_F(top)]);

	f--;
	if (a->state != &kspan_none_state || f->state == &kspan_none_state ||
	    kspan_mag_of(a) == &kspan_no_mag)
		return false;
	trade_tops(top, a, f);
	return true;
}

/**
 * kspan_cache_trade_free - let F, which is full, be A, if A has drained by half
 * @top: 2 * span class
 *
 * Context: Task, with preemption off.
 * Return: whether F has room now.
 */
noinline bool kspan_cache_trade_free(unsigned long top)
{
	struct kspan_slot *a = __this_cpu_read(kspan_tops[KSPAN_TOP_A(top)]);
	struct kspan_slot *f = __this_cpu_read(kspan_tops[KSPAN_TOP_F(top)]);

	f--;
	if (kspan_slot_index(a) >= half_slot[top / 2] ||
	    kspan_mag_of(f) == &kspan_no_mag)
		return false;
	trade_tops(top, a, f);
	return true;
}

/**
 * kspan_cache_alloc - take an object, wherever one is at hand
 * @top: 2 * span class
 * @was: the state it had, FREE or ZEROED
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL: neither cache nor depot nor span has one,
 * or this is an NMI.
 */
void *kspan_cache_alloc(unsigned int top, u8 *was)
{
	unsigned int ctx = kspan_context(), sc = top / 2;
	struct kspan_ctx_cache c;
	void *ptr;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	for (;;) {
		ptr = pop(&c, sc, was);
		if (ptr)
			return ptr;
		if (unlikely(kspan_a_count(&c, sc)))
			drop_duplicate(&c, sc);
		else if (!refill(&c, sc))
			return take_one(&c, sc, c.node, was);
	}
}

/**
 * kspan_cache_alloc_many - take several objects at once
 * @top: 2 * span class
 * @objs: where they go
 * @nr: how many, at most
 * @zero: whether to zero them
 *
 * Context: Any, with preemption off.
 * Return: how many there were at hand.
 */
unsigned int kspan_cache_alloc_many(unsigned int top, void **objs,
				    unsigned int nr, bool zero)
{
	unsigned int ctx = kspan_context(), sc = top / 2, done = 0;
	unsigned long size = kspan_sc_info(sc)->size;
	struct kspan_slot *slot;
	struct kspan_ctx_cache c;
	u8 was;

	if (ctx == KSPAN_CTX_NMI)
		return 0;
	c = kspan_cache_of(smp_processor_id(), ctx);
	do {
		slot = c.tops[KSPAN_TOP_A(top)];
		for (; done < nr; slot--) {
			was = *slot->state;
			if (unlikely(was > KSPAN_OBJ_ZEROED))
				break;
			*slot->state = KSPAN_OBJ_LIVE;
			objs[done] = slot->ptr;
			if (zero && was != KSPAN_OBJ_ZEROED)
				memset(objs[done], 0, size);
			done++;
		}
		WRITE_ONCE(c.tops[KSPAN_TOP_A(top)], slot);
		if (done == nr)
			break;
		if (unlikely(kspan_a_count(&c, sc))) {
			drop_duplicate(&c, sc);
			continue;
		}
	} while (refill(&c, sc));
	return done;
}

/**
 * kspan_cache_take_node - an object from the spans of a given node
 * @sc: span class
 * @node: the node
 * @was: the state it had
 *
 * Context: Any, with preemption off.
 * Return: a LIVE object, or NULL.
 */
void *kspan_cache_take_node(unsigned int sc, int node, u8 *was)
{
	unsigned int ctx = kspan_context();
	struct kspan_ctx_cache c;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = kspan_cache_of(smp_processor_id(), ctx);
	return take_one(&c, sc, node, was);
}

/* An empty magazine becomes F.  Return: false without memory for one. */
static bool renew_f(struct kspan_ctx_cache *c, unsigned int sc)
{
	struct kspan_mag *a = kspan_a_mag(c, sc), *f;

	f = kspan_mag_alloc(sc, GFP_NOWAIT);
	if (!f && a && !kspan_a_count(c, sc)) {
		f = a;
		kspan_set_a(c, sc, NULL, 0);
	}
	kspan_set_f(c, sc, f, 0);
	return f;
}

/*
 * Make F take one more object.  A fuller A stays as it is and F goes to the
 * depot, so that either magazine is good for half a magazine of calls.
 *
 * Return: false without memory for it.
 */
static bool make_room(struct kspan_ctx_cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	struct kspan_mag *f = kspan_f_mag(c, sc);

	if (!f)
		return renew_f(c, sc);
	if (kspan_f_count(c, sc) < cap)
		return true;
	if (kspan_a_mag(c, sc) && kspan_a_count(c, sc) <= cap / 2) {
		kspan_trade_mags(c, sc);
		return true;
	}
	kspan_cache_age(c, sc);
	c->count[sc].unloaded += cap;
	if (kspan_depot_put(c->node, sc, f))
		return renew_f(c, sc);
	kspan_central_flush(sc, &f->slot[kspan_sc_first(sc)], cap);
	kspan_set_f(c, sc, f, 0);
	return true;
}

/* An object straight to its span, or out of use for ever. */
static void free_one(struct kspan_ctx_cache *c, unsigned int sc,
		     const void *ptr, u8 *state)
{
	struct kspan_slot slot = { .ptr = (void *)ptr, .state = state };

	c->count[sc].unloaded++;
	if (kspan_params.sbrk) {
		*state = KSPAN_OBJ_SPENT;
		return;
	}
	*state = KSPAN_OBJ_FREE;
	if (want_init_on_free()) {
		memset((void *)ptr, 0, kspan_sc_info(sc)->size);
		*state = KSPAN_OBJ_ZEROED;
	}
	kspan_central_flush(sc, &slot, 1);
}

/**
 * kspan_cache_free - take an object back
 * @top: 2 * span class
 * @ptr: the object
 * @state: its state byte, LIVE
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_cache_free(unsigned int top, const void *ptr, u8 *state)
{
	unsigned int sc = top / 2;
	struct kspan_slot *slot;
	struct kspan_ctx_cache c;

	c = kspan_cache_of(smp_processor_id(), kspan_context());
	if (unlikely(direct_free) || !make_room(&c, sc)) {
		free_one(&c, sc, ptr, state);
		return;
	}
	slot = c.tops[KSPAN_TOP_F(top)];
	*state = KSPAN_OBJ_FREE;
	slot->ptr = (void *)ptr;
	slot->state = state;
	WRITE_ONCE(c.tops[KSPAN_TOP_F(top)], slot + 1);
}

/* Bytes of all CPUs' caches, without their magazines. */
static long cache_bytes(void)
{
	return (sizeof(struct kspan_cache_cpu) + sizeof(kspan_tops)) *
	       num_possible_cpus();
}

/**
 * kspan_cache_init - empty caches for every CPU there may be
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_cache_init(void)
{
	unsigned int cpu, ctx, sc;

	BUILD_BUG_ON(2 * KSPAN_NR_CLASSES + 1 >= KSPAN_NR_SC);
	kspan_cache_cpus = alloc_percpu(struct kspan_cache_cpu);
	if (!kspan_cache_cpus)
		return -ENOMEM;
	kspan_meta_account(KSPAN_SYS_MCACHE, cache_bytes());
	atomic_long_add(cache_bytes(), &kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
	direct_free = kspan_params.sbrk || want_init_on_free();
	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		half_slot[sc] = kspan_sc_first(sc) +
				kspan_sc_info(sc)->mag_cap / 2;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(kspan_cache_cpus, cpu)->random = get_random_u32();
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct kspan_ctx_cache c = kspan_cache_of(cpu, ctx);

			for (sc = 0; sc < KSPAN_NR_SC; sc++) {
				kspan_set_a(&c, sc, NULL, 0);
				kspan_set_f(&c, sc, NULL, 0);
			}
		}
	}
	return 0;
}

/* Context: module unload; the caches were drained. */
void kspan_cache_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kspan_cache_drain_dead(cpu);
	free_percpu(kspan_cache_cpus);
	kspan_meta_account(KSPAN_SYS_MCACHE, -cache_bytes());
	atomic_long_sub(cache_bytes(), &kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
}
