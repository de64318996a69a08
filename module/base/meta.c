// SPDX-License-Identifier: GPL-2.0
/* Metadata memory: its accounts, and single pieces of it for tables. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/gfp.h"
#include "base/inject.h"
#include "base/meta.h"

atomic_long_t kspan_sys_bytes[KSPAN_NR_SYS];
atomic_long_t kspan_inuse_bytes[KSPAN_NR_SYS];

/* Add @bytes, which may be negative, to the memory obtained from the kernel. */
void kspan_meta_account(enum kspan_sys sys, long bytes)
{
	atomic_long_add(bytes, &kspan_sys_bytes[sys]);
}

/**
 * kspan_meta_gfp - compute the flags for metadata from the page allocator
 * @gfp: the caller's flags
 *
 * The page allocator of PREEMPT_RT takes sleeping locks, so a caller that is
 * not preemptible gets only the memory in the pools there.  The same holds for
 * kernels in which lockdep checks the rules of PREEMPT_RT.
 *
 * Context: Any but NMI.
 * Return: flags, or 0 if the page allocator must not be called.
 */
gfp_t kspan_meta_gfp(gfp_t gfp)
{
	if (kspan_may_sleep(gfp))
		return (gfp & (GFP_KERNEL | __GFP_NORETRY)) |
		       __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	if (KSPAN_RT_RULES && !preemptible())
		return 0;
	return (gfp & (__GFP_HIGH | __GFP_NOMEMALLOC | __GFP_KSWAPD_RECLAIM)) |
	       __GFP_NOWARN;
}

static void *get_table(size_t bytes, gfp_t gfp)
{
	gfp_t flags;

	if (kspan_may_sleep(gfp))
		return kvzalloc(bytes, kspan_gentle(gfp));
	flags = kspan_meta_gfp(gfp);
	return flags ? kzalloc(bytes, flags) : NULL;
}

/**
 * kspan_meta_alloc - allocate zeroed memory for a table
 * @bytes: its size
 * @sys: the line of the statistics that counts it
 * @gfp: the caller's flags
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 * Return: the memory, or NULL.
 */
void *kspan_meta_alloc(size_t bytes, enum kspan_sys sys, gfp_t gfp)
{
	void *mem = NULL;

	if ((gfp & __GFP_NOFAIL) || !kspan_inject(KSPAN_INJECT_TABLE))
		mem = get_table(bytes, gfp);
	if (mem) {
		kspan_meta_account(sys, bytes);
		atomic_long_add(bytes, &kspan_inuse_bytes[sys]);
	}
	return mem;
}

/* Free memory of kspan_meta_alloc().  Context: Process. */
void kspan_meta_free(void *mem, size_t bytes, enum kspan_sys sys)
{
	if (!mem)
		return;
	kvfree(mem);
	kspan_meta_account(sys, -(long)bytes);
	atomic_long_sub(bytes, &kspan_inuse_bytes[sys]);
}

/*
 * Stop counting memory of kspan_meta_alloc() that the caller frees by itself.
 * Context: Any.
 */
void kspan_meta_forget(size_t bytes, enum kspan_sys sys)
{
	kspan_meta_account(sys, -(long)bytes);
	atomic_long_sub(bytes, &kspan_inuse_bytes[sys]);
}

/* The bytes of all possible CPUs if each has @bytes. */
static long percpu_bytes(size_t bytes)
{
	return bytes * num_possible_cpus();
}

/**
 * kspan_meta_percpu - allocate zeroed memory for every possible CPU
 * @bytes: size for each of them
 * @sys: the line of the statistics that counts it
 *
 * Context: Process context that may sleep.
 * Return: memory that begins at a cache line, or NULL.
 */
void __percpu *kspan_meta_percpu(size_t bytes, enum kspan_sys sys)
{
	void __percpu *mem;

	if (kspan_inject(KSPAN_INJECT_PERCPU))
		return NULL;
	mem = __alloc_percpu(bytes, SMP_CACHE_BYTES);
	if (mem) {
		kspan_meta_account(sys, percpu_bytes(bytes));
		atomic_long_add(percpu_bytes(bytes), &kspan_inuse_bytes[sys]);
	}
	return mem;
}

/* Free memory of kspan_meta_percpu(), or NULL.  Context: Process. */
void kspan_meta_percpu_free(void __percpu *mem, size_t bytes,
			    enum kspan_sys sys)
{
	if (!mem)
		return;
	free_percpu(mem);
	kspan_meta_account(sys, -percpu_bytes(bytes));
	atomic_long_sub(percpu_bytes(bytes), &kspan_inuse_bytes[sys]);
}
