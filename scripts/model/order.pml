/* SPDX-License-Identifier: GPL-2.0 */
/*
 * order.pml - a Spin model of the orders in memory that kspan relies on, on CPUs
 * that keep less of them than x86 does, such as arm64.
 *
 * A CPU's stores wait in a buffer and leave it in any order, but for those to
 * one address.  A load may take its value early, before loads that come first
 * in the program, unless its address depends on what one of them gives, or one
 * of them is an acquire.  Other CPUs see a store all at once, as on arm64.
 *
 *	smp_wmb(), smp_store_release(), an unlock	buffer empty first
 *	smp_load_acquire(), a lock			nothing is loaded earlier
 *	cmpxchg_relaxed()				no order; one step
 *	synchronize_rcu()				see below
 *
 * Each run is one test of two CPUs:
 *
 * depot
 *	A client writes to an object and frees it: the claim, which orders
 *	nothing, a slot, and the lock of a depot or central list.  Another CPU
 *	takes the slot out by the lock, pops it and its client writes.  The pop
 *	finds FREE, and neither FREE nor the old content comes later than that.
 * zeroed
 *	As before with init_on_free=1: zeros, then ZEROED.  Who finds ZEROED
 *	reads zeros.
 * publish
 *	A descriptor, smp_wmb(), the map's entry, the client's pointer; then a free
 *	of that pointer, and one of a pointer that nobody gave.  Who finds the
 *	entry finds its magic: the address of each load depends on the one before.
 * reuse
 *	A span ends, a grace period passes, its descriptor is another span's.  A
 *	free that found the entry before finds the old magic or 0.
 * claim
 *	A pop stores LIVE and the client gives the pointer to another CPU, which
 *	frees it: its claim finds LIVE, and it finds the pointer's span.
 * window
 *	The first chunk places the window of the map, once; then its first
 *	object's pointer is freed on another CPU.  The load of the window's base
 *	depends on nothing and may come before that of the pointer, so a grace
 *	period would have to pass between the two stores, or the window be placed
 *	when the module is loaded.  The code does neither yet (LIMIT_1): on a CPU
 *	that reorders loads, a free in the moment of the first allocation ever
 *	could be reported as wild.
 *
 * Run: depot -DDEPOT
 * Run: zeroed -DDEPOT -DZEROED
 * Run: publish -DPUBLISH
 * Run: reuse -DREUSE
 * Run: claim -DCLAIM
 * Run: window -DWINDOW
 */
#define NLOC	8
#define NOTHING	255

/* Locations. */
#define DATA	0		/* a word of the object */
#define STATE	1		/* its state byte */
#define SLOT	2		/* the depot's magazine */
#define MAP	3		/* the map's entry */
#define MAGIC	4		/* of the descriptor */
#define PTR	5		/* where clients hand the pointer over */
#define BASE	6		/* the window's */

#define FREE	0
#define LIVE	1
#define ZERO	0

/* Mutants: scripts/model/search.py --mutants expects an error of each. */
#ifdef MUTANT_1		/* depot: an unlock does not order */
#define RELEASED	true
#else
#define RELEASED	EMPTY
#endif
#ifdef MUTANT_2		/* depot: a lock does not order */
#define LOCK_ACQUIRES	0
#else
#define LOCK_ACQUIRES	1
#endif
#ifdef MUTANT_3		/* publish: no smp_wmb() before the map's entry */
#define WMB	true
#else
#define WMB	EMPTY
#endif
#ifdef MUTANT_4		/* publish: the magic's address does not depend on the entry */
#define DEPENDS	0
#else
#define DEPENDS	1
#endif
#ifdef MUTANT_5		/* reuse: no grace period */
#define GRACE	0
#else
#define GRACE	1
#endif
#ifdef MUTANT_6		/* claim: the client hands the pointer over without a release */
#define HANDOVER	true
#else
#define HANDOVER	EMPTY
#endif
/*
 * LIMIT_1 window: no grace period after the window is placed, as in the code
 */
#ifdef LIMIT_1
#define WINDOW_GRACE	0
#else
#define WINDOW_GRACE	1
#endif
#ifdef MUTANT_7		/* zeroed: an unlock does not order */
#undef RELEASED
#define RELEASED	true
#endif

byte mem[NLOC];
byte buf[2 * NLOC];		/* stores on their way */
bit locked;
bit in_section, done;

#define AT(x)	buf[me * NLOC + (x)]
#define EMPTY \
	(AT(0) == NOTHING && AT(1) == NOTHING && AT(2) == NOTHING && \
	 AT(3) == NOTHING && AT(4) == NOTHING && AT(5) == NOTHING && \
	 AT(6) == NOTHING)
#define VALUE(x)	(AT(x) != NOTHING -> AT(x) : mem[x])

#define store(x, v)	d_step { AT(x) == NOTHING -> AT(x) = v }
#define lock()		d_step { !locked -> locked = 1 }
#define unlock()	d_step { RELEASED -> locked = 0 }

/* A load that may come early: here or, by load(), where the program has it. */
#define early(x, r, ordered) \
	if \
	:: d_step { !(ordered) -> r = VALUE(x) } \
	:: r = NOTHING \
	fi
#define load(x, r) \
	if \
	:: d_step { r == NOTHING -> r = VALUE(x) } \
	:: d_step { r != NOTHING -> skip } \
	fi

/*
 * Sections that began before have ended, and all CPUs have had a full barrier:
 * what was stored before is seen in sections that begin later, and nothing that
 * they or what precedes them in the program load comes from later than that.
 */
#define synchronize_rcu()	EMPTY && !in_section
#define enter()			d_step { in_section = 1 }
#define leave()			d_step { EMPTY -> in_section = 0 }

proctype buffer(byte me)
{
	byte x;
end:
	do
	:: d_step { AT(DATA) != NOTHING -> mem[DATA] = AT(DATA); AT(DATA) = NOTHING }
	:: d_step { AT(STATE) != NOTHING -> mem[STATE] = AT(STATE); AT(STATE) = NOTHING }
	:: d_step { AT(SLOT) != NOTHING -> mem[SLOT] = AT(SLOT); AT(SLOT) = NOTHING }
	:: d_step { AT(MAP) != NOTHING -> mem[MAP] = AT(MAP); AT(MAP) = NOTHING }
	:: d_step { AT(MAGIC) != NOTHING -> mem[MAGIC] = AT(MAGIC); AT(MAGIC) = NOTHING }
	:: d_step { AT(PTR) != NOTHING -> mem[PTR] = AT(PTR); AT(PTR) = NOTHING }
	:: d_step { AT(BASE) != NOTHING -> mem[BASE] = AT(BASE); AT(BASE) = NOTHING }
	od
}

/* cmpxchg_relaxed() of the state: later than this CPU's own stores to it. */
#define claim(r) \
	d_step { AT(STATE) == NOTHING -> \
		r = mem[STATE]; \
		if \
		:: r == LIVE -> mem[STATE] = FREE \
		:: else \
		fi }

proctype first(byte me)
{
	byte r;

#ifdef DEPOT
#ifdef ZEROED
	store(DATA, ZERO);
	store(STATE, FREE);		/* ZEROED */
#else
	store(DATA, 1);
	claim(r);
#endif
	lock();
	store(SLOT, 1);
	unlock()
#endif
#ifdef PUBLISH
	store(MAGIC, 1);
	WMB;
	store(MAP, 1);
	HANDOVER;
	store(PTR, 1)
#endif
#ifdef REUSE
	store(MAP, 0);
	store(MAGIC, 0);
	if
	:: GRACE -> synchronize_rcu()
	:: else		/* mutants */
	fi;
	store(MAGIC, 2)
#endif
#ifdef CLAIM
	store(STATE, LIVE);
	HANDOVER;
	store(PTR, 1)
#endif
#ifdef WINDOW
	store(BASE, 1);
	if
	:: WINDOW_GRACE -> synchronize_rcu()
	:: else		/* mutants */
	fi;
	HANDOVER;
	store(PTR, 1)
#endif
}

proctype second(byte me)
{
	byte p, r, s;

#ifdef DEPOT
	early(STATE, r, LOCK_ACQUIRES);
	early(DATA, s, LOCK_ACQUIRES);
	lock();
	p = VALUE(SLOT);
	unlock();
	if
	:: p ->
		load(STATE, r);
		assert(r == FREE);
		store(STATE, LIVE);
#ifdef ZEROED
		load(DATA, s);
		assert(s == ZERO);
#endif
		store(DATA, 2);
		done = 1
	:: else
	fi
#endif
#ifdef PUBLISH
	early(MAGIC, r, DEPENDS);
	early(MAP, s, false);		/* of a pointer that nobody gave */
	if
	:: skip
	:: p = VALUE(PTR);
		if
		:: p -> s = VALUE(MAP); assert(s)
		:: else
		fi
	fi;
	load(MAP, s);
	if
	:: s -> load(MAGIC, r); assert(r == 1)
	:: else
	fi
#endif
#ifdef REUSE
	enter();
	s = VALUE(MAP);
	if
	:: s -> r = VALUE(MAGIC); assert(r < 2)
	:: else
	fi;
	leave()
#endif
#ifdef CLAIM
	p = VALUE(PTR);
	if
	:: p -> claim(r); assert(r == LIVE)
	:: else
	fi
#endif
#ifdef WINDOW
	/*
	 * Before the section, or in it: the grace period counts what comes
	 * before a section in the program as part of it.
	 */
	enter();
	early(BASE, r, false);
	p = VALUE(PTR);
	if
	:: p -> load(BASE, r); assert(r == 1)
	:: else
	fi;
	leave()
#endif
}

/* All stores have left their buffers. */
active proctype judge()
{
	timeout ->
	assert(!done || mem[STATE] == LIVE && mem[DATA] == 2)
}

init {
	atomic {
		byte j;
		for (j : 0 .. 2 * NLOC - 1) { buf[j] = NOTHING }
#ifdef DEPOT
		mem[STATE] = LIVE;
		mem[DATA] = 3;
#endif
#ifdef REUSE
		mem[MAP] = 1;
		mem[MAGIC] = 1;
#endif
		run buffer(0);
		run buffer(1);
		run first(0);
		run second(1)
	}
}
