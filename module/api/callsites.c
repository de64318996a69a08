// SPDX-License-Identifier: GPL-2.0
/*
 * Exact accounting by the places that allocate.
 *
 * While it is on, each object that is allocated gets a tag: the number of the
 * place that called kspan.  The free of an object takes the tag away, and whoever
 * gets the tag counts the free; so an object is counted once, whoever frees it and
 * however often.  Objects from before have no tag and are not counted.
 *
 * Places are found by address in a table of a fixed size, without a lock: a free
 * entry is taken by compare-and-exchange, and an entry never moves.  A place that
 * finds none is counted in the entry "other".  An object that finds no memory for
 * its tag is counted as "untracked": its end will not be seen.
 *
 * A place in a module is known by its address as long as the module is there.
 * Before the kernel forgets the symbols of the module, or of its init functions,
 * the place gets its name as a text, and its address is taken out of the table: the
 * next module may have other code there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "api/callsites.h"
#include "api/lookup.h"
#include "base/meta.h"
#include "base/symbol.h"
#include "base/tags.h"

/* Entries of the table, and how many of them an address is looked for in. */
#define SITE_BITS	13
#define NR_SITES	(1U << SITE_BITS)
#define MAX_PROBES	32U

/* Entries behind those of the table. */
#define OTHER		NR_SITES
#define UNTRACKED	(NR_SITES + 1)
#define NR_ENTRIES	(NR_SITES + 2)
#define TABLE_BYTES	(NR_ENTRIES * sizeof(struct site))

/* The address of a place that has a text instead; no code is there. */
#define NAMED		1UL

/**
 * struct site_name - a place whose symbol the kernel forgets
 * @left: whether its module has been unloaded, and the objects reported
 * @module: the name of the module
 * @text: the name of the place
 */
struct site_name {
	bool left;
	char module[MODULE_NAME_LEN];
	char text[];
};

/**
 * struct site - a place that allocates
 * @addr: where its call of kspan returns to, NAMED, or 0 for none; set by
 *	cmpxchg() in any context, and to NAMED under callsites_mutex
 * @name: set once, under callsites_mutex, before @addr is NAMED
 * @total_bytes: usable bytes of the objects allocated; this and the next ones in
 *	any context
 * @total_objects: objects allocated
 * @freed_bytes: usable bytes of those of them that were freed
 * @freed_objects: how many of them were freed
 */
struct site {
	unsigned long addr;
	struct site_name *name;
	atomic64_t total_bytes;
	atomic64_t total_objects;
	atomic64_t freed_bytes;
	atomic64_t freed_objects;
};

/* Held by who switches the accounting, reads the table or names places. */
static DEFINE_MUTEX(callsites_mutex);

bool kspan_callsites_on;

/*
 * The table, or NULL; read with preemption off by who counts, and freed after a
 * grace period.
 */
static struct site *table;

/*
 * Which time the accounting is on, of large objects' tags: those of an earlier
 * time are none.  Changed under callsites_mutex while it is off.
 */
static u16 epoch;

static unsigned int site_index(const struct site *sites, const struct site *site)
{
	return site - sites;
}

/* The place with an address.  Context: Any. */
static struct site *find_site(struct site *sites, unsigned long addr)
{
	unsigned int i = hash_long(addr, SITE_BITS), probes;
	unsigned long old;

	for (probes = 0; probes < MAX_PROBES; probes++) {
		struct site *site = &sites[(i + probes) % NR_SITES];

		old = READ_ONCE(site->addr);
		if (!old)
			old = cmpxchg(&site->addr, 0, addr);
		if (!old || old == addr)
			return site;
	}
	return &sites[OTHER];
}

/*
 * Give an object another tag, 0 for none.  Return: false if it cannot have one;
 * the old one is in @tag.
 */
static bool swap_tag(const struct kspan_object *object, u16 *tag)
{
	u32 new = *tag ? (u32)epoch << 16 | *tag : 0, old;

	if (object->state)
		return kspan_tag_swap(object->state, tag);
	if (object->span->kind != KSPAN_LARGE)
		return false;
	old = xchg(&kspan_large_of(object->span)->tag, new);
	*tag = old >> 16 == epoch ? (u16)old : 0;
	return true;
}

static void count_alloc(struct site *site, size_t bytes)
{
	atomic64_add(bytes, &site->total_bytes);
	atomic64_inc(&site->total_objects);
}

static void count_free(struct site *site, size_t bytes)
{
	atomic64_add(bytes, &site->freed_bytes);
	atomic64_inc(&site->freed_objects);
}

/**
 * kspan_callsite_prepare - make sure that an object can have a tag
 * @object: the object, live
 * @gfp: how hard to try
 *
 * Context: Any but NMI; sleeps if @gfp and the context allow it.
 */
void kspan_callsite_prepare(const struct kspan_object *object, gfp_t gfp)
{
	if (object->state)
		kspan_tag_add(object->state, gfp);
}

/**
 * kspan_callsite_alloc - count an allocation
 * @object: the object, its client's since a moment ago
 * @ip: where its client called
 *
 * Context: Any but NMI, with preemption off.
 */
void kspan_callsite_alloc(const struct kspan_object *object, unsigned long ip)
{
	struct site *sites = READ_ONCE(table), *site;
	u16 tag;

	if (!sites)
		return;
	site = find_site(sites, ip);
	tag = site_index(sites, site) + 1;
	if (!swap_tag(object, &tag)) {
		count_alloc(&sites[UNTRACKED], object->size);
		return;
	}
	/* One whose end nobody told of: it has ended by now. */
	if (unlikely(tag))
		count_free(&sites[tag - 1], object->size);
	count_alloc(site, object->size);
}

/**
 * kspan_callsite_free - count a free
 * @object: the object, live
 *
 * Context: Any, NMI too, with preemption off.
 */
void kspan_callsite_free(const struct kspan_object *object)
{
	struct site *sites = READ_ONCE(table);
	u16 tag = 0;

	if (sites && swap_tag(object, &tag) && tag)
		count_free(&sites[tag - 1], object->size);
}

/**
 * kspan_callsite_resize - count that an object has another size where it is
 * @object: the object, with the size that it had
 * @size: usable bytes from now on
 *
 * Context: Any but NMI; the object is the caller's.
 */
void kspan_callsite_resize(const struct kspan_object *object, size_t size)
{
	struct site *sites;
	u16 tag = 0, none;

	preempt_disable();
	sites = READ_ONCE(table);
	if (sites && swap_tag(object, &tag) && tag) {
		none = tag;
		swap_tag(object, &none);
		if (size > object->size)
			atomic64_add(size - object->size, &sites[tag - 1].total_bytes);
		else
			atomic64_add(object->size - size, &sites[tag - 1].freed_bytes);
	}
	preempt_enable();
}

static void name_site(const struct site *sites, const struct site *site, char *text)
{
	unsigned int i = site_index(sites, site);

	if (i == OTHER)
		strscpy(text, "other", KSPAN_SYMBOL_LEN);
	else if (i == UNTRACKED)
		strscpy(text, "untracked", KSPAN_SYMBOL_LEN);
	/* Pairs with the release in keep_name(). */
	else if (smp_load_acquire(&site->addr) == NAMED)
		strscpy(text, site->name->text, KSPAN_SYMBOL_LEN);
	else
		kspan_symbol(text, READ_ONCE(site->addr));
}

/**
 * kspan_callsite_of - where an object was allocated
 * @object: the object, live
 * @text: the name of the place, KSPAN_SYMBOL_LEN bytes
 *
 * Context: Any, NMI too, with preemption off.
 * Return: false if that is not accounted.
 */
bool kspan_callsite_of(const struct kspan_object *object, char *text)
{
	struct site *sites = READ_ONCE(table);
	u16 tag = 0;
	u32 large;

	if (!sites)
		return false;
	if (object->state) {
		tag = kspan_tag_read(object->state);
	} else if (object->span->kind == KSPAN_LARGE) {
		large = READ_ONCE(kspan_large_of(object->span)->tag);
		tag = large >> 16 == epoch ? (u16)large : 0;
	}
	if (!tag)
		return false;
	name_site(sites, &sites[tag - 1], text);
	return true;
}

/**
 * kspan_callsites_begin - begin the accounting, if it is off
 *
 * Context: Process context that may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_callsites_begin(void)
{
	struct site *sites;
	int err = 0;

	BUILD_BUG_ON(NR_ENTRIES > U16_MAX);
	mutex_lock(&callsites_mutex);
	if (table)
		goto unlock;
	err = -ENOMEM;
	sites = kspan_meta_alloc(TABLE_BYTES, KSPAN_SYS_OTHER, GFP_KERNEL);
	if (!sites)
		goto unlock;
	if (!kspan_tags_begin()) {
		kspan_meta_free(sites, TABLE_BYTES, KSPAN_SYS_OTHER);
		goto unlock;
	}
	epoch++;
	/* An empty table, before who may find it. */
	smp_store_release(&table, sites);
	WRITE_ONCE(kspan_callsites_on, true);
	kspan_watch_begin();
	err = 0;
unlock:
	mutex_unlock(&callsites_mutex);
	return err;
}

static size_t name_bytes(const struct site_name *name)
{
	return struct_size(name, text, strlen(name->text) + 1);
}

/**
 * kspan_callsites_end - end the accounting, if it is on, and forget its numbers
 *
 * Context: Process context that may sleep.
 */
void kspan_callsites_end(void)
{
	struct site *sites;
	unsigned int i;

	mutex_lock(&callsites_mutex);
	sites = table;
	if (sites) {
		kspan_watch_end();
		WRITE_ONCE(kspan_callsites_on, false);
		WRITE_ONCE(table, NULL);
		/* Who counts does so with preemption off. */
		synchronize_rcu();
		kspan_tags_end();
		for (i = 0; i < NR_SITES; i++)
			if (sites[i].name)
				kspan_meta_free(sites[i].name,
						name_bytes(sites[i].name),
						KSPAN_SYS_OTHER);
		kspan_meta_free(sites, TABLE_BYTES, KSPAN_SYS_OTHER);
	}
	mutex_unlock(&callsites_mutex);
}

/* Begin to read.  Context: Process context that may sleep. */
void kspan_callsites_lock(void)
{
	mutex_lock(&callsites_mutex);
}

/* End it. */
void kspan_callsites_unlock(void)
{
	mutex_unlock(&callsites_mutex);
}

static void read_site(struct site *site, struct kspan_site_row *row)
{
	/* What has ended first, so that no more has than was begun. */
	u64 freed_bytes = atomic64_read(&site->freed_bytes);
	u64 freed_objects = atomic64_read(&site->freed_objects);

	/* Those who count write in any order: an object that ends was begun. */
	smp_rmb();
	row->total_bytes = atomic64_read(&site->total_bytes);
	row->total_objects = atomic64_read(&site->total_objects);
	row->bytes = row->total_bytes - freed_bytes;
	row->objects = row->total_objects - freed_objects;
}

/**
 * kspan_callsites_row - the numbers of a place
 * @i: which one, from 0 on
 * @row: its numbers, all 0 for a place that there is not
 * @text: its name, KSPAN_SYMBOL_LEN bytes, or NULL if nobody wants it
 *
 * Context: Between kspan_callsites_lock() and kspan_callsites_unlock().
 * Return: false if there are no more.
 */
bool kspan_callsites_row(unsigned int i, struct kspan_site_row *row, char *text)
{
	if (!table || i >= NR_ENTRIES)
		return false;
	read_site(&table[i], row);
	if (text)
		name_site(table, &table[i], text);
	return true;
}

/* Let a place be known by its name from now on. */
static void keep_name(struct site *site, const char *module)
{
	char text[KSPAN_SYMBOL_LEN];
	struct site_name *name;
	size_t bytes;

	kspan_symbol(text, site->addr);
	bytes = struct_size(name, text, strlen(text) + 1);
	name = kspan_meta_alloc(bytes, KSPAN_SYS_OTHER, GFP_KERNEL | __GFP_NOFAIL);
	name->left = false;
	strscpy(name->module, module, MODULE_NAME_LEN);
	memcpy(name->text, text, strlen(text) + 1);
	site->name = name;
	/* The name before the word of it; pairs with that in name_site(). */
	smp_store_release(&site->addr, NAMED);
}

/**
 * kspan_callsites_name - name places before the kernel forgets their symbols
 * @mod: the module that they are in
 * @module: its name
 * @leaves: all of them, since the module goes; else those in its init functions
 *
 * Context: A module notifier.
 */
void kspan_callsites_name(const struct module *mod, const char *module,
			  bool leaves)
{
	unsigned int i;

	mutex_lock(&callsites_mutex);
	for (i = 0; table && i < NR_SITES; i++) {
		struct site *site = &table[i];
		unsigned long addr = READ_ONCE(site->addr);

		if (addr > NAMED && (within_module_init(addr, mod) ||
				     (leaves && within_module_core(addr, mod))))
			keep_name(site, module);
		cond_resched();
	}
	mutex_unlock(&callsites_mutex);
}

/**
 * kspan_callsites_left - report what a module that goes leaves behind
 * @module: its name; its places have names
 *
 * Context: A module notifier.
 * Return: whether it has left something.
 */
bool kspan_callsites_left(const char *module)
{
	struct kspan_site_row row;
	bool any = false;
	unsigned int i;

	mutex_lock(&callsites_mutex);
	for (i = 0; table && i < NR_SITES; i++) {
		struct site_name *name = table[i].name;

		if (!name || name->left || strcmp(name->module, module))
			continue;
		name->left = true;
		read_site(&table[i], &row);
		if (!row.objects)
			continue;
		any = true;
		pr_warn("module %s left %llu objects (%llu bytes) from %s\n",
			module, row.objects, row.bytes, name->text);
	}
	mutex_unlock(&callsites_mutex);
	return any;
}
