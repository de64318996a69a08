// SPDX-License-Identifier: GPL-2.0
/*
 * The arena map.  See arena.h for the shape of it.
 *
 * Tables are made when the first chunk of a frame is, and kept until the
 * module goes: 64 KiB for each 64 MiB of address space in use.  The null
 * frame is one page of null entries, mapped as often as a table is long.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"
#include "span/arena.h"

#define TABLE_BYTES	(KSPAN_FRAME_PAGES * sizeof(struct kspan_span *))
#define NULL_PAGES	DIV_ROUND_UP(TABLE_BYTES, PAGE_SIZE)
#define PAGE_ENTRIES	(PAGE_SIZE / sizeof(struct kspan_span *))

/* How far below the first chunk the window begins: an eighth of it. */
#define WINDOW_BELOW	(KSPAN_NR_WINDOW / 8)

struct kspan_span **kspan_window[KSPAN_NR_WINDOW];
unsigned long kspan_window_base;

/* Tables outside the window, by frame number. Readers: RCU. */
static DEFINE_XARRAY_FLAGS(far_frames, XA_FLAGS_LOCK_IRQ);

/* Guards the window's base and the installation of tables; any context but NMI. */
static DEFINE_RAW_SPINLOCK(arena_lock);
static bool window_placed;
/* Where frame 0 would begin; set with the window's base. */
static unsigned long index_base;

static struct page *null_page;
static struct kspan_span **null_table;

static struct kspan_span **table_of(unsigned long addr)
{
	unsigned long frame = (addr - READ_ONCE(kspan_window_base)) >>
			      KSPAN_FRAME_SHIFT;
	struct kspan_span **table;

	if (frame < KSPAN_NR_WINDOW)
		return READ_ONCE(kspan_window[frame]);
	table = xa_load(&far_frames, addr >> KSPAN_FRAME_SHIFT);
	return table ? table : null_table;
}

static struct kspan_span **entry_of(unsigned long addr)
{
	return &table_of(addr)[(addr >> KSPAN_PAGE_SHIFT) &
			       (KSPAN_FRAME_PAGES - 1)];
}

/**
 * kspan_arena_init - a map without memory in it
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_arena_init(void)
{
	struct page *pages[NULL_PAGES];
	struct kspan_span **entries;
	unsigned long i;

	null_page = NULL;
	if (!kspan_inject(KSPAN_INJECT_TABLE))
		null_page = alloc_page(GFP_KERNEL);
	if (!null_page)
		return -ENOMEM;
	entries = page_address(null_page);
	for (i = 0; i < PAGE_ENTRIES; i++)
		entries[i] = &kspan_null_span;
	for (i = 0; i < NULL_PAGES; i++)
		pages[i] = null_page;
	null_table = NULL;
	if (!kspan_inject(KSPAN_INJECT_TABLE))
		null_table = vmap(pages, NULL_PAGES, VM_MAP, PAGE_KERNEL);
	if (!null_table) {
		__free_page(null_page);
		return -ENOMEM;
	}
	kspan_meta_account(KSPAN_SYS_GC, PAGE_SIZE);
	for (i = 0; i < KSPAN_NR_WINDOW; i++)
		kspan_window[i] = null_table;
	kspan_window_base = 0;
	window_placed = false;
	return 0;
}

/* Give all tables back.  Context: module unload, nobody looks anything up. */
void kspan_arena_exit(void)
{
	struct kspan_span **table;
	unsigned long i;

	for (i = 0; i < KSPAN_NR_WINDOW; i++) {
		if (kspan_window[i] != null_table)
			kspan_meta_free(kspan_window[i], TABLE_BYTES,
					KSPAN_SYS_GC);
		kspan_window[i] = null_table;
	}
	xa_for_each(&far_frames, i, table)
		kspan_meta_free(table, TABLE_BYTES, KSPAN_SYS_GC);
	xa_destroy(&far_frames);
	vunmap(null_table);
	__free_page(null_page);
	kspan_meta_account(KSPAN_SYS_GC, -(long)PAGE_SIZE);
}

static void place_window(unsigned long addr)
{
	unsigned long below = WINDOW_BELOW << KSPAN_FRAME_SHIFT;
	unsigned long base, flags;

	/* The window is for vmalloc()'s memory, which the direct map is not. */
	if (!is_vmalloc_addr((void *)addr))
		addr = (unsigned long)null_table;
	base = ALIGN_DOWN(addr, KSPAN_FRAME_SIZE);
	raw_spin_lock_irqsave(&arena_lock, flags);
	if (!window_placed) {
		index_base = base - below;
		/* Never let the window wrap around the address space. */
		base = base > below ? base - below : 0;
		base = min(base, -(KSPAN_NR_WINDOW << KSPAN_FRAME_SHIFT));
		/* On 32-bit machines it is all of that. */
		if (IS_ENABLED(CONFIG_64BIT))
			WRITE_ONCE(kspan_window_base, base);
		/* Pairs with the acquire in kspan_arena_cover(). */
		smp_store_release(&window_placed, true);
	}
	raw_spin_unlock_irqrestore(&arena_lock, flags);
}

/* Let a frame outside the window lead to @table. */
static int add_far_table(unsigned long addr, struct kspan_span **table, gfp_t gfp)
{
	unsigned long index = addr >> KSPAN_FRAME_SHIFT, flags;
	int err;

	/* Without __GFP_ZERO: its nodes have a constructor. */
	if (kspan_may_sleep(gfp))
		return xa_insert_irq(&far_frames, index, table, kspan_gentle(gfp));
	xa_lock_irqsave(&far_frames, flags);
	err = __xa_insert(&far_frames, index, table, GFP_NOWAIT | __GFP_NOWARN);
	xa_unlock_irqrestore(&far_frames, flags);
	return err;
}

static int add_table(unsigned long addr, gfp_t gfp)
{
	unsigned long frame = (addr - kspan_window_base) >> KSPAN_FRAME_SHIFT;
	struct kspan_span **table;
	unsigned long i, flags;
	int err = 0;

	if (table_of(addr) != null_table)
		return 0;
	table = kspan_meta_alloc(TABLE_BYTES, KSPAN_SYS_GC, gfp);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < KSPAN_FRAME_PAGES; i++)
		table[i] = &kspan_null_span;

	if (frame < KSPAN_NR_WINDOW) {
		raw_spin_lock_irqsave(&arena_lock, flags);
		if (kspan_window[frame] == null_table)
			/* Pairs with the dependent loads of kspan_span_of(). */
			smp_store_release(&kspan_window[frame], table);
		else
			err = -EBUSY;
		raw_spin_unlock_irqrestore(&arena_lock, flags);
	} else if (!(gfp & __GFP_NOFAIL) && kspan_inject(KSPAN_INJECT_TABLE)) {
		err = -ENOMEM;
	} else {
		err = add_far_table(addr, table, gfp);
	}
	if (err)
		kspan_meta_free(table, TABLE_BYTES, KSPAN_SYS_GC);
	/* Somebody else brought the same frame in: just as well. */
	return err == -EBUSY ? 0 : err;
}

/**
 * kspan_arena_cover - make the map able to describe a piece of memory
 * @addr: where it begins
 * @bytes: how long it is
 * @gfp: how hard to try
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0 or -ENOMEM.
 */
int kspan_arena_cover(unsigned long addr, unsigned long bytes, gfp_t gfp)
{
	unsigned long end = addr + bytes - 1;
	int err;

	/* The base before the table that is placed by it. */
	if (!smp_load_acquire(&window_placed))
		place_window(addr);
	for (addr = ALIGN_DOWN(addr, KSPAN_FRAME_SIZE); addr <= end;
	     addr += KSPAN_FRAME_SIZE) {
		err = add_table(addr, gfp);
		if (err)
			return err;
		if (addr > ULONG_MAX - KSPAN_FRAME_SIZE)
			break;
	}
	return 0;
}

/**
 * kspan_arena_set - let pages lead to one span
 * @addr: first heap page
 * @nr_pages: how many
 * @span: where they lead from now on
 *
 * Context: Any but NMI; the pages are the caller's.
 */
void kspan_arena_set(unsigned long addr, unsigned long nr_pages,
		     struct kspan_span *span)
{
	for (; nr_pages; nr_pages--, addr += KSPAN_PAGE_SIZE)
		WRITE_ONCE(*entry_of(addr), span);
}

/*
 * Let all heap pages that a piece of memory touches lead to a span; the first
 * and the last may be no whole ones.
 */
static void set_touched(unsigned long addr, unsigned long bytes,
			struct kspan_span *span)
{
	unsigned long first = addr >> KSPAN_PAGE_SHIFT;
	unsigned long last = (addr + bytes - 1) >> KSPAN_PAGE_SHIFT;

	kspan_arena_set(addr, last - first + 1, span);
}

/**
 * kspan_arena_forget - let the pages of a piece of memory lead nowhere
 * @addr: where it begins, in the middle of a heap page perhaps
 * @bytes: how long it is
 *
 * Context: Any but NMI; all heap pages it touches are the caller's.
 */
void kspan_arena_forget(unsigned long addr, unsigned long bytes)
{
	set_touched(addr, bytes, &kspan_null_span);
}

/**
 * kspan_arena_publish - enter a span in the map
 * @span: complete but for its place in a list
 *
 * All its pages lead to it, those that a region has beyond its object as well.
 * A region keeps its entries until it goes back to the kernel, so that neither
 * its objects' allocations nor their frees cost more when they are longer.
 *
 * Context: Any but NMI.
 */
void kspan_arena_publish(struct kspan_span *span)
{
	/* The descriptor before the pointer to it; see kspan_span_of(). */
	smp_wmb();
	if (span->kind == KSPAN_LARGE && kspan_is_region(span))
		set_touched((unsigned long)span->mem, kspan_room_bytes(span), span);
	else
		kspan_arena_set(span->base, kspan_span_pages(span), span);
}

/**
 * kspan_arena_withdraw - take a span out of the map
 * @span: a small span or a run, without a live object
 *
 * Its pages lead to the idle marker, which knows a late free of theirs for
 * what it is.
 *
 * Context: Any but NMI.
 */
void kspan_arena_withdraw(struct kspan_span *span)
{
	kspan_arena_set(span->base, kspan_span_pages(span), &kspan_idle_span);
}

/**
 * kspan_span_find - the span of any address
 * @ptr: any value
 *
 * Context: Any, with preemption off or in an RCU read section.
 * Return: a span or a marker span, never NULL.
 */
struct kspan_span *kspan_span_find(const void *ptr)
{
	return READ_ONCE(*entry_of((unsigned long)ptr));
}

/**
 * kspan_arena_has - whether an address lies in memory held for objects
 * @ptr: any value
 *
 * That is a page of a chunk, in a span or not, or a region, live or kept.
 *
 * Context: Any, with preemption off or in an RCU read section.
 * Return: whether it does.
 */
bool kspan_arena_has(const void *ptr)
{
	const struct kspan_span *span = kspan_span_find(ptr);

	/* A region may begin and end in the middle of a heap page. */
	if (span->kind == KSPAN_LARGE)
		return kspan_room_has(span, (unsigned long)ptr);
	return span != &kspan_null_span;
}

/**
 * kspan_arena_index - a frame's number, which does not tell its address
 * @addr: where it begins
 *
 * Frames of the direct map are numbered by themselves, behind the window: the
 * distance from there to vmalloc space is random, and nobody should learn it.
 *
 * Context: Any, once there is memory.
 * Return: the number; the first frame ever has an eighth of the window below.
 */
unsigned long kspan_arena_index(unsigned long addr)
{
	unsigned long index = (addr - index_base) >> KSPAN_FRAME_SHIFT;

	if (!IS_ENABLED(CONFIG_64BIT))
		return index % KSPAN_NR_WINDOW;
	if (is_vmalloc_addr((void *)addr))
		return index;
	return KSPAN_NR_WINDOW + (__pa(addr) >> KSPAN_FRAME_SHIFT);
}

/**
 * kspan_arena_frame - the next frame with memory in it
 * @addr: where to begin; where the frame begins, on return
 *
 * Context: Process context.
 * Return: the frame's table, or NULL: there is none at or above @addr.
 */
struct kspan_span **kspan_arena_frame(unsigned long *addr)
{
	unsigned long base = kspan_window_base >> KSPAN_FRAME_SHIFT;
	unsigned long frame = *addr >> KSPAN_FRAME_SHIFT;
	unsigned long far = frame, near = ULONG_MAX, i;
	struct kspan_span **table;

	for (i = frame > base ? frame - base : 0; i < KSPAN_NR_WINDOW; i++) {
		if (READ_ONCE(kspan_window[i]) != null_table) {
			near = base + i;
			break;
		}
	}
	table = xa_find(&far_frames, &far, near, XA_PRESENT);
	if (!table && near == ULONG_MAX)
		return NULL;
	*addr = (table ? far : near) << KSPAN_FRAME_SHIFT;
	/* Pairs with the release where the table was put there. */
	return table ? table : smp_load_acquire(&kspan_window[near - base]);
}
