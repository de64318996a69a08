// SPDX-License-Identifier: GPL-2.0
/* The tables of the heap profile. */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/irq_work.h>
#include <linux/jhash.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "base/meta.h"
#include "base/noprobe.h"
#include "base/pool.h"
#include "base/profile.h"
#include "base/sample.h"

#define BUCKET_BITS	10
#define RECORD_BITS	13

/* A live sampled object.  All fields are under profile_lock. */
struct record {
	struct record *next;
	unsigned long addr;
	size_t size;
	struct kspan_bucket *bucket;
};

/*
 * Guards the tables and the numbers in them.  It is a leaf lock, taken in any
 * context but NMI.  Buckets are added under it, with release semantics, and
 * stay until kspan_profile_reset(), so kspan_profile_walk() needs no lock.
 */
static DEFINE_RAW_SPINLOCK(profile_lock);

/* Serialises resets and walks. */
static DEFINE_MUTEX(walk_mutex);

static struct kspan_pool bucket_pool;
static struct kspan_pool record_pool;
/* The tables; NULL until sampling is switched on the first time. */
static struct kspan_bucket **buckets;
static struct record **records;

unsigned int kspan_buckets_max = KSPAN_BUCKETS_MAX;
unsigned int kspan_records_max = KSPAN_RECORDS_MAX;

/* The number of buckets and of records in the tables, under profile_lock. */
static unsigned int nr_buckets;
static unsigned int nr_records;
/* Written under profile_lock, read without it. */
static u64 nr_samples;
static u64 nr_lost;

/* Counts the samples for which there is no bucket of their own. */
static struct kspan_bucket other;

/* The profile names this function as the call site of the samples in @other. */
static noinline void kspan_profile_other(void)
{
}

/*
 * The contexts of this CPU that are taking a sample.  A probe in the unwinder
 * that allocates must not be sampled in turn, without end.
 */
static DEFINE_PER_CPU(u8, busy);

static void fill_work_fn(struct work_struct *work)
{
	kspan_pools_fill();
}

static DECLARE_WORK(fill_work, fill_work_fn);

static void fill_irq_fn(struct irq_work *work)
{
	schedule_work(&fill_work);
}

static struct irq_work fill_irq = IRQ_WORK_INIT_HARD(fill_irq_fn);

static void ask_for_blocks(void)
{
	if (unlikely(kspan_pools_are_low()) && !work_pending(&fill_work) &&
	    cpu_online(raw_smp_processor_id()))
		irq_work_queue(&fill_irq);
}

static u32 hash_stack(const unsigned long *frames, unsigned int nr, size_t size)
{
	return jhash2((const u32 *)frames, nr * (sizeof(*frames) / sizeof(u32)),
		      (u32)size);
}

static __kspan_noprobe struct record **record_chain(unsigned long addr)
{
	return &records[hash_long(addr, RECORD_BITS)];
}

static __kspan_noprobe bool is_bucket(const struct kspan_bucket *bucket,
				      const struct kspan_bucket *key)
{
	unsigned int i;

	if (bucket->hash != key->hash || bucket->size != key->size ||
	    bucket->nr_frames != key->nr_frames)
		return false;
	for (i = 0; i < key->nr_frames; i++)
		if (bucket->frames[i] != key->frames[i])
			return false;
	return true;
}

static __kspan_noprobe struct kspan_bucket *find_bucket_locked(const struct kspan_bucket *key)
{
	struct kspan_bucket *bucket;

	lockdep_assert_held(&profile_lock);
	bucket = buckets[key->hash & ((1U << BUCKET_BITS) - 1)];
	while (bucket && !is_bucket(bucket, key))
		bucket = bucket->next;
	return bucket;
}

/*
 * Find the bucket that equals @key, or add @key as that bucket.  Return: NULL
 * if there are too many buckets.
 */
static __kspan_noprobe struct kspan_bucket *add_bucket_locked(struct kspan_bucket *key)
{
	struct kspan_bucket **chain, *bucket;

	lockdep_assert_held(&profile_lock);
	bucket = find_bucket_locked(key);
	if (bucket)
		return bucket;
	if (nr_buckets >= READ_ONCE(kspan_buckets_max))
		return NULL;
	nr_buckets++;
	chain = &buckets[key->hash & ((1U << BUCKET_BITS) - 1)];
	key->next = *chain;
	/* Pairs with the load in kspan_profile_walk(). */
	smp_store_release(chain, key);
	return key;
}

static __kspan_noprobe void count_locked(struct kspan_bucket *bucket, struct record *record)
{
	struct record **chain = record_chain(record->addr);

	lockdep_assert_held(&profile_lock);
	WRITE_ONCE(bucket->objects, bucket->objects + 1);
	WRITE_ONCE(bucket->bytes, bucket->bytes + record->size);
	WRITE_ONCE(bucket->live_objects, bucket->live_objects + 1);
	WRITE_ONCE(bucket->live_bytes, bucket->live_bytes + record->size);
	record->bucket = bucket;
	record->next = *chain;
	*chain = record;
	nr_records++;
}

/*
 * Count an object in the bucket that equals @key, which is a free block.
 * Without @key, or with too many buckets, count it in @other.  Return: whether
 * @key was added to the table.
 */
static bool add_record(struct kspan_bucket *key, struct record *record)
{
	struct kspan_bucket *bucket = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&profile_lock, flags);
	if (key)
		bucket = add_bucket_locked(key);
	if (!bucket) {
		bucket = &other;
		WRITE_ONCE(nr_lost, nr_lost + 1);
	}
	WRITE_ONCE(nr_samples, nr_samples + 1);
	count_locked(bucket, record);
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	return key && bucket == key;
}

static void count_lost(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&profile_lock, flags);
	WRITE_ONCE(nr_samples, nr_samples + 1);
	WRITE_ONCE(nr_lost, nr_lost + 1);
	raw_spin_unlock_irqrestore(&profile_lock, flags);
}

/* Fill @key with the call stack. */
static void fill_key(struct kspan_bucket *key, size_t size)
{
	*key = (struct kspan_bucket){ .size = size };
	key->nr_frames = kspan_stack_save(key->frames, KSPAN_STACK_MAX);
	key->hash = hash_stack(key->frames, key->nr_frames, size);
}

static bool take_sample(const void *ptr, size_t size)
{
	struct kspan_bucket *key;
	struct record *record = NULL;

	if (READ_ONCE(nr_records) < READ_ONCE(kspan_records_max))
		record = kspan_pool_take(&record_pool);
	if (!record) {
		count_lost();
		ask_for_blocks();
		return false;
	}
	*record = (struct record){ .addr = (unsigned long)ptr, .size = size };
	/* Every sample takes a block, which serves as the key of the search. */
	key = kspan_pool_take(&bucket_pool);
	if (key)
		fill_key(key, size);
	if (!add_record(key, record) && key)
		kspan_pool_free(&bucket_pool, key);
	ask_for_blocks();
	return true;
}

/**
 * kspan_profile_alloc - record that an object was allocated
 * @ptr: the object, which its client does not have yet
 * @size: its size in bytes
 *
 * Context: Any but NMI.
 * Return: whether kspan_profile_free() must be called when the object is freed.
 */
bool kspan_profile_alloc(const void *ptr, size_t size)
{
	bool taken = false;
	u8 *nesting, bit;

	preempt_disable();
	bit = in_hardirq() ? 4 : in_serving_softirq() ? 2 : 1;
	nesting = this_cpu_ptr(&busy);
	if (!(READ_ONCE(*nesting) & bit)) {
		WRITE_ONCE(*nesting, *nesting | bit);
		taken = take_sample(ptr, size);
		WRITE_ONCE(*nesting, *nesting & ~bit);
	}
	preempt_enable();
	return taken;
}

static __kspan_noprobe struct record *take_record_locked(unsigned long addr)
{
	struct record **link = record_chain(addr), *record;

	lockdep_assert_held(&profile_lock);
	while (*link && (*link)->addr != addr)
		link = &(*link)->next;
	record = *link;
	if (record) {
		*link = record->next;
		nr_records--;
	}
	return record;
}

/**
 * kspan_profile_free - record that a sampled object was freed
 * @ptr: the object, claimed; its memory is not reused before this function
 *	returns
 *
 * Context: Any but NMI.
 */
void kspan_profile_free(const void *ptr)
{
	struct kspan_bucket *bucket;
	struct record *record;
	unsigned long flags;

	raw_spin_lock_irqsave(&profile_lock, flags);
	record = take_record_locked((unsigned long)ptr);
	if (record) {
		bucket = record->bucket;
		WRITE_ONCE(bucket->live_objects, bucket->live_objects - 1);
		WRITE_ONCE(bucket->live_bytes, bucket->live_bytes - record->size);
	}
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	/* There is no record if the profile was reset in the meantime. */
	if (record)
		kspan_pool_free(&record_pool, record);
}

/**
 * kspan_profile_find - find out where a live sampled object was allocated
 * @ptr: first byte of the object
 * @frames: buffer for the return addresses
 * @max: most return addresses to store
 *
 * Context: Any but NMI.
 * Return: the number of return addresses; 0 if the object was not sampled.
 */
unsigned int kspan_profile_find(const void *ptr, unsigned long *frames,
				unsigned int max)
{
	struct record *record = NULL;
	unsigned long flags;
	unsigned int nr = 0;

	raw_spin_lock_irqsave(&profile_lock, flags);
	if (records)
		record = *record_chain((unsigned long)ptr);
	while (record && record->addr != (unsigned long)ptr)
		record = record->next;
	for (; record && nr < max && nr < record->bucket->nr_frames; nr++)
		frames[nr] = record->bucket->frames[nr];
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	return nr;
}

/*
 * Detach the @i-th chain of records, which point to buckets that may be freed.
 */
static struct record *cut_records(unsigned int i)
{
	struct record *chain, *record;
	unsigned long flags;

	raw_spin_lock_irqsave(&profile_lock, flags);
	chain = records[i];
	records[i] = NULL;
	for (record = chain; record; record = record->next)
		nr_records--;
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	return chain;
}

static struct kspan_bucket *cut_buckets(unsigned int i)
{
	struct kspan_bucket *chain, *bucket;
	unsigned long flags;

	raw_spin_lock_irqsave(&profile_lock, flags);
	chain = buckets[i];
	WRITE_ONCE(buckets[i], NULL);
	for (bucket = chain; bucket; bucket = bucket->next)
		nr_buckets--;
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	return chain;
}

/**
 * kspan_profile_reset - begin a new profile
 *
 * Objects allocated before are not part of it, and their frees are ignored.
 *
 * Context: Process context that may sleep; no sample is taken in the meantime,
 * and kspan_profile_begin() has succeeded.
 */
void kspan_profile_reset(void)
{
	struct kspan_bucket *bucket, *next_bucket;
	struct record *record, *next;
	unsigned long flags;
	unsigned int i;

	mutex_lock(&walk_mutex);
	for (i = 0; i < 1U << RECORD_BITS; i++) {
		for (record = cut_records(i); record; record = next) {
			next = record->next;
			kspan_pool_free(&record_pool, record);
		}
	}
	/* No record points to a bucket any more. */
	for (i = 0; i < 1U << BUCKET_BITS; i++) {
		for (bucket = cut_buckets(i); bucket; bucket = next_bucket) {
			next_bucket = bucket->next;
			kspan_pool_free(&bucket_pool, bucket);
		}
	}
	raw_spin_lock_irqsave(&profile_lock, flags);
	WRITE_ONCE(other.objects, 0);
	WRITE_ONCE(other.bytes, 0);
	WRITE_ONCE(other.live_objects, 0);
	WRITE_ONCE(other.live_bytes, 0);
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	mutex_unlock(&walk_mutex);
}

/**
 * kspan_profile_walk - call a function for every bucket
 * @fn: the function; it reads the numbers with READ_ONCE()
 * @arg: its second argument
 *
 * Context: Process context that may sleep; @fn may sleep too.
 */
void kspan_profile_walk(void (*fn)(const struct kspan_bucket *bucket, void *arg),
			void *arg)
{
	const struct kspan_bucket *bucket;
	unsigned int i;

	mutex_lock(&walk_mutex);
	for (i = 0; buckets && i < 1U << BUCKET_BITS; i++) {
		/* Pairs with the release in add_bucket_locked(). */
		bucket = smp_load_acquire(&buckets[i]);
		for (; bucket; bucket = bucket->next)
			fn(bucket, arg);
	}
	if (READ_ONCE(other.objects))
		fn(&other, arg);
	mutex_unlock(&walk_mutex);
}

/*
 * The number of samples taken since the module was loaded, and of those lost.
 */
void kspan_profile_count(u64 *samples, u64 *lost)
{
	*samples = READ_ONCE(nr_samples);
	*lost = READ_ONCE(nr_lost);
}

/* Wait until the pools are filled.  Context: Process context that may sleep. */
void kspan_profile_settle(void)
{
	irq_work_sync(&fill_irq);
	flush_work(&fill_work);
}

/* Allocate the tables.  Return: false without memory.  Under walk_mutex. */
static bool make_tables(void)
{
	struct kspan_bucket **new_buckets;
	struct record **new_records;
	unsigned long flags;

	new_buckets = kspan_meta_alloc(sizeof(*buckets) << BUCKET_BITS,
				       KSPAN_SYS_BUCKHASH, GFP_KERNEL);
	new_records = kspan_meta_alloc(sizeof(*records) << RECORD_BITS,
				       KSPAN_SYS_BUCKHASH, GFP_KERNEL);
	if (!new_buckets || !new_records) {
		kspan_meta_free(new_buckets, sizeof(*buckets) << BUCKET_BITS,
				KSPAN_SYS_BUCKHASH);
		kspan_meta_free(new_records, sizeof(*records) << RECORD_BITS,
				KSPAN_SYS_BUCKHASH);
		return false;
	}
	/* Code that samples afterwards takes the lock, and finds them. */
	raw_spin_lock_irqsave(&profile_lock, flags);
	buckets = new_buckets;
	records = new_records;
	raw_spin_unlock_irqrestore(&profile_lock, flags);
	kspan_pool_keep_ready(&bucket_pool);
	kspan_pool_keep_ready(&record_pool);
	kspan_pools_fill();
	return true;
}

/**
 * kspan_profile_begin - allocate the tables for sampling, unless they exist
 *
 * They stay until unload.
 *
 * Context: Process context that may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_profile_begin(void)
{
	int err = 0;

	mutex_lock(&walk_mutex);
	if (!records && !make_tables())
		err = -ENOMEM;
	mutex_unlock(&walk_mutex);
	return err;
}

static void free_all(void)
{
	kspan_meta_free(buckets, sizeof(*buckets) << BUCKET_BITS,
			KSPAN_SYS_BUCKHASH);
	kspan_meta_free(records, sizeof(*records) << RECORD_BITS,
			KSPAN_SYS_BUCKHASH);
	kspan_pool_exit(&record_pool);
	kspan_pool_exit(&bucket_pool);
}

/**
 * kspan_profile_init - create an empty profile
 *
 * It allocates memory only if there is a profile rate.
 *
 * Context: Module load.
 * Return: 0 or -ENOMEM.
 */
int kspan_profile_init(void)
{
	int err = 0;

	BUILD_BUG_ON(sizeof(unsigned long) % sizeof(u32));
	kspan_pool_init(&bucket_pool, sizeof(struct kspan_bucket),
			KSPAN_SYS_BUCKHASH);
	kspan_pool_init(&record_pool, sizeof(struct record), KSPAN_SYS_BUCKHASH);
	other.nr_frames = 1;
	other.frames[0] = (unsigned long)kspan_profile_other + 1;
	if (kspan_sample_rate)
		err = kspan_profile_begin();
	if (err)
		free_all();
	return err;
}

/*
 * Free the profile.  Context: module unload, after the last allocation and
 * free.
 */
void kspan_profile_exit(void)
{
	kspan_profile_settle();
	free_all();
}
