/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bitops.h - bits and bitmaps, simply one bit at a time.
 */
#ifndef SIM_BITOPS_H
#define SIM_BITOPS_H

#include <linux/types.h>

#define BIT_ULL(n)		(1ULL << (n))
#define BIT_WORD(nr)		((nr) / BITS_PER_LONG)
#define BIT_MASK(nr)		(1UL << ((nr) % BITS_PER_LONG))
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline unsigned long __ffs(unsigned long word)
{
	return __builtin_ctzl(word);
}

static inline unsigned long __ffs64(u64 word)
{
	return __builtin_ctzll(word);
}

static inline unsigned long __fls(unsigned long word)
{
	return BITS_PER_LONG - 1 - __builtin_clzl(word);
}

static inline bool test_bit(unsigned long nr, const unsigned long *map)
{
	return map[BIT_WORD(nr)] & BIT_MASK(nr);
}

static inline void __set_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void set_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(unsigned long nr, unsigned long *map)
{
	map[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

static inline bool __test_and_clear_bit(unsigned long nr, unsigned long *map)
{
	bool was = test_bit(nr, map);

	__clear_bit(nr, map);
	return was;
}

/* The first bit at or after @at that equals @set, or @size. */
static inline unsigned long sim_find(const unsigned long *map,
				     unsigned long size, unsigned long at,
				     bool set)
{
	while (at < size && test_bit(at, map) != set) {
		/* Skip words without such a bit. */
		if (at % BITS_PER_LONG == 0 &&
		    map[at / BITS_PER_LONG] == (set ? 0 : ~0UL))
			at += BITS_PER_LONG;
		else
			at++;
	}
	return min(at, size);
}

static inline unsigned long find_next_bit(const unsigned long *map,
					  unsigned long size, unsigned long at)
{
	return sim_find(map, size, at, true);
}

static inline unsigned long find_next_zero_bit(const unsigned long *map,
					       unsigned long size,
					       unsigned long at)
{
	return sim_find(map, size, at, false);
}

static inline unsigned long find_last_bit(const unsigned long *map,
					  unsigned long size)
{
	unsigned long at;

	for (at = size; at-- > 0;)
		if (test_bit(at, map))
			return at;
	return size;
}

#define for_each_set_bit_from(bit, map, size) \
	for (; (bit) = find_next_bit(map, size, bit), (bit) < (size); (bit)++)

#define for_each_set_bit(bit, map, size) \
	for ((bit) = 0; (bit) = find_next_bit(map, size, bit), (bit) < (size); \
	     (bit)++)

#define for_each_clear_bitrange(b, e, map, size) \
	for ((b) = 0; \
	     (b) = find_next_zero_bit(map, size, b), \
	     (e) = find_next_bit(map, size, b), (b) < (size); \
	     (b) = (e))

static inline void bitmap_set(unsigned long *map, unsigned int at,
			      unsigned int nr)
{
	while (nr--)
		__set_bit(at++, map);
}

static inline void bitmap_clear(unsigned long *map, unsigned int at,
				unsigned int nr)
{
	while (nr--)
		__clear_bit(at++, map);
}

static inline bool bitmap_empty(const unsigned long *map, unsigned int nr)
{
	return find_next_bit(map, nr, 0) >= nr;
}

static inline void bitmap_zero(unsigned long *map, unsigned int nr)
{
	bitmap_clear(map, 0, nr);
}

static inline void bitmap_fill(unsigned long *map, unsigned int nr)
{
	unsigned int word;

	/* Whole words, as in the kernel. */
	for (word = 0; word < BITS_TO_LONGS(nr); word++)
		map[word] = ~0UL;
	if (nr % BITS_PER_LONG)
		map[word - 1] = ~0UL >> (BITS_PER_LONG - nr % BITS_PER_LONG);
}

static inline unsigned int bitmap_weight(const unsigned long *map,
					 unsigned int nr)
{
	unsigned int at, weight = 0;

	for (at = 0; at + BITS_PER_LONG <= nr; at += BITS_PER_LONG)
		weight += __builtin_popcountl(map[at / BITS_PER_LONG]);
	for (; at < nr; at++)
		weight += test_bit(at, map);
	return weight;
}

static inline unsigned long
bitmap_find_next_zero_area_off(unsigned long *map, unsigned long size,
			       unsigned long at, unsigned int nr,
			       unsigned long mask, unsigned long offset)
{
	for (;;) {
		at = find_next_zero_bit(map, size, at);
		at = ((at + offset + mask) & ~mask) - offset;
		if (at + nr > size)
			return at + nr;
		if (find_next_bit(map, at + nr, at) == at + nr)
			return at;
		at = find_next_bit(map, at + nr, at) + 1;
	}
}

static inline unsigned int fls64(u64 word)
{
	return word ? 64 - __builtin_clzll(word) : 0;
}

/* <linux/hash.h>, <linux/jhash.h>: another hash does as well. */
static inline u32 hash_long(unsigned long value, unsigned int bits)
{
	return value * 0x61c8864680b583ebULL >> (64 - bits);
}

static inline u32 jhash2(const u32 *words, u32 nr, u32 hash)
{
	while (nr--)
		hash = hash_long(hash ^ *words++, 32);
	return hash;
}

#endif /* SIM_BITOPS_H */
