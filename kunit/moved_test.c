// SPDX-License-Identifier: GPL-2.0
/*
 * The functions that modules with <linux/kspan_slab.h> call: which allocator
 * serves and frees their objects, and what is left when they are unloaded.
 * scripts/port-test.sh tests the header itself with modules that are built with
 * it.
 */
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/client_heap.h"
#include "api/moved.h"
#include "api/moved_fail.h"
#include "base/compat.h"
#include "kunit_support.h"

#ifdef CONFIG_MODULES

/* A module that owns nothing; only its address and its name are used. */
static struct module client = { .name = "moved_client" };
static struct kspan_moved m = { .owner = &client };

static void attach(struct kunit *test)
{
	m = (struct kspan_moved){ .owner = &client };
	KUNIT_ASSERT_TRUE(test, kspan_moved_attach_now(&m));
	KUNIT_ASSERT_NOT_NULL(test, m.heap);
}

/*
 * Detach the client.  Objects that it left stay live, and the case frees them.
 */
static void detach(void)
{
	kspan_moved_detach(&client);
}

static u64 live(void)
{
	struct kspan_heap_stats stats;

	kspan_client_heap_read(m.heap, &stats);
	return stats.objects;
}

/* Objects come from the heap with the name of the module, and return there. */
static void heap_of_module(struct kunit *test)
{
	void *objs[6];
	unsigned int i;

	attach(test);
	KUNIT_EXPECT_STREQ(test, m.heap->name, "moved_client");
	objs[0] = kspan_slab_alloc(100, GFP_KERNEL, &m);
	objs[1] = kspan_slab_alloc_node(100, NULL, GFP_KERNEL | __GFP_RECLAIMABLE,
					0, &m);
	objs[2] = kspan_slab_kvalloc(SZ_1M, NULL, 1, GFP_KERNEL, NUMA_NO_NODE, &m);
	objs[3] = kspan_slab_realloc(NULL, 100, 1, GFP_KERNEL, NUMA_NO_NODE, &m);
	objs[4] = kspan_slab_strdup("a string", GFP_KERNEL, &m);
	objs[5] = kspan_slab_memdup("bytes", 6, GFP_KERNEL, &m);
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		KUNIT_EXPECT_PTR_EQ(test, kspan_client_heap_of(objs[i]), m.heap);
	}
	KUNIT_EXPECT_EQ(test, live(), 6);
	KUNIT_EXPECT_STREQ(test, (char *)objs[4], "a string");
	KUNIT_EXPECT_STREQ(test, (char *)objs[5], "bytes");
	kspan_slab_vfree(objs[2]);
	kspan_slab_kvfree(objs[3]);
	kspan_slab_free_sensitive(objs[4]);
	kspan_slab_free_const(objs[5]);
	kspan_slab_cache_free_bulk(NULL, 2, objs);
	KUNIT_EXPECT_EQ(test, live(), 0);
	detach();
	KUNIT_EXPECT_NULL(test, m.heap);
}

/* The first allocation creates the heap, unless it must not sleep. */
static void heap_at_first_use(struct kunit *test)
{
	void *early, *late;

	m = (struct kspan_moved){ .owner = &client };
	early = kspan_slab_alloc(100, GFP_ATOMIC, &m);
	KUNIT_ASSERT_NOT_NULL(test, early);
	KUNIT_EXPECT_NULL(test, m.heap);
	late = kspan_slab_alloc(100, GFP_KERNEL, &m);
	KUNIT_ASSERT_NOT_NULL(test, late);
	KUNIT_ASSERT_NOT_NULL(test, m.heap);
	KUNIT_EXPECT_PTR_EQ(test, kspan_client_heap_of(late), m.heap);
	kspan_slab_free(early);
	kspan_slab_free(late);
	detach();
}

/*
 * The kernel serves requests that kspan refuses, and every free finds the
 * allocator.
 */
static void kernel_serves_the_rest(struct kunit *test)
{
	static const gfp_t flags[] = {
		GFP_KERNEL_ACCOUNT, GFP_KERNEL | __GFP_DMA, GFP_KERNEL | __GFP_DMA32,
	};
	struct kspan_stats before;
	void *ptr, *more;
	unsigned int i;

	attach(test);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		/*
		 * If there is no such zone, the kernel has no memory of it
		 * either.
		 */
		ptr = kspan_slab_alloc(100, flags[i] | __GFP_NOWARN, &m);
		KUNIT_EXPECT_FALSE(test, kspan_contains(ptr));
		kspan_slab_free(ptr);
	}
	ptr = kspan_kernel_kmalloc(100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_FALSE(test, kspan_contains(ptr));
	KUNIT_EXPECT_EQ(test, kspan_slab_ksize(ptr), ksize(ptr));
	ptr = kspan_slab_realloc(ptr, 5000, 1, GFP_KERNEL, NUMA_NO_NODE, &m);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_FALSE(test, kspan_contains(ptr));
	kspan_slab_free(ptr);
	ptr = vmalloc(SZ_64K);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_slab_vfree(ptr);
	kspan_slab_kvfree(kvmalloc(SZ_64K, GFP_KERNEL));
	kspan_slab_free(NULL);
	kspan_slab_free(ZERO_SIZE_PTR);
	kspan_slab_kvfree(NULL);
	kspan_slab_vfree(NULL);
	/* An object of kspan has to move when a resize requests accounting. */
	ptr = kspan_slab_memdup("content", 8, GFP_KERNEL, &m);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	more = kspan_slab_realloc(ptr, 3000, 1, GFP_KERNEL_ACCOUNT, NUMA_NO_NODE,
				  &m);
	KUNIT_ASSERT_NOT_NULL(test, more);
	KUNIT_EXPECT_FALSE(test, kspan_contains(more));
	KUNIT_EXPECT_STREQ(test, (char *)more, "content");
	kspan_slab_free(more);
	KUNIT_EXPECT_EQ(test, live(), 0);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, bad_free), 0);
	detach();
}

/* A second free by any function is detected and harmless. */
static void double_frees(struct kunit *test)
{
	struct kspan_stats before;
	void *ptr, *other;

	attach(test);
	kspan_test_expect_bad_frees(3);
	kspan_read_stats(&before);
	ptr = kspan_slab_alloc(100, GFP_KERNEL, &m);
	other = kspan_slab_alloc(100, GFP_KERNEL, &m);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_ASSERT_NOT_NULL(test, other);
	kspan_slab_free(ptr);
	kspan_slab_free(ptr);
	kspan_slab_kvfree(ptr);
	kspan_slab_vfree(ptr);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, double_free), 3);
	KUNIT_EXPECT_TRUE(test, kspan_owns(other));
	kspan_slab_free(other);
	detach();
}

/* kfree_rcu() with the object, and with an offset as in kernels up to 6.2. */
static void frees_after_grace_period(struct kunit *test)
{
	struct late {
		u64 content[4];
		struct rcu_head rcu;
	} *obj;
	struct kspan_stats before;
	unsigned int i;

	attach(test);
	kspan_read_stats(&before);
	for (i = 0; i < 3; i++) {
		obj = kspan_slab_alloc(sizeof(*obj), GFP_KERNEL, &m);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		if (i == 0)
			kspan_slab_free_rcu(&obj->rcu, obj);
		else if (i == 1)
			kspan_slab_free_rcu(&obj->rcu,
					    (void *)offsetof(struct late, rcu));
		else
			kspan_slab_free_rcu(NULL, obj);
	}
	kspan_slab_rcu_barrier();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 3);
	KUNIT_EXPECT_EQ(test, live(), 0);
	detach();
}

static void construct(void *obj)
{
	memset(obj, 0x5a, 40);
}

static struct kmem_cache *make_cache(const char *name, unsigned int align,
				     unsigned int flags, void (*ctor)(void *))
{
	return kspan_slab_cache_create(name, 40, align, flags, 0, 0, ctor, &m);
}

/* A cache of the module is a named cache, with all functions of slab.h. */
static void named_cache(struct kunit *test)
{
	struct kmem_cache *s;
	void *objs[20], *obj;
	unsigned int i;

	attach(test);
	s = make_cache("moved", 64, 0, construct);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, kspan_slab_cache_size(s), 40);
	obj = kspan_slab_cache_alloc(s, GFP_KERNEL | __GFP_RECLAIMABLE);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_TRUE(test, kspan_contains(obj));
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)obj, 64));
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(obj, 0x5a, 40), NULL);
	kspan_slab_cache_free(s, obj);
	obj = kspan_slab_cache_alloc_node(s, GFP_KERNEL, 0);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_slab_free(obj);
	KUNIT_ASSERT_NE(test, 0, kspan_slab_cache_alloc_bulk(s, GFP_KERNEL,
							     ARRAY_SIZE(objs),
							     objs));
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		KUNIT_ASSERT_TRUE(test, kspan_owns(objs[i]));
	kspan_slab_cache_free_bulk(s, 10, objs);
	kspan_slab_cache_free_bulk(NULL, 10, objs + 10);
	obj = kspan_slab_mempool_alloc(GFP_KERNEL, s);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	kspan_slab_mempool_free(obj, s);
	KUNIT_EXPECT_EQ(test, kspan_slab_cache_shrink(s), 0);
	kspan_slab_cache_destroy(s);
	kspan_slab_cache_destroy(NULL);
	detach();
}

/* Accounted caches and those of zones are the kernel's, with all functions. */
static void kernel_cache(struct kunit *test)
{
	static const slab_flags_t flags[] = { SLAB_ACCOUNT, SLAB_CACHE_DMA };
	struct kmem_cache *s;
	unsigned int i;
	void *obj;

	attach(test);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		/* Without memory cgroups there is nothing to account. */
		if (!flags[i])
			continue;
		s = make_cache("stays", 0, (__force unsigned int)flags[i], NULL);
		KUNIT_ASSERT_NOT_NULL(test, s);
		KUNIT_EXPECT_FALSE(test, kspan_moved_is_tagged(s));
		KUNIT_EXPECT_EQ(test, kspan_slab_cache_size(s), 40);
		obj = kspan_slab_cache_alloc(s, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, obj);
		KUNIT_EXPECT_FALSE(test, kspan_contains(obj));
		kspan_slab_cache_free(s, obj);
		kspan_slab_cache_destroy(s);
	}
	/* An object with __GFP_ACCOUNT from a cache of kspan. */
	s = make_cache("both", 0, 0, construct);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_TRUE(test, kspan_moved_is_tagged(s));
	obj = kspan_slab_cache_alloc(s, GFP_KERNEL_ACCOUNT);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_FALSE(test, kspan_contains(obj));
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(obj, 0x5a, 40), NULL);
	kspan_slab_cache_free(s, obj);
	obj = kspan_slab_cache_alloc(s, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_TRUE(test, kspan_contains(obj));
	kspan_slab_cache_free(s, obj);
	kspan_slab_cache_destroy(s);
	detach();
}

/*
 * Objects that a module forgets are reported, stay live, and can still be
 * freed.
 */
static void left_behind(struct kunit *test)
{
	struct kspan_stats before;
	struct kmem_cache *s;
	void *obj, *cached;

	attach(test);
	kspan_read_stats(&before);
	s = make_cache("forgotten", 0, 0, construct);
	KUNIT_ASSERT_NOT_NULL(test, s);
	cached = kspan_slab_cache_alloc(s, GFP_KERNEL);
	obj = kspan_slab_alloc(500, GFP_KERNEL, &m);
	KUNIT_ASSERT_NOT_NULL(test, cached);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	detach();
	memset(obj, 1, 500);
	kspan_free(obj);
	kspan_free(cached);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nmalloc), 2);
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, nfree), 2);
}

/* Buckets are a heap of their own, which is destroyed with the module. */
static void buckets(struct kunit *test)
{
	struct kspan_heap *h;
	void *b, *obj;

	attach(test);
	b = kspan_slab_buckets_create("own", 0, 0, 0, NULL, &m);
	KUNIT_ASSERT_NOT_NULL(test, b);
	obj = kspan_slab_alloc_node(100, b, GFP_KERNEL, NUMA_NO_NODE, &m);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	h = kspan_client_heap_of(obj);
	KUNIT_ASSERT_NOT_NULL(test, h);
	KUNIT_EXPECT_PTR_NE(test, h, m.heap);
	KUNIT_EXPECT_STREQ(test, h->name, "own");
	kspan_slab_free(obj);
	detach();
}

/* Alignments that a caller requests. */
static void aligned(struct kunit *test)
{
	unsigned long align;
	size_t size;
	void *ptr;

	attach(test);
	for (align = 1; align <= PAGE_SIZE; align *= 2) {
		for (size = 1; size <= SZ_64K; size = size * 3 + 1) {
			ptr = kspan_slab_kvalloc(size, NULL, align, GFP_KERNEL,
						 NUMA_NO_NODE, &m);
			KUNIT_ASSERT_NOT_NULL(test, ptr);
			KUNIT_EXPECT_TRUE(test,
					  IS_ALIGNED((unsigned long)ptr, align));
			KUNIT_EXPECT_GE(test, kspan_slab_ksize(ptr), size);
			memset(ptr, 1, size);
			kspan_slab_kvfree(ptr);
		}
	}
	detach();
}

/* What may be in a register beside an argument of 32 bits. */
#define GARBAGE	(~0UL << 31 << 1)

/* The arguments of kvmalloc() and kvrealloc(), in the order of this kernel. */
static void *kvalloc_args(size_t size, unsigned long align)
{
	const unsigned long gfp = (__force unsigned long)GFP_KERNEL | GARBAGE;
	const unsigned long node = (unsigned int)NUMA_NO_NODE | GARBAGE;

	return KSPAN_KVMALLOC_HAS_ALIGN ?
		kspan_slab_kvalloc_args(size, NULL, align, gfp, node, &m) :
		kspan_slab_kvalloc_args(size, NULL, gfp, node, GARBAGE, &m);
}

static void *kvrealloc_args(void *ptr, size_t old_size, size_t size)
{
	const unsigned long gfp = (__force unsigned long)GFP_KERNEL | GARBAGE;

	return KSPAN_KVREALLOC_HAS_OLD_SIZE ?
		kspan_slab_kvrealloc_args(ptr, old_size, size, gfp, &m) :
		kspan_slab_kvrealloc_args(ptr, size, gfp, GARBAGE, &m);
}

static void arguments(struct kunit *test)
{
	unsigned char *ptr;

	attach(test);
	ptr = kvalloc_args(SZ_64K + 1, 8);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_PTR_EQ(test, kspan_client_heap_of(ptr), m.heap);
	KUNIT_EXPECT_GE(test, kspan_size(ptr), SZ_64K + 1);
	KUNIT_EXPECT_LT(test, kspan_size(ptr), SZ_1M);
	memset(ptr, 0x5a, SZ_64K + 1);
	ptr = kvrealloc_args(ptr, SZ_64K + 1, SZ_1M);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(ptr, 0x5a, SZ_64K + 1), NULL);
	KUNIT_EXPECT_GE(test, kspan_size(ptr), SZ_1M);
	kspan_slab_kvfree(ptr);
	detach();
}

/* A stack of the module fails once, and stacks of other modules do not. */
static void fails_once_a_stack(struct kunit *test)
{
	static struct module other = { .name = "other" };
	struct kspan_moved theirs = { .owner = &other };
	unsigned int i, nr_failed = 0;
	struct kmem_cache *s;
	void *ptr;

	attach(test);
	theirs.heap = m.heap;
	s = make_cache("failing", 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_EQ(test, kspan_moved_fail_set("stack:moved_client\n"), 0);
	ptr = kspan_slab_alloc(100, GFP_KERNEL, &theirs);
	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_slab_free(ptr);
	ptr = kspan_slab_alloc(100, GFP_KERNEL | __GFP_NOFAIL, &m);
	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_slab_free(ptr);
	for (i = 0; i < 50; i++) {
		ptr = i % 2 ? kspan_slab_alloc(100, GFP_KERNEL, &m) :
			      kspan_slab_cache_alloc(s, GFP_KERNEL);
		nr_failed += !ptr;
		kspan_slab_free(ptr);
	}
	/*
	 * Frames of this module are skipped, so all of these are the same
	 * stack.
	 */
	KUNIT_EXPECT_EQ(test, nr_failed, 1);
	KUNIT_EXPECT_EQ(test, kspan_moved_fail_count(), 1);
	/* Again, by name, and for a hash that no stack has. */
	KUNIT_ASSERT_EQ(test, kspan_moved_fail_set("stack"), 0);
	KUNIT_EXPECT_NULL(test, kspan_slab_alloc(100, GFP_KERNEL, &theirs));
	KUNIT_ASSERT_EQ(test, kspan_moved_fail_set("stack:moved_client:5a5a5a5a"), 0);
	ptr = kspan_slab_alloc(100, GFP_KERNEL, &m);
	KUNIT_EXPECT_NOT_NULL(test, ptr);
	kspan_slab_free(ptr);
	KUNIT_EXPECT_EQ(test, kspan_moved_fail_set("stack:moved_client:"), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_moved_fail_set("stack:a:1:2"), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_moved_fail_set("heap"), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_moved_fail_set("off"), 0);
	kspan_slab_cache_destroy(s);
	detach();
}

static struct kunit_case cases[] = {
	KUNIT_CASE(heap_of_module),
	KUNIT_CASE(heap_at_first_use),
	KUNIT_CASE(kernel_serves_the_rest),
	KUNIT_CASE(double_frees),
	KUNIT_CASE(frees_after_grace_period),
	KUNIT_CASE(named_cache),
	KUNIT_CASE(kernel_cache),
	KUNIT_CASE(left_behind),
	KUNIT_CASE(buckets),
	KUNIT_CASE(aligned),
	KUNIT_CASE(arguments),
	KUNIT_CASE(fails_once_a_stack),
	{}
};

#else

static void only_modules_are_moved(struct kunit *test)
{
	kunit_skip(test, "this kernel has no modules");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(only_modules_are_moved),
	{}
};

#endif /* CONFIG_MODULES */

KSPAN_TEST_SUITE(moved, cases);
