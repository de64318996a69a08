/* SPDX-License-Identifier: GPL-2.0 */
/*
 * large.pml - a Spin model of how a large object's life ends and begins again:
 * kspan_large_claim() of large.c between lookup.c, free.c, deferred.c and kept.c.
 *
 * Two clients free one object at the same time, one of them perhaps in NMI,
 * while others allocate, so that the span is given again with or without a
 * stay in the kept list, and its descriptor for another address.  Each access
 * to shared memory is a step.
 *
 * Checked: one free of a life wins and the others are told; what is claimed
 * gets back, once; no address is in two hands; no span and no descriptor is
 * lost; a free that comes before its object is given again harms nobody.
 *
 * A free that began before the object was given again and claims after that
 * takes it from its new owner, as in any allocator (LIMIT_1).  A descriptor
 * comes back from the pool after a grace period, so not for another address
 * during one free: the claim compares the base and then exchanges the life,
 * and would end the life of an object that the pointer has nothing to do with.
 *
 * Run: two -DALLOCS=3
 */
#define NADDR	2
#define NSPAN	2
#define IDLE	NSPAN		/* kspan_idle_span */
#define NOTHING	255

#define LIFE_NONE	0
#define LIFE_LIVE	1
#define LIFE_DEFERRED	2

/* Mutants: scripts/model/search.py --mutants expects an error of each. */
#ifdef MUTANT_1		/* two: the life is read and written, not exchanged */
#define EXCHANGED	0
#else
#define EXCHANGED	1
#endif
#ifdef MUTANT_2		/* two: an NMI leaves the object LIVE for the worker */
#define DEFERRED	LIFE_LIVE
#else
#define DEFERRED	LIFE_DEFERRED
#endif
#ifdef MUTANT_3		/* two: the worker claims what the NMI has claimed */
#define IS_CLAIMED(x)	(live[x] == LIFE_LIVE)
#else
#define IS_CLAIMED(x)	true
#endif
#ifdef MUTANT_4		/* two: a kept span stays in the list when it is taken */
#define KEPT_TAKEN	1
#else
#define KEPT_TAKEN	0
#endif
#ifdef MUTANT_5		/* two: a run's pages go back before the map forgets it */
#define WITHDRAW_FIRST	0
#else
#define WITHDRAW_FIRST	1
#endif

#ifdef MUTANT_6		/* two: a descriptor is used again during a free */
#define GRACE		true
#else
#define GRACE		(nr_frees == 0)
#endif

/* Limits: expected to be found as well, see above. */
#ifdef LIMIT_1		/* two: the new owner's object is claimed by a late free */
#define late()		assert(false)
#else
#define late()		skip
#endif

byte map[NADDR];		/* the arena map, by an object's first page */
byte base[NSPAN];
byte live[NSPAN];
bit kept[NSPAN];		/* in a list of kept.c */
bit pooled[NSPAN];		/* in large_pool */
bit page_free[NADDR];		/* in the page heap */
bit deferred[NSPAN];		/* in the list of deferred.c */

/* What the code cannot see. */
bit hand[NADDR];
byte life[NADDR];		/* how often it was given */
byte ended[NADDR];		/* how many of those a free has claimed */
bit stolen[NADDR];		/* a late free claimed the life that is now */
byte nr_frees;			/* frees that have looked and not yet claimed */
byte nr_busy;

/* An allocation returns; the span may be found from now on. */
inline give(a)
{
	assert(!hand[a] && ended[a] == life[a]);
	hand[a] = 1;
	stolen[a] = 0;
	life[a]++
}

/* kspan_large_free() of span d, which is claimed */
inline large_free()
{
	if
	:: d_step {				/* kspan_large_cache_put() */
		assert(!kept[d] && !pooled[d]);
		kept[d] = 1 }
	:: true ->	/* KSPAN_LARGE_CACHE_DECLINED: free_run() */
		if
		:: WITHDRAW_FIRST ->
			d_step { map[base[d]] = IDLE }
			d_step {
				assert(!page_free[base[d]]);
				page_free[base[d]] = 1 }
		:: else ->
			d_step { /* mutants */
				assert(!page_free[base[d]]);
				page_free[base[d]] = 1 }
			d_step { map[base[d]] = IDLE } /* mutants */
		fi;
		d_step {			/* kspan_span_end() */
			assert(!kept[d] && !pooled[d]);
			pooled[d] = 1 }
	fi;
	d = NOTHING
}

/*
 * kspan_free() of p by somebody who got it as life nr; told says that it was
 * refused.
 */
inline free(p, nr, in_nmi)
{
	told = 0;
	d_step { d = map[p]; nr_frees++ }			/* kspan_span_find() */
	if
	:: d == IDLE -> told = 1
	:: else ->
		/* lookup_large() */
		if
		:: d_step { base[d] != p -> told = 1 }
		:: d_step { base[d] == p -> skip }
			if
			:: d_step { live[d] != LIFE_LIVE -> told = 1 }
			:: d_step { live[d] == LIFE_LIVE -> skip }
			fi
		fi;
		/* kspan_large_claim() */
		if
		:: !told ->
			if
			:: d_step { base[d] != p -> told = 1 }
			:: d_step { (base[d] == p) -> skip }
			fi
		:: else
		fi;
		if
		:: !told && !EXCHANGED ->
			d_step { told = live[d] != LIFE_LIVE } /* mutants */
		:: else
		fi;
		if
		:: !told -> d_step {
			if
			:: live[d] == LIFE_LIVE || !EXCHANGED ->
				live[d] = (in_nmi -> DEFERRED : LIFE_NONE);
				/* whose life that was */
				b = base[d];
				assert(b == p && life[b] >= nr);
				if
				:: life[b] != nr ->
					late();
					stolen[b] = 1
				:: else -> skip
				fi;
				ended[b]++;
				assert(ended[b] == life[b]);
				hand[b] = 0;
				/* defer_large() */
				if
				:: in_nmi ->
					assert(!deferred[d]);
					deferred[d] = 1
				:: else -> skip
				fi;
				b = 0
			:: else -> told = 1
			fi }
		:: else
		fi
	fi;
	d_step { nr_frees-- }
	if
	:: !told && !in_nmi -> large_free()
	:: else -> d = NOTHING
	fi
}

/* kspan_large_alloc(), of a run or of a region: got is the address, or NOTHING; nr counts its lives */
inline alloc()
{
	got = NOTHING;
	if
	:: d_step { kept[0] -> d = 0; kept[0] = KEPT_TAKEN }	/* reuse() */
	:: d_step { kept[1] -> d = 1; kept[1] = KEPT_TAKEN }
	:: 	/* get_run() */
		if
		:: d_step { pooled[0] && GRACE -> d = 0; pooled[0] = 0; live[0] = LIFE_NONE;
			base[0] = NOTHING }
		:: d_step { pooled[1] && GRACE -> d = 1; pooled[1] = 0; live[1] = LIFE_NONE;
			base[1] = NOTHING }
		:: d = NOTHING
		fi;
		if
		:: d != NOTHING ->
			if
			:: d_step { page_free[0] -> page_free[0] = 0; got = 0 }
			:: d_step { page_free[1] -> page_free[1] = 0; got = 1 }
			:: d_step { pooled[d] = 1; d = NOTHING }
			fi;
			if
			:: d != NOTHING -> d_step { base[d] = got }
			:: else
			fi
		:: else
		fi
	fi;
	if
	:: d != NOTHING ->
		/* The measure first, then the life. */
		d_step { live[d] = LIFE_LIVE; b = base[d]; give(b); nr = life[b] }
		if
		:: got != NOTHING -> d_step { map[b] = d }
		:: else -> got = b
		fi;
		b = 0;
		d = NOTHING
	:: else
	fi
}

/* Nobody is inside: every span and every page is somewhere, once. */
inline check_all()
{
	assert(pooled[0] + kept[0] + (live[0] == LIFE_LIVE && !kept[0] && !pooled[0]) == 1);
	assert(pooled[1] + kept[1] + (live[1] == LIFE_LIVE && !kept[1] && !pooled[1]) == 1);
	assert(page_free[0] == (map[0] == IDLE) && page_free[1] == (map[1] == IDLE));
	assert(map[0] == IDLE || base[map[0]] == 0 && !pooled[map[0]]);
	assert(map[1] == IDLE || base[map[1]] == 1 && !pooled[map[1]]);
	assert(hand[0] == (life[0] > ended[0]) && hand[1] == (life[1] > ended[1]))
}

#define LEAVE \
	nr_busy--; \
	if \
	:: nr_busy == 0 && !deferred[0] && !deferred[1] -> check_all() \
	:: else -> skip \
	fi

/* Two that free object 0, of life 1; one may be an NMI. */
proctype freer(bit in_nmi)
{
	byte d = NOTHING, b;
	bit told;

	atomic { nr_busy++ }
	free(0, 1, in_nmi);
	/* Once both are through somebody has freed it. */
	atomic { LEAVE }
	assert(!told || ended[0] >= 1)
}

/* Others that allocate, and free what they got. */
proctype client(byte ops)
{
	byte d = NOTHING, b, got = NOTHING, nr;
	bit told;
end:
	do
	:: atomic { ops > 0 -> ops--; nr_busy++ }
		if
		:: got == NOTHING ->
			alloc()
		:: else ->
			free(got, nr, 0);
			/* Refused only if a late free was before it. */
			assert(!told || stolen[got] || life[got] > nr);
			got = NOTHING
		fi;
		atomic { LEAVE }
	od
}

/* free_deferred_large() of deferred.c */
proctype worker()
{
	byte d = NOTHING;
end:
	do
	:: atomic { deferred[0] || deferred[1] ->
			d = (deferred[0] -> 0 : 1);
			deferred[d] = 0;
			nr_busy++ }
		if
		:: IS_CLAIMED(d) -> large_free()
		:: else
		fi;
		atomic { LEAVE }
	od
}

init {
	atomic {
		map[0] = 0;
		base[0] = 0;
		live[0] = LIFE_LIVE;
		hand[0] = 1;
		life[0] = 1;
		map[1] = IDLE;
		page_free[1] = 1;
		pooled[1] = 1;
		run freer(0);
		if
		:: run freer(0)
		:: run freer(1)
		fi;
		run client(ALLOCS);
		run client(1);
		run worker()
	}
}
