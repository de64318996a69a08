// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_faulty: a module of somebody's that knows nothing of kspan and corrupts
 * memory.  Kbuild has it read kspan_slab.h, as `make port` does.
 *
 * Writing "orders" to the debugfs file kspan_faulty/do makes many orders, and writes
 * an item behind the end of each.  Writing "late" changes orders after their free.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define NR_ITEMS	31
#define NR_ORDERS	1000000
#define NR_ROUNDS	200
#define NR_LATE		500

static struct dentry *dir;

struct order {
	u64 nr;
	u64 item[NR_ITEMS];
};

static noinline struct order *order_new(void)
{
	return kmalloc(sizeof(struct order), GFP_KERNEL);
}

static noinline void order_end(struct order *order)
{
	kfree(order);
}

static noinline void order_fill(struct order *order, u64 nr)
{
	unsigned int i;

	order->nr = nr;
	/* One too many. */
	for (i = 0; i <= NR_ITEMS; i++)
		WRITE_ONCE(order->item[i], nr + i);
}

static noinline void make_orders(void)
{
	struct order *order;
	unsigned int i;

	for (i = 0; i < NR_ORDERS; i++) {
		order = order_new();
		if (!order)
			return;
		order_fill(order, i);
		order_end(order);
		cond_resched();
	}
}

/* The compiler is not to see that it is freed. */
static noinline void order_cancel(struct order *order)
{
	OPTIMIZER_HIDE_VAR(order);
	WRITE_ONCE(order->nr, 0);
}

static noinline void make_late(void)
{
	static struct order *orders[NR_LATE];
	unsigned int i, k;

	for (i = 0; i < NR_ROUNDS; i++) {
		for (k = 0; k < NR_LATE; k++) {
			orders[k] = order_new();
			order_end(orders[k]);
		}
		msleep(20);
		for (k = 0; k < NR_LATE; k++)
			if (orders[k])
				order_cancel(orders[k]);
	}
}

static ssize_t do_write(struct file *file, const char __user *buf, size_t count,
			loff_t *ppos)
{
	char word[16] = "";

	if (count >= sizeof(word) || copy_from_user(word, buf, count))
		return -EINVAL;
	if (sysfs_streq(word, "orders"))
		make_orders();
	else if (sysfs_streq(word, "late"))
		make_late();
	else
		return -EINVAL;
	return count;
}

static const struct file_operations do_fops = {
	.open = simple_open,
	.write = do_write,
};

static int __init faulty_init(void)
{
	dir = debugfs_create_dir("kspan_faulty", NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	return 0;
}

static void __exit faulty_exit(void)
{
	debugfs_remove(dir);
}

module_init(faulty_init);
module_exit(faulty_exit);

MODULE_DESCRIPTION("A module that corrupts memory");
MODULE_AUTHOR("The kspan developers");
MODULE_LICENSE("GPL");
