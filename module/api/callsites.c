// SPDX-License-Identifier: GPL-2.0
/*
 * Exact accounting by call site.
 *
 * While it is on, each allocated object gets a tag, which is the number of the
 * call site.  A free removes the tag with an exchange, and the caller that gets
 * it counts the free.  So an object is counted once even if several callers
 * free it.  Objects that were allocated before have no tag and are not counted.
 *
 * Call sites are found by address in a table of fixed size, without a lock.  A
 * free entry is claimed by compare-and-exchange, and an entry never moves.  A
 * call site that finds no entry is counted in the entry "other".  An object
 * without memory for its tag is counted in "untracked", because its free cannot
 * be counted.
 *
 * The address of a call site in a module is valid only while the module is
 * loaded.  Before the kernel discards the symbols of the module, or of its init
 * functions, kspan stores the name of the call site as text and removes its
 * address from the table, because another module may have other code there
 * later.
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
#include "span/guard.h"

/* Entries of the table, and how many of them are searched for an address. */
#define SITE_BITS	13
#define NR_SITES	(1U << SITE_BITS)
#define MAX_PROBES	32U

/* Special entries after those of the table. */
#define OTHER		NR_SITES
#define UNTRACKED	(NR_SITES + 1)
#define NR_ENTRIES	(NR_SITES + 2)
#define TABLE_BYTES	(NR_ENTRIES * sizeof(struct site))

/* The address in an entry that has a text instead; there is no code at 1. */
#define NAMED		1UL

/**
 * struct site_name - a call site whose symbol the kernel discards
 * @left: whether its module has been unloaded and its objects reported
 * @module: name of the module
 * @text: name of the call site
 */
struct site_name {
	bool left;
	char module[MODULE_NAME_LEN];
	char text[];
};

/**
 * struct site - a call site
 * @addr: return address of its call of kspan, NAMED, or 0 for a free entry; set
 *	by cmpxchg() in any context, and to NAMED under callsites_mutex
 * @name: set once, under callsites_mutex, before @addr becomes NAMED
 * @total_bytes: usable bytes of the objects allocated; any context changes this
 *	and the following counts
 * @total_objects: number of objects allocated
 * @freed_bytes: usable bytes of the objects among them that were freed
 * @freed_objects: number of objects among them that were freed
 */
struct site {
	unsigned long addr;
	struct site_name *name;
	atomic64_t total_bytes;
	atomic64_t total_objects;
	atomic64_t freed_bytes;
	atomic64_t freed_objects;
};

/* Held to switch the accounting, read the table, or name call sites. */
static DEFINE_MUTEX(callsites_mutex);

bool kspan_callsites_on;

/*
 * The table, or NULL.  Code that counts reads it with preemption off.  It is
 * freed after a grace period.
 */
static struct site *table;

/*
 * The number of the current period of accounting, for the tags of large
 * objects: tags of earlier periods are void.  Changed under callsites_mutex
 * while it is off.
 */
static u16 epoch;

static unsigned int site_index(const struct site *sites, const struct site *site)
{
	return site - sites;
}

/* The entry of a call site.  Context: Any. */
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

/* Where an object without a state byte has its tag, or NULL. */
static u32 *own_tag(const struct kspan_object *object)
{
	switch (object->span->kind) {
	case KSPAN_LARGE:
		return &kspan_large_of(object->span)->tag;
	case KSPAN_GUARD:
		return &kspan_guard_of(object->span)->tag;
	default:
		return NULL;
	}
}

/*
 * Exchange the tag of an object for *@tag, 0 for none, and store the old one in
 * *@tag.  Returns false if the object cannot have a tag.
 */
static bool swap_tag(const struct kspan_object *object, u16 *tag)
{
	u32 new = *tag ? (u32)epoch << 16 | *tag : 0, old, *own;

	if (object->state)
		return kspan_tag_swap(object->state, tag);
	own = own_tag(object);
	if (!own)
		return false;
	old = xchg(own, new);
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
 * @gfp: flags for the allocation
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
 * @object: the object, just allocated
 * @ip: return address of the client's call
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
	/*
	 * The tag of an object whose free was not reported; that object is
	 * gone.
	 */
	if (unlikely(tag))
		count_free(&sites[tag - 1], object->size);
	count_alloc(site, object->size);
}

/**
 * kspan_callsite_free - count a free
 * @object: the object, live
 *
 * Context: Any, including NMI, with preemption off.
 */
void kspan_callsite_free(const struct kspan_object *object)
{
	struct site *sites = READ_ONCE(table);
	u16 tag = 0;

	if (sites && swap_tag(object, &tag) && tag)
		count_free(&sites[tag - 1], object->size);
}

/**
 * kspan_callsite_resize - count that an object changed its size in place
 * @object: the object, with its old size
 * @size: usable bytes from now on
 *
 * Context: Any but NMI; the caller owns the object.
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
 * @text: set to the name of the call site, KSPAN_SYMBOL_LEN bytes
 *
 * Context: Any, including NMI, with preemption off.
 * Return: false if the object has no tag.
 */
bool kspan_callsite_of(const struct kspan_object *object, char *text)
{
	struct site *sites = READ_ONCE(table);
	u16 tag = 0;
	u32 own;

	if (!sites)
		return false;
	if (object->state) {
		tag = kspan_tag_read(object->state);
	} else if (own_tag(object)) {
		own = READ_ONCE(*own_tag(object));
		tag = own >> 16 == epoch ? (u16)own : 0;
	}
	if (!tag)
		return false;
	name_site(sites, &sites[tag - 1], text);
	return true;
}

/**
 * kspan_callsites_begin - switch the accounting on, if it is off
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
	/* The table must be complete before other CPUs can find it. */
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
 * kspan_callsites_end - switch the accounting off, if it is on, and drop its
 * counts
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
		/* Code that counts uses the table with preemption off. */
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

/* Begin reading.  Context: Process context that may sleep. */
void kspan_callsites_lock(void)
{
	mutex_lock(&callsites_mutex);
}

/* End reading. */
void kspan_callsites_unlock(void)
{
	mutex_unlock(&callsites_mutex);
}

static void read_site(struct site *site, struct kspan_site_row *row)
{
	/* Read the frees first, so that they never exceed the allocations. */
	u64 freed_bytes = atomic64_read(&site->freed_bytes);
	u64 freed_objects = atomic64_read(&site->freed_objects);

	/*
	 * Order these reads: each object is counted as allocated before it is
	 * freed.
	 */
	smp_rmb();
	row->total_bytes = atomic64_read(&site->total_bytes);
	row->total_objects = atomic64_read(&site->total_objects);
	row->bytes = row->total_bytes - freed_bytes;
	row->objects = row->total_objects - freed_objects;
}

/**
 * kspan_callsites_row - read the counts of a call site
 * @i: index, from 0 on
 * @row: set to the counts, all 0 for an unused entry
 * @text: set to the name, KSPAN_SYMBOL_LEN bytes, or NULL
 *
 * Context: Between kspan_callsites_lock() and kspan_callsites_unlock().
 * Return: false if there are no more entries.
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

/* Store the name of a call site, which replaces its address from now on. */
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
	/* The name must be visible before NAMED; pairs with name_site(). */
	smp_store_release(&site->addr, NAMED);
}

/**
 * kspan_callsites_name - name call sites before the kernel discards their
 * symbols
 * @mod: the module that contains them
 * @module: its name
 * @leaves: whether the module is unloaded; if not, only its init functions go
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
 * kspan_callsites_left - report the objects that an unloaded module leaves
 * behind
 * @module: its name; its call sites have names
 *
 * Context: A module notifier.
 * Return: whether it has left any.
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
