/* SPDX-License-Identifier: GPL-2.0 */
/*
 * large.pml - a Spin model of the end and the new beginning of a large object's
 * life: kspan_large_claim() of large.c, as used by lookup.c, free.c, deferred.c
 * and large_cache.c.
 *
 * Two clients free one object at the same time, one of them possibly in NMI.
 * Meanwhile others allocate, so that the span is reused with or without a stay
 * in the cache, and its descriptor is reused for another address.  Each access
 * to shared memory is a step.
 *
 * Checked: of the frees in one life one succeeds, and the others are reported.
 * What is claimed is freed once.  No address has two owners.  No span and no
 * descriptor is lost.  A free that ends before its object is allocated again
 * affects no other object.
 *
 * If a free starts before the object is allocated again, and claims it after
 * that, it takes the object from its new owner, as in any allocator (LIMIT_1).
 * A descriptor is only reused for another address after a grace period, so not
 * during a free.  This matters because the claim compares the base and then
 * exchanges the life: without the grace period it could end the life of an
 * unrelated object.
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
#ifdef MUTANT_1		/* two: the life is read and written in two steps, not exchanged */
#define EXCHANGED	0
#else
#define EXCHANGED	1
#endif
#ifdef MUTANT_2		/* two: an NMI leaves the object LIVE for the worker */
#define DEFERRED	LIFE_LIVE
#else
#define DEFERRED	LIFE_DEFERRED
#endif
#ifdef MUTANT_3		/* two: the worker claims an object that the NMI has already claimed */
#define IS_CLAIMED(x)	(live[x] == LIFE_LIVE)
#else
#define IS_CLAIMED(x)	true
#endif
#ifdef MUTANT_4		/* two: a cached span stays in the list when it is taken */
#define KEPT_TAKEN	1
#else
#define KEPT_TAKEN	0
#endif
#ifdef MUTANT_5		/* two: a run's pages are given back before the map forgets them */
#define WITHDRAW_FIRST	0
#else
#define WITHDRAW_FIRST	1
#endif

#ifdef MUTANT_6		/* two: a descriptor is reused during a free */
#define GRACE		true
#else
#define GRACE		(nr_frees == 0)
#endif

/* Limits: known to be possible, see above, and must be found as well. */
#ifdef LIMIT_1		/* two: the new owner's object is claimed by a late free */
#define late()		assert(false)
#else
#define late()		skip
#endif

byte map[NADDR];		/* the arena map, by an object's first page */
byte base[NSPAN];
byte live[NSPAN];
bit kept[NSPAN];		/* in a list of large_cache.c */
bit pooled[NSPAN];		/* in large_pool */
bit page_free[NADDR];		/* in the page heap */
bit deferred[NSPAN];		/* in the list of deferred.c */

/* State of the model that the code does not have. */
bit hand[NADDR];
byte life[NADDR];		/* how often it was allocated */
byte ended[NADDR];		/* how many of these lives a free has claimed */
bit stolen[NADDR];		/* a late free has claimed the current life */
byte nr_frees;			/* frees between the look-up and the claim */
byte nr_busy;

/* An allocation returns; from now on the span can be found. */
inline give(a)
{
	assert(!hand[a] && ended[a] == life[a]);
	hand[a] = 1;
	stolen[a] = 0;
	life[a]++
}

/* kspan_large_free() of span d, which has been claimed */
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
 * kspan_free() of pointer p, whose owner got it in life nr.  told is set if the
 * free was refused.
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
				/* the life that the claim has ended */
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

/*
 * kspan_large_alloc() of a run or a region: got is the address, or NOTHING; nr
 * counts its lives
 */
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
		/* Set the size first, then the life. */
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

/*
 * When no process is inside, every span and every page is in exactly one place.
 */
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

/* The two frees of object 0 in life 1; one may be in an NMI. */
proctype freer(bit in_nmi)
{
	byte d = NOTHING, b;
	bit told;

	atomic { nr_busy++ }
	free(0, 1, in_nmi);
	/* After both have ended, one of them has freed it. */
	atomic { LEAVE }
	assert(!told || ended[0] >= 1)
}

/* Other clients, which allocate and free their objects. */
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
			/*
			 * It is only refused after a late free of the same
			 * object.
			 */
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
