// SPDX-License-Identifier: GPL-2.0
/*
 * kspan_promises: uses what <linux/kspan.h> allows clients to do, compiled as a
 * client is, with the kernel's fortified string functions.
 *
 * Function attributes are promises to the compiler.  A broken promise shows in
 * client code and nowhere in kspan itself: the compiler leaves out a store, or
 * a fortified memset() panics.  Loading the module runs all checks, and fails
 * with EINVAL if one of them fails.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kspan.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

static unsigned int nr_broken;

#define PROMISE(what)							\
	do {								\
		if (!(what)) {						\
			pr_err("line %d: broken: %s\n", __LINE__, #what); \
			nr_broken++;					\
		}							\
	} while (0)

struct vec {
	unsigned long len;
	unsigned long room;
};

/*
 * kspan_realloc() may return the same object.  With a wrong attribute the
 * compiler assumes that it does not, and leaves the store out.
 */
static noinline unsigned long grow_in_place(struct vec *v, size_t size)
{
	struct vec *new = kspan_realloc(v, size, GFP_KERNEL);

	if (new != v)
		return -1UL;
	new->len = 2;
	return v->len;
}

static noinline unsigned long grow_array_in_place(struct vec *v, size_t n)
{
	struct vec *new = kspan_realloc_array(v, n, sizeof(*v), GFP_KERNEL);

	if (new != v)
		return -1UL;
	new->len = 3;
	return v->len;
}

static void resize_keeps_stores(void)
{
	struct vec *v = kspan_zalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return;
	v->len = 1;
	PROMISE(grow_in_place(v, sizeof(*v)) == 2);
	PROMISE(grow_array_in_place(v, 1) == 3);
	kspan_free(v);
}

/* A copy may hold a pointer to data that the caller changes another way. */
static noinline int copy_shares(int *shared)
{
	int **copy = kspan_memdup(&shared, sizeof(shared), GFP_KERNEL);
	int seen;

	if (!copy)
		return 7;
	*shared = 5;
	**copy = 7;
	seen = *shared;
	kspan_free(copy);
	return seen;
}

/* Write to and free a whole object, whose size the compiler may know. */
#define USE_ALL(expr)							\
	do {								\
		char *all_ = (expr);					\
									\
		if (all_) {						\
			memset(all_, 0x5a, kspan_size(all_));		\
			kspan_free(all_);				\
		}							\
	} while (0)

/*
 * All bytes up to kspan_size() may be used, whatever size the compiler knows.
 */
static void whole_objects(size_t odd)
{
	static const char text[20] = "nineteen characters";

	USE_ALL(kspan_alloc(20, GFP_KERNEL));
	USE_ALL(kspan_alloc(odd, GFP_KERNEL));
	USE_ALL(kspan_alloc(40000, GFP_KERNEL));
	USE_ALL(kspan_alloc(odd * 2000, GFP_KERNEL));
	USE_ALL(kspan_zalloc(20, GFP_KERNEL));
	USE_ALL(kspan_alloc_node(20, GFP_KERNEL, 0));
	USE_ALL(kspan_alloc_node(odd, GFP_KERNEL, 0));
	USE_ALL(kspan_alloc_data(20, GFP_KERNEL));
	USE_ALL(kspan_alloc_tiny(5, GFP_KERNEL));
	USE_ALL(kspan_alloc_tiny(20, GFP_KERNEL));
	USE_ALL(kspan_alloc_aligned(20, 64, GFP_KERNEL));
	USE_ALL(kspan_alloc_aligned(64, 128, GFP_KERNEL));
	USE_ALL(kspan_alloc_array(5, 4, GFP_KERNEL));
	USE_ALL(kspan_calloc(odd, 3, GFP_KERNEL));
	USE_ALL(kspan_realloc(NULL, 20, GFP_KERNEL));
	USE_ALL(kspan_realloc_array(NULL, odd, 3, GFP_KERNEL));
	USE_ALL(kspan_memdup(text, sizeof(text), GFP_KERNEL));
	USE_ALL(kspan_strdup(text, GFP_KERNEL));
	USE_ALL(kspan_strndup(text, 12, GFP_KERNEL));
}

/* The size that the compiler knows for an object, or -1. */
#define KNOWN(expr)							\
	({								\
		char *known_ = (expr);					\
		size_t size_ = __builtin_object_size(known_, 0);	\
									\
		kspan_free(known_);					\
		size_;							\
	})

/*
 * The compiler knows sizes that fill their class, so that functions are
 * checked.
 */
static void known_sizes(size_t odd)
{
	PROMISE(KNOWN(kspan_alloc(64, GFP_KERNEL)) == 64);
	PROMISE(KNOWN(kspan_alloc(65536, GFP_KERNEL)) == 65536);
	PROMISE(KNOWN(kspan_zalloc(24, GFP_KERNEL)) == 24);
	PROMISE(KNOWN(kspan_alloc_node(4096, GFP_KERNEL, 0)) == 4096);
	PROMISE(KNOWN(kspan_alloc_data(32768, GFP_KERNEL)) == 32768);
	PROMISE(KNOWN(kspan_alloc_array(4, 16, GFP_KERNEL)) == 64);
	PROMISE(KNOWN(kspan_calloc(16, 16, GFP_KERNEL)) == 256);
	PROMISE(KNOWN(kspan_alloc(20, GFP_KERNEL)) == -1UL);
	PROMISE(KNOWN(kspan_alloc(40000, GFP_KERNEL)) == -1UL);
	PROMISE(KNOWN(kspan_alloc(odd, GFP_KERNEL)) == -1UL);
	PROMISE(KNOWN(kspan_alloc_array(5, 4, GFP_KERNEL)) == -1UL);
}

/* If the header declares a size exact, it is the usable size. */
static void exact_sizes(void)
{
	unsigned int nr = 0;
	size_t size;

	for (size = 1; size <= 32768; size++) {
		PROMISE(!kspan_size_is_exact(size) ||
			kspan_size_roundup(size) == size);
		nr += kspan_size_is_exact(size);
	}
	PROMISE(nr == 70);
}

/* Macros evaluate a size argument exactly once. */
static void arguments_count_once(void)
{
	size_t n = 24;
	void *ptr = kspan_alloc(n++, GFP_KERNEL);

	PROMISE(n == 25);
	kspan_free(ptr);
	ptr = kspan_alloc_array(n++, 8, GFP_KERNEL);
	PROMISE(n == 26);
	kspan_free(ptr);
}

struct rec {
	u64 nr;
	struct rcu_head rcu;
};

/* No other CPU's worker may free the object while it is being read. */
static void reader_is_safe(void)
{
	struct rec *rec = kspan_zalloc_obj(*rec);

	if (!rec)
		return;
	rcu_read_lock();
	kspan_free_rcu(rec, rcu);
	mdelay(50);
	PROMISE(kspan_owns(rec));
	rcu_read_unlock();
	kspan_rcu_barrier();
	PROMISE(!kspan_owns(rec));
	PROMISE(kspan_contains(rec));
}

static int __init promises_init(void)
{
	size_t odd = 21;
	int shared = 0;

	OPTIMIZER_HIDE_VAR(odd);
	resize_keeps_stores();
	PROMISE(copy_shares(&shared) == 7);
	whole_objects(odd);
	known_sizes(odd);
	exact_sizes();
	arguments_count_once();
	reader_is_safe();
	pr_info("%u broken, fortified string functions: %d\n", nr_broken,
		IS_ENABLED(CONFIG_FORTIFY_SOURCE));
	return nr_broken ? -EINVAL : 0;
}
module_init(promises_init);

static void __exit promises_exit(void)
{
}
module_exit(promises_exit);

MODULE_DESCRIPTION("Does what kspan's header lets a client do");
MODULE_LICENSE("GPL");
