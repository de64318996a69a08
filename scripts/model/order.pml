/* SPDX-License-Identifier: GPL-2.0 */
/*
 * order.pml - a Spin model of the memory orders that kspan relies on, for CPUs
 * with weaker orders than x86, such as arm64.
 *
 * A CPU's stores wait in a buffer and leave it in any order, except that stores
 * to one address stay in order.  A load may take its value early, before loads
 * that precede it in the program, unless its address depends on the value of
 * one of them, or one of them is an acquire.  All other CPUs see a store at
 * once, as on arm64.
 *
 *	smp_wmb(), smp_store_release(), an unlock	buffer empty first
 *	smp_load_acquire(), a lock			no later load is early
 *	cmpxchg_relaxed()				no order; one step
 *	synchronize_rcu()				see below
 *
 * Each run is one test with two CPUs:
 *
 * depot
 *	A client writes to an object and frees it.  The claim orders nothing.
 *	The slot goes to a depot or a central list, under its lock.  Another
 *	CPU takes the slot out under the lock and pops it, and its client
 *	writes.  The pop finds FREE, and neither FREE nor the old content
 *	becomes visible later than that.
 * zeroed
 *	The same with init_on_free=1: zeros are stored, then ZEROED.  A pop
 *	that finds ZEROED reads zeros.
 * publish
 *	Stores of a descriptor, smp_wmb(), the entry of the map, the client's
 *	pointer.  Then a free of that pointer, and one of a pointer that was
 *	never allocated.  A free that finds the entry finds its magic, as the
 *	address of each load depends on the load before.
 * reuse
 *	A span ends, a grace period passes, and its descriptor is reused for
 *	another span.  A free that found the entry before reads the old magic
 *	or 0.
 * claim
 *	A pop stores LIVE, and the client passes the pointer to another CPU,
 *	which frees it.  The claim of that free finds LIVE, and the free finds
 *	the pointer's span.
 * window
 *	A chunk lies outside of the map's window, and a larger window replaces
 *	it.  Then another CPU frees the chunk's first object.  The address from
 *	which that free loads the pointer to the window depends on the object's
 *	pointer, so that it finds a window with the chunk in it.  No grace period
 *	passes between the two stores.
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
#define MAP	3		/* the entry of the map */
#define MAGIC	4		/* of the descriptor */
#define PTR	5		/* where clients pass the pointer on */
#define BASE	6		/* the pointer to the window */

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
#ifdef MUTANT_8		/* window: the load of the window does not depend on the pointer */
#define WINDOW_DEPENDS	0
#else
#define WINDOW_DEPENDS	1
#endif
#ifdef MUTANT_7		/* zeroed: an unlock does not order */
#undef RELEASED
#define RELEASED	true
#endif

byte mem[NLOC];
byte buf[2 * NLOC];		/* stores in flight */
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

/* A load that may be early: here, or by load() at its place in the program. */
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
 * Sections that began earlier have ended, and all CPUs have executed a full
 * barrier.  Stores from before are visible to sections that begin later, and
 * loads of these sections, or of code before them in the program, get no value
 * from a later time.
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

/* cmpxchg_relaxed() of the state, after this CPU's own stores to it. */
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
	early(MAP, s, false);		/* of a pointer that was never allocated */
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
	early(BASE, r, WINDOW_DEPENDS);
	p = VALUE(PTR);
	if
	:: p -> load(BASE, r); assert(r == 1)
	:: else
	fi
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
