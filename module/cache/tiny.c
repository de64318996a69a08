// SPDX-License-Identifier: GPL-2.0
/*
 * The tiny allocator, after the Go runtime's, with frees.
 *
 * Each CPU and context cuts objects from a current block.  For each block there
 * is a word outside it that describes its objects: four bits for each byte
 * offset contain the size of the object that begins there, or 0.  So one atomic
 * operation of a free finds out whether its object is live and whether it was
 * the last one in the block.  An object at offset 15 has size 1, which needs
 * one bit and leaves three bits of the word.  The top bit marks the block as
 * current, so that it is not returned.  The other two keep the block while a
 * freed object in it is wiped.
 *
 * While one object of a block lives, its other bytes may be unused: in the
 * worst case 16 bytes hold an object of one byte, as in the Go runtime.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/counters.h"
#include "base/kasan.h"
#include "base/meta.h"
#include "base/noprobe.h"
#include "cache/cache.h"
#include "cache/quarantine.h"
#include "cache/tiny.h"
#include "span/arena.h"

#define WORD_CURRENT	BIT_ULL(63)
#define WORD_WIPED(nmi)	BIT_ULL(61 + (nmi))

/*
 * Serialise the wiping of freed objects, so that one bit in the word of a block
 * is enough.  NMIs have a lock of their own, because an NMI may have
 * interrupted the owner of the other.  Both are leaf locks, taken in any
 * context.
 */
static DEFINE_RAW_SPINLOCK(wipe_lock);
static DEFINE_RAW_SPINLOCK(nmi_wipe_lock);

/*
 * The current block of a context: address, word, and offset of its free bytes.
 */
struct tiny_block {
	char *block;
	atomic64_t *word;
	unsigned int offset;
};

/*
 * Data of each CPU.  A block is used by its own context only.  The counts are
 * changed by this_cpu_inc().  @seen is the sum of the counts at the last tick
 * of the scavenger.  @marked may be set from any CPU, to have the blocks
 * returned; the CPU itself clears it.
 */
struct tiny_cpu {
	struct tiny_block current_block[KSPAN_NR_CTX];
	struct kspan_tiny_count count;
	unsigned long seen;
	bool marked;
};

static struct tiny_cpu __percpu *tiny_cpus;

static const struct tiny_block no_block;

/* The bits of a word that contain the size of the object at @offset. */
static u64 part_mask(unsigned int offset)
{
	return offset == 15 ? 1ULL << 60 : 15ULL << (4 * offset);
}

/* The alignment follows from the low bits of the size, as in the Go runtime. */
static unsigned int part_align(size_t size)
{
	if (!(size & 7))
		return 8;
	if (!(size & 3))
		return 4;
	return size & 1 ? 1 : 2;
}

static atomic64_t *word_of(const struct kspan_span *span, const void *ptr)
{
	return kspan_span_words(span) +
	       (((unsigned long)ptr - span->base) / KSPAN_TINY_MAX);
}

/**
 * kspan_tiny_release - return a block without objects
 * @span: its span
 * @block: the block, which is LIVE as an object of its span
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_tiny_release(struct kspan_span *span, void *block)
{
	unsigned long i = ((unsigned long)block - span->base) / KSPAN_TINY_MAX;

	kspan_kasan_poison_object(block, KSPAN_TINY_MAX);
	kspan_cache_put(KSPAN_SC_TINY, block, span->state + i);
}

/*
 * Make @next, which may be empty, the current block.  It is installed before
 * the old block is returned, because a probe in the page allocator may use
 * kspan in that call.
 */
static void set_current(struct tiny_block *cur, struct tiny_block next)
{
	struct tiny_block old = *cur;

	*cur = next;
	if (old.block &&
	    atomic64_fetch_andnot(WORD_CURRENT, old.word) == (s64)WORD_CURRENT)
		kspan_tiny_release(kspan_span_find(old.block), old.block);
}

/* Cut an object from the current block.  Return: NULL if it does not fit. */
static void *cut_part(struct tiny_block *cur, size_t size)
{
	unsigned int offset;
	u64 old;

	if (!cur->block)
		return NULL;
	/*
	 * All objects of the block were freed: reuse it, unless there is a
	 * quarantine.
	 */
	if (!kspan_quarantine_on() &&
	    atomic64_read(cur->word) == (s64)WORD_CURRENT)
		cur->offset = 0;
	offset = ALIGN(cur->offset, part_align(size));
	if (offset + size > KSPAN_TINY_MAX)
		return NULL;
	old = atomic64_fetch_or((u64)size << (4 * offset), cur->word);
	if (old == WORD_CURRENT)
		this_cpu_inc(tiny_cpus->count.nmalloc);
	else
		this_cpu_inc(tiny_cpus->count.combined);
	cur->offset = offset + size;
	return cur->block + offset;
}

/* Take a new block for an object.  The block with more room becomes current. */
static void *cut_new(struct tiny_block *cur, size_t size, int node)
{
	struct kspan_span *span;
	atomic64_t *word;
	char *block;
	u8 was;

	if (likely(node == NUMA_NO_NODE))
		block = kspan_cache_take(KSPAN_SC_TINY, &was);
	else
		block = kspan_cache_take_node(KSPAN_SC_TINY, node, &was);
	if (!block)
		return NULL;
	span = kspan_span_find(block);
	word = word_of(span, block);
	this_cpu_inc(tiny_cpus->count.nmalloc);
	if (cur->block && size >= cur->offset) {
		atomic64_set(word, size);
		return block;
	}
	atomic64_set(word, WORD_CURRENT | size);
	set_current(cur, (struct tiny_block){ block, word, size });
	return block;
}

/**
 * kspan_tiny_alloc - allocate a tiny object from memory at hand
 * @size: bytes, 1 … 15
 * @node: node of a new block, or NUMA_NO_NODE
 * @zero: whether to zero the object
 *
 * Context: Any, with preemption off.
 * Return: the object; NULL if no block is at hand, or in an NMI.
 */
void *kspan_tiny_alloc(size_t size, int node, bool zero)
{
	unsigned int ctx = kspan_context();
	struct tiny_block *cur;
	void *ptr;

	if (ctx == KSPAN_CTX_NMI)
		return NULL;
	cur = &this_cpu_ptr(tiny_cpus)->current_block[ctx];
	ptr = cut_part(cur, size);
	if (!ptr)
		ptr = cut_new(cur, size, node);
	if (ptr && zero)
		kspan_fill_object(ptr, 0, size);
	return ptr;
}

/* Whether the byte at @offset is inside an object that begins before it. */
static bool inside_part(u64 word, unsigned int offset)
{
	unsigned int i;

	for (i = 0; i < offset; i++)
		if (((word & part_mask(i)) >> (4 * i)) > offset - i)
			return true;
	return false;
}

/*
 * Free the object under @mask, if there is one, and set it to zeros.  A bit in
 * the word keeps the block until then, so that its bytes cannot belong to
 * another object yet.
 *
 * Return: the word before the free, but without the objects freed in the
 * meantime.
 */
static u64 end_and_wipe(atomic64_t *word, u64 mask, char *ptr)
{
	raw_spinlock_t *lock = in_nmi() ? &nmi_wipe_lock : &wipe_lock;
	u64 size, held = WORD_WIPED(in_nmi() ? 1 : 0);
	unsigned long flags;
	s64 old;

	raw_spin_lock_irqsave(lock, flags);
	old = atomic64_read(word);
	do {
		size = (old & mask) >> __ffs64(mask);
		if (!size)
			break;
	} while (!atomic64_try_cmpxchg(word, &old, (old & ~mask) | held));
	if (size) {
		kspan_fill_object(ptr, 0, size);
		old = (atomic64_fetch_andnot(held, word) & ~held) | mask;
	}
	raw_spin_unlock_irqrestore(lock, flags);
	return old;
}

/**
 * kspan_tiny_free - free a tiny object
 * @span: its span
 * @ptr: the object
 * @wipe: whether to set it to zeros
 * @block: set to the block that the caller must pass to kspan_tiny_release(),
 *	or to NULL
 *
 * Context: Any, including NMI, with preemption off.
 * Return: KSPAN_FAULT_NONE, or what is wrong with @ptr.
 */
enum kspan_fault kspan_tiny_free(struct kspan_span *span, const void *ptr,
				 bool wipe, void **block)
{
	unsigned int offset = (unsigned long)ptr % KSPAN_TINY_MAX;
	atomic64_t *word = word_of(span, ptr);
	u64 mask = part_mask(offset), old;

	*block = NULL;
	if (unlikely(wipe) || want_init_on_free())
		old = end_and_wipe(word, mask, (char *)ptr);
	else
		old = atomic64_fetch_andnot(mask, word);
	if (!(old & mask))
		return inside_part(old, offset) ? KSPAN_FAULT_INTERIOR :
						  KSPAN_FAULT_DOUBLE;
	old &= ~mask;
	if (!(old & ~WORD_CURRENT))
		this_cpu_inc(tiny_cpus->count.nfree);
	if (!old)
		*block = (void *)((unsigned long)ptr - offset);
	return KSPAN_FAULT_NONE;
}

/**
 * kspan_tiny_is_bare - whether a block waits for kspan_tiny_release()
 * @span: its span
 * @ptr: any address in it
 *
 * Context: Any, with preemption off.
 * Return: whether @ptr is the address of a block that is in use but contains no
 * objects, and is not the current block of a CPU.
 */
bool __kspan_noprobe kspan_tiny_is_bare(const struct kspan_span *span,
					const void *ptr)
{
	const u8 *state = span->state + ((unsigned long)ptr - span->base) /
			  KSPAN_TINY_MAX;

	return IS_ALIGNED((unsigned long)ptr, KSPAN_TINY_MAX) &&
	       !atomic64_read(word_of(span, ptr)) &&
	       kspan_obj_is_live(READ_ONCE(*state));
}

/* Whether @ptr is inside an object but not its first byte.  Context: Any. */
bool __kspan_noprobe kspan_tiny_inside(const struct kspan_span *span, const void *ptr)
{
	return inside_part(atomic64_read(word_of(span, ptr)),
			   (unsigned long)ptr % KSPAN_TINY_MAX);
}

/* Bytes of a tiny object, 0 if there is none at @ptr.  Context: Any. */
size_t __kspan_noprobe kspan_tiny_size(const struct kspan_span *span, const void *ptr)
{
	unsigned int offset = (unsigned long)ptr % KSPAN_TINY_MAX;

	return ((u64)atomic64_read(word_of(span, ptr)) & part_mask(offset)) >>
	       (4 * offset);
}

/**
 * kspan_tiny_shrink - reduce the size of a tiny object
 * @span: its span
 * @ptr: the object, which belongs to the caller
 * @size: new size in bytes, not 0 and not above the present size
 *
 * Context: Any, with preemption off.
 */
void kspan_tiny_shrink(struct kspan_span *span, const void *ptr, size_t size)
{
	unsigned int offset = (unsigned long)ptr % KSPAN_TINY_MAX;
	atomic64_t *word = word_of(span, ptr);
	s64 old = atomic64_read(word);
	u64 new;

	/*
	 * Other objects of the block may be allocated and freed in the
	 * meantime.
	 */
	do {
		new = (old & ~part_mask(offset)) | (u64)size << (4 * offset);
	} while (!atomic64_try_cmpxchg(word, &old, new));
}

/* Whether a CPU has a current block.  Context: Any; a hint. */
bool kspan_tiny_holds(unsigned int cpu)
{
	const struct tiny_cpu *tc = per_cpu_ptr(tiny_cpus, cpu);
	unsigned int ctx;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++)
		/* The CPU may change it; the next call sees that. */
		if (data_race(tc->current_block[ctx].block))
			return true;
	return false;
}

/**
 * kspan_tiny_mark - mark the current blocks of a CPU, to have them returned
 * @cpu: the CPU
 * @all: true to mark them in any case; false for the tick, which marks them
 *	only if the CPU took and returned no block since the previous tick
 *
 * Context: Any.
 * Return: whether there is a block for kspan_tiny_drain_marked().
 */
bool kspan_tiny_mark(unsigned int cpu, bool all)
{
	struct tiny_cpu *tc = per_cpu_ptr(tiny_cpus, cpu);
	unsigned long sum = READ_ONCE(tc->count.nmalloc) +
			    READ_ONCE(tc->count.nfree) +
			    READ_ONCE(tc->count.combined);
	bool idle = all || tc->seen == sum;

	if (!all)
		tc->seen = sum;
	if (!idle || !kspan_tiny_holds(cpu))
		return false;
	WRITE_ONCE(tc->marked, true);
	return true;
}

/* Return this CPU's blocks if they are marked.  Context: Task, no migration. */
void kspan_tiny_drain_marked(void)
{
	struct tiny_cpu *tc = this_cpu_ptr(tiny_cpus);

	if (!READ_ONCE(tc->marked))
		return;
	WRITE_ONCE(tc->marked, false);
	kspan_tiny_drain_local();
}

/* Return the current blocks of this CPU.  Context: Task, no migration. */
void kspan_tiny_drain_local(void)
{
	struct tiny_cpu *tc = this_cpu_ptr(tiny_cpus);
	unsigned long flags;
	unsigned int ctx;

	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++) {
		local_irq_save(flags);
		set_current(&tc->current_block[ctx], no_block);
		local_irq_restore(flags);
	}
}

/* Return the current blocks of an offline CPU.  Context: Process. */
void kspan_tiny_drain_dead(unsigned int cpu)
{
	struct tiny_cpu *tc = per_cpu_ptr(tiny_cpus, cpu);
	unsigned int ctx;

	preempt_disable();
	for (ctx = 0; ctx < KSPAN_NR_CTX; ctx++)
		set_current(&tc->current_block[ctx], no_block);
	preempt_enable();
}

/* Sums over all CPUs.  Context: Any. */
void kspan_tiny_read(u64 *nmalloc, u64 *nfree, u64 *combined)
{
	unsigned long begun = 0, ended = 0, together = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		const struct kspan_tiny_count *count;

		count = &per_cpu_ptr(tiny_cpus, cpu)->count;
		begun += READ_ONCE(count->nmalloc);
		ended += READ_ONCE(count->nfree);
		together += READ_ONCE(count->combined);
	}
	kspan_pair_counts(begun, ended, nmalloc, nfree);
	*combined = together;
}

/**
 * kspan_tiny_init - allocate the data of the CPUs
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_tiny_init(void)
{
	tiny_cpus = kspan_meta_percpu(sizeof(*tiny_cpus), KSPAN_SYS_MCACHE);
	return tiny_cpus ? 0 : -ENOMEM;
}

/* Free the data of the CPUs.  Context: module unload, before the caches go. */
void kspan_tiny_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		kspan_tiny_drain_dead(cpu);
	kspan_meta_percpu_free(tiny_cpus, sizeof(*tiny_cpus), KSPAN_SYS_MCACHE);
}
