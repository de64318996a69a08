/* SPDX-License-Identifier: GPL-2.0 */
/*
 * profile.h - the heap profile: what was sampled, by stack.
 *
 * A bucket is the Go runtime's: a stack and a size, with what was allocated
 * there, ever, and what of it is live.  A record leads from the address of a live
 * sampled object to its bucket.  Both come from pools with a fixed budget, which
 * a worker fills; nobody who allocates waits for memory here.  A sample for which
 * there is no bucket goes to the bucket "other"; one without a record is lost.
 * Both are counted in samples_lost.
 */
#ifndef KSPAN_PROFILE_H
#define KSPAN_PROFILE_H

#include <linux/types.h>

#include "base/stack.h"

/* Most buckets and records there are; 1.3 MiB and 4 MiB. */
#define KSPAN_BUCKETS_MAX	4096U
#define KSPAN_RECORDS_MAX	(128U << 10)

/* The same; tests lower them. */
extern unsigned int kspan_buckets_max;
extern unsigned int kspan_records_max;

/**
 * struct kspan_bucket - what was sampled at one place
 * @next: the next one of its hash chain; set once
 * @hash: of the stack and the size; set once
 * @nr_frames: set once
 * @size: bytes of an object, 0 in the bucket "other"; set once
 * @objects: allocated, ever; this and the rest are written under profile_lock
 * @bytes: of those
 * @live_objects: allocated and not freed
 * @live_bytes: of those
 * @frames: return addresses, the client's first; set once
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
