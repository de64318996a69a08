// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints.  A probe of the suite records the events of each public
 * function.  Each object has one event when it is allocated and one when it is
 * freed.  The call site is in the function of this file that called kspan,
 * whatever functions kspan calls internally.
 */
#include <linux/device.h>
#include <linux/jump_label.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "api/watch.h"
#include "base/kspan_trace.h"
#include "base/symbol.h"
#include "base/watch.h"
#include "kunit_support.h"
#include "span/redzone.h"

#define NR_EVENTS	64U

struct event {
	bool alloc;
	unsigned long call_site;
	const void *ptr;
	size_t req;
	size_t bytes;
	gfp_t gfp;
	int node;
	char name[16];
};

/* The events of the task @tracer; only that task writes them. */
static struct event events[NR_EVENTS];
static unsigned int nr_events;
static unsigned int nr_bad;
static char bad_fault[64];
static unsigned long bad_site;
static struct task_struct *tracer;
/* Events of all tasks, including the workers of kspan. */
static atomic_t nr_refills, nr_grows, nr_releases;

static struct event *next_event(void)
{
	if (current != tracer || nr_events == NR_EVENTS)
		return NULL;
	return &events[nr_events++];
}

static void on_alloc(void *data, unsigned long call_site, const void *ptr,
		     size_t req, size_t bytes, gfp_t gfp, int node,
		     const char *name)
{
	struct event *e = next_event();

	if (!e)
		return;
	*e = (struct event){ true, call_site, ptr, req, bytes, gfp, node };
	strscpy(e->name, name, sizeof(e->name));
}

static void on_free(void *data, unsigned long call_site, const void *ptr,
		    size_t bytes)
{
	struct event *e = next_event();

	if (e)
		*e = (struct event){ false, call_site, ptr, 0, bytes };
}

static void on_bad_free(void *data, unsigned long call_site, const void *ptr,
			size_t given, const char *fault)
{
	if (current != tracer)
		return;
	nr_bad++;
	bad_site = call_site;
	strscpy(bad_fault, fault, sizeof(bad_fault));
}

static void on_refill(void *data, size_t bytes, unsigned int nr_objs, int node)
{
	atomic_inc(&nr_refills);
}

static void on_grow(void *data, const void *ptr, size_t bytes, int node, gfp_t gfp)
{
	atomic_inc(&nr_grows);
}

static void on_release(void *data, const void *ptr, size_t bytes)
{
	atomic_inc(&nr_releases);
}

static void begin(struct kunit *test)
{
	tracer = current;
	WRITE_ONCE(kspan_watch_own, true);
	nr_events = 0;
	nr_bad = 0;
	KUNIT_ASSERT_EQ(test, register_trace_kspan_alloc(on_alloc, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_kspan_free(on_free, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_kspan_bad_free(on_bad_free, NULL), 0);
}

static void end(void)
{
	unregister_trace_kspan_alloc(on_alloc, NULL);
	unregister_trace_kspan_free(on_free, NULL);
	unregister_trace_kspan_bad_free(on_bad_free, NULL);
	tracepoint_synchronize_unregister();
	WRITE_ONCE(kspan_watch_own, false);
}

/* Whether an address is in the function of this file with that name. */
static bool is_in(unsigned long addr, const char *function)
{
	char text[KSPAN_SYMBOL_LEN];

	kspan_symbol(text, addr);
	return !strncmp(text, function, strlen(function)) &&
	       text[strlen(function)] == '+';
}

/*
 * Users: each allocates with one public function and frees with one.  None ends
 * with a call, which the compiler could turn into a jump.
 */
#define USER(fn)	static noinline __noclone void fn(void)

static struct kspan_cache *cache;
static struct kspan_heap *heap;
static struct device *device;

USER(use_alloc)
{
	void *ptr = kspan_alloc(100, GFP_KERNEL);

	kspan_free(ptr);
	barrier();
}

USER(use_zalloc)
{
	void *ptr = kspan_zalloc(100, GFP_KERNEL);

	kspan_free_sized(ptr, 100);
	barrier();
}

USER(use_data)
{
	void *ptr = kspan_alloc_data(100, GFP_KERNEL);

	kspan_free_sensitive(ptr);
	barrier();
}

USER(use_tiny)
{
	void *ptr = kspan_alloc_tiny(5, GFP_KERNEL);

	kspan_free(ptr);
	ptr = kspan_alloc_tiny(100, GFP_KERNEL);
	kspan_free(ptr);
	barrier();
}

USER(use_aligned)
{
	void *ptr = kspan_alloc_aligned(100, 64, GFP_KERNEL);

	kspan_free(ptr);
	ptr = kspan_alloc_aligned(100, SZ_64K, GFP_KERNEL);
	kspan_free(ptr);
	barrier();
}

USER(use_node)
{
	int node = first_online_node;
	void *ptr = kspan_alloc_node(100, GFP_KERNEL, node);

	kspan_free(ptr);
	ptr = kspan_zalloc_node(100, GFP_KERNEL, NUMA_NO_NODE);
	kspan_free(ptr);
	ptr = kspan_alloc_array_node(3, 100, GFP_KERNEL | __GFP_THISNODE, node);
	kspan_free(ptr);
	ptr = kspan_calloc_node(3, 100, GFP_KERNEL, node);
	kspan_free(ptr);
	barrier();
}

USER(use_array)
{
	void *ptr = kspan_alloc_array(3, 100, GFP_KERNEL);

	kspan_free(ptr);
	ptr = kspan_calloc(3, 100, GFP_KERNEL);
	ptr = kspan_realloc_array(ptr, 300, 100, GFP_KERNEL);
	kspan_free(ptr);
	barrier();
}

USER(use_string)
{
	void *ptr = kspan_strdup("a string", GFP_KERNEL);

	kspan_free(ptr);
	ptr = kspan_strndup("a string", 3, GFP_KERNEL);
	kspan_free(ptr);
	ptr = kspan_memdup("a string", 3, GFP_KERNEL);
	kspan_free(ptr);
	ptr = kspan_memdup_nul("a string", 3, GFP_KERNEL);
	kspan_free(ptr);
	ptr = kspan_asprintf(GFP_KERNEL, "%d strings", 3);
	kspan_free(ptr);
	barrier();
}

USER(use_bulk)
{
	void *objs[5];

	if (!kspan_alloc_bulk(100, GFP_KERNEL, ARRAY_SIZE(objs), objs))
		return;
	kspan_free_bulk(ARRAY_SIZE(objs), objs);
	barrier();
}

USER(use_realloc)
{
	void *ptr = kspan_realloc(NULL, 100, GFP_KERNEL);

	ptr = kspan_realloc(ptr, 1000, GFP_KERNEL);
	ptr = kspan_realloc(ptr, SZ_1M, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 10, GFP_KERNEL);
	ptr = kspan_realloc(ptr, 0, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(ptr);
	barrier();
}

USER(use_any)
{
	void *ptr = kspan_realloc_any(NULL, 100, GFP_KERNEL);

	ptr = kspan_realloc_any(ptr, 1000, GFP_KERNEL);
	kspan_free_any(ptr);
	barrier();
}

USER(use_large)
{
	void *ptr = kspan_alloc(SZ_1M, GFP_KERNEL);

	kspan_free(ptr);
	barrier();
}

USER(use_atomic)
{
	void *ptr = kspan_alloc(100, GFP_ATOMIC);

	kspan_free(ptr);
	barrier();
}

USER(use_cache)
{
	void *objs[5], *ptr = kspan_cache_alloc(cache, GFP_KERNEL);

	kspan_cache_free(cache, ptr);
	ptr = kspan_cache_zalloc(cache, GFP_KERNEL);
	kspan_free(ptr);
	ptr = kspan_cache_alloc_node(cache, GFP_KERNEL, first_online_node);
	kspan_cache_free(cache, ptr);
	if (!kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs))
		return;
	kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
	barrier();
}

USER(use_heap)
{
	void *ptr = kspan_heap_alloc(heap, 100, GFP_KERNEL);

	ptr = kspan_realloc(ptr, 1000, GFP_KERNEL);
	kspan_free(ptr);
	ptr = kspan_heap_zalloc(heap, SZ_1M, GFP_KERNEL);
	kspan_free(ptr);
	barrier();
}

USER(use_device)
{
	void *ptr = devm_kspan_zalloc(device, 100, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(ptr);
	barrier();
}

USER(use_mempool)
{
	void *ptr = kspan_mempool_alloc(GFP_KERNEL, (void *)100);

	kspan_mempool_free(ptr, NULL);
	barrier();
}

USER(use_rcu)
{
	struct {
		struct rcu_head rcu;
	} *ptr = kspan_alloc(sizeof(*ptr), GFP_KERNEL);

	kspan_free_rcu(ptr, rcu);
	barrier();
}

static const struct traced_user {
	const char *name;
	void (*fn)(void);
	unsigned int nr;	/* of objects */
} users[] = {
	{ "use_alloc", use_alloc, 1 },
	{ "use_zalloc", use_zalloc, 1 },
	{ "use_data", use_data, 1 },
	{ "use_tiny", use_tiny, 2 },
	{ "use_aligned", use_aligned, 2 },
	{ "use_node", use_node, 4 },
	{ "use_array", use_array, 3 },
	{ "use_string", use_string, 5 },
	{ "use_bulk", use_bulk, 5 },
	{ "use_realloc", use_realloc, 4 },
	{ "use_any", use_any, 2 },
	{ "use_large", use_large, 1 },
	{ "use_atomic", use_atomic, 1 },
	{ "use_cache", use_cache, 8 },
	{ "use_heap", use_heap, 3 },
	{ "use_mempool", use_mempool, 1 },
	{ "use_rcu", use_rcu, 1 },
};

static void name_user(const struct traced_user *user, char *desc)
{
	strscpy(desc, user->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(user, users, name_user);

/* Whether the object of the allocation @i is freed exactly once afterwards. */
static void expect_one_free(struct kunit *test, unsigned int i)
{
	unsigned int k, nr = 0;

	for (k = i + 1; k < nr_events; k++) {
		if (events[k].ptr != events[i].ptr)
			continue;
		if (events[k].alloc)
			break;
		KUNIT_EXPECT_EQ(test, events[k].bytes, events[i].bytes);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, nr, 1);
}

/* Each object has one event for its allocation and one for its free. */
static void each_function_tells_its_caller(struct kunit *test)
{
	const struct traced_user *user = test->param_value;
	unsigned int i, nr_allocs = 0;

	cache = kspan_cache_create("traced", 100, 0, 0, NULL);
	heap = kspan_heap_create("traced", 0);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_NOT_NULL(test, heap);
	begin(test);
	user->fn();
	end();
	for (i = 0; i < nr_events; i++) {
		KUNIT_EXPECT_TRUE_MSG(test, is_in(events[i].call_site, user->name),
				      "event %u of %u: %pS", i, nr_events,
				      (void *)events[i].call_site);
		nr_allocs += events[i].alloc;
		if (!events[i].alloc)
			continue;
		KUNIT_EXPECT_GE(test, events[i].bytes, events[i].req);
		expect_one_free(test, i);
	}
	KUNIT_EXPECT_EQ(test, nr_allocs, user->nr);
	KUNIT_EXPECT_EQ(test, nr_events, 2 * user->nr);
	kspan_rcu_barrier();
	KUNIT_EXPECT_EQ(test, nr_events, 2 * user->nr);
	kspan_cache_destroy(cache);
	kspan_heap_destroy(heap);
}

/* The driver core frees the objects of a device. */
static void device_objects(struct kunit *test)
{
	device = root_device_register("kspan_trace_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(device));
	begin(test);
	use_device();
	KUNIT_EXPECT_EQ(test, nr_events, 1);
	KUNIT_EXPECT_TRUE(test, is_in(events[0].call_site, "use_device"));
	root_device_unregister(device);
	end();
	KUNIT_ASSERT_EQ(test, nr_events, 2);
	KUNIT_EXPECT_FALSE(test, events[1].alloc);
	KUNIT_EXPECT_PTR_EQ(test, events[1].ptr, events[0].ptr);
}

/* The fields contain the client's request and the result. */
static void fields_are_right(struct kunit *test)
{
	size_t usable;
	void *ptr;

	cache = kspan_cache_create("traced", 100, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	begin(test);
	ptr = kspan_alloc(100, GFP_ATOMIC | __GFP_ZERO);
	usable = kspan_size(ptr);
	KUNIT_ASSERT_EQ(test, nr_events, 1);
	KUNIT_EXPECT_PTR_EQ(test, events[0].ptr, (const void *)ptr);
	KUNIT_EXPECT_EQ(test, events[0].req, (size_t)100);
	KUNIT_EXPECT_EQ(test, events[0].bytes, usable);
	KUNIT_EXPECT_EQ(test, (__force unsigned int)events[0].gfp,
			(__force unsigned int)(GFP_ATOMIC | __GFP_ZERO));
	KUNIT_EXPECT_EQ(test, events[0].node, NUMA_NO_NODE);
	KUNIT_EXPECT_STREQ(test, events[0].name, "");
	kspan_free(ptr);
	ptr = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, nr_events, 3);
	KUNIT_EXPECT_EQ(test, events[2].req, (size_t)100);
	KUNIT_EXPECT_STREQ(test, events[2].name, "traced");
	kspan_cache_free(cache, ptr);
	end();
	kspan_cache_destroy(cache);
}

/* With watchers, an object that grows gets the size that its client requested. */
static void growth_has_no_room(struct kunit *test)
{
	void *ptr;

	ptr = kspan_alloc(1000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	begin(test);
	ptr = kspan_realloc(ptr, 1088, GFP_KERNEL);
	end();
	KUNIT_ASSERT_EQ(test, nr_events, 2);
	KUNIT_EXPECT_TRUE(test, events[0].alloc);
	KUNIT_EXPECT_EQ(test, events[0].req, (size_t)1088);
	KUNIT_EXPECT_EQ(test, events[0].bytes, kspan_size_roundup(1088));
	KUNIT_EXPECT_EQ(test, (__force unsigned int)events[0].gfp,
			(__force unsigned int)GFP_KERNEL);
	kspan_free_sized(ptr, 1088);
}

/*
 * A failed request has an event.  A request for 0 bytes, and its free, have
 * none.
 */
static void failures_and_nothing(struct kunit *test)
{
	void *ptr;

	begin(test);
	ptr = kspan_alloc(SIZE_MAX / 2, GFP_KERNEL | __GFP_NOWARN);
	KUNIT_EXPECT_NULL(test, ptr);
	KUNIT_ASSERT_EQ(test, nr_events, 1);
	KUNIT_EXPECT_TRUE(test, events[0].alloc);
	KUNIT_EXPECT_NULL(test, events[0].ptr);
	KUNIT_EXPECT_EQ(test, events[0].bytes, (size_t)0);
	ptr = kspan_alloc(0, GFP_KERNEL);
	kspan_free(ptr);
	kspan_free(NULL);
	KUNIT_EXPECT_EQ(test, nr_events, 1);
	end();
}

USER(free_twice)
{
	void *ptr = kspan_alloc(100, GFP_KERNEL);

	kspan_free(ptr);
	kspan_free(ptr);
	barrier();
}

/* A bad free has no event of a free. */
static void bad_frees(struct kunit *test)
{
	void *ptr;

	kspan_test_expect_bad_frees(4);
	begin(test);
	free_twice();
	KUNIT_EXPECT_EQ(test, nr_events, 2);
	KUNIT_EXPECT_EQ(test, nr_bad, 1);
	KUNIT_EXPECT_STREQ(test, bad_fault, "double free");
	KUNIT_EXPECT_NE(test, bad_site, 0UL);
	ptr = kspan_alloc(100, GFP_KERNEL);
	kspan_free(ptr + 8);
	KUNIT_EXPECT_EQ(test, nr_bad, 2);
	kspan_free_sized(ptr, 1000);
	KUNIT_EXPECT_EQ(test, nr_bad, 3);
	kspan_free(&nr_bad);
	KUNIT_EXPECT_EQ(test, nr_bad, 4);
	KUNIT_EXPECT_EQ(test, nr_events, 3);
	kspan_free(ptr);
	KUNIT_EXPECT_EQ(test, nr_events, 4);
	end();
}

/* Without watchers there are no events, and the keys are off again. */
static void off_means_off(struct kunit *test)
{
	begin(test);
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kspan_watch_key));
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kspan_alloc_key));
	end();
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&kspan_watch_key));
	KUNIT_EXPECT_EQ(test, static_key_enabled(&kspan_alloc_key),
			want_init_on_alloc(0));
	use_alloc();
	KUNIT_EXPECT_EQ(test, nr_events, 0);
}

/* The numbers of events of the slow paths equal those of the statistics. */
static void events_match_statistics(struct kunit *test)
{
	struct kspan_stats before;
	void *ptrs[20];
	unsigned int i;

	kspan_release();
	atomic_set(&nr_refills, 0);
	atomic_set(&nr_grows, 0);
	atomic_set(&nr_releases, 0);
	KUNIT_ASSERT_EQ(test, register_trace_kspan_refill(on_refill, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_kspan_grow(on_grow, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_kspan_release(on_release, NULL), 0);
	kspan_read_stats(&before);
	for (i = 0; i < ARRAY_SIZE(ptrs); i++) {
		ptrs[i] = kspan_alloc(i & 1 ? SZ_1M : 500, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, ptrs[i]);
	}
	kspan_free_bulk(ARRAY_SIZE(ptrs), ptrs);
	kspan_release();
	KUNIT_EXPECT_EQ(test, (u64)atomic_read(&nr_refills),
			KSPAN_SINCE(&before, refill));
	KUNIT_EXPECT_EQ(test, (u64)atomic_read(&nr_grows),
			KSPAN_SINCE(&before, grow));
	KUNIT_EXPECT_EQ(test, (u64)atomic_read(&nr_releases),
			KSPAN_SINCE(&before, release));
	KUNIT_EXPECT_GT(test, atomic_read(&nr_refills), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&nr_grows), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&nr_releases), 0);
	unregister_trace_kspan_refill(on_refill, NULL);
	unregister_trace_kspan_grow(on_grow, NULL);
	unregister_trace_kspan_release(on_release, NULL);
	tracepoint_synchronize_unregister();
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE_PARAM(each_function_tells_its_caller, user_gen_params),
	KUNIT_CASE(device_objects),
	KUNIT_CASE(fields_are_right),
	KUNIT_CASE(growth_has_no_room),
	KUNIT_CASE(failures_and_nothing),
	KUNIT_CASE(bad_frees),
	KUNIT_CASE(off_means_off),
	KUNIT_CASE(events_match_statistics),
	{}
};

static int trace_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (err)
		return err;
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !IS_ENABLED(CONFIG_KALLSYMS))
		kunit_skip(test, "the kernel has no tracepoints or no symbols");
	return 0;
}

KSPAN_TEST_SUITE_WITH(trace, trace_cases, trace_init, kspan_test_exit);
