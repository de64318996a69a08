// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_leak: a client that forgets some of its objects, for the tests of the
 * tools that search for such objects.
 *
 * Loading it allocates @nr flows from a cache of its own and stores a pointer
 * to each in a table.  It then overwrites @forget of these pointers, spread
 * evenly.  It also has other kinds of objects: orders in a heap of its own,
 * each of which is found only through the previous one; buffers without
 * pointers, of which it frees three of four, so that their spans are mostly
 * empty; and a few large objects.  Unloading frees all objects but the forgotten
 * ones.
 *
 * The parameter "act" makes it do something: "work" allocates and frees objects, so
 * that the rates are not 0; "twice" frees an object twice; "atomic" requests more
 * than a caller that cannot sleep can get.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/kspan.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/string.h>

static unsigned int nr = 10000;
module_param(nr, uint, 0444);
MODULE_PARM_DESC(nr, "flows to allocate (10000)");

static unsigned int forget = 100;
module_param(forget, uint, 0444);
MODULE_PARM_DESC(forget, "flows to forget (100)");

#define NR_ORDERS	3000U
#define NR_BUFFERS	8000U
#define NR_LARGE	6U
#define NR_WORK		20000U

/*
 * The first words of a flow and of an order, by which a test recognises them.
 */
#define FLOW_KNOWN	0x6e776f6e6b776f6cULL
#define FLOW_FORGOTTEN	0x6f6772666c6f7774ULL

struct flow {
	u64 mark;
	u64 id;
	char rest[184];
};

struct order {
	struct order *next;
	u64 id;
	char rest[80];
};

static struct kspan_cache *flow_cache;
static struct kspan_heap *order_heap;
static struct flow **flows;
static struct order *orders;
static void **buffers;
static void *large[NR_LARGE];

/* A row of pointers that are NULL. */
static void *new_table(unsigned int entries)
{
	return kspan_calloc(entries, sizeof(void *), GFP_KERNEL);
}

static int make_flows(void)
{
	unsigned int i;

	flows = new_table(nr);
	if (!flows)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		flows[i] = kspan_cache_zalloc(flow_cache, GFP_KERNEL);
		if (!flows[i])
			return -ENOMEM;
		flows[i]->mark = FLOW_KNOWN;
		flows[i]->id = i;
	}
	return 0;
}

static int make_orders(void)
{
	struct order *order;
	unsigned int i;

	for (i = 0; i < NR_ORDERS; i++) {
		order = kspan_heap_zalloc(order_heap, sizeof(*order), GFP_KERNEL);
		if (!order)
			return -ENOMEM;
		order->id = i;
		order->next = orders;
		orders = order;
	}
	return 0;
}

static int make_buffers(void)
{
	unsigned int i;

	buffers = new_table(NR_BUFFERS);
	if (!buffers)
		return -ENOMEM;
	for (i = 0; i < NR_BUFFERS; i++) {
		buffers[i] = kspan_alloc_data(SZ_1K, GFP_KERNEL);
		if (!buffers[i])
			return -ENOMEM;
	}
	for (i = 0; i < NR_BUFFERS; i++) {
		if (i % 4 == 0)
			continue;
		kspan_free(buffers[i]);
		buffers[i] = NULL;
	}
	for (i = 0; i < NR_LARGE; i++) {
		large[i] = kspan_alloc_data(SZ_256K << (i % 3), GFP_KERNEL);
		if (!large[i])
			return -ENOMEM;
	}
	return 0;
}

/* Lose the pointers to some flows, evenly spread. */
static void forget_flows(void)
{
	unsigned int i, at;

	for (i = 0; i < min(forget, nr); i++) {
		at = div_u64((u64)i * nr, forget);
		flows[at]->mark = FLOW_FORGOTTEN;
		WRITE_ONCE(flows[at], NULL);
	}
}

static void free_all(void)
{
	struct order *order;
	unsigned int i;

	for (i = 0; flows && i < nr; i++)
		kspan_cache_free(flow_cache, flows[i]);
	while ((order = orders)) {
		orders = order->next;
		kspan_free(order);
	}
	for (i = 0; buffers && i < NR_BUFFERS; i++)
		kspan_free(buffers[i]);
	for (i = 0; i < NR_LARGE; i++)
		kspan_free(large[i]);
	kspan_free(buffers);
	kspan_free(flows);
	kspan_heap_destroy(order_heap);
	kspan_cache_destroy(flow_cache);
}

/* Allocate and free, as a busy client does. */
static void work(void)
{
	unsigned int i;

	for (i = 0; i < NR_WORK; i++) {
		kspan_free(kspan_alloc(64, GFP_KERNEL));
		if (i % 8 == 0)
			kspan_free(kspan_alloc(SZ_4K, GFP_KERNEL));
	}
}

static int act_set(const char *text, const struct kernel_param *unused)
{
	void *ptr;

	if (sysfs_streq(text, "work")) {
		work();
	} else if (sysfs_streq(text, "twice")) {
		ptr = kspan_alloc(64, GFP_KERNEL);
		kspan_free(ptr);
		kspan_free(ptr);
	} else if (sysfs_streq(text, "atomic")) {
		kspan_free(kspan_alloc(SZ_8M, GFP_ATOMIC));
	} else {
		return -EINVAL;
	}
	return 0;
}

static const struct kernel_param_ops act_ops = { .set = act_set };
module_param_cb(act, &act_ops, NULL, 0200);
MODULE_PARM_DESC(act, "what to do now: work, twice or atomic");

static int __init leak_init(void)
{
	int err = -ENOMEM;

	flow_cache = kspan_cache_create("flows", sizeof(struct flow), 0, 0, NULL);
	order_heap = kspan_heap_create("orders", 0);
	if (!flow_cache || !order_heap)
		goto fail;
	err = make_flows();
	if (!err)
		err = make_orders();
	if (!err)
		err = make_buffers();
	if (err)
		goto fail;
	forget_flows();
	return 0;

fail:
	free_all();
	return err;
}

static void __exit leak_exit(void)
{
	free_all();
}

module_init(leak_init);
module_exit(leak_exit);

MODULE_DESCRIPTION("Client of the kspan allocator that forgets objects");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
