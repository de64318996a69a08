// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays and copies: what <linux/slab.h> and <linux/string.h> users expect
 * beside the plain calls.
 */
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/overflow.h>
#include <linux/string.h>

/**
 * kspan_alloc_array - allocate an array
 * @n: elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_alloc(bytes, gfp);
}
EXPORT_SYMBOL_GPL(kspan_alloc_array);

/**
 * kspan_calloc - allocate a zeroed array
 * @n: elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL without memory or if @n * @size overflows.
 */
void *kspan_calloc(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_zalloc(bytes, gfp);
}
EXPORT_SYMBOL_GPL(kspan_calloc);

/**
 * kspan_realloc_array - change the length of an array
 * @ptr: the array, or NULL
 * @n: elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the array; NULL, and @ptr as it was, without memory or if
 * @n * @size overflows.
 */
void *kspan_realloc_array(void *ptr, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (unlikely(check_mul_overflow(n, size, &bytes)))
		return NULL;
	return kspan_realloc(ptr, bytes, gfp);
}
EXPORT_SYMBOL_GPL(kspan_realloc_array);

/**
 * kspan_memdup - copy memory into an object of its own
 * @src: what to copy
 * @len: bytes
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, or NULL without memory.
 */
void *kspan_memdup(const void *src, size_t len, gfp_t gfp)
{
	void *copy = kspan_alloc(len, gfp);

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_memdup);

static char *dup_chars(const char *s, size_t len, gfp_t gfp)
{
	char *copy = kspan_alloc_data(len + 1, gfp);

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
	return s ? dup_chars(s, strlen(s), gfp) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_strdup);

/**
 * kspan_strndup - copy the beginning of a string into a data object
 * @s: the string, or NULL
 * @max: bytes to copy at most, without the end mark
 * @gfp: as for kmalloc()
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, ended by a 0 byte; NULL without memory or for NULL.
 */
char *kspan_strndup(const char *s, size_t max, gfp_t gfp)
{
	return s ? dup_chars(s, strnlen(s, max), gfp) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_strndup);
