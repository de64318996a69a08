// SPDX-License-Identifier: GPL-2.0
/*
 * The simulated kernel's memory.
 *
 * vmalloc() takes the first gap in a private range of addresses, with a guard
 * page behind each area, as the kernel does.  Freed addresses are soon reused,
 * at other distances from an aligned address.  Memory that is not allocated is
 * poisoned, so that any access ends the run.  Pages and tables come from
 * malloc(), whose redzones have the same effect.
 *
 * Memory contains garbage unless zeroed memory was requested.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sanitizer/asan_interface.h>

#include "base/inject.h"
#include "sim.h"
#include "sim_sections.h"

#define GARBAGE		0xa7
#define RAM_PAGES	(64UL << (20 - PAGE_SHIFT))
#define NR_AREAS	4096U
#define NR_TABLES	512U

bool sim_init_on_alloc;
bool sim_init_on_free;
unsigned int sim_refuse;
void (*sim_page_probe)(void);
bool sim_no_kswapd;
unsigned long sim_refuse_nth;
unsigned long sim_nr_refused;
bool sim_far;

/* An area of vmalloc().  The areas are sorted by address. */
struct area {
	unsigned long addr;
	unsigned long bytes;
	int node;
};

static struct area areas[NR_AREAS];
static unsigned int nr_areas;
static unsigned long area_bytes;
static unsigned long last_area;

/* Memory from kvzalloc() and vmap(). */
static struct {
	void *mem;
	size_t bytes;
	bool linear;		/* kfree() may free it, in any context */
} tables[NR_TABLES];
static unsigned int nr_tables;
static unsigned long table_bytes;

static LIST_HEAD(pages);
static unsigned long page_bytes;

unsigned long sim_bytes_held(void)
{
	return area_bytes + table_bytes + page_bytes;
}

unsigned long sim_last_area(void)
{
	return last_area;
}

bool sim_refused(gfp_t gfp)
{
	bool refuse = sim_refuse & 1;

	if (gfp & __GFP_NOFAIL)
		return false;
	sim_refuse >>= 1;
	if (sim_refuse_nth)
		refuse |= !--sim_refuse_nth;
	sim_nr_refused += refuse;
	return refuse;
}

/* The module's own injector; here the kernel refuses requests instead. */
bool kspan_inject(enum kspan_inject_place place)
{
	return false;
}

static void fill(void *mem, size_t bytes, gfp_t gfp)
{
	memset(mem, want_init_on_alloc(gfp) ? 0 : GARBAGE, bytes);
}

unsigned long totalram_pages(void)
{
	return RAM_PAGES;
}

long si_mem_available(void)
{
	long left = RAM_PAGES - (sim_bytes_held() >> PAGE_SHIFT);

	return max(left, 0L);
}

/*
 * A request that may fail must say so, or the kernel would kill a process for
 * it.
 */
static void check_gentle(gfp_t gfp)
{
	SIM_CHECK(!gfpflags_allow_blocking(gfp) ||
		  gfp & (__GFP_NOFAIL | __GFP_NORETRY | __GFP_RETRY_MAYFAIL));
}

/* Whether the machine has that much left; otherwise the request fails. */
static bool has_room(size_t bytes)
{
	if ((long)(bytes >> PAGE_SHIFT) <= si_mem_available())
		return true;
	sim_nr_refused++;
	return false;
}

/* --- vmalloc --------------------------------------------------------------- */

static void reserve_zone(unsigned long base)
{
	void *mem = mmap((void *)base, SIM_ZONE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED_NOREPLACE, -1, 0);

	SIM_CHECK(mem == (void *)base);
	ASAN_POISON_MEMORY_REGION(mem, SIM_ZONE_BYTES);
}

static void reserve_zones(void)
{
	static bool done;

	if (done)
		return;
	reserve_zone(SIM_NEAR);
	reserve_zone(SIM_FAR);
	done = true;
}

/* Index of the first area at or above @addr. */
static unsigned int area_at(unsigned long addr)
{
	unsigned int low = 0, high = nr_areas;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (areas[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The first gap in a zone with room for @bytes and a guard page. */
static unsigned long find_gap(unsigned long base, unsigned long bytes,
			      unsigned int *index)
{
	unsigned long addr = base;
	unsigned int i = area_at(base);

	for (; i < nr_areas && areas[i].addr < base + SIM_ZONE_BYTES; i++) {
		if (addr + bytes + PAGE_SIZE <= areas[i].addr)
			break;
		addr = areas[i].addr + areas[i].bytes + PAGE_SIZE;
	}
	*index = i;
	return addr + bytes + PAGE_SIZE <= base + SIM_ZONE_BYTES ? addr : 0;
}

static void *get_area(unsigned long bytes, gfp_t gfp, int node)
{
	unsigned long addr;
	unsigned int i;

	might_sleep();
	SIM_CHECK(bytes && bytes % PAGE_SIZE == 0);
	if (sim_refused(gfp) || !has_room(bytes))
		return NULL;
	addr = find_gap(sim_far ? SIM_FAR : SIM_NEAR, bytes, &i);
	if (!addr || nr_areas == NR_AREAS) {
		sim_nr_refused++;
		return NULL;
	}
	memmove(&areas[i + 1], &areas[i], (nr_areas - i) * sizeof(areas[0]));
	areas[i] = (struct area){ addr, bytes, node };
	nr_areas++;
	area_bytes += bytes;
	last_area = addr;
	ASAN_UNPOISON_MEMORY_REGION((void *)addr, bytes);
	fill((void *)addr, bytes, gfp);
	return (void *)addr;
}

void *__vmalloc(unsigned long bytes, gfp_t gfp)
{
	check_gentle(gfp);
	return get_area(bytes, gfp, sim_far ? 0 : numa_mem_id());
}

void vfree(const void *mem)
{
	unsigned int i = area_at((unsigned long)mem);

	might_sleep();
	SIM_CHECK(i < nr_areas && areas[i].addr == (unsigned long)mem);
	ASAN_POISON_MEMORY_REGION(mem, areas[i].bytes);
	area_bytes -= areas[i].bytes;
	nr_areas--;
	memmove(&areas[i], &areas[i + 1], (nr_areas - i) * sizeof(areas[0]));
}

struct page *vmalloc_to_page(const void *mem)
{
	unsigned int i = area_at((unsigned long)mem + 1);
	static struct page page;

	SIM_CHECK(i && (unsigned long)mem - areas[i - 1].addr < areas[i - 1].bytes);
	page.node = areas[i - 1].node;
	return &page;
}

/* --- tables ---------------------------------------------------------------- */

static void *get_table(size_t bytes)
{
	size_t room = ALIGN(bytes, SMP_CACHE_BYTES);
	void *mem;

	SIM_CHECK(nr_tables < NR_TABLES);
	mem = aligned_alloc(SMP_CACHE_BYTES, room);
	SIM_CHECK(mem);
	ASAN_POISON_MEMORY_REGION(mem + bytes, room - bytes);
	tables[nr_tables].linear = false;
	tables[nr_tables].mem = mem;
	tables[nr_tables++].bytes = bytes;
	table_bytes += bytes;
	return mem;
}

void *kvzalloc(size_t bytes, gfp_t gfp)
{
	might_sleep();
	check_gentle(gfp);
	if (sim_refused(gfp) || !has_room(bytes))
		return NULL;
	return memset(get_table(bytes), 0, bytes);
}

void *kzalloc(size_t bytes, gfp_t gfp)
{
	void *mem;

	might_alloc(gfp);
	if (sim_refused(gfp) || !has_room(bytes))
		return NULL;
	mem = memset(get_table(bytes), 0, bytes);
	tables[nr_tables - 1].linear = true;
	return mem;
}

void *kvmalloc_array(size_t nr, size_t bytes, gfp_t gfp)
{
	return kvzalloc(nr * bytes, gfp);
}

void kvfree(const void *mem)
{
	unsigned int i;

	for (i = 0; i < nr_tables && tables[i].mem != mem; i++)
		;
	SIM_CHECK(i < nr_tables);
	if (!tables[i].linear)
		might_sleep();
	table_bytes -= tables[i].bytes;
	tables[i] = tables[--nr_tables];
	free((void *)mem);
}

/*
 * Move the content of the pages to an area in vmalloc space and free the pages.
 */
static void *map_and_put(struct page **list, unsigned int nr)
{
	int node = list[0]->node;
	unsigned long bytes = nr * PAGE_SIZE;
	unsigned int i;
	void *mem;

	/* The pages already count. */
	page_bytes -= bytes;
	mem = get_area(bytes, GFP_KERNEL, node);
	page_bytes += bytes;
	if (!mem)
		return NULL;
	for (i = 0; i < nr; i++) {
		memcpy(mem + i * PAGE_SIZE, list[i]->mem, PAGE_SIZE);
		__free_page(list[i]);
	}
	kvfree(list);
	return mem;
}

/* Maps copies: kspan maps one page many times and never writes to it. */
void *vmap(struct page **list, unsigned int nr, unsigned long flags, int prot)
{
	unsigned int i;
	char *mem;

	might_sleep();
	if (flags & VM_MAP_PUT_PAGES)
		return map_and_put(list, nr);
	if (sim_refused(GFP_KERNEL))
		return NULL;
	mem = get_table(nr * PAGE_SIZE);
	for (i = 0; i < nr; i++)
		memcpy(mem + i * PAGE_SIZE, list[i]->mem, PAGE_SIZE);
	return mem;
}

void vunmap(const void *mem)
{
	kvfree(mem);
}

/* --- pages ----------------------------------------------------------------- */

static void call_probe(void)
{
	void (*probe)(void) = sim_page_probe;

	if (!probe || !sim_preempt_count || in_interrupt())
		return;
	sim_page_probe = NULL;
	sim_run_probe(probe);
}

static struct page *get_block(int node, gfp_t gfp, unsigned int order)
{
	size_t bytes = PAGE_SIZE << order;
	struct page *page;

	might_alloc(gfp);
	SIM_CHECK(!sim_no_kswapd || !(gfp & __GFP_KSWAPD_RECLAIM));
	call_probe();
	if (sim_refused(gfp) || !has_room(bytes))
		return NULL;
	page = calloc(1UL << order, sizeof(*page));
	SIM_CHECK(page);
	page->mem = aligned_alloc(bytes, bytes);
	SIM_CHECK(page->mem);
	page->order = order;
	/* Without __GFP_THISNODE the page may come from any node. */
	page->node = sim_far && !(gfp & __GFP_THISNODE) ? 0 : node;
	fill(page->mem, bytes, gfp);
	list_add(&page->all, &pages);
	page_bytes += bytes;
	return page;
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	return get_block(numa_mem_id(), gfp, order);
}

struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	check_gentle(gfp);
	return get_block(node, gfp, order);
}

/* Each page has its own reference; the block is freed with its last page. */
void split_page(struct page *page, unsigned int order)
{
	unsigned int i;

	SIM_CHECK(page->order == order && !page->block);
	list_del(&page->all);
	for (i = 0; i < 1U << order; i++) {
		page[i].mem = page->mem + i * PAGE_SIZE;
		page[i].node = page->node;
		page[i].order = 0;
		page[i].block = page;
		list_add(&page[i].all, &pages);
	}
	page->private = 1UL << order;
}

static struct page *find_page(const void *mem)
{
	struct page *page;

	list_for_each_entry(page, &pages, all)
		if (mem >= page->mem && mem < page->mem + (PAGE_SIZE << page->order))
			return page;
	return NULL;
}

struct page *virt_to_page(const void *mem)
{
	struct page *page = find_page(mem);

	SIM_CHECK(page);
	return page;
}

/* Everything but pages, as the targets also make up addresses. */
bool is_vmalloc_addr(const void *mem)
{
	return !find_page(mem);
}

static void free_block(struct page *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block->mem, PAGE_SIZE);
	free(block->mem);
	free(block);
}

void __free_pages(struct page *page, unsigned int order)
{
	struct page *block = page->block;

	SIM_CHECK(page->order == order);
	page_bytes -= PAGE_SIZE << order;
	list_del(&page->all);
	if (!block) {
		free_block(page);
		return;
	}
	page->block = NULL;
	ASAN_POISON_MEMORY_REGION(page->mem, PAGE_SIZE);
	if (!--block->private)
		free_block(block);
}

/* --- reboot ---------------------------------------------------------------- */

/* Free what the module has left.  Pages first, as nothing else frees them. */
void sim_memory_reset(void)
{
	struct page *page;

	reserve_zones();
	while (!list_empty(&pages)) {
		page = list_first_entry(&pages, struct page, all);
		__free_pages(page, page->order);
	}
	while (nr_tables)
		kvfree(tables[0].mem);
	while (nr_areas)
		vfree((void *)areas[0].addr);
	sim_refuse = 0;
	sim_page_probe = NULL;
	sim_no_kswapd = false;
	sim_refuse_nth = 0;
	sim_nr_refused = 0;
	sim_far = false;
	sim_init_on_alloc = false;
	sim_init_on_free = false;
	last_area = SIM_NEAR;
}
