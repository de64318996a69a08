/* SPDX-License-Identifier: GPL-2.0 */
/*
 * claim.pml - a Spin model of how a free may claim its object: the designs
 * that there were, for two CPUs that free one object at the same moment.
 *
 * cmpxchg
 *	One atomic operation turns the state byte from LIVE to FREE.  Who does
 *	not find LIVE reports a double free.
 * token
 *	No atomic operation.  A free reads LIVE and stores the token of its CPU
 *	and context instead of FREE.  Who takes an object where another CPU can
 *	get it, to a depot or a span, orders (a full barrier) and looks again: if
 *	his token is still there he stores FREE and gives the object away; if
 *	not, another free has overwritten it, so he drops his and reports.  A pop
 *	takes FREE and the token of its own CPU.
 *
 * An interrupt may stop a CPU between the load of the state and the store of the
 * token for as long as it likes.  That is what breaks "token" (LIMIT_1):
 *
 *	CPU 0				CPU 1
 *	loads LIVE
 *					loads LIVE
 *	stores token 0
 *	barrier; finds token 0, stores
 *	FREE, gives it to the depot
 *					stores token 1 over FREE
 *					barrier; finds token 1, stores
 *					FREE, gives it to the depot
 *
 * The object lies in the depot twice, as FREE.  Two CPUs import it, each loads
 * FREE before the other stores LIVE, and it is in two hands.  No allocation ran
 * meanwhile, so this is no late free of an object that was given out again.  The
 * store buffers of x86 are not even needed for it.
 *
 * What it takes instead (run "atomic", each part with a limit that shows what
 * happens without it):
 *
 * - Who imports an object claims it by cmpxchg() from FREE to his own token, and
 *   a pop takes nothing but that: the second importer finds something else,
 *   drops the object and reports the double free then.
 * - Who exports an object turns his token into FREE by cmpxchg(), too.
 * - Each free ends with a full barrier: while its token is in the store buffer,
 *   somebody can import the object as FREE.
 *
 * That is a barrier for each free and two atomic operations for each object that
 * goes through a depot.  And it is not enough: the span can get one of two slots,
 * end and come back while the other is in a magazine still (LIMIT_4).
 *
 * So kspan has "cmpxchg".  It costs the same wherever the object goes, reports
 * each double free at its own call, and no object is ever in two places.
 *
 * Store buffers are those of x86, for the one state byte that there is: a CPU
 * sees its own store at once, others when it leaves the buffer, in order.
 *
 * Checked: an object is in one hand at a time; its span does not end while
 * somebody has a slot of it; of two frees one is reported, at the latest when
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
#ifdef MUTANT_1		/* cmpxchg: the state is read and written instead */
#define CLAIMS	0
#else
#define CLAIMS	1
#endif
#ifdef MUTANT_2		/* atomic: a pop takes FREE as well */
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
 * Limits, expected to be found as well.
 *
 * LIMIT_1 token: imports and exports by load and store, the design as it was
 * LIMIT_2 atomic: no barrier in each free
 * LIMIT_3 atomic: exports by load and store
 * LIMIT_4 atomic: a span ends while somebody has a slot of its object
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
byte buffer[NCPU];		/* a store on its way, or NOTHING */
byte depot;			/* slots of the object in the depot */
bit bitmap;			/* it is in its span */

/* What the code cannot see. */
byte kept;			/* slots in CPUs' own magazines */
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

/* The free: it puts a slot into this CPU's own magazine, or reports. */
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

/* Whether the slot may leave this CPU: the state is FREE then. */
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

/* The slot goes to the depot or to the span; their locks are barriers. */
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

/* Take a slot out of the depot, for this CPU's own magazine. */
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

/* A CPU's free, and what happens to its slot. */
proctype context(byte cpu)
{
	byte seen;
	bit mine;

	free();
	do
	:: mine -> give_away()
	/* Allocations begin when no free is under way. */
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

/* Everything has come to its end, and nobody allocates any more. */
active proctype judge()
{
	timeout ->
	/* Each slot that is left in the depot is looked at when it leaves. */
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
