// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the module and of the simulated kernel: all of it in a few
 * regions, saved once and restored after each run.
 *
 * The compiler's hooks report which bytes are written (hooks.c), so only the
 * pages that a run wrote are restored. malloc() of the simulated kernel uses
 * arenas here (see the Makefile), so that every run has the same addresses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "explore.h"
#include "sim_sections.h"

#define ARENA_BASE	0x300000000000UL
#define ARENA_BYTES	(64UL << 20)
#define SMALL_BASE	0x310000000000UL
#define SMALL_BYTES	(4UL << 20)
#define PAGE		4096UL
#define MAX_REGIONS	8U

/* Memory that is taken from the front; given back at the next restore. */
struct arena {
	char *base;
	size_t bytes;
	size_t used;
	size_t saved;
};

struct region {
	char *start;
	size_t bytes;
	enum exp_memory kind;
	const struct arena *arena;	/* then @bytes are what was used of it */
	char *copy;
	bool *dirty;		/* by page */
	unsigned int *pages;	/* those that are */
	unsigned int nr_pages;
};

static struct arena big = { .bytes = ARENA_BYTES };
static struct arena small = { .bytes = SMALL_BYTES };
static struct region regions[MAX_REGIONS];
static unsigned int nr_regions;

/* Pages that were dealt with since the last restore, by their lowest bits. */
#define NR_SEEN		1024U
static unsigned long seen[NR_SEEN];

static void *take(struct arena *arena, size_t align, size_t bytes)
{
	size_t at = ALIGN(arena->used, align);

	if (at + bytes > arena->bytes)
		sim_fail(__FILE__, __LINE__, "no more memory to simulate with");
	arena->used = at + bytes;
	return arena->base + at;
}

void *exp_aligned_alloc(size_t align, size_t bytes)
{
	return take(&big, align, bytes);
}

/* Descriptors of pages. */
void *exp_calloc(size_t nr, size_t bytes)
{
	return memset(take(&small, 16, nr * bytes), 0, nr * bytes);
}

/* Its copies of the sections for a reboot. */
void *exp_malloc(size_t bytes)
{
	return malloc(bytes);
}

void exp_free_mem(void *mem)
{
}

static void *reserve(unsigned long base, size_t bytes)
{
	void *mem = mmap((void *)base, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED_NOREPLACE, -1, 0);

	SIM_CHECK(mem == (void *)base);
	return mem;
}

void exp_memory_init(void)
{
	big.base = reserve(ARENA_BASE, ARENA_BYTES);
	small.base = reserve(SMALL_BASE, SMALL_BYTES);
}

static void add_region(void *start, size_t bytes, enum exp_memory kind,
		       const struct arena *arena)
{
	size_t room = arena ? arena->bytes : bytes, pages = room / PAGE + 2;
	struct region *region = &regions[nr_regions++];

	SIM_CHECK(nr_regions <= MAX_REGIONS);
	*region = (struct region){
		.start = start,
		.bytes = bytes,
		.kind = kind,
		.arena = arena,
		.copy = malloc(bytes + 1),
		.dirty = calloc(pages, sizeof(bool)),
		.pages = malloc(pages * sizeof(unsigned int)),
	};
	memcpy(region->copy, start, bytes);
}

/* Remember the state that each run begins with.  Called once. */
void exp_memory_save(void)
{
	add_region(sim_data_start, sim_data_stop - sim_data_start, EXP_MODULE, NULL);
	add_region(sim_bss_start, sim_bss_stop - sim_bss_start, EXP_MODULE, NULL);
	add_region(sim_percpu_start, sim_percpu_stop - sim_percpu_start,
		   EXP_MODULE, NULL);
	add_region(big.base, big.used, EXP_MODULE, &big);
	add_region(small.base, small.used, EXP_SIM, &small);
	add_region(sim_own_data_start, sim_own_data_stop - sim_own_data_start,
		   EXP_SIM, NULL);
	add_region(sim_own_bss_start, sim_own_bss_stop - sim_own_bss_start,
		   EXP_SIM, NULL);
	big.saved = big.used;
	small.saved = small.used;
	memset(seen, 0, sizeof(seen));
}

static size_t region_bytes(const struct region *region)
{
	return region->arena ? region->arena->used : region->bytes;
}

static struct region *region_of(const void *addr)
{
	struct region *region;
	unsigned int i;

	for (i = 0; i < nr_regions; i++) {
		region = &regions[i];
		if ((size_t)((char *)addr - region->start) < region_bytes(region))
			return region;
	}
	return NULL;
}

enum exp_memory exp_memory_kind(const void *addr)
{
	const struct region *region;

	/* The clients' objects: shared, but not saved. */
	if ((unsigned long)addr - SIM_NEAR < SIM_ZONE_BYTES)
		return EXP_MODULE;
	region = region_of(addr);
	return region ? region->kind : EXP_ELSEWHERE;
}

static unsigned long first_page(const struct region *region)
{
	return (unsigned long)region->start / PAGE;
}

/* A page may have the end of one region and the beginning of the next. */
static void mark_page(unsigned long page)
{
	struct region *region;
	unsigned long at;
	unsigned int i;

	for (i = 0; i < nr_regions; i++) {
		region = &regions[i];
		at = page - first_page(region);
		if (at > region_bytes(region) / PAGE + 1 || region->dirty[at])
			continue;
		region->dirty[at] = true;
		region->pages[region->nr_pages++] = at;
	}
}

/* These bytes are about to be written, or were. */
void exp_memory_dirty(const void *addr, size_t bytes)
{
	unsigned long first = (unsigned long)addr / PAGE;
	unsigned long last = ((unsigned long)addr + bytes - 1) / PAGE;

	if (first == last && seen[first % NR_SEEN] == first)
		return;
	for (; first <= last; first++) {
		mark_page(first);
		seen[first % NR_SEEN] = first;
	}
}

static void restore_page(const struct region *region, unsigned long page)
{
	char *first = (char *)(page * PAGE), *last = first + PAGE;

	first = max(first, region->start);
	last = min(last, region->start + region->bytes);
	if (first < last)
		memcpy(first, region->copy + (first - region->start), last - first);
}

void exp_memory_restore(void)
{
	struct region *region;
	unsigned int i, page;

	for (i = 0; i < nr_regions; i++) {
		region = &regions[i];
		while (region->nr_pages) {
			page = region->pages[--region->nr_pages];
			region->dirty[page] = false;
			restore_page(region, first_page(region) + page);
		}
	}
	big.used = big.saved;
	small.used = small.saved;
	memset(seen, 0, sizeof(seen));
}

/* The number of a page and of what it has that it did not have when saved. */
static u64 hash_page(const struct region *region, unsigned long page)
{
	char *first = (char *)(page * PAGE), *last = first + PAGE;
	u64 hash = page, word = 0;

	first = max(first, region->start);
	last = min(last, region->start + region->bytes);
	if (first >= last ||
	    !memcmp(first, region->copy + (first - region->start), last - first))
		return 0;
	for (; first < last; first += sizeof(word)) {
		memcpy(&word, first, min(sizeof(word), (size_t)(last - first)));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15UL;
		hash ^= hash >> 29;
	}
	return hash;
}

/* A number for the state of all memory, the same for the same state. */
u64 exp_memory_hash(void)
{
	const struct region *region;
	unsigned int i, at;
	u64 hash = 0;

	for (i = 0; i < nr_regions; i++) {
		region = &regions[i];
		for (at = 0; at < region->nr_pages; at++)
			hash += hash_page(region, first_page(region) +
						  region->pages[at]);
	}
	return hash;
}

static const char *differs(const struct region *region)
{
	static char text[80];
	size_t at;

	for (at = 0; region->start[at] == region->copy[at]; at++)
		;
	snprintf(text, sizeof(text), "memory at %p was not restored",
		 region->start + at);
	return text;
}

/* Whether nothing was written that the compiler did not tell of. */
const char *exp_memory_check(void)
{
	unsigned int i;

	for (i = 0; i < nr_regions; i++)
		if (memcmp(regions[i].start, regions[i].copy, regions[i].bytes))
			return differs(&regions[i]);
	return NULL;
}
