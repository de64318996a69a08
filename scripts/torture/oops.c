// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_oops: real faults in and around kspan's memory.
 *
 * Writing one of these words to the debugfs file kspan_oops/fault causes the
 * fault, whose oops kills the writer:
 *
 *   behind     a read behind the last byte of a large object
 *   freed      a NULL dereference of a pointer read from a freed object
 *   live       a NULL dereference while a register points to a cache's object
 *   kfree      an object of kspan is passed to kfree()
 *   overrun    reads behind objects of 64 bytes, until a guard page follows one
 *   underrun   reads in front of them
 *   used       reads of freed objects, until one was a guard object
 *   other      a fault without relation to kspan
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

struct thing {
	unsigned long *link;
	unsigned long value;
	char rest[48];
};

static struct dentry *dir;
static struct kspan_cache *cache;

/* Keeps a pointer to the thing, as code that goes on to use it would. */
static noinline unsigned long follow(struct thing *thing)
{
	unsigned long value = READ_ONCE(*READ_ONCE(thing->link));

	WRITE_ONCE(thing->value, value);
	return value;
}

static noinline unsigned long fault_behind(void)
{
	char *large = kspan_alloc(SZ_2M, GFP_KERNEL);

	if (!large)
		return 0;
	OPTIMIZER_HIDE_VAR(large);
	return READ_ONCE(large[SZ_2M + 8]);
}

static noinline unsigned long fault_freed(void)
{
	struct thing *thing = kspan_zalloc(sizeof(*thing), GFP_KERNEL);

	if (!thing)
		return 0;
	kspan_free(thing);
	return follow(thing);
}

static noinline unsigned long fault_live(void)
{
	struct thing *thing = kspan_cache_zalloc(cache, GFP_KERNEL);

	return thing ? follow(thing) : 0;
}

static noinline unsigned long fault_kfree(void)
{
	void *ptr = kspan_alloc(64, GFP_KERNEL);

	/* The compiler may know that these two do not belong together. */
	OPTIMIZER_HIDE_VAR(ptr);
	kfree(ptr);
	return (unsigned long)ptr;
}

/* Of objects that one round allocates. */
#define NR_TRIES	500
#define NR_ROUNDS	100

/*
 * Read, which harms nobody, at @offset from each of many objects.  Now and then one
 * is a guard object.
 */
static noinline unsigned long read_at(long offset)
{
	unsigned long sum = 0;
	unsigned int i;
	char *ptr;

	for (i = 0; i < NR_TRIES * NR_ROUNDS; i++) {
		ptr = kspan_alloc(64, GFP_KERNEL);
		if (!ptr)
			break;
		OPTIMIZER_HIDE_VAR(ptr);
		sum += READ_ONCE(ptr[offset]);
		kspan_free(ptr);
		if (i % NR_TRIES == 0)
			msleep(20);
	}
	return sum;
}

static noinline unsigned long fault_overrun(void)
{
	return read_at(64);
}

static noinline unsigned long fault_underrun(void)
{
	return read_at(-1);
}

static noinline unsigned long fault_used(void)
{
	static char *ptrs[NR_TRIES];
	unsigned long sum = 0;
	unsigned int i, round;

	for (round = 0; round < NR_ROUNDS; round++) {
		for (i = 0; i < NR_TRIES; i++) {
			ptrs[i] = kspan_alloc(64, GFP_KERNEL);
			kspan_free(ptrs[i]);
		}
		/* A worker unmaps what was freed. */
		msleep(20);
		for (i = 0; i < NR_TRIES; i++)
			if (READ_ONCE(ptrs[i]))
				sum += READ_ONCE(ptrs[i][8]);
	}
	return sum;
}

static noinline unsigned long fault_other(void)
{
	unsigned long *nothing = NULL;

	OPTIMIZER_HIDE_VAR(nothing);
	return READ_ONCE(*nothing);
}

static const struct {
	const char *name;
	unsigned long (*fn)(void);
} faults[] = {
	{ "behind", fault_behind },
	{ "freed", fault_freed },
	{ "live", fault_live },
	{ "kfree", fault_kfree },
	{ "overrun", fault_overrun },
	{ "underrun", fault_underrun },
	{ "used", fault_used },
	{ "other", fault_other },
};

static ssize_t fault_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	char word[16] = "";
	unsigned int i;

	if (count >= sizeof(word) || copy_from_user(word, buf, count))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (sysfs_streq(word, faults[i].name))
			pr_info("there was no fault: %lu\n", faults[i].fn());
	return -EINVAL;
}

static const struct file_operations fault_fops = {
	.open = simple_open,
	.write = fault_write,
};

static int __init faults_init(void)
{
	cache = kspan_cache_create("things", sizeof(struct thing), 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	dir = debugfs_create_dir("kspan_oops", NULL);
	debugfs_create_file("fault", 0200, dir, NULL, &fault_fops);
	return 0;
}

static void __exit faults_exit(void)
{
	debugfs_remove(dir);
	kspan_cache_destroy(cache);
}

module_init(faults_init);
module_exit(faults_exit);

MODULE_DESCRIPTION("Faults for the reports of the kspan allocator");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
