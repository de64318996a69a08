// SPDX-License-Identifier: GPL-2.0
/*
 * Copies and strings, like those of <linux/string.h>.  Strings are data
 * objects, which hold no pointers.
 */
#include <linux/bug.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kspan.h>
#include <linux/limits.h>
#include <linux/string.h>

#include "api/format.h"
#include "api/watch.h"

/**
 * kspan_memdup - copy memory into a new object
 * @src: memory to copy
 * @len: bytes
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, or NULL without memory.
 */
void *kspan_memdup(const void *src, size_t len, gfp_t gfp)
{
	void *copy = kspan_alloc_for(len, gfp, _RET_IP_);

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_memdup);

static char *dup_chars(const char *s, size_t len, gfp_t gfp, unsigned long ip)
{
	char *copy = kspan_alloc_data_for(len + 1, gfp, ip);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

/**
 * kspan_strdup - copy a string into a data object
 * @s: the string, or NULL
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy; NULL without memory or for NULL.
 */
char *kspan_strdup(const char *s, gfp_t gfp)
{
	return s ? dup_chars(s, strlen(s), gfp, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_strdup);

/**
 * kspan_strndup - copy the beginning of a string into a data object
 * @s: the string, or NULL
 * @max: maximum number of bytes, without the terminating 0
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, 0-terminated; NULL without memory or for NULL.
 */
char *kspan_strndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? dup_chars(s, strnlen(s, max), gfp, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_strndup);

/**
 * kspan_memdup_nul - copy memory into a data object and append a 0 byte
 * @src: memory to copy, or NULL
 * @len: bytes, without the terminating 0
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy; NULL without memory or for NULL.
 */
char *kspan_memdup_nul(const char *src, size_t len, gfp_t gfp)
{
	if (!src || len == SIZE_MAX)
		return NULL;
	return dup_chars(src, len, gfp, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_memdup_nul);

/**
 * kspan_format_len - determine the length of a formatted string
 * @fmt: as for printf()
 * @args: its arguments, which stay valid
 *
 * Context: Any.
 * Return: bytes, without the end mark.
 */
int kspan_format_len(const char *fmt, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	return len;
}

/**
 * kspan_format - format a string whose length is known
 * @text: where it goes; NULL if there was no memory for it
 * @len: what kspan_format_len() returned; @text has room for one byte more
 * @fmt: as for printf()
 * @args: its arguments
 *
 * This warns if an argument has changed since, as kvasprintf() does.
 *
 * Context: Any.
 */
void kspan_format(char *text, int len, const char *fmt, va_list args)
{
	if (text)
		WARN(vsnprintf(text, len + 1UL, fmt, args) != len,
		     "kspan: the arguments of '%s' changed meanwhile\n", fmt);
}

/* kspan_vasprintf() for a public function with the return address @ip. */
static __printf(2, 0) char *format(gfp_t gfp, const char *fmt, va_list args,
				   unsigned long ip)
{
	int len = kspan_format_len(fmt, args);
	char *text = kspan_alloc_data_for(len + 1UL, gfp, ip);

	kspan_format(text, len, fmt, args);
	return text;
}

/**
 * kspan_vasprintf - format a string into a data object
 * @gfp: as for kmalloc()
 * @fmt: as for printf()
 * @args: its arguments
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the string, or NULL without memory.
 */
char *kspan_vasprintf(gfp_t gfp, const char *fmt, va_list args)
{
	return format(gfp, fmt, args, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_vasprintf);

/**
 * kspan_asprintf - format a string into a data object
 * @gfp: as for kmalloc()
 * @fmt: as for printf()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the string, or NULL without memory.
 */
char *kspan_asprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = format(gfp, fmt, args, _RET_IP_);
	va_end(args);
	return text;
}
EXPORT_SYMBOL_GPL(kspan_asprintf);
