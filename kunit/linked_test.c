// SPDX-License-Identifier: GPL-2.0
/*
 * check=2: freeing an object to which list nodes still point is reported.  An
 * object that was removed from its list before, or only points to itself, is
 * not.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/sizes.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "kunit_support.h"
#include "span/redzone.h"

/* Members that a client's object may contain. */
struct thing {
	unsigned long pad[3];
	struct list_head list;
	struct hlist_node hash;
	struct list_head own;
	struct list_head own_too;
	struct timer_list timer;
	struct work_struct work;
	struct thing *peer;
};

static struct thing *new_thing(struct kunit *test)
{
	struct thing *thing = kspan_zalloc(sizeof(*thing), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, thing);
	INIT_LIST_HEAD(&thing->list);
	INIT_HLIST_NODE(&thing->hash);
	INIT_LIST_HEAD(&thing->own);
	INIT_LIST_HEAD(&thing->own_too);
	return thing;
}

static void expect_told(struct kunit *test, const void *ptr, u64 nr,
			const char *what)
{
	struct kspan_stats before;

	kspan_read_stats(&before);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ_MSG(test, KSPAN_SINCE(&before, linked_free), nr, "%s",
			    what);
	/* A hint only: the object is freed like any other. */
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 1ULL);
	KUNIT_EXPECT_FALSE(test, kspan_owns(ptr));
}

static void in_a_list(struct kunit *test)
{
	struct thing *thing, *other = new_thing(test);
	LIST_HEAD(head);

	kspan_test_expect_linked(3);
	thing = new_thing(test);
	list_add(&thing->list, &head);
	expect_told(test, thing, 1, "alone in a list");

	INIT_LIST_HEAD(&head);
	thing = new_thing(test);
	list_add(&other->list, &head);
	list_add(&thing->list, &head);
	expect_told(test, thing, 1, "with another");

	/* The head of a list that contains other objects. */
	thing = new_thing(test);
	INIT_LIST_HEAD(&other->list);
	list_add(&other->list, &thing->own);
	expect_told(test, thing, 1, "a head");

	INIT_LIST_HEAD(&other->list);
	expect_told(test, other, 0, "none");
}

static void in_a_hlist(struct kunit *test)
{
	struct thing *thing, *other = new_thing(test);
	HLIST_HEAD(head);

	kspan_test_expect_linked(2);
	thing = new_thing(test);
	hlist_add_head(&thing->hash, &head);
	expect_told(test, thing, 1, "alone, and the last");

	INIT_HLIST_HEAD(&head);
	thing = new_thing(test);
	hlist_add_head(&other->hash, &head);
	hlist_add_head(&thing->hash, &head);
	expect_told(test, thing, 1, "with another");
	INIT_HLIST_NODE(&other->hash);
	expect_told(test, other, 0, "none");
}

static void no_timer(struct timer_list *timer)
{
}

static void no_work(struct work_struct *work)
{
}

/*
 * A pending timer and a pending work.  The case builds their lists itself, as
 * the kernel does, so that it leaves no list of the kernel broken.
 */
static void on_their_way(struct kunit *test)
{
	struct hlist_head bucket = HLIST_HEAD_INIT;
	struct thing *thing = new_thing(test);
	LIST_HEAD(pool);

	kspan_test_expect_linked(2);
	timer_setup(&thing->timer, no_timer, 0);
	hlist_add_head(&thing->timer.entry, &bucket);
	KUNIT_EXPECT_TRUE(test, timer_pending(&thing->timer));
	expect_told(test, thing, 1, "a pending timer");

	thing = new_thing(test);
	INIT_WORK(&thing->work, no_work);
	set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&thing->work));
	list_add(&thing->work.entry, &pool);
	KUNIT_EXPECT_TRUE(test, work_pending(&thing->work));
	expect_told(test, thing, 1, "a pending work");
}

/* The node at every place, in objects of every size. */
static void every_place(struct kunit *test)
{
	static const size_t sizes[] = { 16, 24, 60, 1000, 4096, 20000, 100000 };
	struct list_head *node, head;
	unsigned int i;
	size_t at;
	u8 *ptr;

	/* A small object has room for only one place. */
	kspan_test_expect_linked(2 * ARRAY_SIZE(sizes) - 1);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t last = min_t(size_t, sizes[i], 4096) / 8 * 8 - sizeof(*node);

		for (at = 0; at <= last; at += last ?: 1) {
			ptr = kspan_alloc(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptr);
			memset(ptr, 0xff, sizes[i]);
			INIT_LIST_HEAD(&head);
			node = (struct list_head *)(ptr + at);
			list_add(node, &head);
			expect_told(test, ptr, 1, "a node");
		}
	}
}

/*
 * Objects that were unlinked, or are empty, or linked to themselves, are not
 * reported.
 */
static void not_linked(struct kunit *test)
{
	struct thing *thing, *other = new_thing(test);
	LIST_HEAD(head);
	HLIST_HEAD(hhead);

	expect_told(test, new_thing(test), 0, "empty heads");

	thing = new_thing(test);
	list_add(&thing->own, &thing->own_too);
	expect_told(test, thing, 0, "a list in the object");

	thing = new_thing(test);
	list_add(&other->list, &head);
	list_add(&thing->list, &head);
	list_del(&thing->list);
	hlist_add_head(&thing->hash, &hhead);
	hlist_del(&thing->hash);
	expect_told(test, thing, 0, "unlinked");

	thing = new_thing(test);
	list_add_rcu(&thing->list, &head);
	list_del_rcu(&thing->list);
	expect_told(test, thing, 0, "unlinked for readers");

	thing = new_thing(test);
	list_add(&thing->list, &head);
	list_del_init(&thing->list);
	timer_setup(&thing->timer, no_timer, 0);
	mod_timer(&thing->timer, jiffies + 1000 * HZ);
	timer_delete_sync(&thing->timer);
	INIT_WORK(&thing->work, no_work);
	schedule_work(&thing->work);
	flush_work(&thing->work);
	expect_told(test, thing, 0, "a timer and a work that are over");

	/* Two objects that point to each other are not a list. */
	thing = new_thing(test);
	thing->peer = other;
	other->peer = thing;
	expect_told(test, thing, 0, "peers");

	/* Pointers to invalid addresses. */
	thing = new_thing(test);
	thing->pad[0] = 8;
	thing->pad[1] = PAGE_SIZE;
	thing->pad[2] = -4096UL;
	thing->list.next = LIST_POISON1;
	thing->list.prev = LIST_POISON2;
	expect_told(test, thing, 0, "wild pointers");
	list_del(&other->list);
	kspan_free(other);
}

static int linked_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (!err && IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "User Mode Linux cannot read neighbours safely");
	return err;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(in_a_list),
	KUNIT_CASE(in_a_hlist),
	KUNIT_CASE(on_their_way),
	KUNIT_CASE(every_place),
	KUNIT_CASE(not_linked),
	{}
};

KSPAN_TEST_SUITE_WITH(linked, cases, linked_init, kspan_test_exit);
