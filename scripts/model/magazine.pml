/* SPDX-License-Identifier: GPL-2.0 */
/*
 * magazine.pml - a Spin model of the caches, for one span class: cache.h,
 * cache.c, cache_drain.c, cache_spare.c, quarantine.c, depot.c, central.c and
 * free.c.
 *
 * A process is one context of one CPU.  Each of its steps accesses shared
 * memory once.  level[] is the context that a CPU runs, so that an interrupt can
 * come between any two steps of the code it interrupts, and ends before that
 * code continues.  A visit of the loop in context() stands for what a task does
 * with preemption off.  Any task may run between two visits, and a task keeps
 * nothing from one section without preemption to the next.  So tasks and their
 * migration need no processes of their own.
 *
 * Other classes affect this class only through kspan_cache_age(), which may
 * drain its magazines at any visit.  Memory for magazines and pages for spans
 * may be missing at any time.
 *
 * Checked: no object has two owners, and none is lost.  No span ends while one
 * of its objects is in use.  The counts agree.  No process waits for ever.  An
 * object is LIVE exactly while a client owns it, so that the call that frees it
 * a second time finds that.
 *
 * With RACE one object is freed a second time during its first free, by another
 * CPU or by an interrupt.  All of the above must still hold.  If the second
 * free comes so late that the object has been allocated again, it frees the new
 * owner's object, as in any allocator (LIMIT_1).
 *
 * With QUEUE freed objects wait in the queue of quarantine_kb: no allocation gets
 * one before it has left the queue.  A lot is a magazine here; lots of single
 * objects and of large ones are not modelled.
 *
 * Run: cpus -DTASK_OPS=2
 * Run: nested -DNCPU=1 -DNCTX=3 -DTASK_OPS=1
 * Run: interrupts -DNCPU=1 -DNCTX=2 -DTASK_OPS=2 -DIRQ_OPS=2 -DLOCKS
 * Run: spares -DTASK_OPS=2 -DSPARES
 * Run: both -DNCTX=2 -DTASK_OPS=1 -DLOCKS
 * Run: race -DTASK_OPS=3 -DLAST_OPS=2 -DRACE
 * Run: queue -DTASK_OPS=2 -DQUEUE
 * Run: queueirq -DNCPU=1 -DNCTX=2 -DTASK_OPS=2 -DIRQ_OPS=2 -DQUEUE
 * Run: raceirq -DNCPU=1 -DNCTX=2 -DTASK_OPS=2 -DIRQ_OPS=2 -DRACE
 */
#ifndef NCPU
#define NCPU 2
#endif
#ifndef NCTX
#define NCTX 1			/* task; with 2 also hardirq; with 3 also softirq */
#endif
#ifndef TASK_OPS
#define TASK_OPS 2		/* most visits of a task context */
#endif
#ifndef IRQ_OPS
#define IRQ_OPS 1		/* interrupts in a context */
#endif

#ifndef LAST_OPS
#define LAST_OPS TASK_OPS	/* those of the last CPU's task context */
#endif

#define CAP	2		/* objects in a magazine */
#define OBJS	3		/* objects in a span */
#define NSPAN	2
#define NOBJ	(NSPAN * OBJS)
#define NC	(NCPU * NCTX)
#define NOTHING	255		/* no object, no list */
#define SHARE	8		/* EMPTY_SHARE */

#define FREE	0
#define LIVE	1
#define DEFERRED 2
#define NONE	3

/* State that the code has. */
byte state[NOBJ];
bit bitmap[NOBJ];
byte nr_free[NSPAN];
byte bucket[NSPAN];
bit mapped[NSPAN];		/* in the arena map with its magic set; pop() does not use it */

bit central_lock;
byte nr_spans, nr_empty, central_free;

bit depot_lock, depot_full, depot_empty, depot_limit;
byte depot_slot[CAP];

#ifdef SPARES
bit sp_full[NCPU];		/* of task context; the limit is one */
byte sp_empty[NCPU];
byte sp_slot[NCPU * CAP];
#define SPARE_HOLDS(x) \
	(sp_full[0] && (sp_slot[0] == (x) || sp_slot[1] == (x)) || \
	 sp_full[NCPU - 1] && (sp_slot[CAP] == (x) || sp_slot[CAP + 1] == (x)))
#define SPARE_MAGS \
	(sp_full[0] + sp_empty[0] + sp_full[NCPU - 1] + sp_empty[NCPU - 1])
#else
#define SPARE_HOLDS(x)	false
#define SPARE_MAGS	0
#endif
#ifdef QUEUE
#define LOTS	2		/* max_lots */
bit queue_lock;
byte nr_lots;			/* the oldest is the first */
byte lot_nr[LOTS];
byte lot_slot[LOTS * CAP];
bit waits[NOBJ];		/* it was freed and may not be allocated yet */
#define QUEUE_HOLDS(x) \
	(lot_slot[0] == (x) || lot_slot[1] == (x) || \
	 lot_slot[CAP] == (x) || lot_slot[CAP + 1] == (x))
#define QUEUE_MAGS	nr_lots
#define begins_to_wait(x)	waits[x] = 1
#define may_not_wait(x)		always(!waits[x])
#else
#define QUEUE_HOLDS(x)	false
#define QUEUE_MAGS	0
#define begins_to_wait(x)	skip
#define may_not_wait(x)		skip
#endif
bit a_has[NC], f_has[NC];	/* whether there is a magazine behind the top */
byte a_nr[NC], f_nr[NC];
byte a_slot[NC * CAP], f_slot[NC * CAP];
short balance;			/* loaded - unloaded, of all caches */

byte level[NCPU];		/* the context that runs */
byte irqs_off[NCPU];		/* nested */
bit online[NCPU];

/* State of the model that the code does not have. */
bit hand[NOBJ];			/* a client holds it */
bit again;			/* object 0 may be freed a second time */
byte flight[NOBJ];		/* frees of it in progress */
bit detached[NSPAN];		/* in the list of a process that will drop it */
bit growing[NSPAN];
short balance_now;
short nr_mags;			/* in existence */
byte nr_double;			/* frees that were reported */
byte nr_busy;			/* processes that have not ended */

/*
 * MUTANT_13 and MUTANT_14 are one fault.  Each checks one of its consequences.
 */
#if defined(MUTANT_13) || defined(MUTANT_14)
#define always(x)	skip
#else
#define always(x)	assert(x)
#endif
#ifdef RACE
#define MAY_BE_DOUBLE(x)	((x) == 0 && !again && nr_double == 0)
#else
#define MAY_BE_DOUBLE(x)	false
#endif
#ifdef MUTANT_13
#define one_hand(x)	assert(x)
#else
#define one_hand(x)	always(x)
#endif
#ifdef MUTANT_14
#define no_hand(x)	assert(x)
#else
#define no_hand(x)	always(x)
#endif

#define lose_slots(x)	always(a_nr[x] == 0)

#define clear(slots, x) \
	slots[(x) * CAP] = NOTHING; \
	slots[(x) * CAP + 1] = NOTHING

#define ME (level[cpu] == ctx)

/*
 * Work under a lock is one step.  Only with LOCKS can other processes see that
 * the lock is held and wait for it, possibly for ever.
 */
#ifdef LOCKS
#define take(l)		l = 1; LOCK_IRQS_OFF
#define release(l)	d_step { ME -> l = 0; LOCK_IRQS_ON }
#else
#define take(l)		skip
#define release(l)
#endif

/* A client becomes the owner of an object. */
inline give(x)
{
	one_hand(!hand[x]);
	hand[x] = 1;
}

/*
 * Mutants: faults that the code must not have.  scripts/model/search.py
 * --mutants expects an error for each, in the setting named behind it.
 */
#ifdef MUTANT_1		/* interrupts: a lock is taken with interrupts on */
#define LOCK_IRQS_OFF	skip
#define LOCK_IRQS_ON	skip
#else
#define LOCK_IRQS_OFF	irqs_off[cpu]++
#define LOCK_IRQS_ON	irqs_off[cpu]--
#endif
#ifdef MUTANT_2		/* interrupts: a drain runs with interrupts on */
#define DRAIN_IRQS_OFF	skip
#else
#define DRAIN_IRQS_OFF	irqs_off[cpu]++
#endif
#ifdef MUTANT_3		/* interrupts: interrupts use the cache of tasks */
#define CACHE_OF(x, y)	((x) * NCTX)
#else
#define CACHE_OF(x, y)	((x) * NCTX + (y))
#endif
#ifdef MUTANT_4		/* cpus: a CPU's caches are drained while they are in use */
#define IS_DEAD(x)	true
#else
#define IS_DEAD(x)	!online[x]
#endif
#ifdef MUTANT_5		/* cpus: a magazine stays in the depot when it is taken */
#define DEPOT_TAKEN	1
#else
#define DEPOT_TAKEN	0
#endif
#ifdef MUTANT_15	/* cpus: an empty magazine stays in the depot when it is taken */
#define EMPTY_GIVEN	depot_empty
#else
#define EMPTY_GIVEN	0
#endif
#ifdef MUTANT_16	/* spares: a drain forgets the spare */
#define SPARE_DRAINED(x)	0
#else
#define SPARE_DRAINED(x)	sp_full[x]
#endif
#ifdef QUEUE
#ifdef MUTANT_17	/* queue: an F of objects that wait becomes an A */
#define F_WAITS	0
#else
#define F_WAITS	1
#endif
#else
#define F_WAITS	0
#endif
#ifdef MUTANT_18	/* queue: a lot stays in the queue when it is taken */
#define LOTS_TAKEN	0
#else
#define LOTS_TAKEN	1
#endif
#ifdef MUTANT_19	/* queue: a magazine for which there is no room is forgotten */
#define LOT_FORGOTTEN	1
#else
#define LOT_FORGOTTEN	0
#endif
#ifdef MUTANT_20	/* queue: of a lot only whole magazines are returned */
#define LOT_REST	0
#else
#define LOT_REST	lot
#endif
#ifdef MUTANT_6		/* cpus: a free leaves the state LIVE */
#define STATE_FREED	LIVE
#else
#define STATE_FREED	FREE
#endif
#ifdef MUTANT_7		/* cpus: a drain forgets what F holds */
#define F_DRAINED	NOTHING
#else
#define F_DRAINED	(f_has[k] -> f_nr[k] : NOTHING)
#endif
#ifdef MUTANT_8		/* cpus: objects that go to the depot are not counted */
#define UNLOADED	0
#else
#define UNLOADED	CAP
#endif
#ifdef MUTANT_9		/* race: a free with a full F finds the object LIVE and does not claim it */
#define DEFERRED_NOW	LIVE
#else
#define DEFERRED_NOW	DEFERRED
#endif
#ifdef MUTANT_10	/* cpus: an allocated object keeps its bit in its span */
#define BIT_OF_TAKEN	1
#else
#define BIT_OF_TAKEN	0
#endif
#ifdef MUTANT_11	/* raceirq: a task's free reads and writes the state in two steps */
#define CLAIM_IS_READ	(ctx == 0)
#endif
#ifdef MUTANT_12	/* cpus: a slot stays in A when its object is allocated */
#define A_TAKEN	0
#else
#define A_TAKEN	1
#endif
#ifdef MUTANT_13	/* race: a free reads and writes the state: an object gets two owners */
#define CLAIM_IS_READ	true
#endif
#ifdef MUTANT_14	/* race: a free reads and writes the state: a span ends under a client's object */
#define CLAIM_IS_READ	true
#endif
#ifndef CLAIM_IS_READ
#define CLAIM_IS_READ	false
#endif

/*
 * Limits: known to be possible, and must be found as well.
 *
 * LIMIT_1 race: the object is allocated again before its second free claims it
 */
#ifdef LIMIT_1
#define new_owners()	assert(false)
#else
#define new_owners()	skip
#endif
#define DEPOT_HAS_ROOM	(!depot_full && depot_limit)

#include "magazine_shared.inc"
#include "magazine_cache.inc"

/* --- clients -------------------------------------------------------------- */

/* Choose an object that a client owns; its free begins now. */
inline claim_held()
{
	if
	:: hand[0] -> o = 0
	:: hand[1] -> o = 1
	:: hand[2] -> o = 2
	:: hand[3] -> o = 3
	:: hand[4] -> o = 4
	:: hand[5] -> o = 5
#ifdef RACE
	:: again && flight[0] -> o = 0; again = 0
#endif
	fi;
	hand[o] = 0;
	flight[o]++
}

#define ANY_HELD (hand[0] || hand[1] || hand[2] || hand[3] || hand[4] || hand[5] || \
	(again && flight[0]))

/* One of the operations that are possible in a context. */
inline visit()
{
	if
	:: cache_alloc()
	:: atomic { ME && ANY_HELD -> claim_held() }
		free()
	:: central_grow()
	:: ctx == 0 -> swap_and_pop()
	:: ctx == 0 -> alloc_many()
	:: ctx == 0 ->
		if
		:: k = c; until = c + 1		/* kspan_cache_age() */
		:: k = c; until = c + NCTX;	/* kspan_cache_drain_local() */
			drain_irqs_off = 1
		:: IS_DEAD(NCPU - 1) && NCPU > 1 && cpu == 0 ->
			k = NC - NCTX; until = NC /* kspan_cache_drain_dead() */
		fi;
		drain_class()
	:: ctx == 0 -> depot_drain()
	:: ctx == 0 -> central_drain()
#ifdef QUEUE
	:: ctx == 0 -> queue_release()
	:: cache_reuse()
#endif
	fi
}

/* When no process is inside, every object is in exactly one place. */
inline check_all()
{
	o = 0;
	do
	:: o < NOBJ ->
		n = hand[o] + bitmap[o];
		n = n + (depot_full && (depot_slot[0] == o || depot_slot[1] == o));
		n = n + SPARE_HOLDS(o);
		n = n + QUEUE_HOLDS(o);
		k = 0;
		do
		:: k < NC * CAP ->
			n = n + (k % CAP < a_nr[k / CAP] && a_slot[k] == o);
			n = n + (k % CAP < f_nr[k / CAP] && f_slot[k] == o);
			k++
		:: else -> break
		od;
		always(n == mapped[o / OBJS]);
		/* A double free finds any state but LIVE. */
		always(state[o] == (hand[o] -> LIVE : (mapped[o / OBJS] -> FREE : NONE)));
		o++
	:: else -> break
	od;
	n = 0;
	b = 0;
	i = 0;
	s = 0;
	do
	:: s < NSPAN ->
		n = n + (mapped[s] && nr_free[s] == OBJS);
		b = b + (mapped[s] -> nr_free[s] : 0);
		i = i + mapped[s];
		s++
	:: else -> break
	od;
	always(nr_empty == n && central_free == b && nr_spans == i);
	/*
	 * nmalloc - nfree is the number of objects that clients own; also check
	 * the number of magazines.
	 */
	balance_now = balance;
	i = depot_full + depot_empty + SPARE_MAGS + QUEUE_MAGS;
	k = 0;
	do
	:: k < NC ->
		balance_now = balance_now - a_nr[k] - f_nr[k];
		i = i + a_has[k] + f_has[k];
		k++
	:: else -> break
	od;
	always(nr_mags == i);
	always(balance_now == hand[0] + hand[1] + hand[2] + hand[3] + hand[4] + hand[5]);
	balance_now = 0;
	o = NOTHING;
	n = 0;
	b = 0; i = 0;
	k = 0;
	s = 0
}

/* The initial places of the objects. */
#define held(x)		hand[x] = 1; state[x] = LIVE
#define LAST		(NC - NCTX)	/* the last CPU's task cache */

inline stock()
{
	nr_spans = NSPAN;
	mapped[0] = 1;
	mapped[1] = 1;
#ifdef RACE
	/* the other CPU or the interrupt freed one before */
	a_has[0] = 1; f_has[0] = 1; a_has[NC - 1] = 1; f_has[NC - 1] = 1;
	f_nr[NC - 1] = 1; f_slot[(NC - 1) * CAP] = 5;
	held(0);
	bitmap[1] = 1; bitmap[2] = 1; nr_free[0] = 2; bucket[0] = 2;
	bitmap[3] = 1; bitmap[4] = 1; nr_free[1] = 2; bucket[1] = 2;
	central_free = 4;
	nr_mags = 4;
	balance = 2
#else
#ifdef QUEUE
	if
	:: 	/* one lot waits, F is full, one object is owned */
		nr_lots = 1; lot_nr[0] = 2;
		lot_slot[0] = 0; lot_slot[1] = 3; waits[0] = 1; waits[3] = 1;
		a_has[0] = 1;
		f_has[0] = 1; f_nr[0] = 2; f_slot[0] = 1; f_slot[1] = 4;
		waits[1] = 1; waits[4] = 1;
		held(2);
		bitmap[5] = 1; nr_free[1] = 1; bucket[1] = 1; central_free = 1;
		nr_mags = 3;
		balance = 3
	:: 	/* the queue is full, of whole and other magazines */
		nr_lots = 2; lot_nr[0] = 1; lot_nr[1] = 2;
		lot_slot[0] = 5; lot_slot[2] = 0; lot_slot[3] = 3;
		waits[0] = 1; waits[3] = 1; waits[5] = 1;
		f_has[LAST] = 1; f_nr[LAST] = 2;
		f_slot[LAST * CAP] = 4; f_slot[LAST * CAP + 1] = 1;
		waits[1] = 1; waits[4] = 1;
		held(2);
		nr_mags = 3;
		balance = 3
	fi
#else
	if
	:: 	/* no span at all */
		nr_spans = 0;
		mapped[0] = 0;
		mapped[1] = 0;
		for (j : 0 .. NOBJ - 1) { state[j] = NONE }
	:: 	/* clients own all, empty caches */
		for (j : 0 .. NOBJ - 1) { held(j) }
		balance = NOBJ
	:: 	/* a task's cache is full, one object owned, one in its span */
		a_has[0] = 1; a_nr[0] = 2; a_slot[0] = 0; a_slot[1] = 1;
		f_has[0] = 1; f_nr[0] = 2; f_slot[0] = 2; f_slot[1] = 3;
		held(4);
		bitmap[5] = 1; nr_free[1] = 1; bucket[1] = 1; central_free = 1;
		nr_mags = 2;
		balance = NOBJ - 1
	:: 	/* one CPU allocates, the other frees; one magazine in the depot */
		depot_limit = 1;
		depot_full = 1; depot_slot[0] = 0; depot_slot[1] = 3;
		a_has[0] = 1;
		f_has[LAST] = 1; f_nr[LAST] = 2;
		f_slot[LAST * CAP] = 4; f_slot[LAST * CAP + 1] = 1;
		held(2);
		held(5);
		nr_mags = 3;
		balance = 4
	fi
#endif
#endif
}

proctype context(byte cpu; byte ctx)
{
	byte c = CACHE_OF(cpu, ctx);
	byte o = NOTHING, x = NOTHING, q0 = NOTHING, q1 = NOTHING;
	byte r0 = NOTHING, r1 = NOTHING;
#ifdef SPARES
	byte t0 = NOTHING, t1 = NOTHING;
	bit t;
#endif
#ifdef QUEUE
	byte lot;
	bit is_f;
#endif
	byte b, n, i, k, m, fm, s, lvl, until;
	bit ok, e, won, drain_irqs_off;
	bit emptied[NSPAN];
	byte ops = (ctx -> IRQ_OPS : (cpu == NCPU - 1 -> LAST_OPS : TASK_OPS));
end:
	do
	:: atomic { ops > 0 && ctx == 0 && ME && online[cpu] ->
		ops--; nr_busy++ }
		visit();
		atomic { ME ->
			d_step { nr_busy--;
			if
			:: nr_busy == 0 -> check_all()
			:: else
			fi }}
	:: atomic { ops > 0 && ctx > level[cpu] && !irqs_off[cpu] && online[cpu] ->
		ops--; nr_busy++; lvl = level[cpu]; level[cpu] = ctx }
		visit();
		atomic { ME -> level[cpu] = lvl; lvl = 0;
			d_step { nr_busy--;
			if
			:: nr_busy == 0 -> check_all()
			:: else
			fi }}
	:: atomic { NCPU > 1 && cpu == NCPU - 1 && ctx == 0 && ME && online[cpu] ->
		online[cpu] = 0 }
	od
}

init {
	atomic {
		byte j;
		for (j : 0 .. NCPU - 1) { online[j] = 1 }
		for (j : 0 .. NC * CAP - 1) { a_slot[j] = NOTHING; f_slot[j] = NOTHING }
		for (j : 0 .. NSPAN - 1) { bucket[j] = NOTHING }
#ifdef SPARES
		for (j : 0 .. NCPU * CAP - 1) { sp_slot[j] = NOTHING }
#endif
#ifdef QUEUE
		for (j : 0 .. LOTS * CAP - 1) { lot_slot[j] = NOTHING }
#endif
		depot_slot[0] = NOTHING;
		depot_slot[1] = NOTHING;
		if
		:: depot_limit = 1
		:: depot_limit = 0
		fi;
		stock();
#ifdef RACE
		again = 1;
#endif
		for (j : 0 .. NCTX - 1) { run context(0, j) }
		for (j : 1 .. NCPU - 1) { run context(j, 0) }
	}
}
