// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU caches: refill, overflow and everything else off the fast path.
 *
 * Everything here runs with preemption off and on the cache of its own CPU
 * and context, except the drain of a dead CPU.  Whoever is without memory for
 * a magazine works on single objects, so that a free can never fail.
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
#include "cache.h"
#include "meta.h"
#include "params.h"

/* Bytes of free objects a CPU should hold; see age_classes(). */
#define CACHE_BUDGET	(256UL << 10)
/* Contexts whose tops are not in kspan_tops. */
#define NR_IRQ_CTX	(KSPAN_NR_CTX - 1)
/* Span classes looked at each time a magazine is loaded. */
#define AGE_STEP	4U

DEFINE_PER_CPU(struct kspan_slot *, kspan_tops[KSPAN_NR_TOPS]);

/* What went into A magazines and out of F ones, ever. */
struct cache_count {
	unsigned long loaded;
	unsigned long unloaded;
};

/**
 * struct cache_cpu - the rest of a CPU's caches
 * @tops: the softirq's and the hardirq's, used as kspan_tops
 * @count: by context and span class, written by their owner alone
 * @nr_events: slow path visits, so that the scavenger sees idle CPUs
 * @nr_seen: nr_events when the scavenger last looked; the scavenger's
 * @hand: next class age_classes() looks at
 * @seen_bytes: bytes it has met in this round
 * @over: whether the last round met more than the budget
 * @random: state of the generator behind randomize=1
 */
struct cache_cpu {
	struct kspan_slot *tops[NR_IRQ_CTX][KSPAN_NR_TOPS];
	struct cache_count count[KSPAN_NR_CTX][KSPAN_NR_SC];
	unsigned long nr_events;
	unsigned long nr_seen;
	unsigned int hand;
	unsigned long seen_bytes;
	bool over;
	u32 random;
};

static struct cache_cpu __percpu *cache_cpus;

/* Frees go to the spans one by one: nothing may be reused, or all is wiped. */
static bool direct_free __read_mostly;

/* The slot that A's top is below when A holds half a magazine or less. */
static u8 half_slot[KSPAN_NR_SC] __ro_after_init;

/* One cache: what the functions below work on. */
struct cache {
	struct cache_cpu *cpu;
	struct kspan_slot **tops;
	struct cache_count *count;
	int node;
};

static struct cache cache_of(unsigned int cpu, unsigned int ctx)
{
	struct cache_cpu *cc = per_cpu_ptr(cache_cpus, cpu);

	return (struct cache){
		.cpu = cc,
		.tops = ctx ? cc->tops[ctx - 1] : per_cpu_ptr(kspan_tops, cpu),
		.count = cc->count[ctx],
		.node = cpu_to_mem(cpu),
	};
}

static struct kspan_mag *mag_of(const struct kspan_slot *slot)
{
	return (struct kspan_mag *)((unsigned long)slot & ~KSPAN_MAG_MASK);
}

static unsigned int slot_index(const struct kspan_slot *slot)
{
	return ((unsigned long)slot & KSPAN_MAG_MASK) / sizeof(*slot);
}

static unsigned int sc_first(unsigned int sc)
{
	return kspan_mag_first(kspan_sc_info(sc)->mag_cap);
}

/* The magazines behind the tops, NULL without one; and what they hold. */
static struct kspan_mag *a_mag(const struct cache *c, unsigned int sc)
{
	struct kspan_mag *mag = mag_of(READ_ONCE(c->tops[KSPAN_TOP_A(2 * sc)]));

	return mag == &kspan_no_mag ? NULL : mag;
}

static struct kspan_mag *f_mag(const struct cache *c, unsigned int sc)
{
	struct kspan_mag *mag = mag_of(READ_ONCE(c->tops[KSPAN_TOP_F(2 * sc)]) - 1);

	return mag == &kspan_no_mag ? NULL : mag;
}

static unsigned int a_count(const struct cache *c, unsigned int sc)
{
	const struct kspan_slot *top = READ_ONCE(c->tops[KSPAN_TOP_A(2 * sc)]);

	return mag_of(top) == &kspan_no_mag ? 0 : slot_index(top) + 1 - sc_first(sc);
}

static unsigned int f_count(const struct cache *c, unsigned int sc)
{
	const struct kspan_slot *top = READ_ONCE(c->tops[KSPAN_TOP_F(2 * sc)]) - 1;

	return mag_of(top) == &kspan_no_mag ? 0 : slot_index(top) + 1 - sc_first(sc);
}

/* Let @mag with @nr objects be A; NULL is none. */
static void set_a(struct cache *c, unsigned int sc, struct kspan_mag *mag,
		  unsigned int nr)
{
	WRITE_ONCE(c->tops[KSPAN_TOP_A(2 * sc)],
		   mag ? &mag->slot[sc_first(sc) + nr - 1] :
			 &kspan_no_mag.slot[KSPAN_MAG_SLOTS - 1]);
}

static void set_f(struct cache *c, unsigned int sc, struct kspan_mag *mag,
		  unsigned int nr)
{
	WRITE_ONCE(c->tops[KSPAN_TOP_F(2 * sc)],
		   mag ? &mag->slot[sc_first(sc) + nr] :
			 &kspan_no_mag.slot[KSPAN_MAG_SLOTS]);
}

/* A free object that an alloc found to be somebody's: two frees raced. */
static void drop_duplicate(struct cache *c, unsigned int sc)
{
	set_a(c, sc, a_mag(c, sc), a_count(c, sc) - 1);
	c->count[sc].loaded--;
	c->count[sc].unloaded--;
	if (atomic_long_inc_return(&kspan_nr_corrupt) == 1)
		pr_err("corrupt: two frees of one object of class %u at the same time\n",
		       kspan_sc_class(sc));
}

/* A and F change roles, with what they hold. */
static void trade_mags(struct cache *c, unsigned int sc)
{
	unsigned long nr_a = a_count(c, sc), nr_f = f_count(c, sc);
	struct kspan_mag *a = a_mag(c, sc);

	set_a(c, sc, f_mag(c, sc), nr_f);
	set_f(c, sc, a, nr_a);
	c->count[sc].loaded += nr_f - nr_a;
	c->count[sc].unloaded += nr_f - nr_a;
}

static void shuffle(struct cache *c, struct kspan_slot *slots, unsigned int nr)
{
	while (nr > 1) {
		u32 r = c->cpu->random * 1664525U + 1013904223U;
		unsigned int i = ((u64)r * nr) >> 32;

		c->cpu->random = r;
		swap(slots[i], slots[nr - 1]);
		nr--;
	}
}

/* Take what a magazine holds to the depot or, failing that, to the spans. */
static void return_mag(struct cache *c, unsigned int sc, struct kspan_mag *mag,
		       unsigned int nr)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;

	if (nr == cap && kspan_depot_put(c->node, sc, mag))
		return;
	kspan_central_flush(sc, &mag->slot[sc_first(sc)], nr);
	kspan_mag_free(mag);
}

/* Empty both magazines of a span class and give them up. */
static void drain_class(struct cache *c, unsigned int sc)
{
	unsigned int nr_a = a_count(c, sc), nr_f = f_count(c, sc);
	struct kspan_mag *a = a_mag(c, sc), *f = f_mag(c, sc);

	set_a(c, sc, NULL, 0);
	set_f(c, sc, NULL, 0);
	c->count[sc].loaded -= nr_a;
	c->count[sc].unloaded += nr_f;
	if (a)
		return_mag(c, sc, a, nr_a);
	if (f)
		return_mag(c, sc, f, nr_f);
}

/*
 * Keep a CPU's hoard near its budget: a hand goes round the span classes, a
 * few each time a magazine is loaded, and adds up what they hold.  After a
 * round above the budget the next one drains the classes it passes.
 */
static void age_classes(struct cache *c, unsigned int busy_sc)
{
	struct cache_cpu *cc = c->cpu;
	unsigned int i;

	cc->nr_events++;
	if (c->tops == cc->tops[0] || c->tops == cc->tops[1])
		return;		/* interrupts leave this to tasks */
	for (i = 0; i < AGE_STEP; i++) {
		unsigned int nr;

		if (++cc->hand >= KSPAN_NR_SC) {
			cc->hand = 1;
			cc->over = cc->seen_bytes > CACHE_BUDGET;
			cc->seen_bytes = 0;
		}
		nr = a_count(c, cc->hand) + f_count(c, cc->hand);
		if (cc->over && nr && cc->hand != busy_sc)
			drain_class(c, cc->hand);
		else
			cc->seen_bytes += nr * kspan_sc_info(cc->hand)->size;
	}
}

/* Fill A from the spans.  Return: whether there was an object. */
static bool fill_from_spans(struct cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	unsigned int first = sc_first(sc), nr;
	struct kspan_mag *mag = a_mag(c, sc);

	if (!mag) {
		mag = kspan_mag_alloc(sc, GFP_NOWAIT);
		if (!mag)
			return false;
		set_a(c, sc, mag, 0);
	}
	nr = kspan_central_fill(c->node, sc, &mag->slot[first], cap);
	if (!nr)
		return false;
	if (nr < cap)
		memmove(&mag->slot[first], &mag->slot[KSPAN_MAG_SLOTS - nr],
			nr * sizeof(mag->slot[0]));
	if (kspan_params.randomize)
		shuffle(c, &mag->slot[first], nr);
	set_a(c, sc, mag, nr);
	c->count[sc].loaded += nr;
	return true;
}

/* A full magazine from the depot becomes A.  Return: whether there was one. */
static bool fill_from_depot(struct cache *c, unsigned int sc)
{
	struct kspan_mag *full, *drained;
	unsigned int cap = kspan_sc_info(sc)->mag_cap;

	full = kspan_depot_get(c->node, sc);
	if (!full)
		return false;
	drained = a_mag(c, sc);
	set_a(c, sc, full, cap);
	c->count[sc].loaded += cap;
	if (drained && !f_mag(c, sc) && !direct_free)
		set_f(c, sc, drained, 0);
	else if (drained)
		kspan_mag_free(drained);
	return true;
}

/* Make A hold something.  Return: whether it does. */
static bool refill(struct cache *c, unsigned int sc)
{
	if (f_count(c, sc)) {
		trade_mags(c, sc);
		return true;
	}
	age_classes(c, sc);
	return fill_from_depot(c, sc) || fill_from_spans(c, sc);
}

/* A single object straight from the spans. */
static void *take_one(struct cache *c, unsigned int sc, int node, u8 *was)
{
	struct kspan_slot slot;

	if (!kspan_central_fill(node, sc, &slot, 1))
		return NULL;
	*was = *slot.state;
	*slot.state = KSPAN_OBJ_LIVE;
	c->count[sc].loaded++;
	return slot.ptr;
}

static void *pop(struct cache *c, unsigned int sc, u8 *was)
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
	long diff = (long)slot_index(f) - (long)slot_index(a);

	__this_cpu_write(kspan_tops[KSPAN_TOP_A(top)], f);
	__this_cpu_write(kspan_tops[KSPAN_TOP_F(top)], a + 1);
	__this_cpu_add(cache_cpus->count[KSPAN_CTX_TASK][top / 2].loaded, diff);
	__this_cpu_add(cache_cpus->count[KSPAN_CTX_TASK][top / 2].unloaded, diff);
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
bool noinline kspan_cache_trade_alloc(unsigned long top)
{
	struct kspan_slot *a = __this_cpu_read(kspan_tops[KSPAN_TOP_A(top)]);
	struct kspan_slot *f = __this_cpu_read(kspan_tops[KSPAN_TOP_F(top)]) - 1;

	if (a->state != &kspan_none_state || f->state == &kspan_none_state ||
	    mag_of(a) == &kspan_no_mag)
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
bool noinline kspan_cache_trade_free(unsigned long top)
{
	struct kspan_slot *a = __this_cpu_read(kspan_tops[KSPAN_TOP_A(top)]);
	struct kspan_slot *f = __this_cpu_read(kspan_tops[KSPAN_TOP_F(top)]) - 1;

	if (slot_index(a) >= half_slot[top / 2] || mag_of(f) == &kspan_no_mag)
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
	struct cache c;
	void *ptr;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = cache_of(smp_processor_id(), ctx);
	for (;;) {
		ptr = pop(&c, sc, was);
		if (ptr)
			return ptr;
		if (unlikely(a_count(&c, sc)))
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
	struct cache c;
	u8 was;

	if (ctx == KSPAN_CTX_NMI)
		return 0;
	c = cache_of(smp_processor_id(), ctx);
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
		if (unlikely(a_count(&c, sc))) {
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
	struct cache c;

	if (ctx == KSPAN_CTX_NMI || !sc)
		return NULL;
	c = cache_of(smp_processor_id(), ctx);
	return take_one(&c, sc, node, was);
}

/* An empty magazine becomes F.  Return: false without memory for one. */
static bool renew_f(struct cache *c, unsigned int sc)
{
	struct kspan_mag *a = a_mag(c, sc), *f;

	f = kspan_mag_alloc(sc, GFP_NOWAIT);
	if (!f && a && !a_count(c, sc)) {
		f = a;
		set_a(c, sc, NULL, 0);
	}
	set_f(c, sc, f, 0);
	return f;
}

/*
 * Make F take one more object.  A fuller A stays as it is and F goes to the
 * depot, so that either magazine is good for half a magazine of calls.
 *
 * Return: false without memory for it.
 */
static bool make_room(struct cache *c, unsigned int sc)
{
	unsigned int cap = kspan_sc_info(sc)->mag_cap;
	struct kspan_mag *f = f_mag(c, sc);

	if (!f)
		return renew_f(c, sc);
	if (f_count(c, sc) < cap)
		return true;
	if (a_mag(c, sc) && a_count(c, sc) <= cap / 2) {
		trade_mags(c, sc);
		return true;
	}
	age_classes(c, sc);
	c->count[sc].unloaded += cap;
	if (kspan_depot_put(c->node, sc, f))
		return renew_f(c, sc);
	kspan_central_flush(sc, &f->slot[sc_first(sc)], cap);
	set_f(c, sc, f, 0);
	return true;
}

/* An object straight to its span, or out of use for ever. */
static void free_one(struct cache *c, unsigned int sc, const void *ptr,
		     u8 *state)
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
	struct cache c;

	c = cache_of(smp_processor_id(), kspan_context());
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

/**
 * kspan_cache_drain_local - empty the caches of this CPU
 *
 * Context: Task context, migration not possible.
 */
void kspan_cache_drain_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	unsigned long flags;
	struct cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = cache_of(cpu, ctx);
		for (sc = 1; sc < KSPAN_NR_SC; sc++) {
			if (!a_mag(&c, sc) && !f_mag(&c, sc))
				continue;
			/* Interrupts off keeps every context of the CPU out. */
			local_irq_save(flags);
			drain_class(&c, sc);
			local_irq_restore(flags);
		}
	}
	c.cpu->nr_seen = c.cpu->nr_events;
}

/* Empty the caches of a CPU that is offline.  Context: Process. */
void kspan_cache_drain_dead(unsigned int cpu)
{
	unsigned int ctx, sc;
	struct cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = cache_of(cpu, ctx);
		for (sc = 1; sc < KSPAN_NR_SC; sc++) {
			preempt_disable();
			drain_class(&c, sc);
			preempt_enable();
		}
	}
}

static bool holds_anything(unsigned int cpu)
{
	unsigned int ctx, sc;
	struct cache c;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		c = cache_of(cpu, ctx);
		for (sc = 1; sc < KSPAN_NR_SC; sc++)
			if (a_mag(&c, sc) || f_mag(&c, sc))
				return true;
	}
	return false;
}

/**
 * kspan_cache_is_idle - whether a CPU's caches hold memory for nobody
 * @cpu: the CPU
 *
 * Context: Process; the scavenger only, which compares with its last call.
 * Return: true if no slow path ran since then and there is something to free.
 */
bool kspan_cache_is_idle(unsigned int cpu)
{
	struct cache_cpu *cc = per_cpu_ptr(cache_cpus, cpu);
	unsigned long events = READ_ONCE(cc->nr_events);
	bool idle = cc->nr_seen == events;

	cc->nr_seen = events;
	return idle && holds_anything(cpu);
}

/* Objects of a span class ever allocated and freed.  Context: Any. */
void kspan_cache_count(unsigned int sc, u64 *nmalloc, u64 *nfree)
{
	unsigned long loaded = 0, unloaded = 0;
	unsigned int cpu, ctx;

	for_each_possible_cpu(cpu) {
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct cache c = cache_of(cpu, ctx);

			loaded += READ_ONCE(c.count[sc].loaded) - a_count(&c, sc);
			unloaded += READ_ONCE(c.count[sc].unloaded) +
				    f_count(&c, sc);
		}
	}
	*nmalloc = loaded;
	*nfree = unloaded;
}

/* Objects of a span class in the magazines of all CPUs.  Context: Any. */
unsigned long kspan_cache_held(unsigned int sc)
{
	unsigned int cpu, ctx;
	unsigned long held = 0;

	for_each_possible_cpu(cpu) {
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct cache c = cache_of(cpu, ctx);

			held += a_count(&c, sc) + f_count(&c, sc);
		}
	}
	return held;
}

static const char *check_slots(const struct kspan_mag *mag, unsigned int sc,
			       unsigned int nr)
{
	const struct kspan_slot *slot = &mag->slot[sc_first(sc)];

	if (slot[-1].state != &kspan_none_state)
		return "cache: magazine without a sentinel";
	for (; nr; nr--, slot++) {
		const struct kspan_span *span = kspan_span_find(slot->ptr);
		unsigned long i = slot->state - span->state;

		if (span->top != 2 * sc)
			return "cache: object of another class in a magazine";
		if (i >= span->nr_objs)
			return "cache: state of another span";
		if (kspan_span_addr(span, i) != (unsigned long)slot->ptr)
			return "cache: state of another object";
		if (*slot->state > KSPAN_OBJ_ZEROED)
			return "cache: object in a magazine is not free";
		if (test_bit(i, kspan_span_bitmap(span)))
			return "cache: object is in its span as well";
	}
	return NULL;
}

/**
 * kspan_cache_check_local - whether the caches of this CPU are sound
 *
 * Context: Task context, migration not possible.
 * Return: NULL, or what is wrong.
 */
const char *kspan_cache_check_local(void)
{
	unsigned int cpu = smp_processor_id(), ctx, sc;
	const char *wrong = NULL;
	unsigned long flags;

	for (ctx = 0; ctx < KSPAN_NR_CTX && !wrong; ctx++) {
		struct cache c = cache_of(cpu, ctx);

		for (sc = 1; sc < KSPAN_NR_SC && !wrong; sc++) {
			local_irq_save(flags);
			if (a_mag(&c, sc))
				wrong = check_slots(a_mag(&c, sc), sc,
						    a_count(&c, sc));
			if (f_mag(&c, sc) && !wrong)
				wrong = check_slots(f_mag(&c, sc), sc,
						    f_count(&c, sc));
			local_irq_restore(flags);
		}
	}
	return wrong;
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
	cache_cpus = alloc_percpu(struct cache_cpu);
	if (!cache_cpus)
		return -ENOMEM;
	kspan_meta_account(KSPAN_SYS_MCACHE, (sizeof(struct cache_cpu) +
			   sizeof(kspan_tops)) * num_possible_cpus());
	atomic_long_add((sizeof(struct cache_cpu) + sizeof(kspan_tops)) *
			num_possible_cpus(), &kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
	direct_free = kspan_params.sbrk || want_init_on_free();
	for (sc = 1; sc < KSPAN_NR_SC; sc++)
		half_slot[sc] = sc_first(sc) + kspan_sc_info(sc)->mag_cap / 2;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(cache_cpus, cpu)->random = get_random_u32();
		for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
			struct cache c = cache_of(cpu, ctx);

			for (sc = 0; sc < KSPAN_NR_SC; sc++) {
				set_a(&c, sc, NULL, 0);
				set_f(&c, sc, NULL, 0);
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
	free_percpu(cache_cpus);
	kspan_meta_account(KSPAN_SYS_MCACHE, -(long)(sizeof(struct cache_cpu) +
			   sizeof(kspan_tops)) * num_possible_cpus());
	atomic_long_sub((sizeof(struct cache_cpu) + sizeof(kspan_tops)) *
			num_possible_cpus(), &kspan_inuse_bytes[KSPAN_SYS_MCACHE]);
}
