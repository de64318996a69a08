// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs files of the heap profile.
 */
#include <linux/compiler.h>
#include <linux/debugfs.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/smp.h>

#include "base/profile.h"
#include "base/sample.h"
#include "cache/cache.h"
#include "reclaim/worker.h"
#include "show/debugfs.h"

/* Serialises changes of the rate; protects profile_of. */
static DEFINE_MUTEX(rate_mutex);

/* The rate at which the samples in the profile were taken. */
static unsigned long profile_of;

static void add_up(const struct kspan_bucket *bucket, void *arg)
{
	struct kspan_bucket *sum = arg;

	sum->live_objects += READ_ONCE(bucket->live_objects);
	sum->live_bytes += READ_ONCE(bucket->live_bytes);
	sum->objects += READ_ONCE(bucket->objects);
	sum->bytes += READ_ONCE(bucket->bytes);
}

static void show_numbers(struct seq_file *m, const struct kspan_bucket *bucket)
{
	u64 live_objects = READ_ONCE(bucket->live_objects);
	u64 live_bytes = READ_ONCE(bucket->live_bytes);

	/*
	 * A sample may be half counted; pprof rejects bytes without an object.
	 */
	if (!live_objects)
		live_bytes = 0;
	seq_printf(m, "%llu: %llu [%llu: %llu] @", live_objects, live_bytes,
		   READ_ONCE(bucket->objects), READ_ONCE(bucket->bytes));
}

static void show_bucket(const struct kspan_bucket *bucket, void *arg)
{
	struct seq_file *m = arg;
	unsigned int i;

	show_numbers(m, bucket);
	for (i = 0; i < bucket->nr_frames; i++)
		seq_printf(m, " 0x%lx", bucket->frames[i]);
	seq_putc(m, '\n');
}

/*
 * The legacy format of pprof.  Addresses are not hashed, as only root reads the
 * file.
 */
static int profile_show(struct seq_file *m, void *unused)
{
	struct kspan_bucket sum = {};

	mutex_lock(&rate_mutex);
	kspan_profile_walk(add_up, &sum);
	seq_puts(m, "heap profile: ");
	show_numbers(m, &sum);
	seq_printf(m, " heap_v2/%lu\n", profile_of);
	kspan_profile_walk(show_bucket, m);
	mutex_unlock(&rate_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(profile);

static int profile_rate_get(void *data, u64 *value)
{
	*value = READ_ONCE(kspan_sample_rate);
	return 0;
}

static void resample_this_cpu(void)
{
	kspan_cache_resample(raw_smp_processor_id());
}

/* Let every CPU draw its distance to the next sample for a new rate. */
static void set_rate(unsigned long rate)
{
	/* After the tables; who sees a rate takes their lock. */
	smp_store_release(&kspan_sample_rate, rate);
	kspan_on_each_cpu(resample_this_cpu);
}

/**
 * kspan_set_profile_rate - change the sampling rate, or stop sampling
 * @value: mean bytes between samples, 0 to stop
 *
 * A rate other than that of the profile starts a new profile.
 *
 * Context: Process context that may sleep.
 * Return: 0, -EINVAL for a rate out of range, or -ENOMEM.
 */
int kspan_set_profile_rate(u64 value)
{
	if (value > KSPAN_SAMPLE_RATE_MAX)
		return -EINVAL;
	if (value && kspan_profile_begin())
		return -ENOMEM;
	mutex_lock(&rate_mutex);
	if (value != kspan_sample_rate) {
		set_rate(0);
		/* One profile cannot have samples of two rates. */
		if (value && value != profile_of) {
			kspan_profile_reset();
			profile_of = value;
		}
		if (value)
			set_rate(value);
	}
	mutex_unlock(&rate_mutex);
	return 0;
}

static int profile_rate_set(void *data, u64 value)
{
	return kspan_set_profile_rate(value);
}
DEFINE_DEBUGFS_ATTRIBUTE(profile_rate_fops, profile_rate_get, profile_rate_set,
			 "%llu\n");

/* Context: module load. */
void kspan_debugfs_add_profile(struct dentry *dir)
{
	/* The header has a rate even before the first sample. */
	profile_of = READ_ONCE(kspan_sample_rate) ?: 512 << 10;
	debugfs_create_file("profile", 0400, dir, NULL, &profile_fops);
	debugfs_create_file("profile_rate", 0600, dir, NULL, &profile_rate_fops);
}
