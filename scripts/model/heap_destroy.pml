/* SPDX-License-Identifier: GPL-2.0 */
/*
 * heap_destroy.pml - a Spin model of kspan_heap_destroy_all(): a client's heap
 * ends with all objects that are left in it.
 *
 * Other CPUs may be in the middle of a free of one of its objects.  Objects
 * that were freed in NMI, or by kspan_free_rcu(), may wait for the rest of
 * their free.  Magazines of all CPUs hold objects of the heap's span classes.
 * And somebody may free a pointer long after the heap has gone.
 *
 * The protocol
 *
 * What a heap needs beside what the size classes have:
 *
 * - "dying", a flag.  It is written once, under the central locks of the
 *   heap's span classes, and read either under such a lock or in a section
 *   with preemption off ("section" below), which is an RCU read section.
 * - A list of all its spans, full ones too, under the central lock; and a list
 *   of its large objects.  A full span of a size class is in no list.
 *
 * What others do so that a heap can end:
 *
 * - A free finds the span in the arena map, reads its magic, claims the object
 *   by one cmpxchg() of its state byte from LIVE, and puts it into a magazine
 *   or a list, all in one section.  A magic of 0 is a bad free: it is reported
 *   and nothing is touched.
 * - A free in NMI, and kspan_free_rcu(), claim the object at the call, to
 *   DEFERRED, and link it into their list in the same section.  (An object of
 *   kspan_free_rcu() that stayed LIVE until its grace period has passed would
 *   count as left in the heap, and its free would be reported as a bad one.)
 *   kspan_free_rcu_mightsleep() waits first and then is an ordinary free: it
 *   must not hold a claimed object that is in no list.
 * - Whoever does the rest of a deferred free finds the span in the arena map
 *   and does not look at its magic.
 * - An allocation that did not find an object in the magazines looks at
 *   "dying" in the section in which it goes on to the depot or the spans.
 * - Whoever takes a magazine out of a depot to flush it looks at "dying" and
 *   does both in one section.
 * - A flush may take an empty span out of its list at any time, under the
 *   central lock, and drops it later.  It needs nothing of the heap for that.
 * - A new span enters its list under the central lock; if the heap is dying it
 *   does not, and its pages go back.
 *
 * What kspan_heap_destroy_all() does, in task context that may sleep, in this
 * order:
 *
 *  1. Set "dying" and, under the central lock, the magic of every span in the
 *     heap's lists to 0.  The arena map stays as it is.  No free of an object
 *     can begin now, and no span enters.
 *  2. synchronize_rcu().  All frees that had seen the magic have put their
 *     objects into a magazine, a depot, a span or a list of deferred frees.
 *     All depots' magazines are back, or in a CPU's own cache.
 *  3. Flush the deferred frees: kspan_deferred_flush() and
 *     kspan_rcu_barrier().  Their objects go through the memory that is about
 *     to go, and the map leads to their span: that is why neither may go
 *     before.  They end in magazines.
 *  4. On each CPU, by a worker of that CPU with interrupts off, take the
 *     magazines and spares of the heap's span classes in all contexts away
 *     and free the magazines.  The objects in them go nowhere.  CPUs that are
 *     offline have theirs taken by the caller.
 *  5. Then the depots': throw their magazines away.  Not before 4, since until
 *     then a CPU may give one of its magazines to its depot.
 *  6. Claim each large object in the list by its cmpxchg(); free those that
 *     were won.  Whoever won another one fills it with preemption on, which no
 *     grace period waits for: so wait until the list is empty.
 *  7. No slot leads into the heap any more, and nothing changes a state byte.
 *     The objects that are LIVE are the ones left: count them as freed, and
 *     return their number.  Set all states to NONE.
 *  8. Let the arena map lead to the idle marker, then give the pages back.
 *  9. The descriptors and their states are used again after another grace
 *     period, as those of any span (kspan_span_end()); the numbers of the
 *     heap's span classes may be used again at once.
 *
 * Step 4 may be done by one task for all CPUs, which then waits for no CPU
 * that a real-time task keeps (run "remote"): after step 2 nobody uses those
 * magazines if no allocation from the heap runs when kspan_heap_destroy_all() is
 * called, nor begins later, which is the client's duty, and if what gives magazines of other classes
 * back by age looks at "dying" as well.  Step 3 has ended then.
 * With a worker on each CPU (run "local") an allocation that comes too late is
 * harmless as long as the struct of the heap can be read: it gets NULL, or an
 * object that goes with the heap.
 *
 * Checked: when pages are given back no slot in a magazine, depot, span's list
 * or list of deferred frees leads there; nobody writes to an object that is not
 * his; every object that was given out is counted as freed once; no deferred
 * free is lost; a free that comes too late is reported and changes nothing; no
 * page is given back twice; a descriptor that is used again is not taken for
 * what it was.  As in any allocator, a pointer of the old heap that is freed
 * when its address is an object of a new one frees that (LIMIT_1).
 *
 * A process is one CPU, with one cache; interrupts have caches of their own
 * and so are CPUs of their own here.  The last one does what is deferred and
 * what the scavenger does.
 *
 * Run: local
 * Run: remote -DREMOTE
 * Run: more -DOPS=2
 */
#ifndef OPS
#define OPS	1		/* calls of the first client's CPU */
#endif
#define NCTX	3
#define WORKER	2		/* the process of deferred frees and scavenger */
#define OBJS	2		/* in the heap's one span */

#define FREE	0
#define LIVE	1
#define DEFERRED 2
#define NONE	3

#define IDLE	0		/* in the map */
#define SPAN	1

/* Mutants: scripts/model/search.py --mutants expects an error of each. */
#ifdef MUTANT_1		/* local: no grace period after the magic is 0 */
#define FIRST_GRACE	0
#else
#define FIRST_GRACE	1
#endif
#ifdef MUTANT_2		/* local: the spans' magic stays until they are withdrawn */
#define CLOSED		magic
#else
#define CLOSED		0
#endif
#ifdef MUTANT_3		/* local: the map forgets the spans before the deferred frees are done */
#define EARLY_MAP	IDLE
#else
#define EARLY_MAP	map[0]
#endif
#ifdef MUTANT_4		/* local: nobody waits for the deferred frees */
#define FLUSHED		true
#else
#define FLUSHED		(nothing_deferred && !in_section[WORKER])
#endif
#ifdef MUTANT_5		/* local: the depot is emptied before the CPUs' caches */
#define DEPOT_FIRST	1
#else
#define DEPOT_FIRST	0
#endif
#ifdef MUTANT_6		/* local: an allocation does not look whether the heap is dying */
#define MAY_REFILL	true
#else
#define MAY_REFILL	(!dying)
#endif
#ifdef MUTANT_7		/* local: nor does who takes a magazine out of the depot */
#define MAY_DRAIN	true
#else
#define MAY_DRAIN	(!dying)
#endif
#ifdef MUTANT_8		/* local: a descriptor is used again without a grace period */
#define SECOND_GRACE	0
#else
#define SECOND_GRACE	1
#endif
#ifdef MUTANT_9		/* local: kspan_free_rcu() leaves the object LIVE */
#define RCU_CLAIMED	LIVE
#else
#define RCU_CLAIMED	DEFERRED
#endif
#ifdef MUTANT_10	/* local: a new span enters a dying heap */
#define TOO_LATE	false
#else
#define TOO_LATE	(dying || destroyed)
#endif
#ifdef MUTANT_11	/* local: nobody waits for a large object that is being freed */
#define LARGE_GONE	true
#else
#define LARGE_GONE	(!large_listed)
#endif
#ifdef MUTANT_12	/* local: caches are emptied in the middle of a CPU's section */
#define CPU_IS_OUT(x)	true
#else
#define CPU_IS_OUT(x)	(!in_section[x])
#endif
#ifdef MUTANT_13	/* remote: magazines go by age, whatever heap they are of */
#define MAY_AGE		true
#else
#ifdef REMOTE
#define MAY_AGE		(!dying)
#else
#define MAY_AGE		true
#endif
#endif
/*
 * Limits, expected to be found as well.
 *
 * LIMIT_1 local: a pointer of the old heap frees an object of the new one
 * LIMIT_2 remote: an allocation begins after kspan_heap_destroy_all() was called
 */
#ifdef LIMIT_1
#define new_owners()	assert(false)
#else
#define new_owners()	skip
#endif
#if defined(REMOTE) && !defined(LIMIT_2)
#define CLIENT_MAY_ALLOC (!called)
#else
#define CLIENT_MAY_ALLOC true
#endif
#ifdef REMOTE
#define MAY_TAKE(x)	true
#else
#define MAY_TAKE(x)	CPU_IS_OUT(x)
#endif

/* What the code has.  Both addresses are of objects of the same size. */
byte map[2];			/* by page */
byte base;			/* the page the descriptor is of */
bit magic;
byte state[OBJS];
bit bitmap[OBJS];
bit listed;			/* in the heap's list of spans */
bit dying;
bit mag[NCTX * OBJS];		/* slots in the CPUs' magazines */
bit depot[OBJS];
bit nmi_list[OBJS], rcu_list[OBJS];
bit large_live, large_listed;

/* What the code cannot see. */
bit called;			/* kspan_heap_destroy_all() has been */
bit destroyed;
bit pages;			/* the span's pages are the heap's */
bit large_pages;
bit grown;			/* there was a second span: enough */
bit in_section[NCTX], must_end[NCTX];
byte nr_given, nr_claimed, nr_pushed, nr_left;

#define nothing_deferred \
	(!nmi_list[0] && !nmi_list[1] && !rcu_list[0] && !rcu_list[1])
#define NO_SLOT(x) \
	(!mag[x] && !mag[OBJS + (x)] && !mag[2 * OBJS + (x)] && !depot[x] && \
	 !nmi_list[x] && !rcu_list[x])

#define enter()		in_section[me] = 1
#define leave()		d_step { in_section[me] = 0; must_end[me] = 0 }

/* Slots of object x, wherever it may be handed out from. */
#define SLOTS(x) \
	(mag[x] + mag[OBJS + (x)] + mag[2 * OBJS + (x)] + depot[x] + bitmap[x])

/* The pages go back to the page heap. */
inline give_back()
{
	assert(pages && NO_SLOT(0) && NO_SLOT(1));
	pages = 0;
	bitmap[0] = 0;
	bitmap[1] = 0
}

/* kspan_central_flush() of object o; drop is whether to drop its span */
inline central_flush()
{
	d_step {
		assert(pages && !bitmap[o] && state[o] == FREE);
		bitmap[o] = 1;
		drop = bitmap[0] && bitmap[1] && listed;
		listed = listed && !drop }
}

/* drop_span(), and what kspan_span_end() leads to */
inline drop_span()
{
	if
	:: drop ->
		map[base] = IDLE;
		d_step { give_back() }
		d_step { magic = 0; drop = 0 }
	:: else
	fi
}

/* An object that was claimed goes to a magazine, or to its span. */
inline push()
{
	d_step {
		assert(pages && SLOTS(o) == 0);
		state[o] = FREE;
		nr_pushed++ }
	if
	:: d_step { mag[me * OBJS + o] = 1 }
	:: central_flush()
	fi
}

/* kspan_free() of pointer o, which may be long gone; or one of the others */
inline free(next)
{
	enter();
	if
	:: map[0] == IDLE		/* reported */
	:: map[0] == SPAN ->
		if
		:: !magic		/* reported */
		:: magic ->
			if
			:: d_step { state[o] != LIVE -> skip }	/* reported */
			:: d_step { state[o] == LIVE ->
				/* or the descriptor is another page's by now */
				assert(base == 0);
				state[o] = next;
				won = 1;
				nr_claimed++ }
				if
				:: destroyed -> new_owners()
				:: else
				fi
			fi
		fi
	fi;
	if
	:: !won
	:: won && next == FREE -> push()
	:: won && next == DEFERRED && how == 1 -> nmi_list[o] = 1
	:: else -> rcu_list[o] = 1
	fi;
	leave();
	drop_span();
	won = 0
}

/* kspan_free() of the heap's large object */
inline free_large()
{
	enter();
	if
	:: d_step { large_live -> large_live = 0; won = 1 }
	:: d_step { !large_live -> skip }		/* reported */
	fi;
	leave();
	if
	:: won ->
		assert(large_pages);			/* filled with zeros */
		d_step { large_pages = 0; large_listed = 0; won = 0 }
	:: else
	fi
}

/* A new object of a magazine, if there is one.  The fast path. */
inline pop()
{
	if
	:: d_step { mag[me * OBJS + o] -> rest = mag[me * OBJS + 1 - o] }
		d_step {
			assert(pages && state[o] == FREE && SLOTS(o) == 1);
			mag[me * OBJS + o] = 0;
			mag[me * OBJS + 1 - o] = rest;
			rest = 0;
			state[o] = LIVE;
			nr_given++ }
	:: d_step { !mag[me * OBJS + o] -> skip }
	fi;
	leave()
}

/* refill() and kspan_central_fill(), or NULL if the heap is dying */
inline refill()
{
	if
	:: !MAY_REFILL
	:: MAY_REFILL ->
		if
		:: d_step { depot[o] -> depot[o] = 0; mag[me * OBJS + o] = 1 }
		:: d_step { listed && bitmap[o] ->
			bitmap[o] = 0;
			mag[me * OBJS + o] = 1 }
		:: d_step { !depot[o] && !(listed && bitmap[o]) -> skip }
		fi
	fi;
	leave()
}

/* kspan_central_grow(), with preemption on */
inline grow()
{
	map[0] = SPAN;
	d_step {
		drop = TOO_LATE;
		listed = !drop;
		assert(!(listed && destroyed)) }
	drop_span()
}

/* drain_class() of this CPU's own cache, by age */
inline age()
{
	enter();
	if
	:: MAY_AGE ->
		if
		:: d_step { mag[me * OBJS + o] ->
			mag[me * OBJS + o] = 0; won = 1 }
			if
			:: d_step { depot[o] = 1; won = 0 }
			:: central_flush()
			fi
		:: d_step { !mag[me * OBJS + o] -> skip }
		fi
	:: !MAY_AGE
	fi;
	leave();
	drop_span();
	won = 0
}

proctype client(byte me)
{
	byte o, how;
	bit won, drop, rest;
	byte ops = (me == 0 -> OPS : 1);
end:
	do
	:: ops > 0 ->
		ops--;
		if
		:: o = 0
		:: o = 1
		fi;
		if
		:: free(FREE)
		:: how = 1; free(DEFERRED)
		:: how = 2; free(RCU_CLAIMED)
		:: atomic { CLIENT_MAY_ALLOC -> enter() } pop()
		:: atomic { CLIENT_MAY_ALLOC -> enter() } refill()
		:: age()
		:: large_listed -> free_large()
		:: atomic { CLIENT_MAY_ALLOC && !called && !grown && !listed &&
			    !pages && !magic ->
			grown = 1; magic = 1; pages = 1;
			state[0] = FREE; state[1] = FREE;
			bitmap[0] = 1; bitmap[1] = 1 }
			grow()
		fi;
		d_step { o = 0; how = 0 }
	od
}

/* What there is to do: the rest of a deferred free, or kspan_depot_drain(). */
proctype worker()
{
	byte o, me = WORKER;
	bit won, drop;
end:
	do
	:: atomic { !nothing_deferred || depot[0] || depot[1] ->
		if
		:: nmi_list[0] -> o = 0; nmi_list[0] = 0; won = 1
		:: nmi_list[1] -> o = 1; nmi_list[1] = 0; won = 1
		:: rcu_list[0] -> o = 0; rcu_list[0] = 0; won = 1
		:: rcu_list[1] -> o = 1; rcu_list[1] = 0; won = 1
		:: depot[0] -> o = 0
		:: depot[1] -> o = 1
		fi;
		enter() }
		if
		:: won ->
			/* The links go through the objects. */
			assert(pages && map[0] == SPAN);
			if
			:: state[o] == LIVE && !magic	/* mutants */
			:: else -> push()
			fi
		:: !won && MAY_DRAIN ->
			if
			:: d_step { depot[o] -> depot[o] = 0 }
				central_flush()
			:: d_step { !depot[o] -> skip }
			fi
		:: !won && !MAY_DRAIN
		fi;
		leave();
		drop_span();
		d_step { won = 0; o = 0 }
	od
}

/* synchronize_rcu() */
inline synchronize_rcu(wanted)
{
	if
	:: wanted ->
		d_step {
			must_end[0] = in_section[0];
			must_end[1] = in_section[1];
			must_end[2] = in_section[2] }
		!must_end[0] && !must_end[1] && !must_end[2]
	:: else		/* mutants */
	fi
}

inline discard_depot()
{
	d_step { depot[0] = 0; depot[1] = 0 }
}

/* kspan_heap_destroy_all(), by its steps; and then the next heap */
proctype destroyer()
{
	byte k;

	called = 1;
	/* 1 */
	d_step { dying = 1; magic = (listed -> CLOSED : magic) }
	/* 2 */
	synchronize_rcu(FIRST_GRACE);
	map[0] = EARLY_MAP;
	/* 3 */
	FLUSHED;
	/* 4 and 5 */
	if
	:: DEPOT_FIRST -> discard_depot()	/* mutants */
	:: else
	fi;
	do
	:: k < NCTX ->
		d_step { MAY_TAKE(k) ->
			mag[k * OBJS] = 0;
			mag[k * OBJS + 1] = 0;
			k++ }
	:: else -> break
	od;
	if
	:: !DEPOT_FIRST -> discard_depot()
	:: else		/* mutants */
	fi;
	/* 6 */
	if
	:: d_step { large_live ->
		large_live = 0; large_pages = 0; large_listed = 0 }
	:: d_step { !large_live -> skip }
	fi;
	LARGE_GONE;
	assert(!large_listed);		/* the list is about to go */
	/* 7 */
	if
	:: d_step { listed ->
		nr_left = (state[0] == LIVE) + (state[1] == LIVE);
		state[0] = NONE;
		state[1] = NONE }
		assert(nr_given == nr_claimed + nr_left);
		assert(nr_pushed == nr_claimed);
		/* 8 */
		map[0] = IDLE;
		d_step { give_back(); listed = 0; magic = 0 }
	:: d_step { !listed ->
		assert(nr_given == nr_claimed && nr_pushed == nr_claimed) }
	fi;
	destroyed = 1;
	/* 9, which follows whoever drops the span */
	!magic && !pages && map[0] == IDLE;
	synchronize_rcu(SECOND_GRACE);
	/* The next heap has the descriptor, the classes, the pages or others. */
	atomic {
		if
		:: base = 0
		:: base = 1
		fi;
		d_step {
			state[0] = LIVE;
			state[1] = FREE;
			bitmap[1] = 1;
			pages = 1;
			listed = 1;
			dying = 0;
			magic = 1;
			map[base] = SPAN } }
}

init {
	atomic {
		d_step {
			large_live = 1; large_listed = 1; large_pages = 1;
			pages = 1; map[0] = SPAN; magic = 1; listed = 1;
			state[0] = LIVE; state[1] = LIVE; nr_given = 2 }
		if
		:: skip
		::	/* one object in a magazine of the first CPU's */
			state[0] = FREE; mag[0] = 1; nr_given = 1
		::	/* one in the depot, one in the span */
			state[0] = FREE; depot[0] = 1;
			state[1] = FREE; bitmap[1] = 1; nr_given = 0
		::	/* one in the span */
			state[1] = FREE; bitmap[1] = 1; nr_given = 1
		::	/* no span yet */
			pages = 0; map[0] = IDLE; magic = 0; listed = 0;
			state[0] = NONE; state[1] = NONE; nr_given = 0
		fi;
		run client(0);
		run client(1);
		run worker();
		run destroyer()
	}
}
