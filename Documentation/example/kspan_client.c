// SPDX-License-Identifier: GPL-2.0
/*
 * A small client of kspan: keeps a list of records, each with a name and a
 * buffer, and one large table.  What it allocates at load it frees at unload.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/string.h>

static unsigned int nr = 1000;
module_param(nr, uint, 0444);
MODULE_PARM_DESC(nr, "records to allocate (1000)");

#define TABLE_SIZE	SZ_1M
#define DATA_STEP	24	/* each buffer is this much longer than the last */
#define DATA_MAX	SZ_4K

struct record {
	struct list_head node;
	char *name;
	void *data;
	size_t len;
};

static LIST_HEAD(records);
static void *table;

static void record_free(struct record *rec)
{
	/* NULL is fine, so a record need not be complete. */
	kspan_free(rec->data);
	kspan_free(rec->name);
	kspan_free(rec);
}

static struct record *record_alloc(unsigned int id)
{
	struct record *rec;
	char name[24];

	rec = kspan_zalloc(sizeof(*rec), GFP_KERNEL);
	if (!rec)
		return NULL;

	snprintf(name, sizeof(name), "record-%u", id);
	rec->name = kspan_strdup(name, GFP_KERNEL);
	if (!rec->name)
		goto fail;

	/* Plain bytes: kept apart from objects that hold pointers. */
	rec->len = 1 + id * DATA_STEP % DATA_MAX;
	rec->data = kspan_alloc_data(rec->len, GFP_KERNEL);
	if (!rec->data)
		goto fail;
	memset(rec->data, id, rec->len);
	return rec;

fail:
	record_free(rec);
	return NULL;
}

static void free_all(void)
{
	struct record *rec, *next;

	list_for_each_entry_safe(rec, next, &records, node) {
		list_del(&rec->node);
		record_free(rec);
	}
	kspan_free(table);
}

static int __init client_init(void)
{
	struct record *rec;
	size_t bytes = 0;
	unsigned int i;

	table = kspan_zalloc(TABLE_SIZE, GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	for (i = 0; i < nr; i++) {
		rec = record_alloc(i);
		if (!rec) {
			free_all();
			return -ENOMEM;
		}
		list_add_tail(&rec->node, &records);
		bytes += rec->len;
	}
	pr_info("%u records with %zu bytes of data\n", nr, bytes);
	return 0;
}

static void __exit client_exit(void)
{
	free_all();
	pr_info("freed all\n");
}

module_init(client_init);
module_exit(client_exit);

MODULE_DESCRIPTION("Example client of the kspan allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
