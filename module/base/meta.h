/* SPDX-License-Identifier: GPL-2.0 */
/*
 * meta.h - memory for kspan's own structures, every byte of which is counted.
 *
 * Metadata comes from the page allocator and never lies beside objects, so that
 * an overrun of an object cannot reach it.  Structures of one size come from
 * pools, see pool.h.
 */
#ifndef KSPAN_META_H
#define KSPAN_META_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* The line of the statistics that counts a byte of metadata. */
enum kspan_sys {
	KSPAN_SYS_MSPAN,	/* span descriptors */
	KSPAN_SYS_MCACHE,	/* per-CPU caches, magazines */
	KSPAN_SYS_BUCKHASH,	/* heap profile */
	KSPAN_SYS_GC,		/* arena map, bitmaps, object states */
	KSPAN_SYS_OTHER,	/* the rest */
	KSPAN_NR_SYS,
};

/*
 * Bytes obtained from the kernel, and the bytes in use of these; by enum
 * kspan_sys.
 */
extern atomic_long_t kspan_sys_bytes[KSPAN_NR_SYS];
extern atomic_long_t kspan_inuse_bytes[KSPAN_NR_SYS];

gfp_t kspan_meta_gfp(gfp_t gfp);
void *kspan_meta_alloc(size_t bytes, enum kspan_sys sys, gfp_t gfp);
void kspan_meta_free(void *mem, size_t bytes, enum kspan_sys sys);
void kspan_meta_forget(size_t bytes, enum kspan_sys sys);
void __percpu *kspan_meta_percpu(size_t bytes, enum kspan_sys sys);
void kspan_meta_percpu_free(void __percpu *mem, size_t bytes,
			    enum kspan_sys sys);
void kspan_meta_account(enum kspan_sys sys, long bytes);

#endif /* KSPAN_META_H */
