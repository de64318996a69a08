/* SPDX-License-Identifier: GPL-2.0 */
/*
 * atomic.h - atomic variables, for one thread.
 */
#ifndef SIM_ATOMIC_H
#define SIM_ATOMIC_H

#include <linux/types.h>

static inline s64 atomic64_read(const atomic64_t *v)
{
	return v->counter;
}

static inline void atomic64_set(atomic64_t *v, s64 i)
{
	v->counter = i;
}

static inline void atomic64_add(s64 i, atomic64_t *v)
{
	v->counter += i;
}

static inline s64 atomic64_fetch_or(s64 i, atomic64_t *v)
{
	s64 old = v->counter;

	v->counter |= i;
	return old;
}

static inline s64 atomic64_fetch_andnot(s64 i, atomic64_t *v)
{
	s64 old = v->counter;

	v->counter &= ~i;
	return old;
}

static inline long atomic_long_read(const atomic_long_t *v)
{
	return v->counter;
}

static inline void atomic_long_set(atomic_long_t *v, long i)
{
	v->counter = i;
}

static inline void atomic_long_add(long i, atomic_long_t *v)
{
	v->counter += i;
}

static inline void atomic_long_sub(long i, atomic_long_t *v)
{
	v->counter -= i;
}

static inline long atomic_long_add_return(long i, atomic_long_t *v)
{
	return v->counter += i;
}

static inline void atomic_long_inc(atomic_long_t *v)
{
	v->counter++;
}

static inline long atomic_long_inc_return(atomic_long_t *v)
{
	return ++v->counter;
}

#define cmpxchg(ptr, old, new) ({ \
	typeof(*(ptr)) _was = *(ptr); \
	if (_was == (old)) \
		*(ptr) = (new); \
	_was; })

#define try_cmpxchg(ptr, pold, new) ({ \
	typeof(*(ptr)) _was = *(ptr); \
	bool _done = _was == *(pold); \
	if (_done) \
		*(ptr) = (new); \
	else \
		*(pold) = _was; \
	_done; })
#define try_cmpxchg_relaxed(ptr, pold, new) try_cmpxchg(ptr, pold, new)

static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 new)
{
	return try_cmpxchg(&v->counter, old, new);
}

#endif /* SIM_ATOMIC_H */
