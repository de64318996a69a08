// SPDX-License-Identifier: GPL-2.0
/*
 * Copies and strings for modules that use <linux/kspan_slab.h>.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kspan.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "api/format.h"
#include "api/moved.h"

#define GFP_COPY	(GFP_USER | __GFP_NOWARN)

/* Copy the first @len characters of @s and append a 0 byte. */
static char *dup_chars(const char *s, size_t len, gfp_t gfp,
		       struct kspan_moved *m)
{
	char *copy = kspan_slab_alloc(len + 1, gfp, m);

	if (copy) {
		memcpy(copy, s, len);
		copy[len] = '\0';
	}
	return copy;
}

/**
 * kspan_slab_strdup - kstrdup() of a moved module
 * @s: the string or NULL
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy; NULL without memory or for NULL.
 */
char *kspan_slab_strdup(const char *s, gfp_t gfp, struct kspan_moved *m)
{
	return s ? dup_chars(s, strlen(s), gfp, m) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_slab_strdup);

/**
 * kspan_slab_strndup - kstrndup() of a moved module
 * @s: the string or NULL
 * @max: maximum number of characters
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy; NULL without memory or for NULL.
 */
char *kspan_slab_strndup(const char *s, size_t max, gfp_t gfp,
			 struct kspan_moved *m)
{
	return s ? dup_chars(s, strnlen(s, max), gfp, m) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_slab_strndup);

/**
 * kspan_slab_memdup_nul - kmemdup_nul() of a moved module
 * @src: memory to copy, or NULL
 * @len: bytes
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy with a 0 byte appended; NULL without memory or for NULL.
 */
char *kspan_slab_memdup_nul(const char *src, size_t len, gfp_t gfp,
			    struct kspan_moved *m)
{
	return src && len != SIZE_MAX ? dup_chars(src, len, gfp, m) : NULL;
}
EXPORT_SYMBOL_GPL(kspan_slab_memdup_nul);

/**
 * kspan_slab_memdup - kmemdup() of a moved module
 * @src: what to copy
 * @len: bytes
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, or NULL without memory.
 */
void *kspan_slab_memdup(const void *src, size_t len, gfp_t gfp,
			struct kspan_moved *m)
{
	void *copy = kspan_slab_alloc(len, gfp, m);

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_slab_memdup);

/**
 * kspan_slab_memdup_array - kmemdup_array() of a moved module
 * @src: what to copy
 * @n: number of elements
 * @size: bytes of an element
 * @gfp: as for kmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy; NULL without memory or if the size overflows.
 */
void *kspan_slab_memdup_array(const void *src, size_t n, size_t size, gfp_t gfp,
			      struct kspan_moved *m)
{
	return kspan_slab_memdup(src, size_mul(n, size), gfp, m);
}
EXPORT_SYMBOL_GPL(kspan_slab_memdup_array);

/**
 * kspan_slab_kvmemdup - kvmemdup() of a moved module
 * @src: what to copy
 * @len: bytes
 * @gfp: as for kvmalloc()
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the copy, or NULL without memory.
 */
void *kspan_slab_kvmemdup(const void *src, size_t len, gfp_t gfp,
			  struct kspan_moved *m)
{
	void *copy = kspan_slab_kvalloc(len, NULL, 1, gfp, NUMA_NO_NODE, m);

	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, src, len);
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_slab_kvmemdup);

/* Fill a new object from user space.  Returns it or an ERR_PTR(). */
static void *copy_in(char *copy, const void __user *src, size_t len)
{
	if (!copy)
		return ERR_PTR(-ENOMEM);
	if (len && copy_from_user(copy, src, len)) {
		kspan_slab_kvfree(copy);
		return ERR_PTR(-EFAULT);
	}
	return copy;
}

/**
 * kspan_slab_memdup_user - memdup_user() of a moved module
 * @src: what to copy, in user space
 * @len: bytes
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the copy, or an ERR_PTR().
 */
void *kspan_slab_memdup_user(const void __user *src, size_t len,
			     struct kspan_moved *m)
{
	return copy_in(kspan_slab_alloc(len, GFP_COPY, m), src, len);
}
EXPORT_SYMBOL_GPL(kspan_slab_memdup_user);

/**
 * kspan_slab_vmemdup_user - vmemdup_user() of a moved module
 * @src: what to copy, in user space
 * @len: bytes
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the copy, or an ERR_PTR().
 */
void *kspan_slab_vmemdup_user(const void __user *src, size_t len,
			      struct kspan_moved *m)
{
	return copy_in(kspan_slab_kvalloc(len, NULL, 1, GFP_USER, NUMA_NO_NODE,
					  m),
		       src, len);
}
EXPORT_SYMBOL_GPL(kspan_slab_vmemdup_user);

/**
 * kspan_slab_memdup_user_nul - memdup_user_nul() of a moved module
 * @src: what to copy, in user space
 * @len: bytes
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the copy, ended by a 0 byte, or an ERR_PTR().
 */
void *kspan_slab_memdup_user_nul(const void __user *src, size_t len,
				 struct kspan_moved *m)
{
	char *copy;

	if (len == SIZE_MAX)
		return ERR_PTR(-ENOMEM);
	copy = copy_in(kspan_slab_alloc(len + 1, GFP_COPY, m), src, len);
	if (!IS_ERR(copy))
		copy[len] = '\0';
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_slab_memdup_user_nul);

/**
 * kspan_slab_strndup_user - strndup_user() of a moved module
 * @s: the string, in user space
 * @max: bytes that it may have, with its end
 * @m: the module's variable
 *
 * Context: Process context that may sleep.
 * Return: the copy, or an ERR_PTR().
 */
char *kspan_slab_strndup_user(const char __user *s, long max,
			      struct kspan_moved *m)
{
	long len = strnlen_user(s, max);
	char *copy;

	if (!len)
		return ERR_PTR(-EFAULT);
	if (len > max)
		return ERR_PTR(-EINVAL);
	copy = kspan_slab_memdup_user(s, len, m);
	if (!IS_ERR(copy))
		copy[len - 1] = '\0';
	return copy;
}
EXPORT_SYMBOL_GPL(kspan_slab_strndup_user);

/**
 * kspan_slab_vasprintf - kvasprintf() of a moved module
 * @gfp: as for kmalloc()
 * @fmt: as for printf()
 * @args: its arguments
 * @m: the module's variable
 *
 * Context: Any but NMI; may sleep if @gfp allows it.
 * Return: the string, or NULL without memory.
 */
char *kspan_slab_vasprintf(gfp_t gfp, const char *fmt, va_list args,
			   struct kspan_moved *m)
{
	int len = kspan_format_len(fmt, args);
	char *text = kspan_slab_alloc(len + 1UL, gfp, m);

	kspan_format(text, len, fmt, args);
	return text;
}
EXPORT_SYMBOL_GPL(kspan_slab_vasprintf);
