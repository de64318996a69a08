// SPDX-License-Identifier: GPL-2.0
/*
 * The arena map.  See arena.h for its structure.
 *
 * The first chunk in a frame allocates the table of the frame, which stays
 * until unload: 64 KiB for each 64 MiB of address space in use.  The null table
 * is one page of null entries that is mapped repeatedly, up to the length of a
 * table.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kmemleak.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"
#include "base/noprobe.h"
#include "span/arena.h"
#include "span/guard.h"

#define TABLE_BYTES	(KSPAN_FRAME_PAGES * sizeof(struct kspan_span *))
#define NULL_PAGES	DIV_ROUND_UP(TABLE_BYTES, PAGE_SIZE)
#define PAGE_ENTRIES	(PAGE_SIZE / sizeof(struct kspan_span *))

/*
 * Bytes of the first window.  Each further one is at least twice as large.  A
 * build for tests can make it smaller.
 */
#ifndef KSPAN_WINDOW_BYTES
#define KSPAN_WINDOW_BYTES	1024UL
#endif

/* Frames that a window may have on any machine: 128 GiB of addresses. */
#define WINDOW_LEAST	2048UL

/* Frames of the address space. */
#define NR_FRAMES	(1UL << (BITS_PER_LONG - KSPAN_FRAME_SHIFT))

/* Number of the first frame.  It is fixed, so that no number reveals an address. */
#define FIRST_INDEX	256UL

/* The window before there is any memory. */
static struct kspan_window no_window;
struct kspan_window *kspan_window = &no_window;

/* Tables outside the window, by frame number.  Readers use RCU. */
static DEFINE_XARRAY_FLAGS(far_frames, XA_FLAGS_LOCK_IRQ);

/* Protects the window, its entries, and index_base; any context but NMI. */
static DEFINE_RAW_SPINLOCK(arena_lock);
/* Address at which the frame with index 0 would begin; set with the first window. */
static unsigned long index_base;

static struct page *null_page;
static struct kspan_span **null_table;

/*
 * Bytes from the entry of heap page 0 of the address space to the first entry
 * of a frame.
 */
static unsigned long origin_offset(unsigned long addr)
{
	return (addr >> KSPAN_FRAME_SHIFT) * TABLE_BYTES;
}

/* The index of a frame in the window; it may be beyond the end. */
static unsigned long frame_in(const struct kspan_window *window,
			      unsigned long addr)
{
	return (addr - window->base) >> KSPAN_FRAME_SHIFT;
}

static struct kspan_span **table_in(const struct kspan_window *window,
				    unsigned long frame)
{
	unsigned long addr = window->base + (frame << KSPAN_FRAME_SHIFT);

	/* Pairs with the release in install(). */
	return (void *)(smp_load_acquire(&window->origin[frame]) +
			origin_offset(addr));
}

/* Context: RCU read section, or preemption off. */
static __kspan_noprobe struct kspan_span **table_of(unsigned long addr)
{
	const struct kspan_window *window;
	struct kspan_span **table;
	unsigned long frame;

	/*
	 * Read the window and the xarray as they were when the address was
	 * returned to a caller, or newer; see kspan_window_of().
	 */
	smp_rmb();
	window = READ_ONCE(kspan_window);
	frame = frame_in(window, addr);
	if (frame < window->nr_frames)
		return table_in(window, frame);
	table = xa_load(&far_frames, addr >> KSPAN_FRAME_SHIFT);
	return table ? table : null_table;
}

/* Context: RCU read section, or preemption off. */
static __kspan_noprobe struct kspan_span **entry_of(unsigned long addr)
{
	return &table_of(addr)[(addr >> KSPAN_PAGE_SHIFT) &
			       (KSPAN_FRAME_PAGES - 1)];
}

static bool has_table(unsigned long addr)
{
	bool has;

	rcu_read_lock();
	has = table_of(addr) != null_table;
	rcu_read_unlock();
	return has;
}

/**
 * kspan_arena_init - set up an empty map
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
	kspan_window = &no_window;
	return 0;
}

static size_t window_bytes(unsigned long nr_frames)
{
	return struct_size((struct kspan_window *)NULL, origin, nr_frames);
}

static void free_window(struct kspan_window *window)
{
	if (window != &no_window)
		kspan_meta_free(window, window_bytes(window->nr_frames),
				KSPAN_SYS_GC);
}

/* Free all tables.  Context: module unload, without concurrent look-ups. */
void kspan_arena_exit(void)
{
	struct kspan_window *window = kspan_window;
	struct kspan_span **table;
	unsigned long i;

	for (i = 0; i < window->nr_frames; i++)
		if (table_in(window, i) != null_table)
			kspan_meta_free(table_in(window, i), TABLE_BYTES,
					KSPAN_SYS_GC);
	kspan_window = &no_window;
	free_window(window);
	xa_for_each(&far_frames, i, table)
		kspan_meta_free(table, TABLE_BYTES, KSPAN_SYS_GC);
	xa_destroy(&far_frames);
	vunmap(null_table);
	__free_page(null_page);
	kspan_meta_account(KSPAN_SYS_GC, -(long)PAGE_SIZE);
}

/**
 * kspan_arena_window_max - the maximal size of the window
 *
 * It covers four times as many addresses as there is memory, since vmalloc()
 * leaves a gap behind each chunk, and WINDOW_LEAST more for other users of
 * vmalloc space.
 *
 * Context: Any.
 * Return: frames.
 */
unsigned long kspan_arena_window_max(void)
{
	unsigned long ram = totalram_pages() >> (KSPAN_FRAME_SHIFT - PAGE_SHIFT);

	return min(WINDOW_LEAST + 4 * ram, NR_FRAMES);
}

/*
 * Compute the frames of a window that contains @frame and replaces @old.  Its
 * size in bytes is the next power of two.  The additional frames lie on the
 * side on which the window grows.  Return: false if it would be too large.
 */
static bool next_range(const struct kspan_window *old, unsigned long frame,
		       unsigned long *first, unsigned long *nr)
{
	unsigned long begin = old->base >> KSPAN_FRAME_SHIFT;
	unsigned long end = begin + old->nr_frames, most = kspan_arena_window_max();
	bool down = old->nr_frames && frame < begin;

	if (!old->nr_frames) {
		begin = frame;
		end = frame + 1;
	}
	begin = min(begin, frame);
	end = max(end, frame + 1);
	if (end - begin > most)
		return false;
	*nr = (max(roundup_pow_of_two(window_bytes(end - begin)),
		   KSPAN_WINDOW_BYTES) - sizeof(*old)) / sizeof(old->origin[0]);
	*nr = min(*nr, most);
	/* Add a few frames below the first one as well. */
	if (!old->nr_frames)
		begin -= min(begin, *nr / 8);
	else if (down)
		begin = end - min(*nr, end);
	*first = min(begin, NR_FRAMES - *nr);
	return true;
}

/* Allocate a window over @nr frames without memory. */
static struct kspan_window *make_window(unsigned long first, unsigned long nr,
					gfp_t gfp)
{
	struct kspan_window *window;
	unsigned long i, addr;

	window = kspan_meta_alloc(window_bytes(nr), KSPAN_SYS_GC, gfp);
	if (!window)
		return NULL;
	window->base = first << KSPAN_FRAME_SHIFT;
	window->nr_frames = nr;
	for (i = 0; i < nr; i++) {
		addr = window->base + (i << KSPAN_FRAME_SHIFT);
		window->origin[i] = (unsigned long)null_table -
				    origin_offset(addr);
	}
	return window;
}

/*
 * Replace @old by @window, provided that the current window is at the address
 * of @old and its frames fit into @window.  (It may be another window at the
 * same address.)  Return: whether it was replaced.
 */
static bool replace_window(struct kspan_window *old, struct kspan_window *window,
			   unsigned long addr)
{
	unsigned long flags;
	bool done;

	raw_spin_lock_irqsave(&arena_lock, flags);
	done = kspan_window == old &&
	       (!old->nr_frames || frame_in(window, old->base) +
				   old->nr_frames <= window->nr_frames);
	if (done && old->nr_frames)
		memcpy(&window->origin[frame_in(window, old->base)], old->origin,
		       old->nr_frames * sizeof(old->origin[0]));
	else if (done)
		index_base = ALIGN_DOWN(addr, KSPAN_FRAME_SIZE) -
			     (FIRST_INDEX << KSPAN_FRAME_SHIFT);
	if (done) {
		/* Pairs with the dependent loads of kspan_span_of(). */
		smp_store_release(&kspan_window, window);
	}
	raw_spin_unlock_irqrestore(&arena_lock, flags);
	return done;
}

/* Free a window that was replaced, after its readers have finished. */
static void retire_window(struct kspan_window *window)
{
	if (window == &no_window)
		return;
	kspan_meta_forget(window_bytes(window->nr_frames), KSPAN_SYS_GC);
	kvfree_rcu(window, rcu);
}

/*
 * Extend the window to @addr.
 *
 * Return: 0, -ENOMEM, or -ERANGE if @addr is too far away.
 */
static int reach(unsigned long addr, gfp_t gfp)
{
	unsigned long first, nr, at;
	struct kspan_window *old, *window;
	bool is_in, is_far;

	for (;;) {
		/* Only the address of @old is used outside of the read section. */
		rcu_read_lock();
		old = READ_ONCE(kspan_window);
		is_in = frame_in(old, addr) < old->nr_frames;
		/* The window begins where vmalloc() does, not the direct map. */
		at = old->nr_frames || is_vmalloc_addr((void *)addr) ?
		     addr : (unsigned long)null_table;
		is_far = !is_in && !next_range(old, at >> KSPAN_FRAME_SHIFT,
					       &first, &nr);
		rcu_read_unlock();
		if (is_in || is_far)
			return is_in ? 0 : -ERANGE;
		window = make_window(first, nr, gfp);
		if (!window)
			return -ENOMEM;
		if (replace_window(old, window, at))
			retire_window(old);
		else
			free_window(window);
	}
}

/* Put a table where the window has none.  Return: -EBUSY if it has one. */
static int install(unsigned long addr, struct kspan_span **table)
{
	unsigned long *origin, offset = origin_offset(addr);
	unsigned long flags;
	int err = 0;

	raw_spin_lock_irqsave(&arena_lock, flags);
	origin = &kspan_window->origin[frame_in(kspan_window, addr)];
	if (*origin + offset == (unsigned long)null_table)
		/* Pairs with the dependent loads of kspan_span_of(). */
		smp_store_release(origin, (unsigned long)table - offset);
	else
		err = -EBUSY;
	raw_spin_unlock_irqrestore(&arena_lock, flags);
	return err;
}

/* Enter the table of a frame outside the window. */
static int add_far_table(unsigned long addr, struct kspan_span **table, gfp_t gfp)
{
	unsigned long index = addr >> KSPAN_FRAME_SHIFT, flags;
	int err;

	/* Without __GFP_ZERO: the nodes of an xarray have a constructor. */
	if (kspan_may_sleep(gfp))
		return xa_insert_irq(&far_frames, index, table, kspan_gentle(gfp));
	xa_lock_irqsave(&far_frames, flags);
	err = __xa_insert(&far_frames, index, table, GFP_NOWAIT | __GFP_NOWARN);
	xa_unlock_irqrestore(&far_frames, flags);
	return err;
}

static int add_table(unsigned long addr, gfp_t gfp)
{
	struct kspan_span **table;
	unsigned long i;
	int err;

	if (has_table(addr))
		return 0;
	err = reach(addr, gfp);
	if (err && err != -ERANGE)
		return err;
	table = kspan_meta_alloc(TABLE_BYTES, KSPAN_SYS_GC, gfp);
	if (!table)
		return -ENOMEM;
	/* The window refers to it, but not by a pointer that kmemleak finds. */
	kmemleak_not_leak(table);
	for (i = 0; i < KSPAN_FRAME_PAGES; i++)
		table[i] = &kspan_null_span;

	if (!err)
		err = install(addr, table);
	else if (!(gfp & __GFP_NOFAIL) && kspan_inject(KSPAN_INJECT_TABLE))
		err = -ENOMEM;
	else
		err = add_far_table(addr, table, gfp);
	if (err)
		kspan_meta_free(table, TABLE_BYTES, KSPAN_SYS_GC);
	/* Another task added the same frame meanwhile. */
	return err == -EBUSY ? 0 : err;
}

/**
 * kspan_arena_cover - allocate the tables for a piece of memory
 * @addr: its address
 * @bytes: its size in bytes
 * @gfp: flags of the allocation
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: 0 or -ENOMEM.
 */
int kspan_arena_cover(unsigned long addr, unsigned long bytes, gfp_t gfp)
{
	unsigned long end = addr + bytes - 1;
	int err;

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
 * kspan_arena_set - set the entries of pages
 * @addr: address of the first heap page
 * @nr_pages: number of heap pages
 * @span: the span or marker to which they lead from now on
 *
 * Context: Any but NMI; the pages belong to the caller.
 */
void kspan_arena_set(unsigned long addr, unsigned long nr_pages,
		     struct kspan_span *span)
{
	rcu_read_lock();
	for (; nr_pages; nr_pages--, addr += KSPAN_PAGE_SIZE)
		WRITE_ONCE(*entry_of(addr), span);
	rcu_read_unlock();
}

/*
 * Set the entries of all heap pages that overlap a piece of memory.  It may
 * begin and end in the middle of a heap page.
 */
static void set_touched(unsigned long addr, unsigned long bytes,
			struct kspan_span *span)
{
	unsigned long first = addr >> KSPAN_PAGE_SHIFT;
	unsigned long last = (addr + bytes - 1) >> KSPAN_PAGE_SHIFT;

	kspan_arena_set(addr, last - first + 1, span);
}

/**
 * kspan_arena_forget - clear the entries of a piece of memory
 * @addr: its address, possibly in the middle of a heap page
 * @bytes: its size in bytes
 *
 * Context: Any but NMI; all heap pages that it overlaps belong to the caller.
 */
void kspan_arena_forget(unsigned long addr, unsigned long bytes)
{
	set_touched(addr, bytes, &kspan_null_span);
}

/**
 * kspan_arena_publish - enter a span in the map
 * @span: the span, complete except for its place in a list
 *
 * All its pages lead to it, including those of a region beyond its object.  A
 * region keeps its entries until it returns to the kernel, so that the cost of
 * allocating and freeing its objects does not depend on their size.
 *
 * Context: Any but NMI.
 */
void kspan_arena_publish(struct kspan_span *span)
{
	/* Write the descriptor before the pointer to it; see kspan_span_of(). */
	smp_wmb();
	if (span->kind == KSPAN_LARGE && kspan_is_region(span))
		set_touched((unsigned long)span->mem, kspan_room_bytes(span), span);
	else
		kspan_arena_set(span->base, kspan_span_pages(span), span);
}

/**
 * kspan_arena_withdraw - remove a span from the map
 * @span: a small span or a run, without a live object
 *
 * Its pages then lead to the idle marker, so that a late free of one of its
 * objects is reported as such.
 *
 * Context: Any but NMI.
 */
void kspan_arena_withdraw(struct kspan_span *span)
{
	kspan_arena_set(span->base, kspan_span_pages(span), &kspan_idle_span);
}

/**
 * kspan_span_find - find the span of any address, that of a guard object too
 * @ptr: any value
 *
 * Context: Any, with preemption off or in an RCU read section.
 * Return: a span or a marker span, never NULL.
 */
__kspan_noprobe struct kspan_span *kspan_span_find(const void *ptr)
{
	struct kspan_span *span = READ_ONCE(*entry_of((unsigned long)ptr));

	return likely(span->kind != KSPAN_NONE) ? span : kspan_guard_span(ptr, span);
}

/**
 * kspan_arena_has - whether an address lies in memory that is held for objects
 * @ptr: any value
 *
 * Such memory is a page of a chunk, in a span or not, a region, live or cached, or
 * a page of a guard object, also when it is unmapped after the free.
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
	if (span->kind == KSPAN_GUARD)
		return kspan_guard_has(kspan_guard_of(span), ptr);
	return span != &kspan_null_span;
}

/**
 * kspan_arena_index - the number of a frame
 * @addr: address of the frame
 *
 * The number does not reveal the address.  Frames of the direct map have
 * separate numbers behind those of all other frames, because their distance
 * from vmalloc space is random and must stay secret.
 *
 * Context: Any, once there is memory.
 * Return: the number; that of the first frame ever used is FIRST_INDEX.
 */
unsigned long kspan_arena_index(unsigned long addr)
{
	unsigned long index = (addr - index_base) >> KSPAN_FRAME_SHIFT;

	if (!IS_ENABLED(CONFIG_64BIT) || is_vmalloc_addr((void *)addr))
		return index;
	return FIRST_INDEX + kspan_arena_window_max() +
	       (__pa(addr) >> KSPAN_FRAME_SHIFT);
}

/* Find the first frame with a table at or above *@at.  Return: whether there is one. */
static bool next_in_window(unsigned long *at, struct kspan_span ***table)
{
	const struct kspan_window *window = READ_ONCE(kspan_window);
	unsigned long first = window->base >> KSPAN_FRAME_SHIFT;
	unsigned long i = *at > first ? *at - first : 0;

	for (; i < window->nr_frames; i++) {
		*table = table_in(window, i);
		if (*table != null_table) {
			*at = first + i;
			return true;
		}
	}
	return false;
}

/**
 * kspan_arena_frame - find the next frame that has had memory
 * @addr: address at which to start; on return the address of the frame
 *
 * Context: Process context.
 * Return: the table of the frame, or NULL if there is none at or above @addr.
 */
struct kspan_span **kspan_arena_frame(unsigned long *addr)
{
	unsigned long near = *addr >> KSPAN_FRAME_SHIFT, far = near;
	struct kspan_span **table, **far_table;
	bool found;

	rcu_read_lock();
	found = next_in_window(&near, &table);
	rcu_read_unlock();
	far_table = xa_find(&far_frames, &far, found ? near : ULONG_MAX,
			    XA_PRESENT);
	if (!found && !far_table)
		return NULL;
	*addr = (far_table ? far : near) << KSPAN_FRAME_SHIFT;
	return far_table ? far_table : table;
}
