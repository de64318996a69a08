/* SPDX-License-Identifier: GPL-2.0 */
/*
 * heap_destroy.pml - a Spin model of kspan_heap_destroy_all(), which ends a
 * client's heap with all objects that are left in it.
 *
 * At that moment other CPUs may be in the middle of a free of one of the heap's
 * objects.  Objects that were freed in NMI or by kspan_free_rcu() may wait for
 * the rest of their free.  Magazines of all CPUs hold objects of the heap's
 * span classes.  And a pointer may be freed long after the heap has ended.
 *
 * The protocol
 *
 * A heap needs two things that size classes do not need:
 *
 * - "dying", a flag.  It is written once, under the central locks of the
 *   heap's span classes.  It is read either under such a lock or in a section
 *   with preemption off ("section" below), which is an RCU read section.
 * - A list of all its spans, including full ones, under the central lock, and a
 *   list of its large objects.  A full span of a size class is in no list.
 *
 * So that a heap can end, other operations follow these rules:
 *
 * - A free finds the span in the arena map, reads its magic, claims the object
 *   by one cmpxchg() of its state byte from LIVE, and puts it into a magazine
 *   or a list, all in one section.  A magic of 0 means a bad free, which is
 *   reported and changes nothing.
 * - A free in NMI, and kspan_free_rcu(), change the state to DEFERRED at the
 *   call, and link the object into their list in the same section.  (An object
 *   of kspan_free_rcu() that stayed LIVE until the grace period had passed
 *   would count as left in the heap, and its free would be reported as a bad
 *   one.)  kspan_free_rcu_mightsleep() waits first and then does an ordinary
 *   free: it must not hold a claimed object that is in no list.
 * - The code that completes a deferred free finds the span in the arena map and
 *   does not check its magic.
 * - An allocation that did not find an object in the magazines checks "dying"
 *   in the section in which it goes on to the depot or the spans.
 * - The code that takes a magazine out of a depot to flush it checks "dying",
 *   and does both in one section.
 * - A flush may take an empty span out of its list at any time, under the
 *   central lock, and drop it later.  It needs nothing of the heap for that.
 * - A new span enters its list under the central lock.  If the heap is dying
 *   the span does not enter, and its pages go back.
 *
 * kspan_heap_destroy_all() runs in task context and may sleep.  Its steps are,
 * in this order:
 *
 *  1. Set "dying" and, under the central lock, set the magic of every span in
 *     the heap's lists to 0.  The arena map does not change.  From now on no
 *     free of an object can begin, and no span enters.
 *  2. synchronize_rcu().  All frees that had seen the magic have put their
 *     objects into a magazine, a depot, a span or a list of deferred frees.
 *     Magazines that were taken out of a depot are back there, or in a CPU's
 *     own cache.
 *  3. Flush the deferred frees by kspan_deferred_flush() and
 *     kspan_rcu_barrier().  Their objects end in magazines.  The links of these
 *     lists are inside the objects, and the map leads to their spans, so the
 *     memory and the map entries must exist until here.
 *  4. On each CPU, a worker of that CPU with interrupts off removes the
 *     magazines and spares of the heap's span classes in all contexts, and
 *     frees the magazines.  The objects in them go nowhere.  The caller does
 *     this for CPUs that are offline.
 *  5. Then discard the magazines in the depots.  This must follow step 4, since
 *     until then a CPU may still put one of its magazines into the depot.
 *  6. Claim each large object in the list by its cmpxchg(), and free those
 *     whose claim succeeded.  The others are being freed by their claimers,
 *     which fill them with preemption on.  A grace period does not wait for
 *     that, so wait until the list is empty.
 *  7. No slot leads into the heap any more, and nothing changes a state byte.
 *     The objects that are LIVE are the ones left: count them as freed, and
 *     return their number.  Set all states to NONE.
 *  8. Make the arena map lead to the idle marker, then give the pages back.
 *  9. The descriptors and their states may be reused after another grace
 *     period, as for any span (kspan_span_end()).  The numbers of the heap's
 *     span classes may be reused at once.
 *
 * One task may do step 4 for all CPUs, which then does not wait for a CPU that
 * a real-time task occupies (run "remote").  After step 2 nothing uses those
 * magazines under two conditions.  First, no allocation from the heap runs when
 * kspan_heap_destroy_all() is called, and none begins later, which the client
 * must ensure.  Second, the code that drains magazines of other classes by age
 * also checks "dying".  Step 3 must have ended by then.  With a worker on each
 * CPU (run "local") an allocation that comes too late is harmless as long as
 * the struct of the heap can be read: it gets NULL, or an object that ends with
 * the heap.
 *
 * Checked: when pages are given back, no slot in a magazine, depot, span's list
 * or list of deferred frees leads there.  Nothing writes to an object that it
 * does not own.  Every allocated object is counted as freed once.  No deferred
 * free is lost.  A free that comes too late is reported and changes nothing.
 * No page is given back twice.  A reused descriptor is not mistaken for the old
 * one.  As in any allocator, a late free of a pointer of the old heap frees an
 * object of a new heap that has the same address (LIMIT_1).
 *
 * A process is one CPU with one cache.  Interrupts have caches of their own, so
 * the model treats them as CPUs of their own.  The last process completes the
 * deferred frees and does the work of the scavenger.
 *
 * Run: local
 * Run: remote -DREMOTE
 * Run: more -DOPS=2
 */
#ifndef OPS
#define OPS	1		/* calls on the first client's CPU */
#endif
#define NCTX	3
#define WORKER	2		/* the process of deferred frees and of the scavenger */
#define OBJS	2		/* in the heap's one span */

#define FREE	0
#define LIVE	1
#define DEFERRED 2
#define NONE	3

#define IDLE	0		/* in the map */
#define SPAN	1

/* Mutants: scripts/model/search.py --mutants expects an error of each. */
#ifdef MUTANT_1		/* local: no grace period after the magic is set to 0 */
#define FIRST_GRACE	0
#else
#define FIRST_GRACE	1
#endif
#ifdef MUTANT_2		/* local: the spans' magic is not set to 0 at the start */
#define CLOSED		magic
#else
#define CLOSED		0
#endif
#ifdef MUTANT_3		/* local: spans leave the map before the deferred frees are done */
#define EARLY_MAP	IDLE
#else
#define EARLY_MAP	map[0]
#endif
#ifdef MUTANT_4		/* local: the deferred frees are not waited for */
#define FLUSHED		true
#else
#define FLUSHED		(nothing_deferred && !in_section[WORKER])
#endif
#ifdef MUTANT_5		/* local: the depot is emptied before the CPUs' caches */
#define DEPOT_FIRST	1
#else
#define DEPOT_FIRST	0
#endif
#ifdef MUTANT_6		/* local: an allocation does not check whether the heap is dying */
#define MAY_REFILL	true
#else
#define MAY_REFILL	(!dying)
#endif
#ifdef MUTANT_7		/* local: code that takes a magazine out of the depot does not check it */
#define MAY_DRAIN	true
#else
#define MAY_DRAIN	(!dying)
#endif
#ifdef MUTANT_8		/* local: a descriptor is reused without a grace period */
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
#ifdef MUTANT_11	/* local: a large object that is being freed is not waited for */
#define LARGE_GONE	true
#else
#define LARGE_GONE	(!large_listed)
#endif
#ifdef MUTANT_12	/* local: caches are emptied in the middle of a CPU's section */
#define CPU_IS_OUT(x)	true
#else
#define CPU_IS_OUT(x)	(!in_section[x])
#endif
#ifdef MUTANT_13	/* remote: magazines are drained by age, even those of a dying heap */
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

/* State that the code has.  Both addresses are of objects of the same size. */
byte map[2];			/* by page */
byte base;			/* the page of the descriptor */
bit magic;
byte state[OBJS];
bit bitmap[OBJS];
bit listed;			/* in the heap's list of spans */
bit dying;
bit mag[NCTX * OBJS];		/* slots in the CPUs' magazines */
bit depot[OBJS];
bit nmi_list[OBJS], rcu_list[OBJS];
bit large_live, large_listed;

/* State of the model that the code does not have. */
bit called;			/* kspan_heap_destroy_all() was called */
bit destroyed;
bit pages;			/* the span's pages belong to the heap */
bit large_pages;
bit grown;			/* there was a second span, which is enough */
bit in_section[NCTX], must_end[NCTX];
byte nr_given, nr_claimed, nr_pushed, nr_left;

#define nothing_deferred \
	(!nmi_list[0] && !nmi_list[1] && !rcu_list[0] && !rcu_list[1])
#define NO_SLOT(x) \
	(!mag[x] && !mag[OBJS + (x)] && !mag[2 * OBJS + (x)] && !depot[x] && \
	 !nmi_list[x] && !rcu_list[x])

#define enter()		in_section[me] = 1
#define leave()		d_step { in_section[me] = 0; must_end[me] = 0 }

/* Slots of object x, wherever they could be handed out from. */
#define SLOTS(x) \
	(mag[x] + mag[OBJS + (x)] + mag[2 * OBJS + (x)] + depot[x] + bitmap[x])

/* Give the pages back to the page heap. */
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

/* Put a claimed object into a magazine, or into its span. */
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

/*
 * kspan_free() of pointer o, which may have ended long ago, or a deferred free
 */
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
				/*
				 * or the descriptor is now that of another page
				 */
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

/* Pop a new object off a magazine, if there is one: the fast path. */
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

/* Complete a deferred free, or do kspan_depot_drain(). */
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
			/* The links of the list are inside the objects. */
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

/* kspan_heap_destroy_all() by its steps, and then the next heap */
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
	/* 9, which the code that drops the span does */
	!magic && !pages && map[0] == IDLE;
	synchronize_rcu(SECOND_GRACE);
	/*
	 * The next heap gets the descriptor, the classes, and these pages or
	 * others.
	 */
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
