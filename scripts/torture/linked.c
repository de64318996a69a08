// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_linked: frees objects while they are in a list, and others after they
 * left it.  With check=2 kspan must report only the first ones; otherwise the
 * load fails.
 */
#include <linux/kspan.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sizes.h>

/* Small, of a size class with many objects a page, and large. */
static const size_t sizes[] = { 40, 200, 3000, SZ_64K };

static u64 nr_linked(void)
{
	struct kspan_stats stats;

	kspan_read_stats(&stats);
	return stats.linked_free;
}

/*
 * Free an object of @size bytes.  It was in a list of two objects, and still is
 * if @linked.  Invalid pointers beside the node must be harmless.
 */
static bool free_one(size_t size, bool linked)
{
	struct list_head *node;
	unsigned long *words;
	LIST_HEAD(other);
	LIST_HEAD(head);

	words = kspan_zalloc(size, GFP_KERNEL);
	if (!words)
		return false;
	words[0] = 8;
	words[1] = -PAGE_SIZE;
	words[2] = (unsigned long)LIST_POISON1;
	node = (struct list_head *)&words[3];
	list_add(&other, &head);
	list_add(node, &head);
	if (!linked)
		list_del(node);
	kspan_free(words);
	return true;
}

static int __init linked_init(void)
{
	u64 before = nr_linked();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!free_one(sizes[i], false))
			return -ENOMEM;
	if (nr_linked() != before) {
		pr_err("%llu objects that are in no list are reported\n",
		       nr_linked() - before);
		return -EIO;
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!free_one(sizes[i], true))
			return -ENOMEM;
	if (nr_linked() != before + ARRAY_SIZE(sizes)) {
		pr_err("%llu of %zu objects in a list are reported\n",
		       nr_linked() - before, ARRAY_SIZE(sizes));
		return -EIO;
	}
	return 0;
}

static void __exit linked_exit(void)
{
}

module_init(linked_init);
module_exit(linked_exit);

MODULE_DESCRIPTION("Objects that are freed while they are in a list");
MODULE_LICENSE("GPL");
