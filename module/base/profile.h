/* SPDX-License-Identifier: GPL-2.0 */
/*
 * profile.h - the heap profile: sampled objects, counted by call stack.
 *
 * A bucket is that of the Go runtime: a stack and a size, with the number and
 * bytes of the objects allocated there in total, and of those still live.  A
 * record leads from the address of a live sampled object to its bucket.  Both
 * come from pools with a fixed budget, which a worker refills, so an allocation
 * never waits for memory here.  A sample for which there is no bucket is
 * counted in the bucket "other"; a sample for which there is no record is lost.
 * Both are counted in samples_lost.
 */
#ifndef KSPAN_PROFILE_H
#define KSPAN_PROFILE_H

#include <linux/types.h>

#include "base/stack.h"

/* The most buckets and records, which take 1.3 MiB and 4 MiB. */
#define KSPAN_BUCKETS_MAX	4096U
#define KSPAN_RECORDS_MAX	(128U << 10)

/* The limits in use: those above, unless a test lowers them. */
extern unsigned int kspan_buckets_max;
extern unsigned int kspan_records_max;

/**
 * struct kspan_bucket - the samples of one call stack and size
 * @next: the next bucket of its hash chain; set once
 * @hash: hash of the stack and the size; set once
 * @nr_frames: number of entries in @frames; set once
 * @size: size of each object in bytes, 0 in the bucket "other"; set once
 * @objects: objects allocated in total; this and the next three are written
 *	under profile_lock
 * @bytes: bytes of those objects
 * @live_objects: objects allocated and not freed
 * @live_bytes: bytes of those objects
 * @frames: return addresses, that in the client first; set once
 */
struct kspan_bucket {
	struct kspan_bucket *next;
	u32 hash;
	u32 nr_frames;
	size_t size;
	u64 objects;
	u64 bytes;
	u64 live_objects;
	u64 live_bytes;
	unsigned long frames[KSPAN_STACK_MAX];
};

int kspan_profile_init(void);
void kspan_profile_exit(void);
int kspan_profile_begin(void);
bool kspan_profile_alloc(const void *ptr, size_t size);
void kspan_profile_free(const void *ptr);
void kspan_profile_reset(void);
void kspan_profile_walk(void (*fn)(const struct kspan_bucket *bucket, void *arg),
			void *arg);
unsigned int kspan_profile_find(const void *ptr, unsigned long *frames,
				unsigned int max);
void kspan_profile_count(u64 *samples, u64 *lost);
void kspan_profile_settle(void);

#endif /* KSPAN_PROFILE_H */
