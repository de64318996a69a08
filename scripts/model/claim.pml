/* SPDX-License-Identifier: GPL-2.0 */
/*
 * claim.pml - a Spin model of how a free can claim its object when two CPUs
 * free the same object at the same time.  It covers the two designs that were
 * considered.
 *
 * cmpxchg
 *	One atomic operation changes the state byte from LIVE to FREE.  A free
 *	that does not find LIVE reports a double free.
 * token
 *	No atomic operation.  A free reads LIVE and stores a token of its CPU
 *	and context instead of FREE.  Before a CPU hands an object to a depot
 *	or a span, where other CPUs can get it, it executes a full barrier and
 *	reads the state again.  If its token is still there it stores FREE and
 *	hands the object over.  If not, another free has overwritten the token,
 *	so the CPU drops the object and reports a double free.  A pop accepts
 *	FREE and the token of its own CPU.
 *
 * An interrupt may stop a CPU for any time between the load of the state and
 * the store of the token.  This breaks "token" (LIMIT_1):
 *
 *	CPU 0				CPU 1
 *	loads LIVE
 *					loads LIVE
 *	stores token 0
 *	barrier; finds token 0, stores
 *	FREE, hands it to the depot
 *					stores token 1 over FREE
 *					barrier; finds token 1, stores
 *					FREE, hands it to the depot
 *
 * Now the object is in the depot twice, as FREE.  Two CPUs import it, and each
 * loads FREE before the other stores LIVE, so it has two owners.  No allocation
 * ran meanwhile, so this is not a late free of an object that was allocated
 * again.  It happens even without the store buffers of x86.
 *
 * "token" works only with these additions (run "atomic"; each has a limit that
 * shows what happens without it):
 *
 * - A CPU that imports an object claims it by cmpxchg() from FREE to its own
 *   token, and a pop accepts only that token.  A second importer finds another
 *   value, drops the object, and reports the double free then.
 * - A CPU that exports an object also changes its token into FREE by cmpxchg().
 * - Each free ends with a full barrier.  While the token is in the store
 *   buffer, another CPU could import the object as FREE.
 *
 * This costs a barrier for each free, and two atomic operations for each object
 * that passes through a depot.  It is still not enough: the span can get back
 * one of two slots, end, and be reused while the other slot is in a magazine
 * (LIMIT_4).
 *
 * Therefore kspan uses "cmpxchg".  It costs the same wherever the object goes,
 * reports each double free at the call that makes it, and an object is never in
 * two places.
 *
 * The store buffers are those of x86, for the single state byte: a CPU sees its
 * own store at once.  Other CPUs see it when it leaves the buffer, in order.
 *
 * Checked: an object has one owner at a time.  Its span does not end while a
 * CPU holds one of its slots.  One of two frees is reported, at the latest when
 * the objects have moved on.
 *
 * Run: cmpxchg
 * Run: token -DTOKEN -DALLOCS=1
 * Run: atomic -DTOKEN -DALL_ATOMIC
 */
#define NCPU	2
#define FREE	0
#define LIVE	1
#define MINE	(2 + cpu)	/* this CPU's token */
#define NOTHING	255

/* Mutants: scripts/model/search.py --mutants expects an error of each. */
#ifdef MUTANT_1		/* cmpxchg: the state is read and written in two steps */
#define CLAIMS	0
#else
#define CLAIMS	1
#endif
#ifdef MUTANT_2		/* atomic: a pop accepts FREE as well */
#define TAKES_FREE	1
#else
#define TAKES_FREE	0
#endif
#ifdef LIMIT_1
#undef ALLOCS
#endif
#ifndef ALLOCS
#define ALLOCS	NCPU
#endif

/*
 * Limits: states that are known to be possible, and must be found as well.
 *
 * LIMIT_1 token: imports and exports by load and store, as first designed
 * LIMIT_2 atomic: no barrier in each free
 * LIMIT_3 atomic: exports by load and store
 * LIMIT_4 atomic: a span ends while a CPU has a slot of its object
 */
#ifdef ALL_ATOMIC
#define IMPORTS
#ifndef LIMIT_3
#define EXPORTS
#endif
#endif
#ifdef LIMIT_2
#define FENCE		skip
#else
#define FENCE		DRAINED
#endif
#if !defined(TOKEN) || defined(LIMIT_4)
#define span_ends()	assert(depot == 0 && kept == 0)
#else
#define span_ends()	skip
#endif

byte state = LIVE;
byte buffer[NCPU];		/* a store in flight, or NOTHING */
byte depot;			/* slots of the object in the depot */
bit bitmap;			/* the object is in its span */

/* State of the model that the code does not have. */
byte kept;			/* slots in the CPUs' own magazines */
byte hands, reports, frees, allocs;

#define DRAINED		(buffer[cpu] == NOTHING)
#define READ		(DRAINED -> state : buffer[cpu])
#define write(value)	d_step { DRAINED -> buffer[cpu] = value }

proctype store_buffer(byte cpu)
{
end:
	do
	:: d_step { buffer[cpu] != NOTHING ->
		state = buffer[cpu];
		buffer[cpu] = NOTHING }
	od
}

/* A free: it puts a slot into this CPU's own magazine, or reports. */
inline free()
{
#ifdef TOKEN
	seen = READ;
	if
	:: seen == LIVE -> write(MINE); d_step { kept++; mine = 1 }
	:: else -> reports++
	fi;
	FENCE;
#else
	if
	:: d_step { CLAIMS && DRAINED && state == LIVE -> state = FREE;
		mine = 1; kept++ }
	:: d_step { CLAIMS && DRAINED && state != LIVE -> reports++ }
	:: !CLAIMS -> seen = READ;			/* mutants */
		if
		:: seen == LIVE -> write(FREE); kept++; mine = 1	/* mutants */
		:: else -> reports++			/* mutants */
		fi
	fi;
#endif
	frees++
}

/* Whether the slot may leave this CPU; if so, the state is FREE then. */
inline look_again()
{
#ifdef TOKEN
#ifdef EXPORTS
	d_step { DRAINED ->
		if
		:: state == MINE -> state = FREE
		:: else -> reports++; kept--; mine = 0
		fi }
#else
	DRAINED;
	seen = READ;
	if
	:: seen == MINE -> write(FREE)
	:: else -> d_step { reports++; kept--; mine = 0 }
	fi
#endif
#else
	skip
#endif
}

/* Hand the slot to the depot or to the span; their locks are barriers. */
inline give_away()
{
	look_again();
	if
	:: !mine
	:: d_step { mine && DRAINED -> kept--; mine = 0; depot++ }
	:: d_step { mine && DRAINED -> kept--; mine = 0;
		reports = reports + bitmap;
		bitmap = 1;
		span_ends() }
	fi
}

/* Move a slot from the depot to this CPU's own magazine. */
inline import()
{
	d_step { depot > 0 && DRAINED && !mine -> depot--; mine = 1; kept++ }
#ifdef IMPORTS
	d_step { DRAINED ->
		if
		:: state == FREE -> state = MINE
		:: else -> reports++; mine = 0; kept--
		fi }
#endif
}

#ifndef TOKEN
#define MAY_POP		(seen == FREE)
#elif defined(IMPORTS)
#define MAY_POP		(seen == MINE || TAKES_FREE && seen == FREE)
#else
#define MAY_POP		(seen == FREE || seen == MINE)
#endif

inline pop()
{
	seen = READ;
	if
	:: MAY_POP -> write(LIVE);
		d_step { kept--; mine = 0; hands++; assert(hands == 1) }
	:: else -> d_step { reports++; kept--; mine = 0 }
	fi
}

/* A free by a CPU, and the further way of its slot. */
proctype context(byte cpu)
{
	byte seen;
	bit mine;

	free();
	do
	:: mine -> give_away()
	/* Allocations start when no free is in progress. */
	:: atomic { mine && frees == NCPU && allocs < ALLOCS -> allocs++ } pop(); break
	:: mine && frees == NCPU -> break
	:: !mine && frees == NCPU && depot > 0 ->
		if
		:: import()
		:: d_step { depot == 0 -> skip }
		fi
	:: !mine -> break
	od
}

/* After all processes have ended and nothing is allocated any more. */
active proctype judge()
{
	timeout ->
	/* A slot that is left in the depot is checked when it leaves. */
	assert(reports + depot + hands + bitmap + kept >= NCPU);
#ifndef TOKEN
	assert(reports == 1 && depot + hands + bitmap + kept == 1)
#endif
}

init {
	atomic {
		buffer[0] = NOTHING;
		buffer[1] = NOTHING;
		run store_buffer(0);
		run store_buffer(1);
		run context(0);
		run context(1)
	}
}
