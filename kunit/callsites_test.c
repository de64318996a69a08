// SPDX-License-Identifier: GPL-2.0
/*
 * Accounting by call site: from the moment when it is switched on, every object
 * is counted exactly, in every context and with every function, and a call site
 * keeps its name after its module was unloaded.
 */
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/callsites.h"
#include "api/lookup.h"
#include "api/watch.h"
#include "base/symbol.h"
#include "base/watch.h"
#include "kunit_support.h"
#include "span/redzone.h"

/*
 * The sum of the call sites in the functions of a name, and the text of the
 * last one.
 */
static struct kspan_site_row sum_of(const char *function, char *text)
{
	struct kspan_site_row sum = {}, row;
	char name[KSPAN_SYMBOL_LEN];
	unsigned int i;

	kspan_callsites_lock();
	for (i = 0; kspan_callsites_row(i, &row, NULL); i++) {
		if (!row.total_objects)
			continue;
		kspan_callsites_row(i, &row, name);
		if (strncmp(name, function, strlen(function)) ||
		    !strchr("+", name[strlen(function)]))
			continue;
		sum.bytes += row.bytes;
		sum.objects += row.objects;
		sum.total_bytes += row.total_bytes;
		sum.total_objects += row.total_objects;
		if (text)
			strscpy(text, name, KSPAN_SYMBOL_LEN);
	}
	kspan_callsites_unlock();
	return sum;
}

static void expect_sum(struct kunit *test, const char *function, u64 bytes,
		       u64 objects, u64 total_bytes, u64 total_objects)
{
	struct kspan_site_row sum = sum_of(function, NULL);

	KUNIT_EXPECT_EQ_MSG(test, sum.bytes, bytes, "%s", function);
	KUNIT_EXPECT_EQ_MSG(test, sum.objects, objects, "%s", function);
	KUNIT_EXPECT_EQ_MSG(test, sum.total_bytes, total_bytes, "%s", function);
	KUNIT_EXPECT_EQ_MSG(test, sum.total_objects, total_objects, "%s", function);
}

static void begin(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kspan_callsites_begin(), 0);
	WRITE_ONCE(kspan_watch_own, true);
}

static void end(void)
{
	kspan_callsites_end();
	WRITE_ONCE(kspan_watch_own, false);
}

/* The end of a function must not be a call, or it could become a jump. */
#define USER	static noinline __noclone void

USER take(void **objs, unsigned int nr, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		objs[i] = kspan_alloc(size, GFP_KERNEL);
	barrier();
}

USER take_other(void **obj, size_t size)
{
	*obj = kspan_zalloc(size, GFP_ATOMIC);
	barrier();
}

static const size_t sizes[] = { 1, 8, 100, 1000, 8192, 32768, 40000, SZ_1M };

/* Live and total counts by call site, in usable bytes. */
static void counts_exactly(struct kunit *test)
{
	void *objs[10], *other;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t usable;

		begin(test);
		take(objs, ARRAY_SIZE(objs), sizes[i]);
		KUNIT_ASSERT_NOT_NULL(test, objs[9]);
		usable = kspan_size(objs[0]);
		take_other(&other, sizes[i]);
		expect_sum(test, "take", 10 * usable, 10, 10 * usable, 10);
		expect_sum(test, "take_other", usable, 1, usable, 1);
		for (k = 0; k < 4; k++)
			kspan_free(objs[k]);
		expect_sum(test, "take", 6 * usable, 6, 10 * usable, 10);
		take(objs, 4, sizes[i]);
		expect_sum(test, "take", 10 * usable, 10, 14 * usable, 14);
		kspan_free_bulk(ARRAY_SIZE(objs), objs);
		kspan_free(other);
		expect_sum(test, "take", 0, 0, 14 * usable, 14);
		expect_sum(test, "take_other", 0, 0, usable, 1);
		end();
	}
}

/* Objects from before the start, or from an earlier period, are not counted. */
static void objects_from_before(struct kunit *test)
{
	void *objs[8], *late[8], *large;

	take(objs, ARRAY_SIZE(objs), 100);
	begin(test);
	kspan_free_bulk(ARRAY_SIZE(objs), objs);
	expect_sum(test, "take", 0, 0, 0, 0);
	take(objs, ARRAY_SIZE(objs), 100);
	take_other(&large, SZ_1M);
	end();
	expect_sum(test, "take", 0, 0, 0, 0);
	begin(test);
	expect_sum(test, "take", 0, 0, 0, 0);
	take(late, ARRAY_SIZE(late), 100);
	kspan_free_bulk(ARRAY_SIZE(objs), objs);
	kspan_free(large);
	expect_sum(test, "take", 8 * kspan_size(late[0]), 8,
		   8 * kspan_size(late[0]), 8);
	expect_sum(test, "take_other", 0, 0, 0, 0);
	end();
	kspan_free_bulk(ARRAY_SIZE(late), late);
}

/* Starting it twice or stopping it twice changes nothing. */
static void begins_and_ends_once(struct kunit *test)
{
	void *obj;

	begin(test);
	take(&obj, 1, 100);
	begin(test);
	expect_sum(test, "take", kspan_size(obj), 1, kspan_size(obj), 1);
	kspan_free(obj);
	end();
	end();
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&kspan_watch_key));
	KUNIT_EXPECT_FALSE(test, kspan_callsites_on);
}

static struct kspan_cache *cache;
static struct kspan_heap *heap;

/* Allocate one object with each function.  Return: their number. */
static noinline __noclone unsigned int take_each(void **objs)
{
	unsigned int nr = 0;

	objs[nr++] = kspan_alloc(100, GFP_KERNEL);
	objs[nr++] = kspan_zalloc(100, GFP_KERNEL);
	objs[nr++] = kspan_alloc_data(100, GFP_KERNEL);
	objs[nr++] = kspan_alloc_tiny(3, GFP_KERNEL);
	objs[nr++] = kspan_alloc_tiny(1, GFP_KERNEL);
	objs[nr++] = kspan_alloc_aligned(100, 1024, GFP_KERNEL);
	objs[nr++] = kspan_alloc_node(100, GFP_KERNEL, first_online_node);
	objs[nr++] = kspan_calloc(10, 100, GFP_KERNEL);
	objs[nr++] = kspan_strdup("text", GFP_KERNEL);
	objs[nr++] = kspan_asprintf(GFP_KERNEL, "%d", 7);
	objs[nr++] = kspan_realloc(kspan_alloc(100, GFP_KERNEL), SZ_64K, GFP_KERNEL);
	objs[nr++] = kspan_cache_alloc(cache, GFP_KERNEL);
	objs[nr++] = kspan_heap_alloc(heap, 100, GFP_KERNEL);
	objs[nr++] = kspan_heap_alloc(heap, SZ_64K, GFP_KERNEL);
	nr += kspan_alloc_bulk(100, GFP_KERNEL, 4, objs + nr);
	nr += kspan_cache_alloc_bulk(cache, GFP_KERNEL, 4, objs + nr);
	return nr;
}

/* Every function that allocates, and several that free. */
static void every_function(struct kunit *test)
{
	struct kspan_site_row sum;
	void *objs[32];
	unsigned int i, nr;
	u64 bytes = 0;

	cache = kspan_cache_create("sites", 100, 0, 0, NULL);
	heap = kspan_heap_create("sites", 0);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, heap);
	begin(test);
	nr = take_each(objs);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
		bytes += kspan_size(objs[i]);
	}
	sum = sum_of("take_each", NULL);
	KUNIT_EXPECT_EQ(test, sum.bytes, bytes);
	KUNIT_EXPECT_EQ(test, sum.objects, (u64)nr);
	/* One object was moved. */
	KUNIT_EXPECT_EQ(test, sum.total_objects, (u64)nr + 1);
	for (i = 0; i < nr; i++) {
		if (i % 3 == 0)
			kspan_free(objs[i]);
		else if (i % 3 == 1)
			kspan_free_sensitive(objs[i]);
		else
			kspan_free_rcu_mightsleep(objs[i]);
	}
	kspan_rcu_barrier();
	sum = sum_of("take_each", NULL);
	KUNIT_EXPECT_EQ(test, sum.bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, sum.objects, 0ULL);
	end();
	kspan_cache_destroy(cache);
	kspan_heap_destroy(heap);
}

/* An object that is freed with its heap is counted as freed. */
static void objects_of_a_heap_that_ends(struct kunit *test)
{
	struct kspan_site_row sum;
	void *objs[32];

	cache = kspan_cache_create("sites", 100, 0, 0, NULL);
	heap = kspan_heap_create("sites", 0);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, heap);
	begin(test);
	take_each(objs);
	sum = sum_of("take_each", NULL);
	KUNIT_EXPECT_EQ(test, kspan_heap_destroy_all(heap), (size_t)2);
	KUNIT_EXPECT_EQ(test, sum_of("take_each", NULL).objects, sum.objects - 2);
	/* Objects 12 and 13 are those of the heap. */
	kspan_free_bulk(12, objs);
	kspan_free_bulk(8, objs + 14);
	KUNIT_EXPECT_EQ(test, sum_of("take_each", NULL).objects, 0ULL);
	end();
	kspan_cache_destroy(cache);
}

/* A resize in place may change the usable bytes. */
static void resizes_in_place(struct kunit *test)
{
	void *obj, *large;

	begin(test);
	take(&obj, 1, 100);
	take_other(&large, SZ_1M);
	obj = kspan_realloc(obj, 98, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).bytes, (u64)kspan_size(obj));
	obj = kspan_realloc(obj, 100, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).bytes, (u64)kspan_size(obj));
	large = kspan_realloc(large, SZ_1M - 8, GFP_KERNEL);
	/* If the object has moved, this function is its call site. */
	KUNIT_EXPECT_EQ(test, sum_of("take_other", NULL).bytes +
			      sum_of("resizes_in_place", NULL).bytes,
			(u64)kspan_size(large));
	/* A large object may shrink and grow by pages in place. */
	large = kspan_realloc(large, SZ_1M - SZ_64K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sum_of("take_other", NULL).bytes +
			      sum_of("resizes_in_place", NULL).bytes,
			(u64)kspan_size(large));
	large = kspan_realloc(large, SZ_1M - SZ_32K, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, sum_of("take_other", NULL).bytes +
			      sum_of("resizes_in_place", NULL).bytes,
			(u64)kspan_size(large));
	kspan_free(obj);
	kspan_free(large);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, sum_of("take_other", NULL).bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, sum_of("resizes_in_place", NULL).bytes, 0ULL);
	end();
}

static void *context_objs[100];
static unsigned int context_nr;

/* Allocate 100 objects, and free every third one at once. */
static noinline __noclone void take_in_context(void *arg)
{
	unsigned int i;
	void *obj;

	for (i = 0, context_nr = 0; i < ARRAY_SIZE(context_objs); i++) {
		obj = kspan_alloc(200, GFP_NOWAIT | __GFP_NOWARN);
		if (i % 3)
			context_objs[context_nr++] = obj;
		else
			kspan_free(obj);
	}
}

/* Every context, with frees in another one. */
static void every_context(struct kunit *test)
{
	enum kspan_test_place place;
	struct kspan_site_row sum;

	for (place = 0; place < KSPAN_TEST_NR_PLACES; place++) {
		begin(test);
		kspan_test_run_in(test, place, take_in_context, NULL);
		sum = sum_of("take_in_context", NULL);
		KUNIT_EXPECT_EQ_MSG(test, sum.objects, (u64)context_nr, "%s",
				    kspan_test_place_names[place]);
		KUNIT_EXPECT_EQ(test, sum.total_objects, (u64)ARRAY_SIZE(context_objs));
		kspan_free_bulk(context_nr, context_objs);
		sum = sum_of("take_in_context", NULL);
		KUNIT_EXPECT_EQ(test, sum.objects, 0ULL);
		KUNIT_EXPECT_EQ(test, sum.bytes, 0ULL);
		end();
	}
}

/* As in nmi_test.c. */
static void free_in_nmi(void *obj)
{
	unsigned long flags;

	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET + HARDIRQ_OFFSET);
	kspan_free(obj);
	__preempt_count_sub(NMI_OFFSET + HARDIRQ_OFFSET);
	local_irq_restore(flags);
}

static void frees_in_nmi(struct kunit *test)
{
	void *objs[2];

	begin(test);
	take(objs, 1, 100);
	take(objs + 1, 1, SZ_1M);
	free_in_nmi(objs[0]);
	free_in_nmi(objs[1]);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 0ULL);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).total_objects, 2ULL);
	end();
	kspan_release();
}

/* A second free of an object is reported, and is not counted. */
static void double_frees(struct kunit *test)
{
	void *obj, *large;

	kspan_test_expect_bad_frees(3);
	begin(test);
	take(&obj, 1, 100);
	take_other(&large, SZ_1M);
	kspan_free(obj + 8);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 1ULL);
	kspan_free(obj);
	kspan_free(obj);
	kspan_free(large);
	kspan_free(large);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 0ULL);
	KUNIT_EXPECT_EQ(test, sum_of("take_other", NULL).objects, 0ULL);
	end();
}

/* Two concurrent frees of an object: one of them is counted. */
static void simultaneous_frees(struct kunit *test)
{
	struct kspan_object object;
	void *obj;

	begin(test);
	take(&obj, 1, 100);
	preempt_disable();
	kspan_lookup_silent(obj, &object);
	kspan_callsite_free(&object);
	kspan_callsite_free(&object);
	preempt_enable();
	expect_sum(test, "take", 0, 0, object.size, 1);
	kspan_free(obj);
	expect_sum(test, "take", 0, 0, object.size, 1);
	end();
}

/* The call sites that do not fit in the table are counted together. */
static void many_places(struct kunit *test)
{
	struct kspan_site_row row, sum = {}, other = {};
	struct kspan_object object;
	char text[KSPAN_SYMBOL_LEN];
	unsigned int i, nr = 0;
	void *obj;

	begin(test);
	take(&obj, 1, 100);
	preempt_disable();
	kspan_lookup_silent(obj, &object);
	preempt_enable();
	for (i = 1; i <= 20000; i++) {
		preempt_disable();
		kspan_callsite_alloc(&object, i * 16UL);
		preempt_enable();
	}
	kspan_callsites_lock();
	for (i = 0; kspan_callsites_row(i, &row, NULL); i++) {
		if (!row.total_objects)
			continue;
		nr++;
		sum.objects += row.objects;
		sum.total_objects += row.total_objects;
		if (i < 8192)
			continue;
		kspan_callsites_row(i, &row, text);
		if (!strcmp(text, "other"))
			other = row;
	}
	kspan_callsites_unlock();
	KUNIT_EXPECT_EQ(test, sum.total_objects, 20001ULL);
	KUNIT_EXPECT_EQ(test, sum.objects, 1ULL);
	KUNIT_EXPECT_GT(test, nr, 4096U);
	KUNIT_EXPECT_GE(test, other.total_objects, 20001ULL - 8192);
	kspan_free(obj);
	end();
}

/* Spans that are added while it is on; their state bytes are in new slabs. */
static void new_spans(struct kunit *test)
{
	unsigned int i, nr = 20000;
	void **objs = kvmalloc_array(nr, sizeof(*objs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, objs);
	begin(test);
	take(objs, nr, 8);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, (u64)nr);
	for (i = 0; i < nr; i++)
		kspan_free(objs[i]);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 0ULL);
	end();
	kvfree(objs);
}

/*
 * A call site keeps its name when its module is unloaded, although another
 * module may get its address.
 */
static void places_keep_their_names(struct kunit *test)
{
	char before[KSPAN_SYMBOL_LEN] = "", after[KSPAN_SYMBOL_LEN] = "";
	void *obj, *second;

	if (!__is_defined(MODULE))
		kunit_skip(test, "kspan is no module");
	begin(test);
	take(&obj, 1, 100);
	sum_of("take", before);
	KUNIT_EXPECT_NOT_NULL(test, strstr(before, "[kspan]"));
	KUNIT_EXPECT_NULL(test, strchr(before, '/'));
	kspan_callsites_name(THIS_MODULE, KBUILD_MODNAME, true);
	expect_sum(test, "take", kspan_size(obj), 1, kspan_size(obj), 1);
	sum_of("take", after);
	KUNIT_EXPECT_STREQ(test, before, after);
	KUNIT_EXPECT_TRUE(test, kspan_callsites_left(KBUILD_MODNAME));
	/* Each call site is reported only once. */
	KUNIT_EXPECT_FALSE(test, kspan_callsites_left(KBUILD_MODNAME));
	take(&second, 1, 100);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 2ULL);
	kspan_free(obj);
	kspan_free(second);
	KUNIT_EXPECT_EQ(test, sum_of("take", NULL).objects, 0ULL);
	kspan_callsites_name(THIS_MODULE, KBUILD_MODNAME, true);
	KUNIT_EXPECT_FALSE(test, kspan_callsites_left(KBUILD_MODNAME));
	end();
}

/* All memory of the accounting is returned. */
static void memory_goes_back(struct kunit *test)
{
	struct kspan_stats before;
	void *obj;

	/* The memory of the object itself remains. */
	begin(test);
	take(&obj, 1, 100);
	kspan_free(obj);
	end();
	kspan_read_stats(&before);
	begin(test);
	take(&obj, 1, 100);
	KUNIT_EXPECT_GT(test, (s64)KSPAN_SINCE(&before, other_sys), 0LL);
	if (__is_defined(MODULE))
		kspan_callsites_name(THIS_MODULE, KBUILD_MODNAME, true);
	kspan_free(obj);
	end();
	KUNIT_EXPECT_EQ(test, KSPAN_SINCE(&before, other_sys), 0ULL);
}

static struct kunit_case callsites_cases[] = {
	KUNIT_CASE(counts_exactly),
	KUNIT_CASE(objects_from_before),
	KUNIT_CASE(begins_and_ends_once),
	KUNIT_CASE(every_function),
	KUNIT_CASE(objects_of_a_heap_that_ends),
	KUNIT_CASE(resizes_in_place),
	KUNIT_CASE(every_context),
	KUNIT_CASE(frees_in_nmi),
	KUNIT_CASE(double_frees),
	KUNIT_CASE(simultaneous_frees),
	KUNIT_CASE(many_places),
	KUNIT_CASE(new_spans),
	KUNIT_CASE(places_keep_their_names),
	KUNIT_CASE(memory_goes_back),
	{}
};

KSPAN_TEST_SUITE(callsites, callsites_cases);
