/* SPDX-License-Identifier: GPL-2.0 */
/*
 * heap.pml - a Spin model of the page heap: page_heap.c, chunk.c, the runs of
 * large_cache.c and large.c, and what scavenge.c does to them.
 *
 * Processes: a task that may sleep, an interrupt that comes between any two of
 * its steps, and the scavenger's worker on another CPU.  Work under a lock is
 * one step, and the unlock is another, so that other processes can wait for the
 * lock.  The model makes no assumption about how long a chunk or a run has
 * idled, or whether the kernel has memory.
 *
 * Checked: no page is in two runs, and none is lost.  A chunk is given back
 * only if none of its pages is in use.  Only interrupts use the reserve, and it
 * is refilled.  A chunk that is filed under a run length has such a run.  No
 * process waits for ever.
 *
 * Run: heap -DOPS=2 -DIRQS=2 -DWORK=2
 * Run: trim -DOPS=1 -DIRQS=1 -DWORK=4
 */
#define NCHUNK	2
#define PAGES	3		/* heap pages in a chunk */
#define NPAGE	(NCHUNK * PAGES)
#define RESERVE	2		/* heap pages */
#define NKEPT	3		/* places in the lists of cached runs */
#define BUDGET	2		/* most pages in cached runs */
#define NOWHERE	255

/*
 * Mutants: faults that the code must not have.  scripts/model/search.py
 * --mutants expects an error for each.
 */
#ifdef MUTANT_1		/* heap: a lock is taken with interrupts on */
#define irqs(on)	skip
#else
#define irqs(on)	if :: ctx < 2 -> irqs_off = !(on) :: else -> skip fi
#endif
#ifdef MUTANT_2		/* heap: a task may take the reserve */
#define MUST_LEAVE	0
#else
#define MUST_LEAVE	RESERVE
#endif
#ifdef MUTANT_3		/* trim: a chunk is trimmed by age alone, even with users */
#define IS_IDLE(x)	true
#else
#define IS_IDLE(x)	(used[x] == 0)
#endif
#ifdef MUTANT_4		/* trim: the trim leaves no reserve */
#define KEEP		0
#else
#define KEEP		RESERVE
#endif
#ifdef MUTANT_5		/* heap: a cached run stays in its list when it is taken */
#define KEPT_TAKEN(x)	kept_at[x]
#else
#define KEPT_TAKEN(x)	NOWHERE
#endif
#ifdef MUTANT_6		/* heap: the longest run is not updated */
#define LONGEST(x)	longest[x]
#else
#define LONGEST(x)	LONGEST_RUN(x)
#endif
#ifdef MUTANT_7		/* heap: a low reserve does not kick the worker */
#define kick()		skip
#else
#define kick()		kicked = 1
#endif
#ifdef MUTANT_8		/* trim: a trimmed chunk stays in its list */
#define LEAVES_LIST	0
#else
#define LEAVES_LIST	1
#endif
#ifdef MUTANT_9		/* heap: large_cache_lock and the heap's lock are taken in either order */
#define NESTED		1
#else
#define NESTED		0
#endif

bit map[NPAGE];
byte used[NCHUNK], longest[NCHUNK];
bit filed[NCHUNK];		/* in the page heap */
bit given[NCHUNK];		/* from the kernel */
byte free_pages;
bit heap_lock, large_cache_lock;
byte kept_at[NKEPT], kept_len[NKEPT];
byte run_idle;			/* pages in cached runs */
bit kicked;			/* fill_reserve() is due */

/* State of the model that the code does not have. */
bit owned[NPAGE];
bit refused;			/* the kernel had no chunk for the last grow */
bit irqs_off, in_irq;		/* on the first CPU */
byte nr_busy;

/* Contexts: 0 a task, 1 an interrupt on its CPU, 2 a worker elsewhere. */
#define ME	(ctx == 2 || in_irq == ctx)

#define IS_FREE(x, y)	(!map[(x) * PAGES + (y)])
#define LONGEST_RUN(x) \
	(IS_FREE(x, 1) -> 1 + IS_FREE(x, 0) + IS_FREE(x, 2) : \
	 (IS_FREE(x, 0) || IS_FREE(x, 2)))

/* Pages of the free run around page y of chunk x. */
#define RUN_AROUND(x, y) \
	((y) == 1 -> 1 + IS_FREE(x, 0) + IS_FREE(x, 2) : \
	 1 + (IS_FREE(x, 1) -> 1 + IS_FREE(x, 2 - (y)) : 0))

#define TAKE(l)		l = 1; irqs(0)
#define release(l)	d_step { ME -> l = 0; irqs(1) }

/* The chunk with the shortest run that is long enough, or NCHUNK. */
#define FITS(x, size)	(filed[x] && longest[x] >= (size))
#define BEST(size) \
	(FITS(0, size) && (!FITS(1, size) || longest[0] <= longest[1]) -> 0 : \
	 (FITS(1, size) -> 1 : NCHUNK))

inline own(first, size)
{
	assert(!owned[first] && (size == 1 || !owned[first + size - 1]));
	owned[first] = 1;
	owned[first + size - 1] = 1
}

inline disown(first, size)
{
	assert(owned[first] && owned[first + size - 1]);
	owned[first] = 0;
	owned[first + size - 1] = 0
}

/* kspan_page_heap_alloc() of one or two pages; at is the result, or NOWHERE */
inline heap_alloc(size, use_reserve)
{
	d_step { ME && !heap_lock ->
		TAKE(heap_lock);
		at = NOWHERE;
		if
		:: !use_reserve && free_pages < MUST_LEAVE + size -> skip
		:: else ->
			k = BEST(size);
			if
			:: k < NCHUNK ->
				/* find_run(): the first fit */
				at = 0;
				do
				:: at + size > PAGES -> assert(false)
				:: at + size <= PAGES && IS_FREE(k, at) &&
					(size == 1 || IS_FREE(k, at + 1)) -> break
				:: else -> at++
				od;
				/* take_run_locked() */
				n = RUN_AROUND(k, at);
				map[k * PAGES + at] = 1;
				map[k * PAGES + at + size - 1] = 1;
				used[k] = used[k] + size;
				if
				:: n == longest[k] -> longest[k] = LONGEST(k)
				:: else
				fi;
				at = k * PAGES + at;
				free_pages = free_pages - size;
				assert(use_reserve || free_pages >= RESERVE);
				low = low || free_pages < RESERVE;
				own(at, size)
			:: else
			fi
		fi;
		n = 0;
		k = 0 }
	release(heap_lock)
}

/* kspan_page_heap_free() */
inline heap_free(size)
{
	d_step { ME && !heap_lock ->
		TAKE(heap_lock);
		disown(at, size);
		k = at / PAGES;
		assert(given[k] && filed[k] && map[at] && map[at + size - 1]);
		map[at] = 0;
		map[at + size - 1] = 0;
		n = RUN_AROUND(k, at % PAGES);
		used[k] = used[k] - size;
		longest[k] = (n > longest[k] -> n : longest[k]);
		free_pages = free_pages + size;
		at = NOWHERE;
		n = 0;
		k = 0 }
	release(heap_lock)
}

/* kspan_page_heap_grow(); ok is whether there was a chunk */
inline heap_grow()
{
	if
	:: d_step { ME && !given[0] -> given[0] = 1; refused = 0; k = 0; ok = 1 }
	:: d_step { ME && !given[1] -> given[1] = 1; refused = 0; k = 1; ok = 1 }
	:: d_step { ME -> refused = 1; ok = 0 }
	fi;
	if
	:: ok ->
		/* kspan_page_heap_add() */
		d_step { ME && !heap_lock ->
			TAKE(heap_lock);
			filed[k] = 1;
			longest[k] = PAGES;
			used[k] = 0;
			free_pages = free_pages + PAGES;
			k = 0 }
		release(heap_lock)
	:: else
	fi
}

/* kspan_large_cache_take(): a cached run of exactly that length */
inline kept_take(size)
{
	d_step { ME && !large_cache_lock ->
		TAKE(large_cache_lock);
		at = NOWHERE;
		do
		:: k < NKEPT && (kept_at[k] == NOWHERE || kept_len[k] != size) -> k++
		:: else -> break
		od;
		if
		:: k < NKEPT ->
			at = kept_at[k];
			own(at, size);
			kept_at[k] = KEPT_TAKEN(k);
			run_idle = run_idle - size
		:: else
		fi;
		k = 0 }
	release(large_cache_lock)
}

/*
 * kspan_large_cache_put(): the budget is checked early here, which is the
 * harder case
 */
inline kept_put(size)
{
	d_step { ME -> ok = run_idle + size <= BUDGET }
	if
	:: ok ->
		d_step { ME && !large_cache_lock ->
			TAKE(large_cache_lock);
			disown(at, size);
			do
			:: kept_at[k] != NOWHERE -> k++
			:: else -> break
			od;
			kept_at[k] = at;
			kept_len[k] = size;
			run_idle = run_idle + size;
			at = NOWHERE;
			k = 0 }
		release(large_cache_lock)
	:: else
	fi
}

/* kspan_large_cache_collect() and free_run() of one cached run */
inline kept_collect()
{
	d_step { ME && !large_cache_lock ->
		TAKE(large_cache_lock);
		do
		:: k < NKEPT && kept_at[k] == NOWHERE -> k++
		:: else -> break
		od;
		if
		:: k < NKEPT ->
			at = kept_at[k];
			m = kept_len[k];
			own(at, m);
			kept_at[k] = NOWHERE;
			run_idle = run_idle - m
		:: else
		fi;
		k = 0 }
	if
	:: !NESTED -> release(large_cache_lock)
	:: else
	fi;
	if
	:: at != NOWHERE -> heap_free(m)
	:: else
	fi;
	if
	:: NESTED -> release(large_cache_lock)
	:: else
	fi;
	m = 0
}

/* kspan_page_heap_trim(): some chunks without users have idled long enough */
inline heap_trim()
{
	if
	:: i = 1
	:: i = 2
	:: i = 3
	fi;
	d_step { ME && !heap_lock ->
		TAKE(heap_lock);
		/*
		 * collect_idle_locked(); the bits of m are the chunks to free
		 */
		do
		:: k < NCHUNK ->
			if
			:: (i >> k & 1) && filed[k] && IS_IDLE(k) &&
				free_pages >= KEEP + PAGES ->
				filed[k] = !LEAVES_LIST;
				free_pages = free_pages - PAGES;
				m = m | 1 << k
			:: else
			fi;
			k++
		:: else -> break
		od;
		k = 0;
		i = 0 }
	release(heap_lock)
	/* kspan_chunk_put() */
	do
	:: m > 0 -> d_step { ME ->
		k = (m & 1 -> 0 : 1);
		assert(given[k] && !filed[k]);
		assert(!map[k * PAGES] && !map[k * PAGES + 1] && !map[k * PAGES + 2]);
		assert(!owned[k * PAGES] && !owned[k * PAGES + 1] &&
		       !owned[k * PAGES + 2]);
		given[k] = 0;
		m = m & ~(1 << k);
		k = 0 }
	:: else -> break
	od
}

/* kspan_page_heap_fill_reserve() */
inline fill_reserve()
{
	do
	:: free_pages < RESERVE ->
		heap_grow();
		if
		:: !ok -> break
		:: else
		fi
	:: else -> break
	od
}

/* When no process is inside, every page is in exactly one place. */
inline check_all()
{
	k = 0;
	do
	:: k < NPAGE ->
		n = owned[k];
		i = 0;
		do
		:: i < NKEPT ->
			if
			:: kept_at[i] != NOWHERE ->
				n = n + (k >= kept_at[i] &&
					 k < kept_at[i] + kept_len[i])
			:: else
			fi;
			i++
		:: else -> break
		od;
		assert(n == map[k]);
		m = m + (filed[k / PAGES] && !map[k]);
		k++
	:: else -> break
	od;
	assert(m == free_pages);
	assert(filed[0] == given[0] && filed[1] == given[1]);
	assert(!filed[0] || longest[0] == LONGEST_RUN(0));
	assert(!filed[1] || longest[1] == LONGEST_RUN(1));
	assert(free_pages >= RESERVE || kicked || refused);
	k = 0;
	n = 0;
	m = 0;
	i = 0
}

#define ENTER	nr_busy++
#define LEAVE \
	nr_busy--; \
	if \
	:: nr_busy == 0 -> check_all() \
	:: else -> skip \
	fi

/* A client: allocate a run, or free the one it has. */
inline client(size, use_reserve)
{
	if
	:: mine == NOWHERE ->
		if
		:: NESTED -> d_step { ME && !heap_lock -> TAKE(heap_lock) }
		:: else
		fi;
		kept_take(size);
		if
		:: NESTED -> release(heap_lock)
		:: else
		fi;
		do
		:: at == NOWHERE ->
			heap_alloc(size, use_reserve);
			if
			:: at != NOWHERE -> break
			:: at == NOWHERE && use_reserve -> low = 1; break
			:: else ->
				low = 1;
				heap_grow();
				if
				:: !ok -> break
				:: else
				fi
			fi
		:: else -> break
		od;
		atomic { ME ->
			mine = at;
			at = NOWHERE;
			if
			:: low -> kick()
			:: else
			fi;
			low = 0 }
	:: else ->
		atomic { ME -> at = mine; mine = NOWHERE }
		kept_put(size);
		if
		:: !ok -> heap_free(size)
		:: else
		fi
	fi;
	ok = 0
}

proctype task()
{
	byte at = NOWHERE, mine = NOWHERE, ops = OPS, k, n, m, i, size;
	bit ok, low;
	byte ctx = 0;
end:
	do
	:: atomic { ME && ops > 0 ->
		ops--;
		ENTER;
		if
		:: mine == NOWHERE -> size = 1
		:: mine == NOWHERE -> size = 2
		:: mine != NOWHERE
		fi }
		client(size, 0);
		atomic { ME -> LEAVE }
	od
}

proctype interrupt()
{
	byte at = NOWHERE, mine = NOWHERE, ops = IRQS, k, n, m, i;
	bit ok, low;
	byte ctx = 1;
end:
	do
	:: atomic { !in_irq && !irqs_off && ops > 0 -> in_irq = 1; ops--; ENTER }
		client(1, 1);
		d_step { ME -> in_irq = 0; LEAVE }
	od
}

proctype worker()
{
	byte at = NOWHERE, ops = WORK, k, n, m, i;
	bit ok;
	byte ctx = 2;
end:
	do
	:: atomic { ops > 0 -> ops--; ENTER }
		if
		:: kept_collect()
		:: heap_trim()
		fi;
		atomic { ME -> LEAVE }
	:: atomic { kicked -> kicked = 0; ENTER }
		fill_reserve();
		atomic { ME -> LEAVE }
	od
}

init {
	byte i;
	atomic {
		for (i : 0 .. NKEPT - 1) { kept_at[i] = NOWHERE }
		given[0] = 1;
		filed[0] = 1;
		longest[0] = PAGES;
		free_pages = PAGES;
		run task();
		run interrupt();
		run worker()
	}

}
