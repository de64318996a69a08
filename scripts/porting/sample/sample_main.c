// SPDX-License-Identifier: GPL-2.0
/*
 * A module that uses <linux/slab.h> and does not refer to kspan, as an example
 * of moving one.  Its parameter fault makes one of the mistakes that kspan
 * finds.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "sample.h"

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "none, overrun, after_free, double_free, wild_free, wrong_cache or leak");

static unsigned int nr = 300;
module_param(nr, uint, 0444);
MODULE_PARM_DESC(nr, "records (300)");

static char *greeting;
/* Calls by address arrive at kspan as well. */
static void (*const free_it)(const void *) = kfree;

/* A compiler that sees the mistake would warn of it or leave it out. */
static noinline void *launder(void *ptr)
{
	OPTIMIZER_HIDE_VAR(ptr);
	return ptr;
}

static void make_fault(void)
{
	char *obj = kmalloc(100, GFP_KERNEL), *p = launder(obj);
	struct kmem_cache *a, *b;

	if (!obj)
		return;
	if (!strcmp(fault, "overrun")) {
		p[100] = 1;
	} else if (!strcmp(fault, "after_free")) {
		kfree(obj);
		p[20] = 1;
		return;
	} else if (!strcmp(fault, "double_free")) {
		kfree(obj);
		kfree(p);
		return;
	} else if (!strcmp(fault, "wild_free")) {
		kfree(p + 8);
	} else if (!strcmp(fault, "wrong_cache")) {
		a = kmem_cache_create("sample_a", 48, 0, 0, NULL);
		b = kmem_cache_create("sample_b", 48, 0, 0, NULL);
		p = kmem_cache_alloc(a, GFP_KERNEL);
		kmem_cache_free(b, p);
		kmem_cache_free(a, p);
		kmem_cache_destroy(a);
		kmem_cache_destroy(b);
	} else if (!strcmp(fault, "leak")) {
		return;
	}
	kfree(obj);
}

static int __init sample_init(void)
{
	size_t len = 6;
	int err;

	OPTIMIZER_HIDE_VAR(len);
	greeting = kmemdup("hello", len, GFP_KERNEL);
	err = greeting ? sample_table_init() : -ENOMEM;
	if (!err)
		err = sample_table_fill(nr);
	if (err) {
		sample_table_exit();
		kfree(greeting);
		return err;
	}
	make_fault();
	pr_info("%s, %u records\n", greeting, nr);
	return 0;
}

static void __exit sample_exit(void)
{
	sample_table_exit();
	free_it(greeting);
}

module_init(sample_init);
module_exit(sample_exit);

MODULE_DESCRIPTION("A module that uses slab, to be moved to kspan");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
