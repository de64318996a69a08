// SPDX-License-Identifier: GPL-2.0
/*
 * The second object of the sample: a table of records from a slab cache, with a
 * mempool on the same cache, and names in strings.
 */
#include <linux/errno.h>
#include <linux/mempool.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "sample.h"

struct record {
	struct rcu_head rcu;
	char *name;
	unsigned int nr;
};

static struct kmem_cache *record_cache, *inode_like_cache;
static mempool_t *record_pool;
static struct record **table;
static unsigned int table_nr;

int sample_table_init(void)
{
	record_cache = KMEM_CACHE(record, SLAB_HWCACHE_ALIGN);
	inode_like_cache = kmem_cache_create("sample_inode", 600, 0,
					     SLAB_ACCOUNT, NULL);
	if (!record_cache || !inode_like_cache)
		return -ENOMEM;
	record_pool = mempool_create_slab_pool(4, record_cache);
	return record_pool ? 0 : -ENOMEM;
}

static struct record *make(unsigned int nr)
{
	struct record *r = nr % 2 ? mempool_alloc(record_pool, GFP_KERNEL) :
				    kmem_cache_alloc(record_cache, GFP_KERNEL);

	if (!r)
		return NULL;
	r->nr = nr;
	r->name = kasprintf(GFP_KERNEL, "record %u of %s", nr, SAMPLE_NAME);
	return r;
}

int sample_table_fill(unsigned int nr)
{
	void *inode = kmem_cache_alloc(inode_like_cache, GFP_KERNEL), *area;
	struct record **more;

	kmem_cache_free(inode_like_cache, inode);
	area = vmalloc(100000);
	vfree(area);
	more = kvcalloc(nr, sizeof(*more), GFP_KERNEL);
	if (!more)
		return -ENOMEM;
	table = more;
	for (table_nr = 0; table_nr < nr; table_nr++) {
		table[table_nr] = make(table_nr);
		if (!table[table_nr] || !table[table_nr]->name)
			return -ENOMEM;
	}
	return 0;
}

void sample_table_exit(void)
{
	unsigned int i;

	for (i = 0; i < table_nr; i++) {
		if (!table[i])
			continue;
		kfree(table[i]->name);
		if (i % 3 == 0)
			kfree_rcu(table[i], rcu);
		else if (i % 3 == 1)
			mempool_free(table[i], record_pool);
		else
			kmem_cache_free(record_cache, table[i]);
	}
	kvfree(table);
	/* As a cache that kfree_rcu() has objects of needs. */
	rcu_barrier();
	mempool_destroy(record_pool);
	kmem_cache_destroy(record_cache);
	kmem_cache_destroy(inode_like_cache);
}
