// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs directory: statistics and switches.  The two files that map the
 * memory are in debugfs_map.c.
 *
 * Documentation/debugfs.rst explains every column.  Only root can open the
 * files.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "api/client_heap.h"
#include "api/named_cache.h"
#include "base/inject.h"
#include "base/params.h"
#include "base/sizeclass.h"
#include "heap/backing.h"
#include "reclaim/scavenge.h"
#include "show/debugfs.h"
#include "show/stats.h"
#include "show/verify.h"

static struct dentry *debugfs_dir;

static const char * const stat_names[] = {
#define STAT_NAME(name) #name,
	KSPAN_STATS(STAT_NAME)
#undef STAT_NAME
};

static_assert(sizeof(struct kspan_stats) == ARRAY_SIZE(stat_names) * sizeof(u64));

static int stats_show(struct seq_file *m, void *unused)
{
	struct kspan_stats stats;
	const u64 *value = (const u64 *)&stats;
	unsigned int i;

	kspan_read_stats(&stats);
	for (i = 0; i < ARRAY_SIZE(stat_names); i++)
		seq_printf(m, "%s %llu\n", stat_names[i], value[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int by_size_show(struct seq_file *m, void *unused)
{
	struct kspan_class_stats row;
	unsigned int class;

	seq_puts(m, "class size pages objects nmalloc nfree inuse spans partial\n");
	for (class = 1; class <= KSPAN_NR_CLASSES; class++) {
		const struct kspan_class *info = &kspan_classes[class];

		kspan_read_class(class, &row);
		seq_printf(m, "%u %u %u %u %llu %llu %llu %llu %llu\n", class,
			   info->size, info->nr_pages, info->nr_objs,
			   row.nmalloc, row.nfree, row.nmalloc - row.nfree,
			   row.nr_spans, row.nr_partial);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(by_size);

static void show_cache(const struct kspan_cache *c, void *m)
{
	const struct kspan_class *info = &c->class.info;
	struct kspan_class_stats row;

	kspan_read_sc(c->class.sc, &row);
	seq_printf(m, "%s %u %u %u %llu %llu %llu %llu %llu\n", c->name,
		   c->class.asked, info->nr_pages, info->nr_objs, row.nmalloc,
		   row.nfree, row.nmalloc - row.nfree, row.nr_spans,
		   row.nr_partial);
}

static int caches_show(struct seq_file *m, void *unused)
{
	u64 gone = atomic64_read(&kspan_sc_gone[0]);

	seq_puts(m, "name size pages objects nmalloc nfree inuse spans partial\n");
	kspan_named_cache_walk(show_cache, m);
	if (gone)
		seq_printf(m, "(destroyed) 0 0 0 %llu %llu 0 0 0\n", gone, gone);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(caches);

static void show_heap(struct kspan_heap *h, void *m)
{
	struct kspan_heap_stats row;

	kspan_client_heap_read(h, &row);
	/* Skip a destroyed heap whose memory is being returned. */
	if (h->quota.ended && !row.objects)
		return;
	seq_printf(m, "%s %llu %llu %llu %llu %llu %llu\n", h->name, row.bytes,
		   row.objects, row.peak, row.asked, row.spans, row.limit);
}

static int heaps_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "name bytes objects peak asked spans limit\n");
	kspan_client_heap_walk(show_heap, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(heaps);

static int verify_show(struct seq_file *m, void *unused)
{
	const char *wrong = kspan_verify();

	seq_printf(m, "%s\n", wrong ? wrong : "ok");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(verify);

static int memory_limit_get(void *data, u64 *value)
{
	*value = READ_ONCE(kspan_params.memory_limit);
	return 0;
}

static int memory_limit_set(void *data, u64 value)
{
	if (value > ULONG_MAX)
		return -EINVAL;
	WRITE_ONCE(kspan_params.memory_limit, value);
	/* Return idle memory at once if more than the new limit is in use. */
	if (value && kspan_sys_total() > value)
		kspan_scavenge_all();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(memory_limit_fops, memory_limit_get, memory_limit_set,
			 "%llu\n");

static ssize_t release_write(struct file *file, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	kspan_release();
	return count;
}

static const struct file_operations release_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = release_write,
};

/*
 * Create the files.  This never fails: kspan works without them, for instance
 * on a kernel without debugfs.  Context: module load.
 */
void kspan_debugfs_init(void)
{
	debugfs_dir = ERR_PTR(-ENOMEM);
	if (!kspan_inject(KSPAN_INJECT_DEBUGFS))
		debugfs_dir = debugfs_create_dir("kspan", NULL);
	debugfs_create_file("stats", 0400, debugfs_dir, NULL, &stats_fops);
	debugfs_create_file("by_size", 0400, debugfs_dir, NULL, &by_size_fops);
	debugfs_create_file("caches", 0400, debugfs_dir, NULL, &caches_fops);
	debugfs_create_file("heaps", 0400, debugfs_dir, NULL, &heaps_fops);
	debugfs_create_file("verify", 0400, debugfs_dir, NULL, &verify_fops);
	debugfs_create_file("memory_limit", 0600, debugfs_dir, NULL,
			    &memory_limit_fops);
	debugfs_create_file("release", 0200, debugfs_dir, NULL, &release_fops);
	kspan_debugfs_add_callsites(debugfs_dir);
	kspan_debugfs_add_maps(debugfs_dir);
	kspan_debugfs_add_profile(debugfs_dir);
}

/* Remove the files and wait for their readers.  Context: module unload. */
void kspan_debugfs_exit(void)
{
	debugfs_remove(debugfs_dir);
}
