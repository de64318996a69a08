// SPDX-License-Identifier: GPL-2.0
/*
 * Messages in the kernel log about failures and bad frees, in the words of
 * Documentation/debugfs.rst.  The suite registers a console that reads them.
 */
#include <linux/console.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "base/params.h"
#include "kunit_support.h"
#include "show/verify.h"
#include "span/redzone.h"

/* A bit more than the 5 seconds of the rate limit. */
#define PERIOD_MS	5200

/* Lines of kspan without their prefix.  Written by printk() through hear(). */
static struct {
	unsigned int nr;
	char line[8][200];
} heard;

static void hear(struct console *console, const char *text, unsigned int len)
{
	const char *line = strnstr(text, "kspan: ", len);

	if (!line)
		return;
	len -= line - text;
	if (heard.nr < ARRAY_SIZE(heard.line))
		snprintf(heard.line[heard.nr], sizeof(heard.line[0]), "%.*s",
			 (int)len, line);
	heard.nr++;
}

static struct console ear;

static int report_init(struct kunit *test)
{
	int err = kspan_test_init(test);

	if (err)
		return err;
	if (console_loglevel <= LOGLEVEL_WARNING)
		kunit_skip(test, "consoles see no warnings");
	ear = (struct console){
		.name = "kspan_ear",
		.write = hear,
		.flags = CON_ENABLED | CON_ANYTIME,
		.index = -1,
	};
	register_console(&ear);
	return 0;
}

static void report_exit(struct kunit *test)
{
	if (console_loglevel > LOGLEVEL_WARNING)
		unregister_console(&ear);
	kspan_test_exit(test);
}

/* Forget the lines heard so far. */
static void listen(void)
{
	console_lock();
	heard.nr = 0;
	console_unlock();
}

/* Lines heard since listen(); taking the console lock flushes pending ones. */
static unsigned int nr_heard(void)
{
	console_lock();
	console_unlock();
	return heard.nr;
}

/* --- what an address is ------------------------------------------------------- */

/* Expect one line about @ptr that contains both texts. */
static void expect_words(struct kunit *test, const void *ptr, const char *a,
			 const char *b)
{
	listen();
	kspan_describe(ptr);
	KUNIT_ASSERT_EQ(test, nr_heard(), 1U);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heard.line[0], a), "'%s' in %s", a,
				  heard.line[0]);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heard.line[0], b), "'%s' in %s", b,
				  heard.line[0]);
}

static void describes_addresses(struct kunit *test)
{
	char *small = kspan_alloc(64, GFP_KERNEL), *tiny;
	char *large = kspan_alloc(SZ_64K, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, small);
	KUNIT_ASSERT_NOT_NULL(test, large);
	if (console_loglevel <= LOGLEVEL_INFO)
		kunit_skip(test, "consoles see no information");
	expect_words(test, small, "byte 0 of a live object of 64 bytes", "class ");
	expect_words(test, small + 63, "byte 63 of a live object", "pointer");
	expect_words(test, large + 1000, "byte 1000 of a live object of 65536 bytes",
		     "large");
	kspan_free(small);
	kspan_free(large);
	expect_words(test, small + 5, "byte 5 of an object", ", freed");
	expect_words(test, large, "freed", "kspan: ");
	expect_words(test, &heard, "not kspan's", "kspan: ");
	expect_words(test, NULL, "not kspan's", "kspan: ");
	tiny = kspan_alloc_tiny(5, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, tiny);
	expect_words(test, tiny + 4, "byte 4 of a live object of 5 bytes", "class ");
	kspan_free(tiny);
}

/* --- failures ----------------------------------------------------------------- */

/* Make requests that no machine can fulfil. */
static void fail(struct kunit *test, gfp_t gfp, unsigned int nr)
{
	size_t size = SIZE_MAX / 2;

	OPTIMIZER_HIDE_VAR(size);
	while (nr--)
		KUNIT_EXPECT_NULL(test, kspan_alloc(size, gfp));
}

/* One line for many failures, and none for those with __GFP_NOWARN. */
static void one_line_for_failures(struct kunit *test)
{
	char want[120];

	/* User Mode Linux cannot unwind its stack, so kspan names itself. */
	snprintf(want, sizeof(want), ": allocation of %zu bytes by k%s",
		 (size_t)SIZE_MAX / 2, IS_ENABLED(CONFIG_UML) ? "" : "unit_");
	listen();
	fail(test, GFP_KERNEL | __GFP_NOWARN, 20);
	KUNIT_EXPECT_EQ(test, nr_heard(), 0U);
	fail(test, GFP_KERNEL, 1);
	if (!nr_heard()) {
		/* Wait until the limit allows another message. */
		msleep(PERIOD_MS);
		fail(test, GFP_KERNEL | __GFP_NOWARN, 20);
		KUNIT_EXPECT_EQ(test, nr_heard(), 0U);
		fail(test, GFP_KERNEL, 1);
	}
	KUNIT_ASSERT_EQ(test, nr_heard(), 1U);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heard.line[0], want), "%s",
				  heard.line[0]);
	KUNIT_EXPECT_NOT_NULL_MSG(test,
				  strstr(heard.line[0],
					 " failed, gfp GFP_KERNEL: the request cannot be met\n"),
				  "%s", heard.line[0]);
	fail(test, GFP_KERNEL, 20);
	KUNIT_EXPECT_EQ(test, nr_heard(), 1U);
}

/* Expect that a request is refused, with this text in the message. */
static void expect_refusal(struct kunit *test, size_t align, gfp_t gfp,
			   const char *want)
{
	listen();
	KUNIT_EXPECT_NULL(test, kspan_alloc_aligned(64, align, gfp));
	KUNIT_ASSERT_EQ(test, nr_heard(), 1U);
	if (!IS_ENABLED(CONFIG_UML))
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heard.line[0], " kunit_"),
					  "%s", heard.line[0]);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heard.line[0], want), "%s",
				  heard.line[0]);
}

static void refusals_say_why(struct kunit *test)
{
	char want[120];

	snprintf(want, sizeof(want),
		 " refused: align 3 is no power of two up to %lu\n",
		 KSPAN_MAX_ALIGN);
	/*
	 * One right after the other: the limit of one does not silence the
	 * other.
	 */
	expect_refusal(test, 3, GFP_KERNEL, want);
	expect_refusal(test, 3, GFP_KERNEL, want);
	expect_refusal(test, 8, GFP_KERNEL | __GFP_ACCOUNT,
		       " is refused: no zone, no mobility, no accounting\n");
}

/* --- bad frees ------------------------------------------------------------------ */

/* Free with kspan_free(), or with kspan_free_sized() if @size is not 0. */
static void free_badly(const void *ptr, size_t size)
{
	if (size)
		kspan_free_sized(ptr, size);
	else
		kspan_free(ptr);
}

/*
 * Expect a report of exactly @nr lines, with these first and last lines.
 * Return: how many bad frees that took.
 */
static unsigned int expect_report(struct kunit *test, const void *ptr,
				  size_t size, unsigned int nr,
				  const char *first, const char *last)
{
	unsigned int nr_frees = 1;

	listen();
	free_badly(ptr, size);
	if (!nr_heard()) {
		/* Earlier reports have used up the rate limit: wait. */
		msleep(PERIOD_MS);
		free_badly(ptr, size);
		nr_frees++;
	}
	KUNIT_EXPECT_EQ_MSG(test, nr_heard(), nr, "%s", first);
	if (nr_heard() != nr)
		return nr_frees;
	KUNIT_EXPECT_TRUE_MSG(test, strstarts(heard.line[0], first), "%s",
			      heard.line[0]);
	KUNIT_EXPECT_NOT_NULL(test, strstr(heard.line[0], " on CPU "));
	if (nr > 1)
		KUNIT_EXPECT_STREQ(test, heard.line[nr - 1], last);
	return nr_frees;
}

/* The place in its span, in the words of a report. */
static const char *place_of(const void *ptr, const char *kind)
{
	const struct kspan_span *span = kspan_test_span(ptr);
	unsigned long offset = (unsigned long)ptr - span->base;
	unsigned long size = kspan_span_size(span);
	static char text[160];

	if (span->kind == KSPAN_LARGE)
		snprintf(text, sizeof(text),
			 "kspan:   large object of %u pages, byte %lu of it\n",
			 kspan_span_pages(span), offset);
	else if (offset / size >= span->nr_objs)
		snprintf(text, sizeof(text),
			 "kspan:   class %u (%lu bytes), %s span of %u pages, behind its last object\n",
			 kspan_sc_class(kspan_span_sc(span)), size, kind,
			 kspan_span_pages(span));
	else
		snprintf(text, sizeof(text),
			 "kspan:   class %u (%lu bytes), %s span of %u pages, byte %lu of object %lu of %u\n",
			 kspan_sc_class(kspan_span_sc(span)), size, kind,
			 kspan_span_pages(span), offset % size, offset / size,
			 span->nr_objs);
	return text;
}

/* Reports name the kind of fault and the place. */
static void bad_frees_name_the_place(struct kunit *test)
{
	static const char inside[] =
		"kspan: free of a pointer that is not an object's start: ";
	u8 *first, *ptr, *data, *large, *end;
	const struct kspan_span *span;
	unsigned int nr = 0;

	/* At least one of two objects is not the first of its span. */
	first = kspan_alloc(100, GFP_KERNEL);
	ptr = kspan_alloc(100, GFP_KERNEL);
	if (kspan_test_span(ptr)->base == (unsigned long)ptr)
		swap(first, ptr);
	data = kspan_alloc_data(3000, GFP_KERNEL);
	large = kspan_alloc(SZ_1M, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, first && ptr && data && large);
	span = kspan_test_span(ptr);
	end = (u8 *)kspan_span_addr(span, span->nr_objs);

	nr += expect_report(test, test, 0, 1,
			    "kspan: free of memory that is not kspan's: ", NULL);
	nr += expect_report(test, ptr + 1, 0, 2, inside,
			    place_of(ptr + 1, "pointer"));
	nr += expect_report(test, end, 0, 2, inside, place_of(end, "pointer"));
	nr += expect_report(test, data + 99, 0, 2, inside,
			    place_of(data + 99, "data"));
	nr += expect_report(test, large + 77, 0, 2, inside,
			    place_of(large + 77, "large"));
	nr += expect_report(test, data, 5000, 3,
			    "kspan: free with a size of another class: ",
			    place_of(data, "data"));
	KUNIT_EXPECT_STREQ(test, heard.line[1], "kspan:   size given: 5000\n");
	kspan_free(ptr);
	nr += expect_report(test, ptr, 0, 2, "kspan: double free: ",
			    place_of(ptr, "pointer"));
	kspan_free(data);
	kspan_free(large);
	nr += expect_report(test, large, 0, 2, "kspan: double free: ",
			    place_of(large, "large"));
	kspan_free(first);
	kspan_test_expect_bad_frees(nr);
}

/* When the span has ended, the report names neither class nor object. */
static void bad_free_of_a_span_that_ended(struct kunit *test)
{
	unsigned int nr;
	void *ptr;

	/* Allocate from the reserve, whose pages remain after the release. */
	kspan_release();
	ptr = kspan_alloc(30000, GFP_ATOMIC);
	KUNIT_ASSERT_NOT_NULL(test, ptr);
	kspan_free(ptr);
	kspan_release();
	nr = expect_report(test, ptr, 0, 2, "kspan: double free: ",
			   "kspan:   the page holds no object any more\n");
	kspan_test_expect_bad_frees(nr);
}

/* --- damage --------------------------------------------------------------------- */

#define ASKED	60U
#define AT	63U

/* Write to byte AT behind an object and free it. */
static void find_overrun(u8 *ptr)
{
	memset(ptr, 0x11, ASKED);
	kspan_test_overwrite(ptr, AT);
	kspan_free(ptr);
}

/* Write to byte AT of a free object and have it checked. */
static void find_late_write(u8 *ptr)
{
	kspan_free(ptr);
	kspan_test_overwrite(ptr, AT);
	kspan_verify();
}

static void expect_lines(struct kunit *test, const char *const *lines,
			 unsigned int nr)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, nr_heard(), nr);
	KUNIT_EXPECT_TRUE_MSG(test, strstarts(heard.line[0], lines[0]), "%s",
			      heard.line[0]);
	KUNIT_EXPECT_NOT_NULL(test, strstr(heard.line[0], ", found by "));
	for (i = 1; i < nr; i++)
		KUNIT_EXPECT_STREQ(test, heard.line[i], lines[i]);
}

/* Check every line of the report of damage, byte for byte. */
static void damage_names_the_byte(struct kunit *test)
{
	static const char place[] = "as place_of() says";
	static const char * const overrun[] = {
		"kspan: write behind an object: ", place,
		"kspan:   asked for with 60 bytes\n",
		"kspan:   byte 63 is 0x8d, not 0xcc\n",
		"kspan:   bytes 55 to 70: 11 11 11 11 11 cc cc cc 8d cc cc cc cc cc cc cc\n",
	};
	static const char * const late_write[] = {
		"kspan: write to a free object: ", place,
		"kspan:   byte 63 is 0x2a, not 0x6b\n",
		"kspan:   bytes 55 to 70: 6b 6b 6b 6b 6b 6b 6b 6b 2a 6b 6b 6b 6b 6b 6b 6b\n",
	};
	static const struct {
		void (*find)(u8 *ptr);
		const char * const *lines;
		unsigned int nr;
	} kinds[] = {
		{ find_overrun, overrun, ARRAY_SIZE(overrun) },
		{ find_late_write, late_write, ARRAY_SIZE(late_write) },
	};
	const char *lines[ARRAY_SIZE(overrun)];
	unsigned int i, tries, nr_damaged = 0;
	u8 *ptr;

	if (!kspan_redzone_on())
		kunit_skip(test, "nothing is looked for without check=2");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		memcpy(lines, kinds[i].lines, kinds[i].nr * sizeof(lines[0]));
		listen();
		for (tries = 0; tries < 2 && !nr_heard(); tries++) {
			if (tries)
				msleep(PERIOD_MS);
			ptr = kspan_alloc(ASKED, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, ptr);
			lines[1] = place_of(ptr, "pointer");
			kinds[i].find(ptr);
			nr_damaged++;
		}
		kspan_test_expect_damage(nr_damaged);
		expect_lines(test, lines, kinds[i].nr);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(describes_addresses),
	KUNIT_CASE(one_line_for_failures),
	KUNIT_CASE(refusals_say_why),
	KUNIT_CASE(bad_frees_name_the_place),
	KUNIT_CASE(bad_free_of_a_span_that_ended),
	KUNIT_CASE(damage_names_the_byte),
	{}
};

KSPAN_TEST_SUITE_WITH(report, cases, report_init, report_exit);
